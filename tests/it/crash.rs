//! The archive under what machines do to it: killed servers, full disks, damaged files, directories that cannot be written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use slugline::article::ArticleText;
use slugline::grpc::pb;
use slugline::grpc::server::client::{ArticleServiceClient, ServerServiceClient};
use slugline::index::{
    ArchiveOptions, ArchivedArticle, ArticleId, Condition, EmbeddedArchive, IndexError, OpenArchiveError, SimilarQuery,
    SimilarSource, SimilarityIndex, Write, WriteOutcome,
};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{PATIENCE, channel, details, refusal};

/// How often the server is killed.
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
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("it listens").parse().expect("an address");
        Self { child, address }
    }

    async fn serving(&self) {
        let request = HealthCheckRequest { service: "slugline.v1.ArticleService".to_owned() };
        let mut watch = HealthClient::new(channel(self.address).await).watch(request).await.expect("a watch").into_inner();
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

/// Writes until the server is gone. A write that was answered leaves one version; one that was not leaves two.
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
        let mut names: Vec<String> =
            (0..if kind < 7 { 1 } else { 40 }).map(|_| format!("{client}-{}", random.below(60))).collect();
        names.sort();
        names.dedup();
        let is_deletion = (5..7).contains(&kind);
        let after = if is_deletion { None } else { Some(version) };
        // Before it is asked, either may be: no answer leaves it so.
        for name in &names {
            known.lock().expect("no panic").entry(name.clone()).or_insert_with(|| BTreeSet::from([None])).insert(after);
        }
        let is_done = if is_deletion {
            match service.delete_article(pb::DeleteArticleRequest { id: names[0].clone() }).await {
                Ok(_) => true,
                Err(status) => status.code() == Code::NotFound,
            }
        } else if names.len() == 1 && kind < 5 {
            service.put_article(pb::PutArticleRequest { article: Some(article(&names[0], version)) }).await.is_ok()
        } else {
            let messages: Vec<_> = names
                .chunks(7)
                .map(|names| pb::ImportArticlesRequest { articles: names.iter().map(|name| article(name, version)).collect() })
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
    let mut request = pb::ListArticlesRequest { page_size: 1_000, page_token: String::new() };
    loop {
        let page = service.list_articles(request.clone()).await.expect("a page").into_inner();
        for there in page.articles {
            let version: u64 = there.labels["version"].parse().expect("a version");
            let whole = article(&there.id, version);
            assert_eq!((&there.title, &there.body), (&whole.title, &whole.body), "{} is half there", there.id);
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
        assert!(versions.contains(&there), "{id}: {there:?} is there, where one of {versions:?} should be");
        *versions = BTreeSet::from([there]);
    }
    let info = ServerServiceClient::new(channel(address).await).get_server_info(pb::GetServerInfoRequest {}).await;
    let archive = info.expect("it answers").into_inner().archive.expect("an archive");
    assert_eq!((archive.state(), archive.article_count), (pb::ArchiveState::Ready, found.len() as i64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = directory.path().join("archive");
    let known = Arc::new(Mutex::new(Known::new()));
    let written = Arc::new(AtomicU64::new(0));
    let mut random = Random(0x0005_1a61_17e0);
    let mut kills_in_work = 0;
    for kill in 0..KILLS {
        let server = Process::start(&archive);
        server.serving().await;
        let mut now = known.lock().expect("no panic").clone();
        account(server.address, &mut now).await;
        *known.lock().expect("no panic") = now;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (known, written) = (Arc::clone(&known), Arc::clone(&written));
                tokio::spawn(write_until_killed(server.address, client, KILLS * client + kill, known, written))
            })
            .collect();
        // At a moment that is random, by work done and not by the clock alone: so it falls into writes on any machine.
        let goal = written.load(Ordering::Relaxed) + 1 + random.below(150);
        let wait = async {
            while written.load(Ordering::Relaxed) < goal && clients.iter().any(|client| !client.is_finished()) {
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
    assert_eq!(kills_in_work, KILLS);
    let server = Process::start(&archive);
    server.serving().await;
    let mut now = known.lock().expect("no panic").clone();
    account(server.address, &mut now).await;
    server.kill();
    let report = EmbeddedArchive::verify(&archive).expect("it opens");
    assert!(report.is_sound(), "{report:?}");
    println!(
        "{KILLS} kills, {} articles written and accounted for, {} there at the end",
        written.load(Ordering::Relaxed),
        report.good_articles
    );
}

/// A file system of its own; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    /// None, with a printed reason, where that is not allowed.
    fn tmpfs(options: &str) -> Option<(Self, tempfile::TempDir)> {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(directory.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some((Self(directory.path().to_owned()), directory)),
            Ok(output) => {
                println!("skipped: a file system cannot be mounted: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: there is no mount: {error}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.expect("there is a mount").success(), "remount,{options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whatever holds it, the directory is given up.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn put(number: usize) -> Write {
    let id: ArticleId = format!("{number:06}").parse().expect("an id");
    let body = (0..400).map(|word| format!("w{} ", (number * 31 + word * 7) % 5_000)).collect::<String>();
    Write::Put(Box::new(ArchivedArticle::new(id, ArticleText { title: &format!("Article {number}"), body: &body })))
}

fn write(archive: &EmbeddedArchive, batch: Vec<Write>) -> Result<Vec<WriteOutcome>, IndexError> {
    let (sender, outcomes) = std::sync::mpsc::channel();
    archive.write(batch, Box::new(move |outcome| sender.send(outcome).expect("the test waits")));
    outcomes.recv().expect("an answer")
}

fn ids(archive: &EmbeddedArchive) -> Vec<String> {
    let listed = archive.list(None, usize::MAX, usize::MAX).expect("readable");
    listed.into_iter().map(|article| article.id.into()).collect()
}

#[test]
fn a_full_disk_loses_nothing_and_lets_writes_in_again_when_there_is_room() {
    let Some((mount, _directory)) = Mount::tmpfs("size=8m") else { return };
    let archive_path = mount.0.join("archive");
    let options = ArchiveOptions { fold_changes: 200, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(&archive_path, options).expect("an archive");
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut refused = Vec::new();
    for number in 0..20_000 {
        match write(&archive, vec![put(number)]) {
            Ok(outcomes) => {
                assert_eq!(outcomes, [WriteOutcome::Created]);
                acknowledged.insert(format!("{number:06}"));
            }
            Err(error) => {
                assert!(matches!(error, IndexError::Full { .. }), "{error:?}");
                refused.push(format!("{number:06}"));
                if refused.len() == 20 {
                    break;
                }
            }
        }
    }
    assert!(refused.len() == 20 && acknowledged.len() > 400, "{} refused, {} stored", refused.len(), acknowledged.len());
    assert!(archive.status().last_failure.is_some());
    // What is there can be read and searched, and what was refused is not there.
    assert_eq!(ids(&archive).into_iter().collect::<BTreeSet<_>>(), acknowledged);
    let first: ArticleId = "000000".parse().expect("an id");
    assert!(!archive.find_similar(&SimilarQuery::new(SimilarSource::Id(first))).expect("results").hits.is_empty());
    // With room again it goes on.
    mount.remount("size=64m");
    for number in 30_000..30_500 {
        assert_eq!(write(&archive, vec![put(number)]), Ok(vec![WriteOutcome::Created]));
        acknowledged.insert(format!("{number:06}"));
    }
    archive.fold().expect("there is room");
    assert_eq!(archive.status().last_failure, None);
    drop(archive);
    let report = EmbeddedArchive::verify(&archive_path).expect("it opens");
    assert!(report.is_sound() && report.remarks.is_empty(), "{report:?}");
    let archive = EmbeddedArchive::open(&archive_path, options).expect("an archive");
    assert_eq!(ids(&archive).into_iter().collect::<BTreeSet<_>>(), acknowledged);
}

#[test]
fn a_disk_full_at_the_end_opens_with_all_that_was_acknowledged() {
    let Some((mount, _directory)) = Mount::tmpfs("size=8m") else { return };
    let path = mount.0.join("archive");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    let acknowledged = (0..20_000).take_while(|number| write(&archive, vec![put(*number)]).is_ok()).count();
    assert!(acknowledged > 400);
    drop(archive);
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    assert_eq!(ids(&archive).len(), acknowledged);
}

#[test]
fn a_directory_that_cannot_be_written_is_read() {
    let Some((mount, _directory)) = Mount::tmpfs("size=32m") else { return };
    let path = mount.0.join("archive");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    write(&archive, (0..50).map(put).collect()).expect("room");
    archive.fold().expect("room");
    write(&archive, (50..60).map(put).collect()).expect("room");
    drop(archive);
    mount.remount("ro");
    let archive = EmbeddedArchive::open(&path, ArchiveOptions::default()).expect("an archive");
    assert!(matches!(archive.status().condition, Condition::ReadOnly(_)), "{:?}", archive.status());
    assert_eq!(ids(&archive).len(), 60);
    let source = SimilarSource::Id("000055".parse().expect("an id"));
    assert_eq!(archive.find_similar(&SimilarQuery::new(source)).expect("results").hits.len(), 10);
    assert!(matches!(write(&archive, vec![put(99)]), Err(IndexError::ReadOnly { .. })));
    assert!(matches!(archive.fold(), Err(IndexError::ReadOnly { .. })));
    drop(archive);
    assert!(EmbeddedArchive::verify(&path).expect("it opens").is_sound());
}

/// An archive of two segments and a journal, on disk.
fn archive_of_two_segments(path: &Path) {
    let archive = EmbeddedArchive::open(path, ArchiveOptions::default()).expect("an archive");
    for numbers in [0..40, 40..100] {
        write(&archive, numbers.map(put).collect()).expect("room");
        archive.fold().expect("room");
    }
    write(&archive, (100..110).map(put).collect()).expect("room");
}

fn files_ending(path: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn flip_a_bit_in_the_middle(file: &Path) {
    let mut bytes = fs::read(file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(file, bytes).expect("a file");
}

#[test]
fn a_damaged_segment_takes_nothing_else_with_it() {
    for ending in [".store", ".idx", ".fast", ".term"] {
        let directory = tempfile::tempdir().expect("a directory");
        archive_of_two_segments(directory.path());
        let files = files_ending(&directory.path().join("index"), ending);
        assert_eq!(files.len(), 2);
        flip_a_bit_in_the_middle(&files[0]);
        let archive = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
        let status = archive.status();
        let Condition::Damaged(reason) = &status.condition else { panic!("{status:?}") };
        assert!(reason.contains(ending), "{reason}");
        // One of the segments, and the journal.
        let left = ids(&archive);
        assert!(left.len() == 50 || left.len() == 70, "{}", left.len());
        assert_eq!(status.article_count, left.len() as u64);
        let source = SimilarSource::Id("000105".parse().expect("an id"));
        assert_eq!(archive.find_similar(&SimilarQuery::new(source)).expect("results").hits.len(), 10);
        assert!(matches!(write(&archive, vec![put(999)]), Err(IndexError::Damaged { .. })));
        drop(archive);
        let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
        assert!(!report.is_sound() && report.good_articles == left.len() as u64, "{report:?}");
        let mut exported = 0;
        let problems = EmbeddedArchive::export(directory.path(), |_| {
            exported += 1;
            Ok::<_, OpenArchiveError>(())
        });
        assert_eq!((exported, problems.expect("it opens").len()), (left.len(), 1));
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    fs::remove_file(&files_ending(&directory.path().join("index"), ".store")[0]).expect("a file");
    let archive = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    assert!(matches!(archive.status().condition, Condition::Damaged(_)));
}

#[test]
fn what_is_derived_from_articles_is_made_anew_where_it_is_damaged_or_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    let open = || EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    let found = |archive: &EmbeddedArchive| {
        let hits = |id: &str| archive.find_similar(&SimilarQuery::new(SimilarSource::Id(id.parse().expect("an id"))));
        ["000001", "000060", "000105"].map(|id| hits(id).expect("results").hits)
    };
    let derived = || files_ending(&directory.path().join("index/derived"), "");
    let expected = found(&open());
    assert_eq!((derived().len(), expected[0].len()), (2, 10));
    flip_a_bit_in_the_middle(&derived()[0]);
    fs::remove_file(&derived()[1]).expect("a file");
    let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
    assert!(report.is_sound() && report.good_articles == 110, "{report:?}");
    let archive = open();
    assert_eq!((archive.status().condition, found(&archive) == expected), (Condition::Ready, true));
    assert_eq!(derived().len(), 2);
}

#[test]
fn the_torn_end_of_a_journal_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    let journal = files_ending(directory.path(), "").into_iter().rfind(|path| path.to_string_lossy().contains("journal-"));
    let journal = journal.expect("a journal");
    let bytes = fs::read(&journal).expect("a file");
    fs::write(&journal, &bytes[..bytes.len() - 100]).expect("a file");
    let report = EmbeddedArchive::verify(directory.path()).expect("it opens");
    assert!(report.is_sound() && report.remarks.len() == 1 && report.good_articles == 109, "{report:?}");
    let archive = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("it opens");
    assert_eq!((archive.status().condition, ids(&archive).len()), (Condition::Ready, 109));
    assert_eq!(write(&archive, vec![put(109)]), Ok(vec![WriteOutcome::Created]));
}

#[test]
fn a_second_one_does_not_get_an_archive_that_is_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("an archive");
    write(&archive, vec![put(1)]).expect("room");
    let second = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect_err("it is in use");
    assert!(matches!(second, OpenArchiveError::InUse { .. }));
    assert!(second.to_string().contains("in use by another process"), "{second}");
    assert!(matches!(EmbeddedArchive::verify(directory.path()), Err(OpenArchiveError::InUse { .. })));
    drop(archive);
    assert!(EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).is_ok());
}

#[test]
fn what_is_no_archive_of_this_version_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("letter.txt"), "Dear Sir").expect("a file");
    let error = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect_err("no archive");
    assert!(matches!(error, OpenArchiveError::NotAnArchive { .. }), "{error}");
    fs::write(directory.path().join("archive.json"), r#"{"format": 4}"#).expect("a file");
    let error = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect_err("a later one");
    assert!(matches!(error, OpenArchiveError::Format { found: 4, .. }), "{error}");
}

#[test]
fn deletions_give_their_space_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let size = || {
        let files = fs::read_dir(directory.path().join("index")).expect("an index").map(|entry| entry.expect("an entry"));
        files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum::<u64>()
    };
    let archive = EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("an archive");
    write(&archive, (0..1_000).map(put).collect()).expect("room");
    archive.fold().expect("room");
    let before = size();
    let delete = |number: usize| Write::Delete(format!("{number:06}").parse().expect("an id"));
    write(&archive, (0..900).map(delete).collect()).expect("room");
    archive.fold().expect("room");
    assert_eq!(ids(&archive).len(), 100);
    assert!(size() < before / 4, "{} bytes of {before}", size());
}

#[tokio::test]
async fn a_server_says_what_is_wrong_with_its_archive() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    flip_a_bit_in_the_middle(&files_ending(&directory.path().join("index"), ".store")[0]);
    let server = Process::start(directory.path());
    server.serving().await;
    let channel = channel(server.address).await;
    let info = ServerServiceClient::new(channel.clone()).get_server_info(pb::GetServerInfoRequest {}).await;
    let archive = info.expect("it answers").into_inner().archive.expect("an archive");
    assert_eq!(archive.state(), pb::ArchiveState::Damaged);
    assert!(archive.failure.contains(".store"), "{}", archive.failure);
    let mut articles = ArticleServiceClient::new(channel);
    let found = articles.get_article(pb::GetArticleRequest { id: "000105".to_owned() }).await.expect("it is whole");
    assert_eq!(found.into_inner().article.expect("the article").title, "Article 105");
    let request = pb::PutArticleRequest { article: Some(article("new", 1)) };
    let status = articles.put_article(request).await.expect_err("nothing is written");
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "ARCHIVE_DAMAGED".to_owned()));
    assert!(details(&status).error_info().is_some_and(|info| info.metadata["failure"].contains(".store")));

    let second = Command::new(env!("CARGO_BIN_EXE_slugline"))
        .args(["archive", "verify"])
        .arg(directory.path())
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("damaged: segment"), "{said}");
}

#[tokio::test]
async fn a_second_server_on_an_archive_ends_with_a_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    archive_of_two_segments(directory.path());
    let first = Process::start(directory.path());
    first.serving().await;
    let mut second = Command::new(env!("CARGO_BIN_EXE_slugline"));
    second.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--archive"]).arg(directory.path());
    let output = tokio::task::spawn_blocking(move || second.output()).await.expect("no panic").expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("is in use by another process"), "{said}");
}
