//! How fast articles become topics: their words, their scores, and a whole call over the loopback.
//!
//! ```text
//! cargo bench                    # all of it, in about a minute
//! cargo bench -- scoring         # one group
//! ```
//!
//! The articles are cut from `examples/` to lengths from 200 bytes to 20 KB, the same ones every
//! time. `text` and `scoring` count bytes of text per second on one core; so do `batch`
//! (BatchClassify over the loopback, on all cores), `training` (a fixed recipe on the examples, one
//! thread) and `ranking` (a search in an archive in memory, by the bytes of the query). `call`
//! counts the calls per second of one caller that waits for each answer: the latency of a call, not
//! the capacity of a server.

use std::fs;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use slugline::article::{ArticleText, Limits};
use slugline::corpus::{Input, Progress};
use slugline::grpc::client::ClassificationServiceClient;
use slugline::grpc::pb;
use slugline::grpc::server::{BoundServer, ServerConfig};
use slugline::index::{
    ArchivedArticle, MemoryIndex, SimilarQuery, SimilarSource, SimilarityIndex, Write,
};
use slugline::model::{LoadedModel, Scorer, artifact};
use slugline::service::{ArchiveLocation, ModelSource, Sources};
use slugline::text::{BagCounter, Numbers, TermHash, Word, WordScanner, reference_words};
use slugline::train::{Estimator, Recipe, TrainOptions, train};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tonic::transport::Channel;

/// The lengths of the articles, in bytes of the body: many short ones, few long ones, as news
/// comes.
const LENGTHS: [usize; 12] =
    [200, 300, 400, 600, 800, 1_200, 1_600, 2_600, 4_000, 6_000, 10_000, 20_000];

/// The length of the article that is called for alone: a typical one.
const TYPICAL_LENGTH: usize = 2_600;

struct Article {
    title: String,
    body: String,
}

impl Article {
    fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }

    fn request(&self) -> pb::ClassifyRequest {
        let article = pb::Article {
            title: self.title.clone(),
            body: self.body.clone(),
            ..pb::Article::default()
        };
        pb::ClassifyRequest { article: Some(article), ..pb::ClassifyRequest::default() }
    }
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The titles and the paragraphs of `examples/`.
fn examples() -> (Vec<String>, Vec<String>) {
    let read = |path| {
        fs::read_to_string(in_repository(path)).expect("the examples are part of the repository")
    };
    let (mut titles, mut paragraphs) = (Vec::new(), Vec::new());
    for line in read("examples/labelled.jsonl").lines() {
        let document: serde_json::Value =
            serde_json::from_str(line).expect("each line is an object");
        let field =
            |name: &str| document[name].as_str().expect("title and body are text").to_owned();
        titles.push(field("title"));
        paragraphs.push(field("body"));
    }
    let long_article = read("examples/cyber-defence.txt");
    paragraphs.extend(long_article.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    (titles, paragraphs)
}

/// An article of each length: a title, and paragraphs from a place of its own on, cut to the
/// length.
fn articles(lengths: &[usize]) -> Vec<Article> {
    let (titles, paragraphs) = examples();
    let article = |(number, &length): (usize, &usize)| {
        let first = number * 7 % paragraphs.len();
        let mut body = String::new();
        for paragraph in paragraphs.iter().cycle().skip(first) {
            if body.len() >= length {
                break;
            }
            body.push_str(paragraph);
            body.push('\n');
        }
        let end = (0..=length).rev().find(|&end| body.is_char_boundary(end));
        body.truncate(end.unwrap_or_default());
        Article { title: titles[number % titles.len()].clone(), body }
    };
    lengths.iter().enumerate().map(article).collect()
}

fn size_bytes(articles: &[Article]) -> u64 {
    articles.iter().map(|article| article.text().size_bytes() as u64).sum()
}

fn default_model() -> LoadedModel {
    artifact::read(&in_repository("models/news/2"))
        .expect("the default model is part of the repository")
}

/// Words found and hashed: by the plain definition, and by the scanner that serves.
fn text(criterion: &mut Criterion) {
    let articles = articles(&LENGTHS);
    let fields = || articles.iter().flat_map(|article| [&article.title, &article.body]);
    let mut group = criterion.benchmark_group("text");
    group.throughput(Throughput::Bytes(size_bytes(&articles)));
    group.bench_function("reference_words", |bencher| {
        bencher.iter(|| {
            let words = fields()
                .flat_map(|field| reference_words(black_box(field), Numbers::Verbatim))
                .flatten();
            words.fold(0, |sum, word| sum ^ TermHash::of_word(word.as_bytes()).0)
        });
    });
    group.bench_function("word_scanner", |bencher| {
        let mut scanner = WordScanner::default();
        bencher.iter(|| {
            let mut sum = 0;
            for field in fields() {
                for word in scanner.scan(black_box(field), Numbers::Verbatim).iter() {
                    if let Word::Term { hash, .. } = word {
                        sum ^= hash.0;
                    }
                }
            }
            sum
        });
    });
    group.finish();
}

/// Bags by the default model's vocabulary, and its scores.
fn scoring(criterion: &mut Criterion) {
    let articles = articles(&LENGTHS);
    let model = default_model().model;
    let mut group = criterion.benchmark_group("scoring");
    group.throughput(Throughput::Bytes(size_bytes(&articles)));
    group.bench_function("bag", |bencher| {
        let mut counter = BagCounter::default();
        bencher.iter(|| {
            let known = articles.iter().map(|article| {
                counter
                    .count(black_box(article.text()), model.text_options(), model.vocabulary())
                    .known_token_count
            });
            known.sum::<u32>()
        });
    });
    group.bench_function("score", |bencher| {
        let mut scorer = Scorer::default();
        bencher.iter(|| {
            articles
                .iter()
                .map(|article| scorer.score(&model, black_box(article.text())).first_topic())
                .sum::<usize>()
        });
    });
    group.finish();
}

/// A batch of articles over the loopback, as BatchClassify takes it: all cores share it.
fn batch(criterion: &mut Criterion) {
    let mut loopback = Loopback::start();
    let articles = articles(&LENGTHS.repeat(8));
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Bytes(size_bytes(&articles)));
    let articles: Vec<pb::Article> =
        articles.iter().filter_map(|article| article.request().article).collect();
    let request = pb::BatchClassifyRequest { articles, ..pb::BatchClassifyRequest::default() };
    group.bench_function("classify", |bencher| {
        bencher.iter_batched(
            || request.clone(),
            |request| {
                let answer =
                    loopback.runtime.block_on(loopback.client.batch_classify(black_box(request)));
                answer.expect("the batch is classified")
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    loopback.stop();
}

/// The labelled examples, read and trained on.
fn training(criterion: &mut Criterion) {
    let file = in_repository("examples/labelled.jsonl");
    let inputs = [Input::from_argument(file.clone())];
    let mut options = TrainOptions::new("bench/1".parse().expect("a name and a version"));
    options.recipe = Recipe::Fixed(Estimator::COMPLEMENT);
    let mut group = criterion.benchmark_group("training");
    group.throughput(Throughput::Bytes(
        fs::metadata(file).expect("the examples are part of the repository").len(),
    ));
    group.bench_function("complement", |bencher| {
        bencher.iter(|| {
            train(&inputs, &options, &Progress::default()).expect("the examples make a model")
        });
    });
    group.finish();
}

/// A search by text in an archive that is compared with article by article.
fn ranking(criterion: &mut Criterion) {
    let index = MemoryIndex::default();
    let put = |(number, article): (usize, &Article)| {
        let id = format!("article-{number}").parse().expect("an id");
        Write::put(ArchivedArticle::new(id, article.text()))
    };
    let (sender, outcomes) = mpsc::channel();
    let done = move |outcome| sender.send(outcome).expect("the receiver is there");
    index
        .write(articles(&LENGTHS.repeat(20)).iter().enumerate().map(put).collect(), Box::new(done))
        .expect("room");
    outcomes.recv().expect("an outcome").expect("the articles are stored");
    let drafts = articles(&LENGTHS);
    let queries: Vec<SimilarQuery> = drafts
        .iter()
        .map(|draft| {
            SimilarQuery::new(SimilarSource::Text {
                title: draft.title.clone(),
                body: draft.body.clone(),
            })
        })
        .collect();
    let mut group = criterion.benchmark_group("ranking");
    group.throughput(Throughput::Bytes(size_bytes(&drafts)));
    group.bench_function("find_similar, 240 articles", |bencher| {
        bencher.iter(|| {
            let hits = queries
                .iter()
                .map(|query| index.find_similar(black_box(query)).expect("a page").hits.len());
            hits.sum::<usize>()
        });
    });
    group.finish();
}

/// A server in this process, and a client that is connected to it.
struct Loopback {
    runtime: Runtime,
    client: ClassificationServiceClient<Channel>,
    shutdown: oneshot::Sender<()>,
}

impl Loopback {
    fn start() -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let (shutdown, is_shut_down) = oneshot::channel();
        let config = ServerConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            limits: Limits::default(),
            drain: Duration::from_secs(1),
        };
        let sources = Sources {
            models: ModelSource {
                directory: Some(in_repository("models")),
                default_model: "news".to_owned(),
            },
            archive: ArchiveLocation::Memory,
        };
        let client = runtime.block_on(async {
            let server = BoundServer::bind(config).await.expect("there is a free port");
            let address = server.address();
            let (serving, is_serving) = oneshot::channel();
            tokio::spawn(server.run(
                move || sources.open(),
                async {
                    let _ = is_shut_down.await;
                },
                move || {
                    let _ = serving.send(());
                },
            ));
            is_serving.await.expect("the server serves");
            ClassificationServiceClient::connect(format!("http://{address}"))
                .await
                .expect("the server listens")
        });
        Self { runtime, client, shutdown }
    }

    fn classify(&mut self, request: pb::ClassifyRequest) -> pb::ClassifyResponse {
        self.runtime
            .block_on(self.client.classify(request))
            .expect("the article is classified")
            .into_inner()
    }

    fn stop(self) {
        // The server is gone already if nobody receives this.
        let _ = self.shutdown.send(());
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// One caller, one call at a time, over the loopback.
fn call(criterion: &mut Criterion) {
    let mut loopback = Loopback::start();
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(1));
    for (name, articles) in
        [("classify, 2.6 KB", articles(&[TYPICAL_LENGTH])), ("classify, mix", articles(&LENGTHS))]
    {
        let mut requests = articles.iter().map(Article::request).cycle();
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || requests.next().expect("a cycle has no end"),
                |request| loopback.classify(black_box(request)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    loopback.stop();
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = text, scoring, batch, call, training, ranking
}
criterion_main!(benches);
