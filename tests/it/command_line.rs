//! The `slugline` command as its users see it: what it prints where, and how it exits.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use slugline::model::Manifest;
use slugline::model::artifact::{COUNTS_FILE, WEIGHTS_FILE};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// What a process has to end or say something: far more than anything takes, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours; it is killed if a test leaves it behind.
struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// How a process ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = child.stdout.take().map_or_else(|| mpsc::channel().1, lines);
        let stderr = lines(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// The next line on standard output.
    fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// Waits until the process ends; what it has said since comes with it.
    fn wait(mut self) -> Ended {
        let started = Instant::now();
        let read_all = |lines: &Receiver<String>| {
            let mut text = String::new();
            loop {
                match lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                    Ok(line) => text.push_str(&line),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return text,
                    Err(mpsc::RecvTimeoutError::Timeout) => panic!("the process does not end"),
                }
            }
        };
        // A process whose outputs are at their end is about to end.
        let (stdout, stderr) = (read_all(&self.stdout), read_all(&self.stderr));
        Ended { status: self.child.wait().expect("a child of ours"), stdout, stderr }
    }

    #[cfg(unix)]
    fn send(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }
}

/// Reads lines on a thread of its own, which ends with them.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) && sender.send(std::mem::take(&mut line)).is_ok() {}
    });
    receiver
}

impl Ended {
    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.status.code(), Some(0), "{}", self.stderr);
        self
    }

    /// Says nothing on standard output, and what went wrong on standard error.
    #[track_caller]
    fn failed(self, code: i32, words: &str) {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(self.stderr.contains("error: ") && self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
    }

    /// Standard output as one JSON object on one line.
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).expect("JSON");
        assert!(value.is_object(), "{value}");
        value
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slugline"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLUGLINE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the command in an empty directory.
fn slugline(arguments: &[&str]) -> Ended {
    slugline_in(tempfile::tempdir().expect("a temporary directory").path(), arguments)
}

fn slugline_in(directory: &Path, arguments: &[&str]) -> Ended {
    Running::start(&mut command(directory, arguments)).wait()
}

/// Runs the command in an empty directory, with this on its standard input.
fn slugline_reading(input: &[u8], directory: &Path, arguments: &[&str]) -> Ended {
    let mut running = Running::start(command(directory, arguments).stdin(Stdio::piped()));
    running.child.stdin.take().expect("a pipe").write_all(input).expect("it reads all of it");
    running.wait()
}

fn example(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file).display().to_string()
}

/// How many documents, and how many topics, `examples/labelled.jsonl` has.
const EXAMPLE_DOCUMENTS: usize = 60;
const EXAMPLE_TOPICS: usize = 5;

/// Trained by the command, once; its files.
static EXAMPLE_MODEL: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    slugline_in(directory.path(), &["train", "--input", &example("labelled.jsonl"), "--output", "mine/1"]).succeeded();
    [Manifest::FILE, WEIGHTS_FILE, COUNTS_FILE]
        .map(|file| (file, fs::read(directory.path().join("mine/1").join(file)).expect("a file of the artefact")))
        .to_vec()
});

/// A directory with the example model in `mine/1`.
fn with_example_model() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let model = directory.path().join("mine/1");
    fs::create_dir_all(&model).expect("a directory");
    for (file, bytes) in EXAMPLE_MODEL.iter() {
        fs::write(model.join(file), bytes).expect("a file");
    }
    directory
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("{field} is no number in {value}"))
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["", "serve", "train", "evaluate", "classify", "model", "model show"] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = slugline(&arguments).succeeded();
        assert!(help.stdout.contains("Examples:\n  slugline "), "{command}: {}", help.stdout);
        assert!(
            help.stdout.contains(&format!("Usage: slugline {command}").trim_end().to_owned()),
            "{command}: {}",
            help.stdout
        );
        assert_eq!(help.stderr, "", "{command}");
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(slugline(&["--version"]).succeeded().stdout, format!("slugline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_2() {
    let missing = "no-such-file.jsonl";
    let train = ["train", "--input", missing, "--output"];
    for (arguments, words) in [
        (vec!["--no-such-flag"], "--no-such-flag"),
        (vec!["no-such-command"], "no-such-command"),
        (vec!["classify", "--no-such-flag"], "--no-such-flag"),
        (vec!["classify", "--max-topics", "-1"], "-1"),
        (vec!["classify", "--model", "a/1", "--server", "http://localhost"], "--server"),
        (vec!["train", "--input", missing], "--output"),
        (vec!["train", "--output", "mine/1"], "--input"),
        (vec!["evaluate", "--model", "mine/1"], "--input"),
        (vec!["model"], "model"),
        (vec!["serve", "--listen", "nowhere"], "--listen"),
        (vec!["serve", "--log", "slugline=loud"], "--log"),
        ([&train[..], &["mine/1", "--alpha", "0"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha=-1"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--alpha", "NaN"]].concat(), "alpha"),
        ([&train[..], &["mine/1", "--multi-label"]].concat(), "not available"),
        ([&train[..], &["mine/1", "--min-df", "0"]].concat(), "document frequency"),
        ([&train[..], &["mine/1", "--target-precision", "1"]].concat(), "target precision"),
        ([&train[..], &["mine/1", "--title-weight", "0"]].concat(), "--title-weight"),
        ([&train[..], &["mine/1", "--language", "english_UK"]].concat(), "--language"),
        ([&train[..], &["mine/1", "--recipe", "gaussian"]].concat(), "--recipe"),
        ([&train[..], &["mine"]].concat(), "models/mine/1"),
        ([&train[..], &["mine/latest"]].concat(), "mine/latest"),
        ([&train[..], &["Mine/1"]].concat(), "Mine/1"),
    ] {
        let outcome = slugline(&arguments);
        assert_eq!(outcome.status.code(), Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {words:?} is not in: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
}

#[test]
fn without_a_command_it_shows_its_help_and_exits_with_2() {
    let outcome = slugline(&[]);
    assert_eq!(outcome.status.code(), Some(2));
    assert!(outcome.stderr.contains("Usage: slugline"), "{}", outcome.stderr);
}

#[test]
fn what_is_not_there_is_named_and_exits_with_1() {
    let labelled = example("labelled.jsonl");
    for arguments in [
        &["train", "--input", "no/such/thing", "--output", "mine/1"][..],
        &["evaluate", "--model", "no/such/thing", "--input", &labelled],
        &["classify", "no/such/thing"],
        &["classify", "--model", "no/such/thing", &labelled],
        &["model", "show", "no/such/thing"],
        &["serve", "--listen", "127.0.0.1:0", "--models", "no/such/thing"],
    ] {
        let outcome = slugline(arguments);
        assert_eq!(outcome.status.code(), Some(1), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("error: ") && outcome.stderr.contains("no/such/thing"), "{}", outcome.stderr);
    }
    let model = with_example_model();
    slugline_in(model.path(), &["evaluate", "--model", "mine/1", "--input", "no/such/thing"]).failed(1, "no/such/thing");
}

#[test]
fn training_makes_a_model_and_says_how_good_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["train", "--input", &example("labelled.jsonl"), "--output", "models/mine/1"];
    let said = slugline_in(directory.path(), &arguments).succeeded();
    assert!(said.stdout.starts_with("mine/1: 5 topics, "), "{}", said.stdout);
    assert!(said.stdout.contains("by cross-validation: accuracy 0."), "{}", said.stdout);
    assert!(said.stdout.contains("written to models/mine/1 ("), "{}", said.stdout);
    for file in [Manifest::FILE, WEIGHTS_FILE, COUNTS_FILE] {
        assert!(directory.path().join("models/mine/1").join(file).is_file(), "{file}");
    }
}

#[test]
fn training_says_nothing_of_the_estimators_inner_life() {
    let said = slugline(&["train", "--input", &example("labelled.jsonl"), "--output", "mine/1", "--threads", "2"]).succeeded();
    assert_eq!(said.stderr, "");
}

#[test]
fn training_with_json_prints_one_object() {
    let arguments = ["train", "--input", &example("labelled.jsonl"), "--output", "mine/1", "--json", "--recipe", "multinomial"];
    let outcome = slugline(&arguments).succeeded().json();
    assert_eq!(outcome["model"], "mine/1");
    assert_eq!(outcome["directory"], "mine/1");
    assert_eq!(outcome["documents"], EXAMPLE_DOCUMENTS);
    assert_eq!(outcome["skipped"], 0);
    assert_eq!(outcome["manifest"]["recipe"]["kind"], "multinomial");
    assert_eq!(outcome["terms"], outcome["manifest"]["term_count"]);
    assert_eq!(outcome["trials"][0]["metrics"], outcome["manifest"]["metrics"]);
    assert!(number(&outcome, "seconds") >= 0.0);
}

#[test]
fn training_from_standard_input_gives_the_same_files() {
    let corpus = fs::read(example("labelled.jsonl")).expect("an example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    slugline_reading(&corpus, directory.path(), &["train", "--input", "-", "--output", "mine/1"]).succeeded();
    for (file, bytes) in EXAMPLE_MODEL.iter() {
        let is_same = fs::read(directory.path().join("mine/1").join(file)).expect("a file of the artefact") == *bytes;
        assert!(is_same, "{file}");
    }
}

#[test]
fn training_names_a_bad_line_and_keeps_the_old_model() {
    let directory = with_example_model();
    let corpus = directory.path().join("corpus.jsonl");
    let good = fs::read_to_string(example("labelled.jsonl")).expect("an example");
    fs::write(&corpus, format!("{good}\n{{\"title\": \"no topic\"}}\nno JSON\n")).expect("a file");
    let arguments = ["train", "--input", "corpus.jsonl", "--output", "mine/1", "--seed", "5"];
    let first_bad = EXAMPLE_DOCUMENTS + 2;
    slugline_in(directory.path(), &arguments).failed(1, &format!("corpus.jsonl:{first_bad}: "));
    let manifest = || fs::read(directory.path().join("mine/1/manifest.json")).expect("a manifest");
    assert!(manifest() == EXAMPLE_MODEL[0].1, "the old model is gone");

    let said = slugline_in(directory.path(), &[&arguments[..], &["--on-error", "skip"]].concat()).succeeded();
    let skipped: Vec<&str> = said.stderr.lines().collect();
    assert!(
        matches!(skipped.as_slice(), [one, other]
        if one.starts_with(&format!("skipped corpus.jsonl:{first_bad}: "))
            && other.starts_with(&format!("skipped corpus.jsonl:{}: ", first_bad + 1))),
        "{skipped:?}"
    );
    assert!(said.stdout.contains("from 60 documents (2 lines skipped)"), "{}", said.stdout);
    assert!(manifest() != EXAMPLE_MODEL[0].1, "the new model is not there");
}

#[test]
fn a_model_shows_its_manifest_and_its_strongest_terms() {
    let directory = with_example_model();
    let text = slugline_in(directory.path(), &["model", "show", "mine/1"]).succeeded().stdout;
    for words in ["mine/1", "documents          60", "\nbusiness (12 documents)\n", "\nsport (12 documents)\n"] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let json = slugline_in(directory.path(), &["model", "show", "mine/1", "--json", "--terms", "2"]).succeeded().json();
    let manifest: Value = serde_json::from_slice(&EXAMPLE_MODEL[0].1).expect("a manifest");
    assert_eq!(json["manifest"], manifest);
    let topics = json["strongest_terms"].as_array().expect("a list");
    assert_eq!(topics.len(), EXAMPLE_TOPICS);
    for topic in topics {
        let weights: Vec<f64> = topic["terms"].as_array().expect("a list").iter().map(|term| number(term, "weight")).collect();
        assert!(matches!(weights[..], [first, second] if first >= second && second > 0.0), "{topic}");
    }
}

#[test]
fn evaluation_measures_every_document() {
    let directory = with_example_model();
    let arguments = ["evaluate", "--model", "mine/1", "--input", &example("labelled.jsonl")];
    let report = slugline_in(directory.path(), &[&arguments[..], &["--json"]].concat()).succeeded().json();
    assert_eq!(report["model"], "mine/1");
    assert_eq!(report["documents"], EXAMPLE_DOCUMENTS);
    assert_eq!(report["skipped"], 0);
    // On what it was trained on: the numbers of a good model, whatever they are.
    for (field, range) in [
        ("accuracy", 0.9..=1.0),
        ("micro_f1", 0.9..=1.0),
        ("macro_f1", 0.9..=1.0),
        ("log_loss", 0.0..=0.7),
        ("brier", 0.0..=0.4),
        ("ece", 0.0..=1.0),
        ("documents_per_second", 1.0..=1e9),
        ("megabytes_per_second", 1e-6..=1e6),
    ] {
        assert!(range.contains(&number(&report, field)), "{field} is {}", report[field]);
    }
    assert_eq!(report["accuracy"], report["micro_f1"]);
    let topics = report["topics"].as_array().expect("a list");
    let names: Vec<&str> = topics.iter().filter_map(|topic| topic["name"].as_str()).collect();
    assert_eq!(names, ["business", "health", "politics", "science_technology", "sport"]);
    let support: f64 = topics.iter().map(|topic| number(topic, "support")).sum();
    assert_eq!(support, EXAMPLE_DOCUMENTS as f64);

    let table = slugline_in(directory.path(), &arguments).succeeded().stdout;
    assert!(table.starts_with("mine/1 on 60 documents (0 lines skipped)\n"), "{table}");
    assert!(table.contains("macro-F1") && table.contains("\nsport "), "{table}");
}

#[test]
fn an_evaluation_of_nothing_fails() {
    let directory = with_example_model();
    slugline_in(directory.path(), &["evaluate", "--model", "mine/1", "--input", "-"]).failed(1, "no document");
}

#[test]
fn classification_explains_itself_and_the_sum_is_right() {
    let directory = with_example_model();
    let text = directory.path().join("article.txt");
    fs::write(&text, "Striker scores twice\n\nThe coach praised the players after the match.\n").expect("a file");
    let arguments = ["classify", "--model", "mine/1", "--json", "--explain", "article.txt"];
    let answer = slugline_in(directory.path(), &arguments).succeeded().json();
    assert_eq!((&answer["id"], &answer["model"]), (&"article.txt".into(), &"mine/1".into()));
    assert_eq!(answer["topics"][0]["name"], "sport");
    assert_eq!(answer["token_count"], 11);
    let topics = answer["topics"].as_array().expect("a list");
    assert_eq!(topics.len(), 3, "the default of --max-topics");
    for topic in topics {
        let explanation = &topic["explanation"];
        let evidence = explanation["evidence"].as_array().expect("a list");
        assert!(!evidence.is_empty());
        let sum: f64 = evidence.iter().map(|part| number(part, "weight")).sum();
        let sum = number(explanation, "bias") + sum + number(explanation, "other_evidence_weight");
        assert!((sum - number(topic, "log_odds")).abs() < 1e-9, "{sum} in {topic}");
    }
    let all = slugline_in(directory.path(), &["classify", "--model", "mine/1", "--json", "--max-topics", "0", "article.txt"]);
    let all = all.succeeded().json();
    let probabilities = all["topics"].as_array().expect("a list").iter().map(|topic| number(topic, "probability"));
    assert_eq!(probabilities.len(), EXAMPLE_TOPICS);
    assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(all["topics"][0].get("explanation").is_none());
}

#[test]
fn classification_reads_standard_input_as_it_reads_a_file() {
    let text = fs::read(example("cyber-defence.txt")).expect("an example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut of_file = slugline_in(directory.path(), &["classify", "--json", &example("cyber-defence.txt")]).succeeded().json();
    of_file["id"] = "-".into();
    for arguments in [&["classify", "--json"][..], &["classify", "--json", "-"]] {
        assert_eq!(slugline_reading(&text, directory.path(), arguments).succeeded().json(), of_file);
    }
}

#[test]
fn classification_of_json_lines_answers_a_line_an_article_in_their_order() {
    let directory = with_example_model();
    let arguments = ["classify", "--model", "mine/1", "--json", &example("labelled.jsonl")];
    let answers = slugline_in(directory.path(), &arguments).succeeded().stdout;
    let ids: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone()).collect();
    let expected: Vec<Value> = (1..=EXAMPLE_DOCUMENTS).map(|number| format!("ex-{number:03}").into()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_bad_line_of_articles_is_named_after_the_good_ones_were_answered() {
    let directory = with_example_model();
    fs::write(directory.path().join("a.jsonl"), "{\"id\": 1, \"title\": \"Goal\"}\n{\"id\": 2}\n").expect("a file");
    let outcome = slugline_in(directory.path(), &["classify", "--model", "mine/1", "--json", "a.jsonl"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert_eq!(outcome.json()["id"], "1");
    assert!(outcome.stderr.contains("a.jsonl:2: "), "{}", outcome.stderr);
}

#[test]
fn texts_that_are_no_articles_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).expect("a file");
    file("empty.txt", b" \n\n");
    file("latin1.txt", b"caf\xe9");
    file("large.txt", &vec![b'a'; (2 << 20) + 1]);
    for (name, words) in [("empty.txt", "title or a body"), ("latin1.txt", "not valid UTF-8"), ("large.txt", "2097152 bytes")] {
        let outcome = slugline_in(directory.path(), &["classify", name]);
        assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
        outcome.failed(1, words);
    }
}

#[test]
fn control_characters_of_a_corpus_do_not_reach_the_terminal() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a.jsonl");
    fs::write(&path, "{\"id\": \"\\u001b[31mred\\u0007\", \"title\": \"Goal\"}\n").expect("a file");
    let said = slugline_in(directory.path(), &["classify", "a.jsonl"]).succeeded();
    assert!(said.stdout.contains("[31mred"), "{}", said.stdout);
    assert!(!said.stdout.chars().any(|c| c.is_control() && c != '\n'), "{:?}", said.stdout);
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let directory = with_example_model();
    let labelled = example("labelled.jsonl");
    for arguments in [
        &["--help"][..],
        &["classify", "--model", "mine/1", &labelled],
        &["classify", "--model", "mine/1", "--json", &labelled],
        &["model", "show", "mine/1"],
        &["evaluate", "--model", "mine/1", "--input", &labelled],
        &["train", "--input", &labelled, "--output", "other/1"],
        &["train", "--input", &labelled, "--output", "other/2", "--json"],
    ] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let ended = Running::start(command(directory.path(), arguments).stdout(writer)).wait();
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
    assert!(directory.path().join("other/2").join(WEIGHTS_FILE).is_file());
}

/// A server, and where it listens.
struct Server {
    running: Running,
    address: String,
}

impl Server {
    /// Starts `slugline serve` on a free port and waits until it serves.
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Self::of(&mut command(directory, &arguments))
    }

    fn of(command: &mut Command) -> Self {
        let running = Running::start(command);
        let line = running.line();
        let address = line.strip_prefix("listening on ").and_then(|address| address.strip_suffix('\n'));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        let server = Self { running, address };
        server.wait_until_it_serves();
        server
    }

    async fn connect(&self) -> Channel {
        let url = format!("http://{}", self.address);
        Endpoint::from_shared(url).expect("a URL").connect().await.expect("it listens")
    }

    fn wait_until_it_serves(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let serves = async {
            let mut client = HealthClient::new(self.connect().await);
            let mut watch = client.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner();
            while let Some(news) = watch.message().await.expect("no error") {
                if news.status() == ServingStatus::Serving {
                    return;
                }
            }
            panic!("the server is gone");
        };
        runtime.block_on(async { tokio::time::timeout(PATIENCE, serves).await.expect("it serves soon") });
    }
}

#[test]
fn the_server_says_where_it_listens_and_answers_the_command() {
    let directory = with_example_model();
    let server = Server::start(directory.path(), &["--models", ".", "--default-model", "mine"]);
    assert!(server.address.starts_with("127.0.0.1:") && !server.address.ends_with(":0"), "{}", server.address);
    let arguments = ["classify", "--json", "--explain", &example("labelled.jsonl")];
    let here = slugline_in(directory.path(), &[&arguments[..], &["--model", "mine/1"]].concat()).succeeded().stdout;
    for url in [server.address.clone(), format!("http://{}", server.address)] {
        let there = slugline_in(directory.path(), &[&arguments[..], &["--server", &url]].concat()).succeeded().stdout;
        assert_eq!(there, here, "{url}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago, and is ours until the end of the test: nobody accepts connections on it.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    drop(taken);
    slugline(&["classify", "--server", &address, &example("cyber-defence.txt")]).failed(1, &address);
}

#[cfg(unix)]
#[test]
fn the_server_ends_well_when_told_to() {
    let directory = with_example_model();
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(directory.path(), &["--models", ".", "--default-model", "mine", "--drain-seconds", "20"]);
        // Somebody is connected and asks nothing: there is nothing to wait for.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let client = runtime.block_on(server.connect());
        let told = Instant::now();
        server.running.send(signal);
        let ended = server.running.wait();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
        assert!(told.elapsed() < Duration::from_secs(20), "{signal}: it took {:?}", told.elapsed());
        assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
        drop(client);
    }
}

#[cfg(unix)]
#[test]
fn a_connection_that_says_nothing_outlives_the_drain_limit_no_more_than_a_call() {
    let directory = with_example_model();
    let server = Server::start(directory.path(), &["--models", ".", "--default-model", "mine", "--drain-seconds", "1"]);
    let silent = TcpStream::connect(&server.address).expect("it listens");
    server.running.send("-TERM");
    let ended = server.running.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    drop(silent);
}

#[test]
fn the_server_may_be_told_by_the_environment() {
    let directory = with_example_model();
    let server = Server::of(
        command(directory.path(), &["serve"])
            .env("SLUGLINE_LISTEN", "127.0.0.1:0")
            .env("SLUGLINE_MODELS", ".")
            .env("SLUGLINE_DEFAULT_MODEL", "mine/1"),
    );
    let answer = slugline(&["classify", "--json", "--server", &server.address, &example("cyber-defence.txt")]);
    assert_eq!(answer.succeeded().json()["model"], "mine/1");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    slugline(&["serve", "--listen", &address]).failed(1, &address);
}

#[test]
fn a_default_model_that_is_not_there_is_named_with_those_that_are() {
    let directory = with_example_model();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--models", ".", "--default-model", "yours"];
    let outcome = slugline_in(directory.path(), &arguments);
    assert_eq!(outcome.status.code(), Some(1));
    for words in ["\"yours\"", "mine/1", "news/1"] {
        assert!(outcome.stderr.contains(words), "{words} is not in: {}", outcome.stderr);
    }
}

#[test]
fn the_model_in_the_binary_answers_where_there_is_no_other() {
    let empty = tempfile::tempdir().expect("a temporary directory");
    let here = slugline_in(empty.path(), &["classify", "--json", &example("cyber-defence.txt")]).succeeded().json();
    assert_eq!(here["model"], "news/1");
    let server = Server::start(empty.path(), &[]);
    let arguments = ["classify", "--json", "--server", &server.address, &example("cyber-defence.txt")];
    assert_eq!(slugline_in(empty.path(), &arguments).succeeded().json(), here);
    assert_eq!(fs::read_dir(empty.path()).expect("a directory").count(), 0, "something was left behind");
}

#[cfg(unix)]
#[test]
fn the_log_is_json_where_asked_for_and_never_has_the_article() {
    let directory = with_example_model();
    let arguments = ["--models", ".", "--default-model", "mine", "--log", "trace", "--log-format", "json"];
    let server = Server::start(directory.path(), &arguments);
    // Of no other word in the log, and not of the kind that is compressed on the wire.
    let secret = "zyxwvutsrq";
    let file = directory.path().join("secret.txt");
    fs::write(&file, format!("Goal {secret} match\n")).expect("a file");
    slugline_in(directory.path(), &["classify", "--server", &server.address, "secret.txt"]).succeeded();
    server.running.send("-TERM");
    let log = server.running.wait().stderr;
    let mut targets = BTreeSet::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        targets.insert(entry["target"].as_str().expect("where it comes from").to_owned());
        assert!(!line.contains(secret), "{line}");
    }
    assert!(targets.iter().any(|target| target.starts_with("slugline")), "{targets:?}");
}

#[test]
fn paths_in_answers_are_those_that_were_given() {
    let directory = with_example_model();
    let nested = directory.path().join("deep");
    fs::create_dir(&nested).expect("a directory");
    let corpus = PathBuf::from("..").join("corpus.jsonl");
    fs::copy(example("labelled.jsonl"), directory.path().join("corpus.jsonl")).expect("a copy");
    let said = slugline_in(&nested, &["train", "--input", &corpus.display().to_string(), "--output", "../mine/2"]).succeeded();
    assert!(said.stdout.contains("written to ../mine/2 ("), "{}", said.stdout);
}
