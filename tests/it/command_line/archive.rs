//! `slugline articles`, `similar`, `archive` and `evaluate-similar`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::process::*;

/// A server with an archive in this directory, on a free port, and its URL.
pub(super) fn server(directory: &Path) -> (Running, String) {
    let server = Running::start(&mut command(
        directory,
        &["serve", "--listen", "127.0.0.1:0", "--log", "warn"],
    ));
    let line = server.line();
    let address = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
    let url = format!("http://{address}");
    eventually(|| slugline_in(directory, &["articles", "list", "--server", &url])).succeeded();
    (server, url)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What was asked before the archive was open is asked again.
fn eventually(ask: impl Fn() -> Ended) -> Ended {
    for _ in 0..1_000 {
        let ended = ask();
        if !ended.stderr.contains("Unavailable") {
            return ended;
        }
    }
    panic!("the server does not become ready");
}

/// A running server whose archive holds the example articles.
struct Filled {
    directory: TempDir,
    running: Running,
    url: String,
}

impl Filled {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (running, url) = server(directory.path());
        let filled = Self { directory, running, url };
        let first = filled.ask(&["articles", "import", "--input", &example("articles.jsonl")]);
        assert_eq!(
            first.succeeded().stdout,
            "56 articles stored, 0 of them replacing others; 0 rejected\n"
        );
        filled
    }

    /// Runs a command that asks the server.
    fn ask(&self, arguments: &[&str]) -> Ended {
        slugline_in(self.directory.path(), &[arguments, &["--server", &self.url]].concat())
    }

    /// Writes a draft about a flood, and returns its path.
    fn draft(&self) -> String {
        let draft = self.directory.path().join("draft.txt");
        fs::write(&draft, "The river Orr burst its banks\n\nMillbrook is flooded.")
            .expect("a file");
        draft.display().to_string()
    }
}

#[test]
fn an_import_can_be_repeated() {
    let filled = Filled::new();
    let ask = |arguments: &[&str]| filled.ask(arguments);
    let articles = example("articles.jsonl");
    let again = ask(&["articles", "import", "--input", &articles]).succeeded();
    assert_eq!(again.stdout, "56 articles stored, 56 of them replacing others; 0 rejected\n");
    let only_new =
        ask(&["articles", "import", "--create-only", "--on-error", "skip", "--input", &articles])
            .succeeded();
    assert_eq!(only_new.stdout, "0 articles stored, 0 of them replacing others; 56 rejected\n");
    assert!(only_new.stderr.contains("article \"kell-03\" already exists"), "{}", only_new.stderr);
}

#[test]
fn an_article_on_the_same_story_is_found_first() {
    let filled = Filled::new();
    let story_of = |id: &str| id.split('-').next().expect("a story").to_owned();
    for id in [
        "kell-03",
        "merger-04",
        "cup-01",
        "vote-05",
        "fever-02",
        "lantern-02",
        "orr-04",
        "chip-03",
        "lido-01",
        "rail-02",
    ] {
        let found = lines(
            &filled.ask(&["similar", "--id", id, "--json", "--limit", "3"]).succeeded().stdout,
        );
        assert_eq!(
            story_of(found[0]["article"]["id"].as_str().expect("an id")),
            story_of(id),
            "{found:?}"
        );
        let shares = found[0]["matched_terms"]
            .as_array()
            .expect("terms")
            .iter()
            .map(|term| term["share"].as_f64().expect("a share"));
        let [others, meaning] =
            ["other_share", "meaning_share"].map(|name| found[0][name].as_f64().expect("a share"));
        assert!((shares.sum::<f64>() + others + meaning - 1.0).abs() < 1e-9);
        assert!(meaning > 0.0);
    }
}

#[test]
fn searches_and_lists_are_filtered() {
    let filled = Filled::new();
    let ask = |arguments: &[&str]| filled.ask(arguments);
    let draft = filled.draft();
    let found = lines(
        &ask(&["similar", &draft, "--json", "--collapse", "--limit", "1"]).succeeded().stdout,
    );
    assert_eq!(found[0]["near_duplicate_ids"].as_array().map(Vec::len), Some(1), "{found:?}");
    let filtered = ask(&[
        "similar",
        &draft,
        "--json",
        "--source",
        "Ledger",
        "--since",
        "2026-10-01",
        "--until",
        "2026-11-01",
    ]);
    let filtered = lines(&filtered.succeeded().stdout);
    assert!(
        !filtered.is_empty() && filtered.iter().all(|hit| hit["article"]["source"] == "Ledger"),
        "{filtered:?}"
    );
    let list = |more: &[&str]| {
        lines(&ask(&[&["articles", "list", "--json"], more].concat()).succeeded().stdout)
    };
    let sport = list(&["--topic", "sport", "--since", "2026-04-01", "--until", "2026-05-01"]);
    assert!(
        !sport.is_empty() && sport.iter().all(|article| article["topics"][0] == "sport"),
        "{sport:?}"
    );
    let probable = list(&["--topic", "sport", "--min-topic-probability", "0.05"]);
    assert!(probable.len() > list(&["--topic", "sport"]).len());
    ask(&["articles", "list", "--min-topic-probability", "0.5"]).failed(2, "--topic");
    let scores = |more: &[&str]| {
        let query = ["similar", "--id", "kell-01", "--json"];
        let found = lines(&ask(&[&query, more].concat()).succeeded().stdout);
        let score = |hit: &Value, name: &str| hit[name].as_f64().expect("a number");
        found.iter().map(|hit| score(hit, "score") / score(hit, "similarity")).collect::<Vec<_>>()
    };
    assert!(scores(&[]).iter().all(|factor| *factor == 1.0));
    let recent = scores(&["--recency-half-life", "3d"]);
    assert!(recent.iter().all(|factor| (1.0..=2.0).contains(factor)), "{recent:?}");
    assert!(recent.iter().any(|factor| *factor > 1.2), "{recent:?}");
    let long_ago = ["--recency-half-life", "3d", "--reference-time", "1926-01-01"];
    assert!(scores(&long_ago).iter().all(|factor| *factor < 1.000_001));
    ask(&["similar", "--id", "kell-01", "--recency-half-life", "3"]).failed(2, "span of time");
    ask(&["similar", "--id", "kell-01", "--reference-time", "2026-01-01"])
        .failed(2, "--recency-half-life");
    let table = ask(&["similar", "--id", "kell-01", "--limit", "1", "--label", "desk=world"])
        .succeeded()
        .stdout;
    let parts = ["  kell-02  Mount Kell", " %, ", "; meaning "];
    assert!(table.starts_with("0.9") && parts.iter().all(|part| table.contains(part)), "{table}");
    assert!(!table.contains("score"), "{table}");
    let table = ask(&["similar", "--id", "kell-01", "--limit", "1", "--recency-half-life", "3d"])
        .succeeded()
        .stdout;
    assert!(table.contains("  (score 1."), "{table}");
}

#[test]
fn articles_are_put_read_and_deleted() {
    let filled = Filled::new();
    let ask = |arguments: &[&str]| filled.ask(arguments);
    let draft = filled.draft();
    let stored =
        ask(&["articles", "put", "--id", "draft 1", "--source", "desk", "--label", "a=b", &draft])
            .succeeded()
            .stdout;
    assert!(stored.starts_with("draft 1: created (news/"), "{stored}");
    let there = ask(&["articles", "get", "draft 1"]).succeeded().json();
    assert_eq!(
        (&there["title"], &there["labels"]["a"]),
        (&Value::from("The river Orr burst its banks"), &Value::from("b"))
    );
    // A record says more than its text; an option says it instead.
    let record = concat!(
        r#"{"title": "Goal", "date": "2020-01-02", "source": "S", "lang": "en", "#,
        r#""labels": {"a": "b"}}"#
    );
    fs::write(filled.directory.path().join("one.jsonl"), record).expect("a file");
    ask(&["articles", "put", "--id", "one", "--source", "T", "--label", "c=d", "one.jsonl"])
        .succeeded();
    let one = ask(&["articles", "get", "one"]).succeeded().json();
    assert_eq!((&one["source"], &one["language_code"]), (&"T".into(), &"en".into()));
    assert_eq!(
        (&one["publish_time"], &one["labels"]),
        (&"2020-01-02T00:00:00Z".into(), &serde_json::json!({"a": "b", "c": "d"}))
    );
    ask(&["articles", "delete", "one"]).succeeded();
    let some = ask(&["articles", "delete", "nobody", "draft 1"]);
    assert!(
        some.stderr.contains("nobody: ") && some.stderr.contains("not found"),
        "{}",
        some.stderr
    );
    some.failed(1, "1 article not deleted");
    ask(&["articles", "delete", "--allow-missing", "draft 1"]).succeeded();
    ask(&["articles", "get", "draft 1"]).failed(1, "NotFound");
}

#[test]
fn an_archive_is_verified_exported_and_imported_again() {
    let filled = Filled::new();
    let ask = |arguments: &[&str]| filled.ask(arguments);
    let listed = ask(&["articles", "list", "--json"]).succeeded().stdout;
    assert_eq!(lines(&listed).len(), 56);
    assert_eq!(ask(&["articles", "list", "--limit", "2"]).succeeded().stdout.lines().count(), 2);

    let Filled { directory, running, .. } = filled;
    // While a server holds it, no other process opens it.
    slugline_in(directory.path(), &["archive", "verify", "archive"]).failed(1, "in use");
    running.send("-TERM");
    running.wait().succeeded();
    let verified =
        slugline_in(directory.path(), &["archive", "verify", "archive"]).succeeded().stdout;
    assert_eq!(verified, "56 articles match their checksums\n");
    let exported =
        slugline_in(directory.path(), &["archive", "export", "archive"]).succeeded().stdout;
    assert_eq!(exported, listed);
    // An export imports into the same archive.
    let copy = TempDir::new().expect("a directory");
    fs::write(copy.path().join("export.jsonl"), &exported).expect("a file");
    let (running, url) = server(copy.path());
    slugline_in(copy.path(), &["articles", "import", "--server", &url, "--input", "export.jsonl"])
        .succeeded();
    running.send("-TERM");
    running.wait().succeeded();
    assert_eq!(
        slugline_in(copy.path(), &["archive", "export", "archive"]).succeeded().stdout,
        exported
    );
}

#[test]
fn a_damaged_archive_is_named_listed_and_repaired() {
    let directory = tempfile::tempdir().expect("a directory");
    let (running, url) = server(directory.path());
    let import = ["articles", "import", "--server", &url, "--input", &example("articles.jsonl")];
    slugline_in(directory.path(), &import).succeeded();
    running.send("-TERM");
    running.wait().succeeded();
    let journal = directory.path().join("archive/journal-000000000001");
    let mut bytes = fs::read(&journal).expect("a journal");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).expect("room");

    let archive =
        |arguments: &[&str]| slugline_in(directory.path(), &[&["archive"], arguments].concat());
    // What can be read is printed all the same.
    let says_so = |ended: &Ended, words: &str| {
        assert!(ended.status.code() == Some(1) && ended.stderr.contains(words), "{}", ended.stderr);
    };
    let verified = archive(&["verify", "archive"]);
    assert!(
        verified.stdout.contains("55 articles match")
            && verified.stdout.contains("damaged: journal 1: ")
    );
    says_so(&verified, "slugline archive repair");
    let exported = archive(&["export", "archive"]);
    assert_eq!(lines(&exported.stdout).len(), 55);
    says_so(&exported, "damaged: journal 1: ");

    let running = Running::start(&mut command(
        directory.path(),
        &["serve", "--listen", "127.0.0.1:0", "--log", "warn"],
    ));
    let url = format!(
        "http://{}",
        running.line().trim().strip_prefix("listening on ").expect("it listens")
    );
    let listed =
        eventually(|| slugline_in(directory.path(), &["articles", "list", "--server", &url]));
    assert_eq!(listed.stdout.lines().count(), 55);
    assert!(listed.stderr.contains("unreadable: "), "{}", listed.stderr);
    says_so(&listed, "the archive is damaged");
    running.send("-TERM");
    let ended = running.wait();
    assert!(ended.stderr.contains("the archive is damaged damage=journal 1: "), "{}", ended.stderr);
    ended.succeeded();

    let repaired = archive(&["repair", "archive", "repaired"]).succeeded().stdout;
    assert!(repaired.ends_with("55 articles recovered into repaired\n"), "{repaired}");
    assert_eq!(
        archive(&["verify", "repaired"]).succeeded().stdout,
        "55 articles match their checksums\n"
    );
    archive(&["repair", "archive", "repaired"]).failed(1, "an archive already exists in repaired");
    archive(&["repair", "nowhere", "elsewhere"]).failed(1, "there is no archive in nowhere");
}

#[test]
fn a_long_title_is_shortened_for_people_and_whole_in_json() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let title = "Volcano erupts ".repeat(700).trim().to_owned();
    let line = |id| serde_json::json!({"id": id, "title": title}).to_string() + "\n";
    fs::write(directory.path().join("articles.jsonl"), line("a") + &line("b")).expect("a file");
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat()).succeeded().stdout
    };
    ask(&["articles", "import", "--input", "articles.jsonl"]);
    let shown = format!("  {}…\n", &title[..99]);
    let list = ask(&["articles", "list"]);
    assert_eq!(list, format!("a{shown}b{shown}"));
    let similar = ask(&["similar", "--id", "a"]);
    assert!(similar.contains(&format!("  b{shown}")), "{similar}");
    assert_eq!(lines(&ask(&["articles", "list", "--json"]))[0]["title"], title);
    assert_eq!(lines(&ask(&["similar", "--id", "a", "--json"]))[0]["article"]["title"], title);
}

#[test]
fn articles_of_the_longest_kind_are_listed_and_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_running, url) = server(directory.path());
    let body = "volcano erupts ".repeat(100_000);
    let line = |number: usize| format!("{{\"id\": \"{number}\", \"body\": \"{body} {number}\"}}\n");
    fs::write(directory.path().join("articles.jsonl"), (0..5).map(line).collect::<String>())
        .expect("a file");
    let ask = |arguments: &[&str]| {
        slugline_in(directory.path(), &[arguments, &["--server", &url]].concat()).succeeded().stdout
    };
    ask(&["articles", "import", "--input", "articles.jsonl"]);
    assert_eq!(ask(&["articles", "list"]).lines().count(), 5);
    assert_eq!(lines(&ask(&["similar", "--id", "0", "--json"])).len(), 4);
}

#[test]
fn the_search_is_measured() {
    let articles = example("articles.jsonl");
    let report = slugline(&[
        "evaluate-similar",
        "--input",
        &articles,
        "--relevant",
        "story",
        "--compare",
        "--json",
    ])
    .succeeded()
    .json();
    // 48 articles are on stories with others; the eight that are alone are no queries.
    assert_eq!((&report["queries"], &report["articles"]), (&Value::from(48), &Value::from(56)));
    assert!(
        report["r_precision_at_10"].as_f64().is_some_and(|precision| precision > 0.9),
        "{report}"
    );
    assert!(report["mrr_at_10"].as_f64().is_some_and(|reciprocal| reciprocal > 0.95), "{report}");
    // No article has more terms than are looked up, and the archive has fewer articles than are
    // compared exactly.
    assert_eq!(report["equal_places"].as_f64(), Some(1.0));
    assert!(report["p50_ms"].as_f64() <= report["p99_ms"].as_f64());
    let sampled = slugline(&[
        "evaluate-similar",
        "--input",
        &articles,
        "--relevant",
        "story",
        "--queries",
        "7",
        "--json",
    ]);
    assert_eq!(sampled.succeeded().json()["queries"], 7);
    let labelled = example("labelled.jsonl");
    slugline(&["evaluate-similar", "--input", &labelled, "--relevant", "story"])
        .failed(1, "no two articles are relevant");
}
