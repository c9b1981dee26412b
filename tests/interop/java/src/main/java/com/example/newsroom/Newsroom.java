package com.example.newsroom;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import dev.slugline.v1.ArchivedArticle;
import dev.slugline.v1.Article;
import dev.slugline.v1.ArticleServiceGrpc;
import dev.slugline.v1.ClassificationServiceGrpc;
import dev.slugline.v1.ClassifyRequest;
import dev.slugline.v1.DeleteArticleRequest;
import dev.slugline.v1.Evidence;
import dev.slugline.v1.FindSimilarArticlesRequest;
import dev.slugline.v1.GetArticleRequest;
import dev.slugline.v1.GetServerInfoRequest;
import dev.slugline.v1.ListArticlesRequest;
import dev.slugline.v1.PutArticleRequest;
import dev.slugline.v1.ServerServiceGrpc;
import dev.slugline.v1.SimilarityServiceGrpc;
import dev.slugline.v1.StreamClassifyRequest;
import dev.slugline.v1.StreamClassifyResponse;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Talks to a Slugline server, HOST:PORT. Ends with exit code 1 at the first surprise. */
public final class Newsroom {
  private static final String TITLE = "Striker scores twice as United win the cup final";

  private final ManagedChannel channel;

  private Newsroom(ManagedChannel channel) {
    this.channel = channel;
  }

  // region connect
  static ManagedChannel connect(String address) throws IOException {
    var type = new TypeToken<Map<String, Object>>() {};
    var serviceConfig = new Gson().fromJson(Files.readString(Path.of("service-config.json")), type);
    return NettyChannelBuilder.forTarget(address)
        .usePlaintext()
        // Retries what the server refuses for the moment, after the pause that it asks for.
        .defaultServiceConfig(serviceConfig)
        .keepAliveTime(60, TimeUnit.SECONDS)
        .keepAliveTimeout(20, TimeUnit.SECONDS)
        .build();
  }
  // endregion

  // region classify
  private void classify() {
    var service =
        ClassificationServiceGrpc.newBlockingStub(channel)
            .withDeadlineAfter(5, TimeUnit.SECONDS)
            .withCompression("gzip");
    var article = Article.newBuilder().setTitle(TITLE);
    var request =
        ClassifyRequest.newBuilder().setArticle(article).setMaxTopics(3).setExplain(true).build();
    var answer = service.classify(request);
    var first = answer.getTopics(0);
    System.out.printf(
        "%s %.3f (%s)%n", first.getName(), first.getProbability(), answer.getDecision());
    double sum = first.getBias() + first.getOtherEvidenceWeight();
    for (Evidence term : first.getEvidenceList()) {
      sum += term.getWeight();
    }
    check(Math.abs(sum - first.getLogOdds()) < 1e-6, "the evidence sums to " + sum);
  }
  // endregion

  // region errors
  /** What an error says beyond its message. */
  record Failure(Status.Code code, String reason, List<String> fields, String name) {
    static Failure of(com.google.rpc.Status status) throws InvalidProtocolBufferException {
      String reason = null;
      List<String> fields = new ArrayList<>();
      String name = null;
      for (Any detail : status.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          reason = detail.unpack(ErrorInfo.class).getReason();
        } else if (detail.is(BadRequest.class)) {
          detail
              .unpack(BadRequest.class)
              .getFieldViolationsList()
              .forEach(violation -> fields.add(violation.getField()));
        } else if (detail.is(ResourceInfo.class)) {
          name = detail.unpack(ResourceInfo.class).getResourceName();
        }
      }
      return new Failure(Status.fromCodeValue(status.getCode()).getCode(), reason, fields, name);
    }

    static Failure of(StatusRuntimeException error) throws InvalidProtocolBufferException {
      return of(StatusProto.fromThrowable(error));
    }
  }
  // endregion

  private void refused() throws InvalidProtocolBufferException {
    var service =
        ClassificationServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS);
    var empty = ClassifyRequest.newBuilder().setArticle(Article.getDefaultInstance()).build();
    var expected =
        new Failure(Status.Code.INVALID_ARGUMENT, "EMPTY_ARTICLE", List.of("article"), null);
    try {
      service.classify(empty);
      check(false, "an empty article was classified");
    } catch (StatusRuntimeException error) {
      var found = Failure.of(error);
      check(found.equals(expected), "an empty article: " + found);
    }
  }

  private void stream() throws Exception {
    int count = 20;
    int bad = 7;
    var done = new CompletableFuture<List<StreamClassifyResponse>>();
    var answers = new ArrayList<StreamClassifyResponse>();
    var requests =
        ClassificationServiceGrpc.newStub(channel)
            .withDeadlineAfter(30, TimeUnit.SECONDS)
            .streamClassify(
                new StreamObserver<>() {
                  @Override
                  public void onNext(StreamClassifyResponse answer) {
                    answers.add(answer);
                  }

                  @Override
                  public void onError(Throwable error) {
                    done.completeExceptionally(error);
                  }

                  @Override
                  public void onCompleted() {
                    done.complete(answers);
                  }
                });
    var good = ClassifyRequest.newBuilder().setArticle(Article.newBuilder().setTitle(TITLE));
    for (int i = 0; i < count; i++) {
      var request = StreamClassifyRequest.newBuilder().setId("" + i);
      if (i != bad) {
        request.setRequest(good);
      }
      requests.onNext(request.build());
    }
    requests.onCompleted();
    check(done.get().size() == count, "answers: " + done.get().size());
    for (int i = 0; i < count; i++) {
      // One bad request fails alone, with a google.rpc.Status of its own.
      var answer = done.get().get(i);
      check(answer.getId().equals("" + i) && answer.hasError() == (i == bad), "answer " + answer);
    }
    var failure = Failure.of(done.get().get(bad).getError());
    check(failure.code() == Status.Code.INVALID_ARGUMENT, "the bad request: " + failure);
  }

  private void archive() throws InvalidProtocolBufferException {
    var texts =
        List.of(
            "The River Orr burst its banks on Tuesday and flooded the lower town of Orrmouth.",
            "The River Orr burst its banks on Tuesday, flooding the lower town.",
            TITLE);
    var articles =
        ArticleServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
    for (int i = 0; i < texts.size(); i++) {
      var article = ArchivedArticle.newBuilder().setId("java-" + i).setTitle(texts.get(i));
      articles.putArticle(PutArticleRequest.newBuilder().setArticle(article).build());
    }
    var get = GetArticleRequest.newBuilder().setId("java-0").build();
    var found = articles.getArticle(get).getArticle();
    check(
        found.getTitle().equals(texts.get(0)) && found.getTopicsCount() > 0, "java-0 is " + found);
    var ids = list(articles);
    check(ids.containsAll(List.of("java-0", "java-1", "java-2")), "listed " + ids);
    var find = FindSimilarArticlesRequest.newBuilder().setArticleId("java-0").setPageSize(1).build();
    var similar =
        SimilarityServiceGrpc.newBlockingStub(channel)
            .withDeadlineAfter(5, TimeUnit.SECONDS)
            .findSimilarArticles(find)
            .getArticlesList();
    check(similar.get(0).getArticle().getId().equals("java-1"), "similar to java-0: " + similar);
    for (int i = 0; i < texts.size(); i++) {
      articles.deleteArticle(DeleteArticleRequest.newBuilder().setId("java-" + i).build());
    }
    try {
      articles.getArticle(get);
      check(false, "java-0 is there after its deletion");
    } catch (StatusRuntimeException error) {
      var gone = Failure.of(error);
      check(gone.code() == Status.Code.NOT_FOUND && gone.name().equals("java-0"), "" + gone);
    }
  }

  /** The ids of all articles, page by page. */
  private static List<String> list(ArticleServiceGrpc.ArticleServiceBlockingStub articles) {
    var ids = new ArrayList<String>();
    var token = "";
    do {
      var page =
          articles.listArticles(
              ListArticlesRequest.newBuilder().setPageSize(2).setPageToken(token).build());
      page.getArticlesList().forEach(article -> ids.add(article.getId()));
      token = page.getNextPageToken();
    } while (!token.isEmpty());
    return ids;
  }

  private void ready() {
    var health = HealthGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS);
    var request =
        HealthCheckRequest.newBuilder().setService("slugline.v1.ArticleService").build();
    var status = health.check(request).getStatus();
    check(status == ServingStatus.SERVING, "the server is " + status);
    var server = ServerServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS);
    var info = server.getServerInfo(GetServerInfoRequest.getDefaultInstance());
    System.out.println("slugline " + info.getVersion() + ", " + info.getDefaultModel());
    check(info.getLimits().getMaxMessageBytes() > 0, "limits: " + info.getLimits());
  }

  private static void check(boolean holds, String found) {
    if (!holds) {
      throw new AssertionError(found);
    }
  }

  private void run() throws Exception {
    ready();
    System.out.println("ok   health and server info");
    classify();
    System.out.println("ok   classify with explain");
    refused();
    System.out.println("ok   the details of an error");
    stream();
    System.out.println("ok   a stream, with one bad request");
    archive();
    System.out.println("ok   put, get, list, find similar, delete");
  }

  /** Runs all of it. */
  public static void main(String[] arguments) throws Exception {
    var channel = connect(arguments[0]);
    try {
      new Newsroom(channel).run();
    } finally {
      channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }
  }
}
