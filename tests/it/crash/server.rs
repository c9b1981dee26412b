//! The server under what machines do to it: killed in the middle of writes, on a damaged archive,
//! started twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use slugline::grpc::client::{ArticleServiceClient, ServerServiceClient};
use slugline::grpc::pb;
use slugline::index::EmbeddedArchive;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{archive_of_two_segments, files_ending, flip_a_bit_in_the_middle};
use crate::support::{PATIENCE, channel, details, refusal};

/// How often the server is killed, unless the environment says otherwise.
const KILLS: u64 = 50;
/// Clients that put, delete and import at the same time.
const CLIENTS: u64 = 4;

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The real binary, serving an archive; killed when dropped.
struct Process {
    child: Child,
    address: std::net::SocketAddr,
}

impl Process {
    fn start(archive: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_slugline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--archive"])
            .arg(archive)
            // No other settings than these.
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .expect("it listens")
            .parse()
            .expect("an address");
        Self { child, address }
    }

    async fn serving(&self) {
        self.serves("slugline.v1.ArticleService").await;
    }

    async fn serves(&self, service: &str) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = HealthClient::new(channel(self.address).await)
            .watch(request)
            .await
            .expect("a watch")
            .into_inner();
        let serving = tonic_health::ServingStatus::Serving as i32;
        while watch.message().await.expect("no error").expect("not its end").status != serving {}
    }

    fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a client knows of its articles: the versions that each may have, None for none.
type Known = BTreeMap<String, BTreeSet<Option<u64>>>;

fn article(id: &str, version: u64) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        id: id.to_owned(),
        title: format!("Version {version}"),
        // Long enough to be written in several pieces, and all of it says which version it is.
        body: format!("word{version} ").repeat(300),
        labels: BTreeMap::from([("version".to_owned(), version.to_string())]),
        ..pb::ArchivedArticle::default()
    }
}

/// Writes until the server is gone. A write that was answered leaves one version; one that was not
/// leaves two.
async fn write_until_killed(
    address: std::net::SocketAddr,
    client: u64,
    seed: u64,
    known: Arc<Mutex<Known>>,
    written: Arc<AtomicU64>,
) {
    let mut random = Random(seed);
    let mut service = ArticleServiceClient::new(channel(address).await);
    for _ in 0..100_000 {
        let version = random.next() >> 1;
        let kind = random.below(10);
        let mut names: Vec<String> = (0..if kind < 7 { 1 } else { 40 })
            .map(|_| format!("{client}-{}", random.below(60)))
            .collect();
        names.sort();
        names.dedup();
        let is_deletion = (5..7).contains(&kind);
        let after = if is_deletion { None } else { Some(version) };
        // Before it is asked, either may be: no answer leaves it so.
        for name in &names {
            known
                .lock()
                .expect("no panic")
                .entry(name.clone())
                .or_insert_with(|| BTreeSet::from([None]))
                .insert(after);
        }
        let is_done = if is_deletion {
            match service
                .delete_article(pb::DeleteArticleRequest {
                    id: names[0].clone(),
                    ..pb::DeleteArticleRequest::default()
                })
                .await
            {
                Ok(_) => true,
                Err(status) => status.code() == Code::NotFound,
            }
        } else if names.len() == 1 && kind < 5 {
            service
                .put_article(pb::PutArticleRequest {
                    article: Some(article(&names[0], version)),
                    ..pb::PutArticleRequest::default()
                })
                .await
                .is_ok()
        } else {
            let messages: Vec<_> = names
                .chunks(7)
                .map(|names| pb::ImportArticlesRequest {
                    articles: names.iter().map(|name| article(name, version)).collect(),
                    ..pb::ImportArticlesRequest::default()
                })
                .collect();
            service.import_articles(tokio_stream::iter(messages)).await.is_ok()
        };
        if !is_done {
            return;
        }
        let mut known = known.lock().expect("no panic");
        for name in names {
            known.insert(name, BTreeSet::from([after]));
            written.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Compares what is there with what is known, and takes it for known from then on.
async fn account(address: std::net::SocketAddr, known: &mut Known) {
    let mut service = ArticleServiceClient::new(channel(address).await);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut request = pb::ListArticlesRequest {
        page_size: 1_000,
        view: pb::ArticleView::Full.into(),
        ..Default::default()
    };
    loop {
        let page = service.list_articles(request.clone()).await.expect("a page").into_inner();
        for there in page.articles {
            let version: u64 = there.labels["version"].parse().expect("a version");
            let whole = article(&there.id, version);
            assert_eq!(
                (&there.title, &there.body),
                (&whole.title, &whole.body),
                "{} is half there",
                there.id
            );
            assert!(!there.topics.is_empty() || there.decision() == pb::Decision::UnknownText);
            found.insert(there.id, version);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    for id in found.keys() {
        assert!(known.contains_key(id), "{id} was never put");
    }
    for (id, versions) in known.iter_mut() {
        let there = found.get(id).copied();
        assert!(
            versions.contains(&there),
            "{id}: {there:?} is there, where one of {versions:?} should be"
        );
        *versions = BTreeSet::from([there]);
    }
    let info = ServerServiceClient::new(channel(address).await)
        .get_server_info(pb::GetServerInfoRequest {})
        .await;
    let archive = info.expect("it answers").into_inner().archive.expect("an archive");
    assert_eq!(
        (archive.state(), archive.article_count),
        (pb::ArchiveState::Ready, found.len() as i64)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = directory.path().join("archive");
    let known = Arc::new(Mutex::new(Known::new()));
    let written = Arc::new(AtomicU64::new(0));
    let mut random = Random(0x0005_1a61_17e0);
    let mut kills_in_work = 0;
    let kills = super::setting("CRASH_KILLS", KILLS);
    for kill in 0..kills {
        let server = Process::start(&archive);
        server.serving().await;
        let mut now = known.lock().expect("no panic").clone();
        account(server.address, &mut now).await;
        *known.lock().expect("no panic") = now;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (known, written) = (Arc::clone(&known), Arc::clone(&written));
                tokio::spawn(write_until_killed(
                    server.address,
                    client,
                    kills * client + kill,
                    known,
                    written,
                ))
            })
            .collect();
        // At a moment that is random, by work done and not by the clock alone: so it falls into
        // writes on any machine.
        let goal = written.load(Ordering::Relaxed) + 1 + random.below(150);
        let wait = async {
            while written.load(Ordering::Relaxed) < goal
                && clients.iter().any(|client| !client.is_finished())
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("writes go on");
        kills_in_work += u64::from(clients.iter().any(|client| !client.is_finished()));
        server.kill();
        for client in clients {
            client.await.expect("no panic");
        }
    }
    assert_eq!(kills_in_work, kills);
    let server = Process::start(&archive);
    server.serving().await;
    let mut now = known.lock().expect("no panic").clone();
    account(server.address, &mut now).await;
    server.kill();
    let report = EmbeddedArchive::verify(&archive).expect("it opens");
    assert!(report.is_sound(), "{report:?}");
    println!(
        "{kills} kills, {} articles written and accounted for, {} there at the end",
        written.load(Ordering::Relaxed),
        report.good_articles
    );
}

#[tokio::test]
async fn a_server_says_what_is_wrong_with_its_archive() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    flip_a_bit_in_the_middle(&files_ending(directory.path(), "journal-000000000001")[0]);
    let server = Process::start(directory.path());
    server.serves("").await;
    let channel = channel(server.address).await;
    // What is stored is answered, and nothing more is taken: who asks by that name is to know.
    let mut health = HealthClient::new(channel.clone());
    for (service, status) in [
        ("slugline.v1.ArticleService", tonic_health::ServingStatus::NotServing),
        ("slugline.v1.SimilarityService", tonic_health::ServingStatus::Serving),
    ] {
        let answer = health
            .check(HealthCheckRequest { service: service.to_owned() })
            .await
            .expect("an answer");
        assert_eq!(answer.into_inner().status, status as i32, "{service}");
    }
    let info = ServerServiceClient::new(channel.clone())
        .get_server_info(pb::GetServerInfoRequest {})
        .await;
    let archive = info.expect("it answers").into_inner().archive.expect("an archive");
    assert_eq!(archive.state(), pb::ArchiveState::Damaged);
    assert!(archive.failure.contains("journal 1: "), "{}", archive.failure);
    assert_eq!((archive.unreadable_count, archive.article_count), (1, 110));
    let mut articles = ArticleServiceClient::new(channel);
    let found = articles
        .get_article(pb::GetArticleRequest { id: "000105".to_owned(), ..Default::default() })
        .await
        .expect("it is whole");
    assert_eq!(found.into_inner().article.expect("the article").title, "Article 105");
    let request = pb::PutArticleRequest {
        article: Some(article("new", 1)),
        ..pb::PutArticleRequest::default()
    };
    let status = articles.put_article(request).await.expect_err("nothing is written");
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "ARCHIVE_DAMAGED".to_owned()));
    assert!(
        details(&status)
            .error_info()
            .is_some_and(|info| info.metadata["failure"].contains("journal 1: "))
    );
    // What cannot be read is named, in a list and by itself.
    let request = pb::ListArticlesRequest {
        page_size: 1_000,
        view: pb::ArticleView::Full.into(),
        ..Default::default()
    };
    let page = articles.list_articles(request).await.expect("a page").into_inner();
    assert_eq!(
        (page.articles.len(), page.unreadable_ids.len(), page.is_incomplete),
        (109, 1, false)
    );
    let request =
        pb::GetArticleRequest { id: page.unreadable_ids[0].clone(), ..Default::default() };
    let status = articles.get_article(request).await.expect_err("it cannot be read");
    assert_eq!(refusal(&status), (Code::DataLoss, "ARTICLE_CORRUPT".to_owned()));

    let second = Command::new(env!("CARGO_BIN_EXE_slugline"))
        .args(["archive", "verify"])
        .arg(directory.path())
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("damaged: journal 1: "), "{said}");
}

#[tokio::test]
async fn a_second_server_on_an_archive_ends_with_a_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    let first = Process::start(directory.path());
    first.serving().await;
    let mut second = Command::new(env!("CARGO_BIN_EXE_slugline"));
    second
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--archive"])
        .arg(directory.path());
    let output = tokio::task::spawn_blocking(move || second.output())
        .await
        .expect("no panic")
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("is in use by another process"),
        "{said}"
    );
}
