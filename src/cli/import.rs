//! `slugline articles import`: many articles from files into the archive of a server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::article_json::to_import;
use super::articles::Server;
use super::inputs::{InputArguments, OnErrorArgument};
use super::output::{counted, print, printable, thousands};
use super::progress;
use super::remote::Remote;
use crate::corpus::{Input, Options, for_each_document};
use crate::grpc::pb;
use crate::grpc::server::client::ArticleServiceClient;

/// A message of an import has about this many articles, or bytes of text.
const MESSAGE_ARTICLES: usize = 128;
const MESSAGE_BYTES: usize = 1 << 20;
/// So many messages may wait to be sent.
const MESSAGES_AHEAD: usize = 4;

pub(super) fn import(
    server: &Server,
    arguments: &InputArguments,
    create_only: bool,
) -> anyhow::Result<()> {
    let options = arguments.options()?;
    let inputs = arguments.inputs();
    let remote = Remote::connect(&server.server)?;
    remote.wait_until_ready()?;
    let (messages, receiver) = mpsc::channel(MESSAGES_AHEAD);
    let mut client = ArticleServiceClient::new(remote.channel());
    let places = Mutex::new(Places::default());
    // The call runs on the thread that waits for its answer; the files are read on another one.
    let (reading, answer) = std::thread::scope(|scope| {
        let send = move |articles| {
            messages
                .blocking_send(pb::ImportArticlesRequest { articles, create_only })
                .map_err(|_| Hangup)
        };
        let reader = scope.spawn(|| read(&inputs, &options, &places, send));
        let answer = remote.ask_once(client.import_articles(ReceiverStream::new(receiver)));
        (reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), answer)
    });
    let places = places.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Ok(answer) = &answer {
        report_rejections(answer, &places, &inputs);
    }
    // What is wrong with a file says more than that its stream was cut short.
    let skipped = match (reading, &answer) {
        (Err(error), Ok(answer)) => {
            let stored = counted(count(answer.accepted_count), "article");
            return Err(error.context(format!("the import ended early, with {stored} stored")));
        }
        (Err(error), Err(_)) if !error.is::<Hangup>() => return Err(error),
        (Err(_), Err(_)) => 0,
        (Ok(skipped), _) => skipped,
    };
    let answer = answer.context(
        "the import was cut off: what was sent first may be stored, and to run it again is safe",
    )?;
    let (accepted, replaced) = (count(answer.accepted_count), count(answer.replaced_count));
    let rejected = count(answer.rejected_count) + skipped;
    print(|out| {
        writeln!(
            out,
            "{} stored, {} of them in place of others; {} rejected",
            counted(accepted, "article"),
            thousands(replaced),
            thousands(rejected)
        )
    })?;
    if rejected > 0 && matches!(arguments.on_error, OnErrorArgument::Fail) {
        bail!("{} rejected", counted(rejected, "article"));
    }
    Ok(())
}

/// Says which articles the server did not take: by their places in the files, where those are
/// known.
fn report_rejections(answer: &pb::ImportArticlesResponse, places: &Places, inputs: &[Input]) {
    for rejection in &answer.rejections {
        let message = rejection.error.as_ref().map_or("", |error| error.message.as_str());
        // The server counts what was sent to it: that is nothing that one could look up.
        let path = format!("articles[{}]", rejection.index);
        let reason = message
            .strip_prefix(&path)
            .map_or(message, |rest| rest.trim_start_matches(['.', ':', ' ']));
        let place = usize::try_from(rejection.index).ok().and_then(|index| places.find(index));
        let place =
            place.map(|(input, line)| format!("{}:{line}: ", inputs[input])).unwrap_or_default();
        eprintln!(
            "rejected: {}{}: {}",
            printable(&place),
            printable(&rejection.id),
            printable(reason)
        );
    }
}

/// Where the articles stand that were sent, by their number.
#[derive(Default)]
struct Places {
    /// From where on articles stand in lines that follow each other: the number, the input and the
    /// line of the first.
    runs: Vec<(usize, usize, u64)>,
    count: usize,
}

impl Places {
    fn add(&mut self, input: usize, line: u64) {
        let is_next = |(first, of, start): &(usize, usize, u64)| {
            *of == input && *start + (self.count - first) as u64 == line
        };
        if !self.runs.last().is_some_and(is_next) {
            self.runs.push((self.count, input, line));
        }
        self.count += 1;
    }

    fn find(&self, number: usize) -> Option<(usize, u64)> {
        let run = self.runs.partition_point(|(first, ..)| *first <= number).checked_sub(1)?;
        let (first, input, line) = self.runs[run];
        (number < self.count).then(|| (input, line + (number - first) as u64))
    }
}

/// The server takes no more.
#[derive(Debug, thiserror::Error)]
#[error("the server ended the import")]
struct Hangup;

/// Reads the articles and sends them off with `send_off`; returns how many lines were left out.
fn read(
    inputs: &[Input],
    options: &Options,
    places: &Mutex<Places>,
    send_off: impl Fn(Vec<pb::ArchivedArticle>) -> Result<(), Hangup> + Sync,
) -> anyhow::Result<u64> {
    let pending = Mutex::new((Vec::new(), 0));
    let is_cut_off = AtomicBool::new(false);
    let warned = Mutex::new(BTreeSet::new());
    let send = |articles: Vec<pb::ArchivedArticle>| {
        send_off(articles).map_err(|hangup| {
            is_cut_off.store(true, Ordering::Relaxed);
            hangup.to_string()
        })
    };
    let outcome = progress::watch(inputs, |progress| {
        for_each_document(
            inputs,
            options,
            progress,
            || (),
            |(), _, document| {
                if is_cut_off.load(Ordering::Relaxed) {
                    return Err(Hangup.to_string());
                }
                let article = to_import(&document, |what, warning| {
                    let mut warned = warned.lock().unwrap_or_else(PoisonError::into_inner);
                    if warned.insert((document.input, what)) {
                        let place = format!("{}:{}", inputs[document.input], document.line);
                        eprintln!("warning: {}", printable(&format!("{place}: {warning}")));
                    }
                })?;
                places
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(document.input, document.line);
                let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
                pending.1 += document.text().size_bytes();
                pending.0.push(article);
                if pending.0.len() >= MESSAGE_ARTICLES || pending.1 >= MESSAGE_BYTES {
                    pending.1 = 0;
                    return send(std::mem::take(&mut pending.0));
                }
                Ok(())
            },
        )
    });
    if is_cut_off.load(Ordering::Relaxed) {
        return Err(Hangup.into());
    }
    // What was read before a bad line is sent all the same.
    let (rest, _) = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !rest.is_empty() && send(rest).is_err() {
        return Err(Hangup.into());
    }
    let (_, summary) = outcome?;
    for line in &summary.skipped_examples {
        eprintln!("left out: {}", printable(&line.to_string()));
    }
    Ok(summary.skipped)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_found_by_its_number() {
        let mut places = Places::default();
        for (input, line) in [(0, 1), (0, 2), (0, 4), (1, 5), (1, 6)] {
            places.add(input, line);
        }
        let found: Vec<_> = (0..6).map(|number| places.find(number)).collect();
        assert_eq!(
            found,
            [Some((0, 1)), Some((0, 2)), Some((0, 4)), Some((1, 5)), Some((1, 6)), None]
        );
        assert_eq!(places.runs.len(), 3);
    }
}
