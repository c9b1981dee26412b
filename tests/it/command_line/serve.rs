//! `slugline serve`: how the server starts, says so, and ends.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::process::*;

/// A server, and where it listens.
struct Server {
    running: Running,
    address: String,
}

impl Server {
    /// Starts `slugline serve` on a free port and waits until it says that it serves.
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Self::of(&mut command(directory, &arguments))
    }

    fn of(command: &mut Command) -> Self {
        let running = Running::start(command);
        let line = running.line();
        let address =
            line.strip_prefix("listening on ").and_then(|address| address.strip_suffix('\n'));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { running, address }
    }

    async fn connect(&self) -> Channel {
        let url = format!("http://{}", self.address);
        Endpoint::from_shared(url).expect("a URL").connect().await.expect("it listens")
    }

    fn wait_until_it_serves(&self) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let serves = async {
            let mut client = HealthClient::new(self.connect().await);
            let mut watch =
                client.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner();
            while let Some(news) = watch.message().await.expect("no error") {
                if news.status() == ServingStatus::Serving {
                    return;
                }
            }
            panic!("the server is gone");
        };
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, serves).await.expect("it serves soon")
        });
    }
}

#[test]
fn the_server_says_where_it_listens_and_answers_the_command() {
    let directory = with_example_model();
    let server = Server::start(directory.path(), &["--models", ".", "--default-model", "mine"]);
    assert!(
        server.address.starts_with("127.0.0.1:") && !server.address.ends_with(":0"),
        "{}",
        server.address
    );
    let arguments = ["classify", "--json", "--explain", &example("labelled.jsonl")];
    let here = slugline_in(directory.path(), &[&arguments[..], &["--model", "mine/1"]].concat())
        .succeeded()
        .stdout;
    for url in [server.address.clone(), format!("http://{}", server.address)] {
        let there = slugline_in(directory.path(), &[&arguments[..], &["--server", &url]].concat())
            .succeeded()
            .stdout;
        assert_eq!(there, here, "{url}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // Nobody can listen on port 0.
    slugline(&["classify", "--server", "127.0.0.1:0", &example("cyber-defence.txt")])
        .failed(1, "127.0.0.1:0");
}

#[cfg(unix)]
#[test]
fn a_hangup_changes_nothing() {
    let directory = with_example_model();
    let server = Server::start(directory.path(), &["--models", ".", "--default-model", "mine"]);
    server.running.send("-HUP");
    server.wait_until_it_serves();
    server.running.send("-TERM");
    let ended = server.running.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("SIGHUP is ignored"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn more_connections_than_descriptors_leave_health_alone() {
    let directory = with_example_model();
    let program = env!("CARGO_BIN_EXE_slugline");
    let script = format!(
        "ulimit -n 100 && exec {program} serve --listen 127.0.0.1:0 --models . --default-model mine"
    );
    let mut shell = Command::new("sh");
    let server = Server::of(
        shell.args(["-c", &script]).current_dir(directory.path()).stdout(Stdio::piped()),
    );
    let url = server.address.clone();
    let crowd: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&url).expect("it listens")).collect();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let healthy = async {
        loop {
            let endpoint = Endpoint::from_shared(format!("http://{url}")).expect("a URL");
            let Ok(channel) = endpoint.connect().await else { continue };
            if HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok() {
                return;
            }
        }
    };
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, healthy).await.expect("health answers") });
    drop(crowd);
    server.running.send("-TERM");
    let ended = server.running.wait();
    let said = ended.stderr.matches("connection limit reached").count();
    assert_eq!((ended.status.code(), said), (Some(0), 1), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn the_server_ends_well_when_told_to() {
    let directory = with_example_model();
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(
            directory.path(),
            &["--models", ".", "--default-model", "mine", "--drain-seconds", "20"],
        );
        // Somebody is connected and asks nothing: there is nothing to wait for.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
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
    let server = Server::start(
        directory.path(),
        &["--models", ".", "--default-model", "mine", "--drain-seconds", "1"],
    );
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
    let answer = slugline(&[
        "classify",
        "--json",
        "--server",
        &server.address,
        &example("cyber-defence.txt"),
    ]);
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
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--models", ".", "--default-model", "yours"];
    let outcome = slugline_in(directory.path(), &arguments);
    assert_eq!((outcome.status.code(), outcome.stdout.as_str()), (Some(1), ""));
    for words in ["\"yours\"", "mine/1", "news/2"] {
        assert!(outcome.stderr.contains(words), "{words} is not in: {}", outcome.stderr);
    }
}

#[test]
fn a_default_model_without_a_version_is_named_with_what_is_expected() {
    let directory = with_example_model();
    let refuse = |model: &str| {
        let arguments =
            ["serve", "--listen", "127.0.0.1:0", "--models", "models", "--default-model", model];
        slugline_in(directory.path(), &arguments).failed(
            1,
            &format!(
                "default model {model:?} not found: models/yours has no version; expected \
                 models/yours/1/manifest.json"
            ),
        );
    };
    fs::create_dir_all(directory.path().join("models/yours")).expect("a directory");
    refuse("yours");
    // A number alone is not a version: its files are missing.
    fs::create_dir(directory.path().join("models/yours/1")).expect("a directory");
    refuse("yours");
    refuse("yours/1");
}

#[cfg(unix)]
#[test]
fn the_model_in_the_binary_answers_where_there_is_no_other() {
    let empty = tempfile::tempdir().expect("a temporary directory");
    let here = slugline_in(empty.path(), &["classify", "--json", &example("cyber-defence.txt")])
        .succeeded()
        .json();
    assert_eq!(here["model"], "news/2");
    let server = Server::start(empty.path(), &[]);
    let arguments =
        ["classify", "--json", "--server", &server.address, &example("cyber-defence.txt")];
    assert_eq!(slugline_in(empty.path(), &arguments).succeeded().json(), here);
    server.running.send("-TERM");
    server.running.wait().succeeded();
    assert_eq!(
        fs::read_dir(empty.path()).expect("a directory").count(),
        0,
        "something was left behind"
    );
}

#[cfg(unix)]
#[test]
fn the_log_is_json_where_asked_for_and_never_has_the_article() {
    let directory = with_example_model();
    let arguments =
        ["--models", ".", "--default-model", "mine", "--log", "trace", "--log-format", "json"];
    let server = Server::start(directory.path(), &arguments);
    // Of no other word in the log, and not of the kind that is compressed on the wire.
    let secret = "zyxwvutsrq";
    let file = directory.path().join("secret.txt");
    fs::write(&file, format!("Goal {secret} match\n")).expect("a file");
    slugline_in(directory.path(), &["classify", "--server", &server.address, "secret.txt"])
        .succeeded();
    server.running.send("-TERM");
    let log = server.running.wait().stderr;
    let mut targets = BTreeSet::new();
    for line in log.lines() {
        let entry: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        targets.insert(entry["target"].as_str().expect("where it comes from").to_owned());
        assert!(!line.contains(secret), "{line}");
    }
    assert!(targets.iter().any(|target| target.starts_with("slugline")), "{targets:?}");
}

#[test]
fn a_second_server_on_an_archive_that_is_yet_to_be_made_does_not_say_that_it_listens() {
    let directory = with_example_model();
    let first = Server::start(directory.path(), &[]);
    // It serves once it says so.
    slugline(&["articles", "list", "--json", "--server", &first.address]).succeeded();
    slugline_in(directory.path(), &["serve", "--listen", "127.0.0.1:0"])
        .failed(1, "in use by another process");
}

#[cfg(unix)]
#[test]
fn a_model_that_does_not_load_is_in_the_log() {
    let directory = with_example_model();
    fs::write(directory.path().join("mine/1/manifest.json"), "{}").expect("a file");
    let server = Server::start(directory.path(), &["--models", "."]);
    server.running.send("-TERM");
    let log = server.running.wait().stderr;
    let line = log.lines().find(|line| line.contains("cannot load a model")).expect("a line on it");
    assert!(line.contains("WARN") && line.contains("mine/1"), "{line}");
}

#[cfg(unix)]
#[test]
fn an_archive_that_is_removed_while_it_is_served_takes_no_writes_and_says_so() {
    let directory = with_example_model();
    let server = Server::start(directory.path(), &[]);
    let put = || {
        let arguments = [
            "articles",
            "put",
            "--id",
            "a",
            "--server",
            &server.address,
            &example("cyber-defence.txt"),
        ];
        slugline(&arguments)
    };
    put().succeeded();
    fs::remove_dir_all(directory.path().join("archive")).expect("it is there");
    put().failed(1, "FailedPrecondition: the archive is read-only: archive was removed or moved");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let status = runtime.block_on(async {
        let request = HealthCheckRequest { service: "slugline.v1.ArticleService".to_owned() };
        HealthClient::new(server.connect().await)
            .check(request)
            .await
            .expect("a status")
            .into_inner()
            .status()
    });
    assert_eq!(status, ServingStatus::NotServing);
    server.running.send("-TERM");
    let log = server.running.wait().stderr;
    assert!(
        log.lines().any(|line| line.contains("ERROR") && line.contains("accepts no more writes")),
        "{log}"
    );
}

/// A server that is not ready yet: its model's weights come through a pipe, and nobody has written
/// them.
#[cfg(target_os = "linux")]
#[test]
fn a_command_that_comes_early_waits_and_says_so() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::Write as _;

    let directory = with_example_model();
    let pipe = directory.path().join("mine/1").join(slugline::model::artifact::WEIGHTS_FILE);
    let weights = fs::read(&pipe).expect("weights");
    fs::remove_file(&pipe).expect("a file");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--models", ".", "--default-model", "mine"];
    let server = Running::start(&mut command(directory.path(), &arguments));
    let line = server.error_line("taking connections");
    let address = line.split("address=").nth(1).expect("an address").trim();
    let commands = [
        vec!["classify", "--json", "--server", address, "draft.txt"],
        vec!["articles", "import", "--server", address, "--input", "articles.jsonl"],
    ];
    fs::copy(example("cyber-defence.txt"), directory.path().join("draft.txt")).expect("a copy");
    fs::copy(example("articles.jsonl"), directory.path().join("articles.jsonl")).expect("a copy");
    let early =
        commands.map(|arguments| Running::start(&mut command(directory.path(), &arguments)));
    for command in &early {
        assert_eq!(
            command.error_line("waiting"),
            format!("waiting for {address}: no model is loaded yet\n")
        );
    }
    fs::OpenOptions::new()
        .write(true)
        .open(&pipe)
        .expect("a pipe")
        .write_all(&weights)
        .expect("somebody reads");
    assert_eq!(server.line(), format!("listening on {address}\n"));
    let [classified, imported] = early.map(|command| command.wait().succeeded());
    assert_eq!(classified.json()["model"], "mine/1");
    assert!(imported.stdout.starts_with("56 articles stored"), "{}", imported.stdout);
}
