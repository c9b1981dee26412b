//! `slugline articles import`: articles from files into the archive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::places::Places;
use crate::cli::inputs::{InputArguments, OnErrorArgument};
use crate::cli::output::{counted, print, printable, thousands};
use crate::cli::progress;
use crate::cli::remote::{Ending, Remote, ServerArguments, Waited};
use crate::cli::skipped::report_skipped;
use crate::cli::upload::to_import;
use crate::corpus::{Document, Input, Options, for_each_document};
use crate::grpc::client::ArticleServiceClient;
use crate::grpc::pb;

/// A message is sent once it has this many articles, or bytes of text.
const MESSAGE_ARTICLES: usize = 128;
const MESSAGE_BYTES: usize = 1 << 20;
/// Messages that may wait to be sent.
const MESSAGES_AHEAD: usize = 4;
/// How long a failed import waits for its reader, whose error may say more.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    input: InputArguments,
    /// Reject articles whose id exists already, instead of replacing the stored ones
    #[arg(long)]
    create_only: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (messages, receiver) = mpsc::channel(MESSAGES_AHEAD);
    let reading = Arc::new(Reading {
        inputs: arguments.input.inputs(),
        options: arguments.input.options()?,
        create_only: arguments.create_only,
        messages: Mutex::new(Some(messages)),
        state: Mutex::default(),
        is_cut_off: AtomicBool::new(false),
    });
    let remote = Remote::connect(&arguments.server.server)?;
    remote.wait_until_ready()?;
    let mut client = ArticleServiceClient::new(remote.channel());
    // The call runs on this thread, and the files are read on another one, which is not waited for
    // after an interrupt: it may be blocked on standard input.
    let (outcome, read) = oneshot::channel();
    thread::spawn({
        let reading = Arc::clone(&reading);
        // Nobody may be waiting for it any more.
        move || drop(outcome.send(reading.run()))
    });
    let call = client.import_articles(ReceiverStream::new(receiver));
    let answer = match remote.ask_interruptibly(call, || reading.stop()) {
        Ending::Done(answer) => answer,
        Ending::Interrupted(answer) => return interrupted(answer, &reading),
    };
    // After a failed call the reader may wait for input that never comes.
    let patience = if answer.is_ok() { Duration::MAX } else { PATIENCE };
    let read = match remote.wait(read, patience) {
        Waited::Done(read) => read.context("the thread that reads the input panicked")?,
        Waited::TooLong => Err(Hangup.into()),
        Waited::Interrupted => bail!("interrupted; it is safe to run the import again"),
    };
    if let Ok(answer) = &answer {
        reading.report_rejections(answer);
    }
    // What is wrong with a file says more than that its stream was cut short.
    let skipped = match (read, &answer) {
        (Err(error), Ok(answer)) => {
            let stored = counted(count(answer.accepted_count), "article");
            return Err(error.context(format!("the import ended early, with {stored} stored")));
        }
        (Err(error), Err(_)) if !error.is::<Hangup>() => return Err(error),
        (Err(_), Err(_)) => 0,
        (Ok(skipped), _) => skipped,
    };
    let answer = answer.context(
        "the import was cut off: articles sent so far may be stored; it is safe to run it again",
    )?;
    report(&answer, skipped, arguments.input.on_error)
}

/// Says what is stored, and that the import did not get to its end.
fn interrupted(
    answer: anyhow::Result<pb::ImportArticlesResponse>,
    reading: &Reading,
) -> anyhow::Result<()> {
    let answer = answer.context(
        "interrupted: articles sent so far may be stored; it is safe to run the import again",
    )?;
    reading.report_rejections(&answer);
    let stored = counted(count(answer.accepted_count), "article");
    bail!("interrupted with {stored} stored; it is safe to run the import again")
}

fn report(
    answer: &pb::ImportArticlesResponse,
    skipped: u64,
    on_error: OnErrorArgument,
) -> anyhow::Result<()> {
    let (accepted, replaced) = (count(answer.accepted_count), count(answer.replaced_count));
    let rejected = count(answer.rejected_count) + skipped;
    print(|out| {
        writeln!(
            out,
            "{} stored, {} of them replacing others; {} rejected",
            counted(accepted, "article"),
            thousands(replaced),
            thousands(rejected)
        )
    })?;
    if rejected > 0 && matches!(on_error, OnErrorArgument::Fail) {
        bail!("{} rejected", counted(rejected, "article"));
    }
    Ok(())
}

/// The server ended the import, or the user did.
#[derive(Debug, thiserror::Error)]
#[error("the import was ended")]
struct Hangup;

/// Reads articles, and sends them off in messages.
struct Reading {
    inputs: Vec<Input>,
    options: Options,
    create_only: bool,
    /// None once the stream has ended.
    messages: Mutex<Option<mpsc::Sender<pb::ImportArticlesRequest>>>,
    state: Mutex<State>,
    is_cut_off: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Articles not yet sent.
    pending: Vec<pb::ArchivedArticle>,
    pending_bytes: usize,
    places: Places,
    /// Inputs, and what they were warned of: one warning of a kind is enough.
    warned: BTreeSet<(usize, &'static str)>,
}

impl State {
    fn is_due(&self) -> bool {
        self.pending.len() >= MESSAGE_ARTICLES || self.pending_bytes >= MESSAGE_BYTES
    }

    fn take_pending(&mut self) -> Vec<pb::ArchivedArticle> {
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending)
    }
}

impl Reading {
    /// Reads all inputs, and ends the stream; returns how many lines were skipped.
    fn run(&self) -> anyhow::Result<u64> {
        let outcome = progress::watch(&self.inputs, |progress| {
            let new_worker = || ();
            for_each_document(
                &self.inputs,
                &self.options,
                progress,
                new_worker,
                |(), _, document| self.take(&document),
            )
        });
        // Articles read before a bad line are sent all the same.
        let pending = lock(&self.state).take_pending();
        if !self.is_cut_off() && !pending.is_empty() {
            self.send(pending)?;
        }
        self.stop();
        if self.is_cut_off() {
            return Err(Hangup.into());
        }
        let (_, summary) = outcome?;
        report_skipped(&summary);
        Ok(summary.skipped)
    }

    fn take(&self, document: &Document<'_>) -> Result<(), String> {
        if self.is_cut_off() {
            return Err(Hangup.to_string());
        }
        let mut state = lock(&self.state);
        let article = to_import(document, |what, warning| {
            if state.warned.insert((document.input, what)) {
                let place = format!("{}:{}", self.inputs[document.input], document.location);
                eprintln!("warning: {}", printable(&format!("{place}: {warning}")));
            }
        })?;
        state.places.add(document.input, document.location);
        state.pending_bytes += document.text().size_bytes();
        state.pending.push(article);
        if !state.is_due() {
            return Ok(());
        }
        let articles = state.take_pending();
        drop(state);
        self.send(articles).map_err(|hangup| hangup.to_string())
    }

    fn send(&self, articles: Vec<pb::ArchivedArticle>) -> Result<(), Hangup> {
        let request = pb::ImportArticlesRequest { articles, create_only: self.create_only };
        let messages = lock(&self.messages).clone();
        let sent = messages.and_then(|messages| messages.blocking_send(request).ok());
        sent.ok_or_else(|| {
            self.is_cut_off.store(true, Ordering::Relaxed);
            Hangup
        })
    }

    /// Ends the stream, so that the server answers.
    fn stop(&self) {
        lock(&self.messages).take();
    }

    fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Relaxed)
    }

    /// Says which articles the server rejected, by their lines where these are known.
    fn report_rejections(&self, answer: &pb::ImportArticlesResponse) {
        let state = lock(&self.state);
        for rejection in &answer.rejections {
            let message = rejection.error.as_ref().map_or("", |error| error.message.as_str());
            // The server's count of what was sent to it is of no use to the reader.
            let path = format!("articles[{}]", rejection.index);
            let reason = message
                .strip_prefix(&path)
                .map_or(message, |reason| reason.trim_start_matches(['.', ':', ' ']));
            let index = usize::try_from(rejection.index).ok();
            let place = index
                .and_then(|index| state.places.find(index))
                .map(|(input, location)| format!("{}:{location}: ", self.inputs[input]))
                .unwrap_or_default();
            eprintln!(
                "rejected: {}{}: {}",
                printable(&place),
                printable(&rejection.id),
                printable(reason)
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
