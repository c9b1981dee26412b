//! Hands the documents of a corpus to workers in parallel, and accounts for every bad line.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::block::Block;
use super::queue::BlockQueue;
use super::{BadLine, CorpusError, Document, End, Input, OnError, Options, Ordinal, Progress};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Documents that the workers accepted.
    pub documents: u64,
    /// Lines skipped.
    pub skipped: u64,
    /// The first of the skipped lines, at most [`Summary::MAX_EXAMPLES`], in order.
    pub skipped_examples: Vec<BadLine>,
    /// Where the inputs end. The fingerprint of one input is the SHA-256 of its decompressed bytes,
    /// the same for a file and its compressed form (for CSV, the SHA-256 of that SHA-256). From the
    /// second input on it is the SHA-256 of the fingerprint so far and that of the next input.
    pub end: End,
}

impl Summary {
    /// The most skipped lines kept as examples.
    pub const MAX_EXAMPLES: usize = 10;
}

/// Calls `work` with each document on one of `options.threads` workers, each with a state of its
/// own, and returns the states. `work` may reject a document with a reason, which makes its line a
/// bad one.
///
/// # Errors
/// [`CorpusError::Read`] and [`CorpusError::Header`] for an input; with [`OnError::Fail`],
/// [`CorpusError::BadLine`] for the first bad line in the order of the inputs.
pub fn for_each_document<W: Send>(
    inputs: &[Input],
    options: &Options,
    progress: &Progress,
    new_worker: impl Fn() -> W,
    work: impl Fn(&mut W, Ordinal, Document<'_>) -> Result<(), String> + Sync,
) -> Result<(Vec<W>, Summary), CorpusError> {
    process(inputs, options, progress, Job { new_worker, work, end_block: |_: &mut W, _| () })
}

/// Makes something of each document with `map`, on workers as in [`for_each_document`], and calls
/// `take` with what was made, one at a time and in the order of the corpus.
///
/// # Errors
/// As [`for_each_document`]; some documents may have been taken before.
pub fn map_documents_in_order<W: Default + Send, T: Send>(
    inputs: &[Input],
    options: &Options,
    progress: &Progress,
    map: impl Fn(&mut W, Document<'_>) -> Result<T, String> + Sync,
    take: impl FnMut(Ordinal, T) + Send,
) -> Result<Summary, CorpusError> {
    let first = options.after.map_or(0, |end| end.ordinal >> 32);
    let sequence = Mutex::new(Sequence { next: first, waiting: BTreeMap::new(), take });
    let job = Job {
        new_worker: || (W::default(), Vec::new()),
        work: |(worker, made): &mut (W, Vec<_>), ordinal, document: Document<'_>| {
            made.push((ordinal, map(worker, document)?));
            Ok(())
        },
        end_block: |(_, made): &mut (W, Vec<_>), number| {
            let made = std::mem::take(made);
            sequence.lock().unwrap_or_else(PoisonError::into_inner).put(number, made);
        },
    };
    let (_, summary) = process(inputs, options, progress, job)?;
    Ok(summary)
}

/// Brings what workers make of blocks into the order of the blocks.
struct Sequence<T, F> {
    /// The number of the block that is taken next.
    next: u64,
    /// Blocks that were finished before their turn.
    waiting: BTreeMap<u64, Vec<(Ordinal, T)>>,
    take: F,
}

impl<T, F: FnMut(Ordinal, T)> Sequence<T, F> {
    /// Takes the block if it is its turn, and those that waited for it.
    fn put(&mut self, number: u64, made: Vec<(Ordinal, T)>) {
        self.waiting.insert(number, made);
        while let Some(made) = self.waiting.remove(&self.next) {
            self.next += 1;
            made.into_iter().for_each(|(ordinal, made)| (self.take)(ordinal, made));
        }
    }
}

/// Keeps other workers from reading on when one has panicked.
struct StopOnPanic<'a, 'q>(&'a BlockQueue<'q>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// What the workers do.
struct Job<N, F, E> {
    /// Makes the state of a worker.
    new_worker: N,
    /// Called with each document.
    work: F,
    /// Called after each block, with the state of the worker that finished it and the number of the
    /// block.
    end_block: E,
}

/// Does a job as [`for_each_document`] describes.
fn process<W: Send, N, F, E>(
    inputs: &[Input],
    options: &Options,
    progress: &Progress,
    Job { new_worker, work, end_block }: Job<N, F, E>,
) -> Result<(Vec<W>, Summary), CorpusError>
where
    N: Fn() -> W,
    F: Fn(&mut W, Ordinal, Document<'_>) -> Result<(), String> + Sync,
    E: Fn(&mut W, u64) + Sync,
{
    let queue = BlockQueue::new(inputs, options, progress);
    let work_off = |state: W| {
        let _guard = StopOnPanic(&queue);
        let mut worker = Worker { state, work: &work, options, tally: Tally::default() };
        while let Some((number, block)) = queue.take() {
            worker.take_block(number, &block);
            end_block(&mut worker.state, number);
            queue.put_back(block);
            progress.add_documents(std::mem::take(&mut worker.tally.unreported));
            if worker.tally.bad_lines > 0 && options.on_error == OnError::Fail {
                // Earlier blocks were handed out before this one: their workers finish them.
                queue.stop();
            }
        }
        (worker.state, worker.tally)
    };
    let finished = on_threads(options.workers(), new_worker, work_off);
    let end = queue.finish();
    let (mut states, mut total) = (Vec::with_capacity(finished.len()), Tally::default());
    for (state, tally) in finished {
        states.push(state);
        total.add(tally);
    }
    if let Some(warn) = options.warn {
        for line in total.passed_over.values() {
            warn(&format!("{line}; it is ignored, and so are others like it"));
        }
    }
    if options.on_error == OnError::Fail
        && let Some(first) = total.examples.first()
    {
        return Err(BadLine::clone(first).into());
    }
    let Tally { documents, bad_lines: skipped, examples: skipped_examples, .. } = total;
    Ok((states, Summary { documents, skipped, skipped_examples, end: end? }))
}

/// Runs `work` with `count` states, each on a thread of its own; a state whose thread the system
/// refuses to start comes back as it was.
fn on_threads<W: Send>(
    count: usize,
    new_worker: impl Fn() -> W,
    work: impl Fn(W) -> (W, Tally) + Sync,
) -> Vec<(W, Tally)> {
    let states: Vec<_> = (1..count).map(|_| Mutex::new(Some(new_worker()))).collect();
    let take =
        |state: &Mutex<Option<W>>| state.lock().unwrap_or_else(PoisonError::into_inner).take();
    thread::scope(|scope| {
        let (work, take) = (&work, &take);
        let spawn =
            |state| thread::Builder::new().spawn_scoped(scope, move || take(state).map(work));
        let others: Vec<_> = states.iter().map_while(|state| spawn(state).ok()).collect();
        // One worker is this thread, so that the memory it frees serves the caller again.
        let own = work(new_worker());
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let others: Vec<_> = others.flatten().collect();
        let idle = states.iter().filter_map(take).map(|state| (state, Tally::default()));
        std::iter::once(own).chain(others).chain(idle).collect()
    })
}

/// A state, and the documents and lines that went past it.
struct Worker<'a, W, F> {
    state: W,
    work: &'a F,
    options: &'a Options,
    tally: Tally,
}

impl<W, F> Worker<'_, W, F>
where
    F: Fn(&mut W, Ordinal, Document<'_>) -> Result<(), String>,
{
    fn take_block(&mut self, number: u64, block: &Block) {
        let mut ordinal = number << 32;
        block.for_each(&self.options.names, |location, document| {
            ordinal += 1;
            let bad =
                |reason| BadLine { ordinal, input: block.input.to_string(), location, reason };
            let accepted = document.and_then(|mut document| {
                if let Some(reason) = document.passed_over.take() {
                    let first = self.tally.passed_over.entry(document.input);
                    first.or_insert_with(|| bad(reason));
                }
                (self.work)(&mut self.state, ordinal, document)
            });
            match accepted {
                Ok(()) => {
                    self.tally.documents += 1;
                    self.tally.unreported += 1;
                    true
                }
                Err(reason) => {
                    self.tally.add_bad_line(bad(reason));
                    self.options.on_error == OnError::Skip
                }
            }
        });
    }
}

/// Counts of documents and of bad lines.
#[derive(Default)]
struct Tally {
    documents: u64,
    /// Documents that [`Progress`] does not show yet.
    unreported: u64,
    bad_lines: u64,
    examples: Vec<BadLine>,
    /// By input, the first field that has the name of a text but holds none.
    passed_over: BTreeMap<usize, BadLine>,
}

impl Tally {
    fn add_bad_line(&mut self, line: BadLine) {
        self.bad_lines += 1;
        self.examples.push(line);
        if self.examples.len() > Summary::MAX_EXAMPLES {
            self.examples.sort();
            self.examples.pop();
        }
    }

    /// Adds the counts of another worker; the first lines stay the examples.
    fn add(&mut self, other: Self) {
        self.documents += other.documents;
        self.bad_lines += other.bad_lines;
        self.examples.extend(other.examples);
        self.examples.sort();
        self.examples.truncate(Summary::MAX_EXAMPLES);
        for (input, line) in other.passed_over {
            let first = self.passed_over.entry(input).or_insert_with(|| line.clone());
            if line < *first {
                *first = line;
            }
        }
    }
}

#[cfg(test)]
mod tests;
