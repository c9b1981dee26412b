//! Shows how far a corpus has been read: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{counted, thousands};
use crate::corpus::{Input, Progress};

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Runs `work`, and shows on standard error how far it is until it ends.
pub(super) fn watch<T>(inputs: &[Input], work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    // None where the size of an input is not known: standard input, a pipe.
    let total: Option<u64> = inputs.iter().map(Input::size_bytes).sum();
    let (done, waiting) = mpsc::channel::<()>();
    let watched = progress.clone();
    let watcher = thread::spawn(move || show(&watched, total, &waiting));
    let result = work(&progress);
    drop(done);
    // A watcher that failed has nothing to tell.
    let _ = watcher.join();
    result
}

fn show(progress: &Progress, total: Option<u64>, done: &mpsc::Receiver<()>) {
    let started = Instant::now();
    let bar = io::stderr().is_terminal().then(|| match total {
        Some(total) => ProgressBar::new(total).with_style(style("{bar:32} {percent:>3} %  {msg}, {eta} left")),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes} read  {msg}")),
    });
    let mut next_line = LINE_EVERY;
    while done.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        let elapsed = started.elapsed();
        let rate = progress.documents() as f64 / elapsed.as_secs_f64();
        // The last blocks may still be in the workers' hands: but the rest of the work has begun, or is about to.
        let read_all = total == Some(progress.bytes());
        let documents = if read_all {
            format!("{}, working on them", counted(progress.documents(), "document"))
        } else {
            format!("{}, {} a second", counted(progress.documents(), "document"), thousands(rate as u64))
        };
        if let Some(bar) = &bar {
            bar.set_position(progress.bytes());
            bar.set_message(documents);
        } else if elapsed >= next_line {
            next_line = elapsed + LINE_EVERY;
            match total {
                Some(total) if total > 0 => eprintln!("{} %: {documents}", 100 * progress.bytes() / total),
                _ => eprintln!("{documents}"),
            }
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
