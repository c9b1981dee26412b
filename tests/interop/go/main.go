// Talks to a Slugline server: `go run . HOST:PORT`. Ends with exit code 1 at the first surprise.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	slugline "example.com/newsroom/gen/slugline/v1"
)

// region connect

//go:embed service-config.json
var serviceConfig string

func connect(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// Retries what the server refuses for the moment, after the pause that it asks for.
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:    60 * time.Second,
			Timeout: 20 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)),
	)
}

// endregion

type client struct {
	health         healthpb.HealthClient
	server         slugline.ServerServiceClient
	classification slugline.ClassificationServiceClient
	articles       slugline.ArticleServiceClient
	similarity     slugline.SimilarityServiceClient
}

// region classify
func (c client) classify(ctx context.Context, article *slugline.Article) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := c.classification.Classify(ctx, &slugline.ClassifyRequest{
		Article: article, MaxTopics: 3, Explain: true,
	})
	if err != nil {
		return err
	}
	first := answer.Topics[0]
	fmt.Printf("%s %.3f (%s)\n", first.Name, first.Probability, answer.Decision)
	sum := first.Bias + first.OtherEvidenceWeight
	for _, term := range first.Evidence {
		sum += term.Weight
	}
	if math.Abs(sum-first.LogOdds) > 1e-6 {
		return fmt.Errorf("the evidence sums to %v, not to %v", sum, first.LogOdds)
	}
	return nil
}

// endregion

// region errors

// failure is what an error says beyond its message.
type failure struct {
	code   codes.Code
	reason string   // ErrorInfo
	fields []string // BadRequest
	name   string   // ResourceInfo
}

func failureOf(err error) failure {
	status := status.Convert(err)
	found := failure{code: status.Code()}
	for _, detail := range status.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			found.reason = detail.Reason
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				found.fields = append(found.fields, violation.Field)
			}
		case *errdetails.ResourceInfo:
			found.name = detail.ResourceName
		}
	}
	return found
}

// endregion

func (c client) refused(ctx context.Context) error {
	_, err := c.classification.Classify(ctx, &slugline.ClassifyRequest{Article: &slugline.Article{}})
	found := failureOf(err)
	if found.code != codes.InvalidArgument || found.reason != "EMPTY_ARTICLE" ||
		len(found.fields) != 1 || found.fields[0] != "article" {
		return fmt.Errorf("an empty article: %+v (%v)", found, err)
	}
	return nil
}

func (c client) stream(ctx context.Context, article *slugline.Article) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stream, err := c.classification.StreamClassify(ctx)
	if err != nil {
		return err
	}
	const count, bad = 20, 7
	go func() {
		for i := range count {
			request := &slugline.ClassifyRequest{Article: article, MaxTopics: 1}
			if i == bad {
				request.Article = nil
			}
			if stream.Send(&slugline.StreamClassifyRequest{Id: fmt.Sprint(i), Request: request}) != nil {
				return // Recv has the reason.
			}
		}
		stream.CloseSend()
	}()
	for i := 0; ; i++ {
		answer, err := stream.Recv()
		if err == io.EOF && i == count {
			return nil
		} else if err != nil {
			return fmt.Errorf("after %d answers: %w", i, err)
		}
		// One bad request fails alone, with a google.rpc.Status of its own.
		failed := failureOf(status.FromProto(answer.GetError()).Err())
		if answer.Id != fmt.Sprint(i) || (failed.code == codes.InvalidArgument) != (i == bad) {
			return fmt.Errorf("answer %d: %v", i, answer)
		}
	}
}

func (c client) archive(ctx context.Context) error {
	texts := []string{
		"The River Orr burst its banks on Tuesday and flooded the lower town of Orrmouth.",
		"The River Orr burst its banks on Tuesday, flooding the lower town.",
		"Striker scores twice as United win the cup final.",
	}
	for i, text := range texts {
		article := &slugline.ArchivedArticle{Id: fmt.Sprintf("go-%d", i), Title: text, LanguageCode: "en"}
		_, err := c.articles.PutArticle(ctx, &slugline.PutArticleRequest{Article: article})
		if err != nil {
			return err
		}
	}
	found, err := c.articles.GetArticle(ctx, &slugline.GetArticleRequest{Id: "go-0"})
	if err != nil {
		return err
	}
	if found.Article.Title != texts[0] || len(found.Article.Topics) == 0 {
		return fmt.Errorf("go-0 is %v", found.Article)
	}
	listed, err := c.list(ctx)
	if err != nil {
		return err
	}
	if !listed["go-0"] || !listed["go-1"] || !listed["go-2"] {
		return fmt.Errorf("listed %v", listed)
	}
	similar, err := c.similarity.FindSimilarArticles(ctx, &slugline.FindSimilarArticlesRequest{
		Source: &slugline.FindSimilarArticlesRequest_ArticleId{ArticleId: "go-0"}, PageSize: 1,
	})
	if err != nil {
		return err
	}
	if len(similar.Articles) != 1 || similar.Articles[0].Article.Id != "go-1" {
		return fmt.Errorf("similar to go-0: %v", similar)
	}
	for i := range texts {
		request := &slugline.DeleteArticleRequest{Id: fmt.Sprintf("go-%d", i)}
		_, err := c.articles.DeleteArticle(ctx, request)
		if err != nil {
			return err
		}
	}
	_, err = c.articles.GetArticle(ctx, &slugline.GetArticleRequest{Id: "go-0"})
	if gone := failureOf(err); gone.code != codes.NotFound || gone.name != "go-0" {
		return fmt.Errorf("go-0 after its deletion: %+v (%v)", gone, err)
	}
	return nil
}

// list returns the ids of all articles, page by page.
func (c client) list(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	request := &slugline.ListArticlesRequest{PageSize: 2}
	for {
		page, err := c.articles.ListArticles(ctx, request)
		if err != nil {
			return ids, err
		}
		for _, article := range page.Articles {
			ids[article.Id] = true
		}
		if page.NextPageToken == "" {
			return ids, nil
		}
		request.PageToken = page.NextPageToken
	}
}

func (c client) ready(ctx context.Context) error {
	request := &healthpb.HealthCheckRequest{Service: "slugline.v1.ArticleService"}
	answer, err := c.health.Check(ctx, request)
	if err != nil {
		return err
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("the server is %v", answer.Status)
	}
	info, err := c.server.GetServerInfo(ctx, &slugline.GetServerInfoRequest{})
	if err != nil {
		return err
	}
	fmt.Printf("slugline %s, %s\n", info.Version, info.DefaultModel)
	if info.Limits.MaxMessageBytes <= 0 || info.StartTime.AsTime().After(time.Now()) {
		return fmt.Errorf("server info: %v", info)
	}
	return nil
}

func run(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection, err := connect(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	c := client{
		health:         healthpb.NewHealthClient(connection),
		server:         slugline.NewServerServiceClient(connection),
		classification: slugline.NewClassificationServiceClient(connection),
		articles:       slugline.NewArticleServiceClient(connection),
		similarity:     slugline.NewSimilarityServiceClient(connection),
	}
	article := &slugline.Article{Title: "Striker scores twice as United win the cup final"}
	steps := []struct {
		name string
		run  func() error
	}{
		{"health and server info", func() error { return c.ready(ctx) }},
		{"classify with explain", func() error { return c.classify(ctx, article) }},
		{"the details of an error", func() error { return c.refused(ctx) }},
		{"a stream, with one bad request", func() error { return c.stream(ctx, article) }},
		{"put, get, list, find similar, delete", func() error { return c.archive(ctx) }},
	}
	for _, step := range steps {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Println("ok  ", step.name)
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: newsroom HOST:PORT")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
