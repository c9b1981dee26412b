//! Which server a command asks, and where one listens.

use std::path::Path;

use tempfile::TempDir;

use super::process::*;

/// A server that is ready, in a directory of its own, and its URL.
fn server(arguments: &[&str]) -> (TempDir, Running, String) {
    let directory = with_example_model();
    let (running, url) = server_of(directory.path(), arguments, "127.0.0.1:0");
    (directory, running, url)
}

fn server_of(directory: &Path, arguments: &[&str], listen: &str) -> (Running, String) {
    let running = Running::start(&mut command(
        directory,
        &[&["serve", "--listen", listen], arguments].concat(),
    ));
    let address =
        running.line().trim().strip_prefix("listening on ").expect("it listens").to_owned();
    (running, format!("http://{address}"))
}

/// Every command that asks a server.
const ASKING: [&[&str]; 7] = [
    &["classify", "no-such-file.txt"],
    &["similar", "--id", "a"],
    &["articles", "import", "--input", "no-such-file.jsonl"],
    &["articles", "put", "--id", "a", "no-such-file.txt"],
    &["articles", "get", "a"],
    &["articles", "list"],
    &["articles", "delete", "a"],
];

#[test]
fn no_command_takes_a_url_of_encryption_for_one_of_clear_text() {
    for arguments in ASKING {
        for url in [
            "https://127.0.0.1:1",
            "HTTPS://127.0.0.1:1",
            "grpcs://127.0.0.1:1",
            "unix:///run/slugline",
        ] {
            let scheme = url.split("://").next().expect("a scheme");
            slugline(&[arguments, &["--server", url]].concat())
                .failed(2, &format!("{scheme}:// is not supported"));
        }
    }
}

#[test]
fn the_server_of_the_environment_is_held_to_the_same_rules_and_may_be_empty() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in &ASKING[1..] {
        let of = |url: &str| {
            Running::start(command(directory.path(), arguments).env("SLUGLINE_SERVER", url)).wait()
        };
        of("https://127.0.0.1:1").failed(2, "https:// is not supported");
    }
    // Where nothing is set, the default is asked, whether or not anybody is there.
    let empty =
        Running::start(command(directory.path(), &["articles", "list"]).env("SLUGLINE_SERVER", ""))
            .wait();
    assert_ne!(empty.status.code(), Some(2), "{}", empty.stderr);
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let directory = with_example_model();
    let mut serve = command(directory.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let names = ["MODELS", "ARCHIVE", "DEFAULT_MODEL", "DRAIN_SECONDS", "LOG", "LOG_FORMAT"];
    for name in names {
        serve.env(format!("SLUGLINE_{name}"), "");
    }
    let running = Running::start(&mut serve);
    assert!(running.line().starts_with("listening on 127.0.0.1:"));
    let help =
        Running::start(command(directory.path(), &["serve", "--help"]).env("SLUGLINE_LISTEN", ""))
            .wait()
            .succeeded();
    assert!(help.stdout.contains("default: 127.0.0.1:50051"), "{}", help.stdout);
    slugline(&["serve", "--listen", ""]).failed(2, "--listen");
    slugline(&["articles", "list", "--server", ""]).failed(2, "no server is named");
}

#[test]
fn classify_names_the_model_that_a_server_is_to_use() {
    let (directory, _running, url) = server(&["--models", "."]);
    let classify = |more: &[&str]| {
        let arguments = ["classify", "--json", "--server", &url, &example("cyber-defence.txt")];
        slugline_in(directory.path(), &[&arguments[..], more].concat())
    };
    assert_eq!(classify(&[]).succeeded().json()["model"], "news/2");
    for (name, model) in [("mine", "mine/1"), ("mine/1", "mine/1"), ("news", "news/2")] {
        assert_eq!(classify(&["--model", name]).succeeded().json()["model"], model);
    }
    classify(&["--model", "mine/7"]).failed(1, "model \"mine/7\" not found");
    classify(&["--model", "no such name"]).failed(1, "InvalidArgument");
}

#[test]
fn the_model_in_the_binary_goes_by_its_name_where_there_is_no_directory_of_it() {
    let directory = with_example_model();
    let show = |name: &str| slugline_in(directory.path(), &["model", "show", name]);
    for name in ["news", "news/2"] {
        assert!(show(name).succeeded().stdout.starts_with("model              news/2\n"));
    }
    show("news/1").failed(1, "news/1");
    let text = example("cyber-defence.txt");
    let answer = slugline_in(directory.path(), &["classify", "--json", "--model", "news", &text])
        .succeeded()
        .json();
    assert_eq!(answer["model"], "news/2");
    // A directory comes first, whatever is in it.
    std::fs::rename(directory.path().join("mine"), directory.path().join("news"))
        .expect("a directory");
    assert!(show("news/1").succeeded().stdout.starts_with("model              mine/1\n"));
    show("news").failed(1, "cannot load the model in news");
}

#[test]
fn a_directory_that_is_not_a_version_is_refused_with_what_to_name() {
    let directory = with_example_model();
    let show = |name: &str| slugline_in(directory.path(), &["model", "show", name]);
    show("mine").failed(1, "name a version, such as mine/1\n");
    show(".").failed(1, "expected the directory of a version, such as models/mine/1\n");
    std::fs::create_dir_all(directory.path().join("yours/1")).expect("a directory");
    show("yours/1").failed(1, "yours/1/manifest.json: ");
}

#[test]
fn a_refused_connection_has_each_cause_once() {
    for arguments in [&ASKING[1], &ASKING[4], &ASKING[5]] {
        // Nobody can listen on port 0.
        let ended = slugline(&[arguments, &["--server", "127.0.0.1:0"][..]].concat());
        let expected = "error: cannot connect to 127.0.0.1:0: tcp connect error: ";
        assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
        let count = ended.stderr.matches("tcp connect error").count();
        assert_eq!(count, 1, "{}", ended.stderr);
        ended.failed(1, "127.0.0.1:0");
    }
}

#[test]
fn nothing_found_is_said_and_json_stays_empty() {
    let (directory, _running, url) = server(&[]);
    let ask = |arguments: &[&str]| {
        let ended =
            slugline_in(directory.path(), &[arguments, &["--server", &url]].concat()).succeeded();
        assert_eq!(ended.stdout, "");
        ended.stderr
    };
    let text = example("cyber-defence.txt");
    assert_eq!(ask(&["similar", &text]), "no similar articles found\n");
    assert_eq!(ask(&["similar", "--json", &text]), "");
    assert_eq!(ask(&["articles", "list"]), "no articles found\n");
    assert_eq!(ask(&["articles", "list", "--json"]), "");
    std::fs::write(directory.path().join("empty.jsonl"), "").expect("a file");
    assert_eq!(ask(&["classify", "empty.jsonl"]), "empty.jsonl: no articles in it\n");
}

#[test]
fn a_server_listens_on_a_host_by_its_name() {
    let directory = with_example_model();
    let (_running, url) = server_of(directory.path(), &[], "localhost:0");
    assert!(url.starts_with("http://127.0.0.1:") || url.starts_with("http://[::1]:"), "{url}");
    slugline(&["articles", "list", "--json", "--server", &url]).succeeded();
}

#[test]
fn an_address_that_is_none_is_refused_in_words() {
    for (address, words) in [
        ("50051", "HOST:PORT"),
        (":50051", "no host"),
        ("127.0.0.1:99999", "65535"),
        ("http://127.0.0.1:1", "URL"),
        ("::1:50051", "brackets"),
    ] {
        slugline(&["serve", "--listen", address]).failed(2, words);
    }
}
