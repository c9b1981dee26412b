//! A server that is killed in the middle of writes loses nothing that it acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use slugline::grpc::client::{ArticleServiceClient, ServerServiceClient};
use slugline::grpc::pb;
use slugline::index::EmbeddedArchive;
use tonic::Code;
use tonic::transport::Channel;

use super::fixtures::setting;
use super::process::Process;
use crate::support::{PATIENCE, channel};

/// How often the server is killed, unless the environment says otherwise.
const KILLS: u64 = 50;

/// Clients that put, delete and import concurrently.
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

/// The versions that each article may have; None stands for no article.
type PossibleVersions = BTreeMap<String, BTreeSet<Option<u64>>>;

fn article(id: &str, version: u64) -> pb::ArchivedArticle {
    pb::ArchivedArticle {
        id: id.to_owned(),
        title: format!("Version {version}"),
        // Long enough to be written in several pieces, each of which tells the version.
        body: format!("word{version} ").repeat(300),
        labels: BTreeMap::from([("version".to_owned(), version.to_string())]),
        ..pb::ArchivedArticle::default()
    }
}

/// A random write to articles of one client.
struct RandomWrite {
    names: Vec<String>,
    kind: Kind,
    version: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Put,
    Delete,
    Import,
}

impl RandomWrite {
    fn new(random: &mut Random, client: u64) -> Self {
        let version = random.next() >> 1;
        let kind = match random.below(10) {
            0..5 => Kind::Put,
            5..7 => Kind::Delete,
            _ => Kind::Import,
        };
        let count = if kind == Kind::Import { 40 } else { 1 };
        let mut names: Vec<String> =
            (0..count).map(|_| format!("{client}-{}", random.below(60))).collect();
        names.sort();
        names.dedup();
        Self { names, kind, version }
    }

    /// The version that the articles have afterwards.
    fn after(&self) -> Option<u64> {
        (self.kind != Kind::Delete).then_some(self.version)
    }

    /// Sends it; returns whether the server acknowledged it.
    async fn send(&self, service: &mut ArticleServiceClient<Channel>) -> bool {
        match self.kind {
            Kind::Put => {
                let article = Some(article(&self.names[0], self.version));
                let request = pb::PutArticleRequest { article, ..Default::default() };
                service.put_article(request).await.is_ok()
            }
            Kind::Delete => {
                let id = self.names[0].clone();
                let request = pb::DeleteArticleRequest { id, ..Default::default() };
                match service.delete_article(request).await {
                    Ok(_) => true,
                    Err(status) => status.code() == Code::NotFound,
                }
            }
            Kind::Import => {
                let article = |name: &String| article(name, self.version);
                let messages: Vec<_> = self
                    .names
                    .chunks(7)
                    .map(|names| pb::ImportArticlesRequest {
                        articles: names.iter().map(article).collect(),
                        ..Default::default()
                    })
                    .collect();
                service.import_articles(tokio_stream::iter(messages)).await.is_ok()
            }
        }
    }
}

/// Writes until the server is gone. An acknowledged write leaves one version possible, one without
/// an answer leaves two.
async fn write_until_killed(
    address: SocketAddr,
    client: u64,
    seed: u64,
    possible: Arc<Mutex<PossibleVersions>>,
    written: Arc<AtomicU64>,
) {
    let mut random = Random(seed);
    let mut service = ArticleServiceClient::new(channel(address).await);
    for _ in 0..100_000 {
        let write = RandomWrite::new(&mut random, client);
        // Until the answer, either version may be there.
        for name in &write.names {
            possible
                .lock()
                .expect("no panic")
                .entry(name.clone())
                .or_insert_with(|| BTreeSet::from([None]))
                .insert(write.after());
        }
        if !write.send(&mut service).await {
            return;
        }
        let after = write.after();
        let mut possible = possible.lock().expect("no panic");
        for name in write.names {
            possible.insert(name, BTreeSet::from([after]));
            written.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Checks the server's articles against the possible versions, and reduces these to the actual
/// ones.
async fn account(address: SocketAddr, possible: &mut PossibleVersions) {
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
        assert!(possible.contains_key(id), "{id} was never put");
    }
    for (id, versions) in possible.iter_mut() {
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
    let possible = Arc::new(Mutex::new(PossibleVersions::new()));
    let written = Arc::new(AtomicU64::new(0));
    let mut random = Random(0x0005_1a61_17e0);
    let mut kills_during_writes = 0;
    let kills = setting("CRASH_KILLS", KILLS);
    for kill in 0..kills {
        let server = Process::start(&archive);
        server.serving().await;
        let mut now = possible.lock().expect("no panic").clone();
        account(server.address, &mut now).await;
        *possible.lock().expect("no panic") = now;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (possible, written) = (Arc::clone(&possible), Arc::clone(&written));
                tokio::spawn(write_until_killed(
                    server.address,
                    client,
                    kills * client + kill,
                    possible,
                    written,
                ))
            })
            .collect();
        // The moment is random, and set by the work done rather than by the clock, so that it falls
        // into writes on any machine.
        let goal = written.load(Ordering::Relaxed) + 1 + random.below(150);
        let wait = async {
            while written.load(Ordering::Relaxed) < goal
                && clients.iter().any(|client| !client.is_finished())
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("writes go on");
        kills_during_writes += u64::from(clients.iter().any(|client| !client.is_finished()));
        server.kill();
        for client in clients {
            client.await.expect("no panic");
        }
    }
    assert_eq!(kills_during_writes, kills);
    let server = Process::start(&archive);
    server.serving().await;
    let mut now = possible.lock().expect("no panic").clone();
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
