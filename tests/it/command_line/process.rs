//! Runs the real binary, and leaves no process behind.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use slugline::model::Manifest;
use slugline::model::artifact::{DOCUMENTS_FILE, WEIGHTS_FILE};
use tempfile::TempDir;

/// What a process has to end or say something: far more than anything takes, so that only a hang
/// runs into it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours; it is killed if a test leaves it behind.
pub(super) struct Running {
    pub(super) child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// How a process ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = child.stdout.take().map_or_else(|| mpsc::channel().1, lines);
        let stderr = lines(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// The next line on standard output.
    pub(super) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// The next line on standard error that has these words; those before it are passed over.
    pub(super) fn error_line(&self, words: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).expect("a line on standard error");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Waits until the process ends; what it has said since comes with it.
    pub(super) fn wait(mut self) -> Ended {
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
    pub(super) fn send(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }
}

/// Reads lines on a thread of its own, which ends with them.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0)
            && sender.send(std::mem::take(&mut line)).is_ok()
        {}
    });
    receiver
}

impl Ended {
    #[track_caller]
    pub(super) fn succeeded(self) -> Self {
        assert_eq!(self.status.code(), Some(0), "{}", self.stderr);
        self
    }

    /// Says nothing on standard output, and what went wrong on standard error.
    #[track_caller]
    pub(super) fn failed(self, code: i32, words: &str) {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(
            self.stderr.contains("error: ") && self.stderr.contains(words),
            "{words:?} is not in: {}",
            self.stderr
        );
    }

    /// Standard error, but for warnings (the examples are few documents, and the commands say so)
    /// and for progress, which is spoken of where the machine is slow.
    pub(super) fn without_warnings(&self) -> String {
        let is_usual =
            |line: &&str| line.starts_with("warning: ") || line.starts_with("progress: ");
        self.stderr.split_inclusive('\n').filter(|line| !is_usual(line)).collect()
    }

    /// Standard output as one JSON object on one line.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).expect("JSON");
        assert!(value.is_object(), "{value}");
        value
    }
}

pub(super) fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slugline"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLUGLINE_"))
    {
        command.env_remove(name);
    }
    command
}

/// Runs the command in an empty directory.
pub(super) fn slugline(arguments: &[&str]) -> Ended {
    slugline_in(tempfile::tempdir().expect("a temporary directory").path(), arguments)
}

pub(super) fn slugline_in(directory: &Path, arguments: &[&str]) -> Ended {
    Running::start(&mut command(directory, arguments)).wait()
}

/// Runs the command in an empty directory, with this on its standard input.
pub(super) fn slugline_reading(input: &[u8], directory: &Path, arguments: &[&str]) -> Ended {
    let mut running = Running::start(command(directory, arguments).stdin(Stdio::piped()));
    running.child.stdin.take().expect("a pipe").write_all(input).expect("it reads all of it");
    running.wait()
}

pub(super) fn example(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file).display().to_string()
}

/// How many documents, and how many topics, `examples/labelled.jsonl` has.
pub(super) const EXAMPLE_DOCUMENTS: usize = 60;
pub(super) const EXAMPLE_TOPICS: usize = 5;

/// Trained by the command, once; its files.
pub(super) static EXAMPLE_MODEL: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    slugline_in(
        directory.path(),
        &["train", "--input", &example("labelled.jsonl"), "--output", "mine/1"],
    )
    .succeeded();
    [Manifest::FILE, WEIGHTS_FILE, DOCUMENTS_FILE]
        .map(|file| {
            (
                file,
                fs::read(directory.path().join("mine/1").join(file))
                    .expect("a file of the artefact"),
            )
        })
        .to_vec()
});

/// A directory with the example model in `mine/1`.
pub(super) fn with_example_model() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let model = directory.path().join("mine/1");
    fs::create_dir_all(&model).expect("a directory");
    for (file, bytes) in EXAMPLE_MODEL.iter() {
        fs::write(model.join(file), bytes).expect("a file");
    }
    directory
}

pub(super) fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("{field} is no number in {value}"))
}
