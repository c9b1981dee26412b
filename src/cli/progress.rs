//! Shows progress on a corpus: a bar on a terminal, at most one line per phase elsewhere.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{counted, thousands};
use crate::corpus::{Input, Phase, Progress};

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);
/// Without a terminal, work shorter than this is silent.
const SILENT: Duration = Duration::from_secs(5);

// The end of a message that is wider than the terminal is cut off.
const SIZED: &str = "{bar:16} {percent:>3} %  {wide_msg}";
const STEPS: &str = "{bar:16} {pos}/{len}  {wide_msg}";
const UNSIZED: &str = "{spinner} {wide_msg}";

/// Runs `work`, and shows its progress on standard error.
pub(super) fn watch<T>(inputs: &[Input], work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    // None if the size of an input is unknown: standard input, a pipe.
    let total: Option<u64> = inputs.iter().map(Input::size_bytes).sum();
    let (done, waiting) = mpsc::channel::<()>();
    let watched = progress.clone();
    let watcher = thread::spawn(move || {
        if io::stderr().is_terminal() {
            draw(&watched, total, &waiting)
        } else {
            write(&watched, total, &waiting)
        }
    });
    let result = work(&progress);
    drop(done);
    // Failing to show progress is not an error.
    let _ = watcher.join();
    result
}

fn goes_on(done: &mpsc::Receiver<()>) -> bool {
    done.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout)
}

/// Draws a bar on a terminal.
fn draw(progress: &Progress, total: Option<u64>, done: &mpsc::Receiver<()>) {
    let bar = ProgressBar::no_length();
    let mut drawn = None;
    let mut began = Instant::now();
    while goes_on(done) {
        let phase = progress.phase();
        if drawn != Some(phase.name) {
            drawn = Some(phase.name);
            began = Instant::now();
            bar.reset();
            bar.set_style(style(template(phase, total)));
        }
        let elapsed = began.elapsed();
        match (phase, total) {
            (Phase { step: Some((step, count)), .. }, _) => {
                bar.set_length(count as u64);
                bar.set_position(step as u64 - 1);
            }
            (Phase::READING, Some(total)) => {
                bar.set_length(total);
                bar.set_position(progress.bytes());
            }
            _ => bar.tick(),
        }
        bar.set_message(message(phase, progress, total, elapsed));
    }
    bar.finish_and_clear();
}

fn template(phase: Phase, total: Option<u64>) -> &'static str {
    match (phase, total) {
        (Phase { step: Some(_), .. }, _) => STEPS,
        (Phase::READING, Some(_)) => SIZED,
        _ => UNSIZED,
    }
}

/// The text after the bar, with what matters most first: the end may be cut off.
fn message(phase: Phase, progress: &Progress, total: Option<u64>, elapsed: Duration) -> String {
    if phase != Phase::READING {
        return format!("{}, {} s", phase.name, elapsed.as_secs());
    }
    let documents = progress.documents();
    let rate = documents as f64 / elapsed.as_secs_f64().max(1e-3);
    let left = total.and_then(|total| seconds_left(progress.bytes(), total, elapsed));
    let left = left.map_or(String::new(), |seconds| format!(", {seconds} s left"));
    format!(
        "{}{left}, {}, {} per second",
        phase.name,
        counted(documents, "document"),
        thousands(rate as u64)
    )
}

/// None before anything was read, and at the end.
fn seconds_left(bytes: u64, total: u64, elapsed: Duration) -> Option<u64> {
    let share = bytes as f64 / total as f64;
    (bytes > 0 && bytes < total)
        .then(|| (elapsed.as_secs_f64() * (1.0 - share) / share).ceil() as u64)
}

/// Writes lines where there is no terminal.
fn write(progress: &Progress, total: Option<u64>, done: &mpsc::Receiver<()>) {
    let started = Instant::now();
    let mut lines = Lines::default();
    while goes_on(done) {
        if let Some(line) = lines.next(progress, total, started.elapsed()) {
            eprintln!("{line}");
        }
    }
}

/// The lines of a command that runs without a terminal.
#[derive(Debug, Default)]
struct Lines {
    said: BTreeSet<&'static str>,
}

impl Lines {
    /// A line, if there is a new phase to report.
    fn next(
        &mut self,
        progress: &Progress,
        total: Option<u64>,
        elapsed: Duration,
    ) -> Option<String> {
        let phase = progress.phase();
        if elapsed < SILENT || !self.said.insert(phase.name) {
            return None;
        }
        if phase != Phase::READING {
            return Some(format!("progress: {}", phase.name));
        }
        let documents = counted(progress.documents(), "document");
        let share = total.filter(|total| *total > 0).map(|total| 100 * progress.bytes() / total);
        let share = share.map_or(String::new(), |percent| format!(", {percent} %"));
        Some(format!("progress: {}, {documents} so far{share}", phase.name))
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_reported_once_and_not_too_early() {
        let progress = Progress::default();
        let mut lines = Lines::default();
        let mut next = |seconds| lines.next(&progress, Some(100), Duration::from_secs(seconds));
        assert_eq!(next(1), None);
        assert_eq!(next(5).as_deref(), Some("progress: reading, 0 documents so far, 0 %"));
        assert_eq!(next(6), None);
        progress.enter("counting terms");
        assert_eq!(next(7).as_deref(), Some("progress: counting terms"));
        for step in 1..=3 {
            progress.step("cross-validating links", step, 3);
            assert_eq!(next(8).is_some(), step == 1);
        }
        // It comes again with the next selection of terms.
        progress.enter("counting terms");
        assert_eq!(next(9), None);
    }

    #[test]
    fn the_remaining_time_is_shown_only_once_it_can_be_estimated() {
        let left = |bytes, total| seconds_left(bytes, total, Duration::from_secs(10));
        assert_eq!(
            [left(0, 100), left(25, 100), left(99, 100), left(100, 100), left(0, 0)],
            [None, Some(30), Some(1), None, None]
        );
    }

    #[test]
    fn every_template_is_valid() {
        for template in [SIZED, STEPS, UNSIZED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
