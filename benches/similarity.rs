//! The archive under load, compared with bare tantivy: `cargo bench --bench similarity`.
//!
//! Needs `../shared/data/senate-press`, and is skipped without it. The server is the real binary,
//! in a process of its own. Compared are:
//!
//! - import: all articles over the wire until they are acknowledged, with tantivy indexing the same
//!   texts in process and committing once; the two alternate three times, and medians are compared;
//! - search: FindSimilarArticles by id over the wire, while another client stores 100 articles per
//!   second, with tantivy's `MoreLikeThisQuery` of 25 terms in process on the same articles, in
//!   alternation.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use slugline::corpus::{Input, Options, Progress, for_each_document};
use slugline::grpc::client::{ArticleServiceClient, ServerServiceClient, SimilarityServiceClient};
use slugline::grpc::pb;
use slugline::grpc::pb::find_similar_articles_request::Source;
use tantivy::collector::TopDocs;
use tantivy::query::MoreLikeThisQuery;
use tantivy::schema::{Field, STORED, STRING, Schema, TEXT};
use tantivy::{DocAddress, Index, IndexReader, TantivyDocument};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const ARTICLES_PER_MESSAGE: usize = 128;
/// How many times each side indexes the articles.
const ROUNDS: usize = 3;
const QUERIES: usize = 3_000;
const WARM_UP: usize = 300;
const PUTS_PER_SECOND: u32 = 100;
/// The lone puts that are timed.
const LONE_PUTS: usize = 200;

fn main() -> ExitCode {
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/senate-press/train.jsonl.zst");
    if std::env::args().any(|argument| argument == "--test") || !data.exists() {
        println!("similarity: skipped: there is no {}", data.display());
        return ExitCode::SUCCESS;
    }
    match tokio::runtime::Runtime::new().expect("threads").block_on(run(&data)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("similarity: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(data: &Path) -> anyhow::Result<()> {
    let articles = read(data)?;
    let text_bytes: usize =
        articles.iter().map(|article| article.title.len() + article.body.len()).sum();
    println!("{} articles, {:.1} MB of text", articles.len(), text_bytes as f64 / 1e6);
    let directory = tempfile::tempdir_in(
        std::env::var_os("CARGO_TARGET_TMPDIR").map_or("target".into(), PathBuf::from),
    )?;
    let Round { bare, server, channel } = compare_imports(directory.path(), &articles).await?;
    time_lone_puts(&channel, &articles).await?;
    compare_searches(&bare, &server, &channel, &articles).await?;
    let info = ServerServiceClient::new(channel)
        .get_server_info(pb::GetServerInfoRequest {})
        .await?
        .into_inner();
    let size = info.archive.map_or(0, |archive| archive.size_bytes);
    println!(
        "archive: {:.1} MB on disk, {:.2} of the text (limit 1.5)",
        size as f64 / 1e6,
        size as f64 / text_bytes as f64
    );
    println!("server: {} MiB at its peak (limit 600)", server.peak_memory_mib()?);
    Ok(())
}

/// The two sides after an import.
struct Round {
    bare: Bare,
    server: Server,
    channel: Channel,
}

/// Imports all articles into both sides, several times; returns those of the last round.
async fn compare_imports(
    directory: &Path,
    articles: &[pb::ArchivedArticle],
) -> anyhow::Result<Round> {
    let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
    let mut last = None;
    for round in 0..ROUNDS {
        drop(last.take());
        let place = directory.join(round.to_string());
        let (bare, bare_rate) = index_bare(&place.join("bare"), articles)?;
        let server = Server::start(&place.join("archive"))?;
        let channel = server.serving().await?;
        let started = Instant::now();
        import(&channel, articles).await?;
        let rate = articles.len() as f64 / started.elapsed().as_secs_f64();
        println!(
            "articles per second: import {rate:.0}, bare tantivy {bare_rate:.0}: {:.2}",
            rate / bare_rate
        );
        rates.push(rate);
        bare_rates.push(bare_rate);
        last = Some(Round { bare, server, channel });
    }
    let (rate, bare_rate) = (median(rates), median(bare_rates));
    println!(
        "import: {rate:.0} articles/s, {:.2} of bare tantivy's {bare_rate:.0} (floor 0.4)",
        rate / bare_rate
    );
    last.ok_or_else(|| anyhow::anyhow!("there was no round"))
}

async fn time_lone_puts(channel: &Channel, articles: &[pb::ArchivedArticle]) -> anyhow::Result<()> {
    let mut lone = Vec::with_capacity(LONE_PUTS);
    let mut client = ArticleServiceClient::new(channel.clone());
    for (number, article) in articles.iter().enumerate().take(LONE_PUTS) {
        let article = Some(renamed(article, &format!("lone-{number}")));
        let started = Instant::now();
        client.put_article(pb::PutArticleRequest { article, create_only: false }).await?;
        lone.push(started.elapsed());
    }
    lone.sort();
    println!("a lone put: p50 {:.2} ms (limit 25), p99 {:.2} ms", at(&lone, 50), at(&lone, 99));
    Ok(())
}

/// Searches both sides in turns, while another client stores articles.
async fn compare_searches(
    bare: &Bare,
    server: &Server,
    channel: &Channel,
    articles: &[pb::ArchivedArticle],
) -> anyhow::Result<()> {
    let putting = tokio::spawn(put_steadily(
        Channel::from_shared(server.url.clone())?.connect().await?,
        articles.to_vec(),
    ));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut search = SimilarityServiceClient::new(channel.clone());
    for number in 0..WARM_UP + QUERIES {
        let place = (number * 7_919) % articles.len();
        let request = pb::FindSimilarArticlesRequest {
            source: Some(Source::ArticleId(articles[place].id.clone())),
            ..pb::FindSimilarArticlesRequest::default()
        };
        let started = Instant::now();
        let found = search.find_similar_articles(request).await?.into_inner();
        let elapsed = started.elapsed();
        anyhow::ensure!(!found.articles.is_empty(), "{} is like nothing", articles[place].id);
        let started = Instant::now();
        bare.more_like(place)?;
        if number >= WARM_UP {
            ours.push(elapsed);
            theirs.push(started.elapsed());
        }
    }
    putting.abort();
    ours.sort();
    theirs.sort();
    for (percent, floor) in [(50, 2.0), (99, 3.0)] {
        let (our, their) = (at(&ours, percent), at(&theirs, percent));
        println!(
            "search p{percent}: {our:.2} ms over the wire, tantivy {their:.2} ms in process: {:.2} \
             (floor {floor})",
            our / their
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_secs_f64() * 1e3
}

fn renamed(article: &pb::ArchivedArticle, id: &str) -> pb::ArchivedArticle {
    pb::ArchivedArticle { id: id.to_owned(), ..article.clone() }
}

fn read(data: &Path) -> anyhow::Result<Vec<pb::ArchivedArticle>> {
    let options = Options { threads: 1, ..Options::default() };
    let inputs = [Input::File(data.to_owned())];
    let (articles, _) = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        Vec::new,
        |articles, _, document| {
            articles.push(pb::ArchivedArticle {
                id: document.id.to_string(),
                title: document.title.to_string(),
                body: document.body.to_string(),
                ..pb::ArchivedArticle::default()
            });
            Ok(())
        },
    )?;
    Ok(articles.into_iter().flatten().collect())
}

async fn import(channel: &Channel, articles: &[pb::ArchivedArticle]) -> anyhow::Result<()> {
    let messages: Vec<pb::ImportArticlesRequest> = articles
        .chunks(ARTICLES_PER_MESSAGE)
        .map(|articles| pb::ImportArticlesRequest {
            articles: articles.to_vec(),
            create_only: false,
        })
        .collect();
    let answer = ArticleServiceClient::new(channel.clone())
        .import_articles(tokio_stream::iter(messages))
        .await?
        .into_inner();
    anyhow::ensure!(
        answer.accepted_count as usize == articles.len(),
        "{} were accepted",
        answer.accepted_count
    );
    Ok(())
}

/// Stores articles under new ids at a steady rate, until aborted.
async fn put_steadily(channel: Channel, articles: Vec<pb::ArchivedArticle>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PUTS_PER_SECOND);
    for (number, article) in articles.iter().enumerate() {
        ticks.tick().await;
        let mut client = ArticleServiceClient::new(channel.clone());
        let article = Some(renamed(article, &format!("new-{number}")));
        tokio::spawn(async move {
            client.put_article(pb::PutArticleRequest { article, create_only: false }).await
        });
    }
}

/// The same articles in an index of bare tantivy.
struct Bare {
    reader: IndexReader,
    addresses: Vec<DocAddress>,
}

fn index_bare(directory: &Path, articles: &[pb::ArchivedArticle]) -> anyhow::Result<(Bare, f64)> {
    std::fs::create_dir_all(directory)?;
    let mut schema = Schema::builder();
    let id = schema.add_text_field("id", STRING | STORED);
    let text: [Field; 2] = ["title", "body"].map(|name| schema.add_text_field(name, TEXT | STORED));
    let index = Index::create_in_dir(directory, schema.build())?;
    let started = Instant::now();
    let mut writer = index.writer::<TantivyDocument>(200 << 20)?;
    for article in articles {
        let mut document = TantivyDocument::default();
        document.add_text(id, &article.id);
        document.add_text(text[0], &article.title);
        document.add_text(text[1], &article.body);
        writer.add_document(document)?;
    }
    writer.commit()?;
    let rate = articles.len() as f64 / started.elapsed().as_secs_f64();
    writer.wait_merging_threads()?;
    let reader = index.reader()?;
    let searcher = reader.searcher();
    let mut addresses = Vec::with_capacity(articles.len());
    for article in articles {
        let query = tantivy::query::TermQuery::new(
            tantivy::Term::from_field_text(id, &article.id),
            tantivy::schema::IndexRecordOption::Basic,
        );
        let found = searcher.search(&query, &TopDocs::with_limit(1).order_by_score())?;
        addresses.push(
            found
                .first()
                .map(|(_, address)| *address)
                .ok_or_else(|| anyhow::anyhow!("{} is lost", article.id))?,
        );
    }
    Ok((Bare { reader, addresses }, rate))
}

impl Bare {
    fn more_like(&self, place: usize) -> anyhow::Result<usize> {
        let query = MoreLikeThisQuery::builder()
            .with_min_doc_frequency(1)
            .with_min_term_frequency(1)
            .with_max_query_terms(25)
            .with_document(self.addresses[place]);
        Ok(self.reader.searcher().search(&query, &TopDocs::with_limit(11).order_by_score())?.len())
    }
}

/// The real binary, serving.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(archive: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_slugline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--archive"])
            .arg(archive)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout =
            process.stdout.take().ok_or_else(|| anyhow::anyhow!("the server has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .ok_or_else(|| anyhow::anyhow!("the server said {line:?}"))?;
        Ok(Self { url: format!("http://{address}"), process })
    }

    /// A connection, once the archive is open.
    async fn serving(&self) -> anyhow::Result<Channel> {
        let channel = Channel::from_shared(self.url.clone())?.connect().await?;
        let service = "slugline.v1.ArticleService".to_owned();
        let mut health = HealthClient::new(channel.clone())
            .watch(HealthCheckRequest { service })
            .await?
            .into_inner();
        while health
            .message()
            .await?
            .is_some_and(|answer| answer.status != tonic_health::ServingStatus::Serving as i32)
        {
        }
        Ok(channel)
    }

    fn peak_memory_mib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next());
        Ok(peak
            .ok_or_else(|| anyhow::anyhow!("no peak in the status of the process"))?
            .parse::<u64>()?
            >> 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of the server is needed any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
