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
    process(inputs, options, progress, new_worker, work, |_, _| ())
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
    let (_, summary) = process(
        inputs,
        options,
        progress,
        || (W::default(), Vec::new()),
        |(worker, made), ordinal, document| {
            made.push((ordinal, map(worker, document)?));
            Ok(())
        },
        |(_, made), number| {
            let made = std::mem::take(made);
            sequence.lock().unwrap_or_else(PoisonError::into_inner).put(number, made);
        },
    )?;
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

/// As [`for_each_document`]; `end_block` is called after each block with the state of the worker
/// that has finished it, and the number of the block.
fn process<W: Send>(
    inputs: &[Input],
    options: &Options,
    progress: &Progress,
    new_worker: impl Fn() -> W,
    work: impl Fn(&mut W, Ordinal, Document<'_>) -> Result<(), String> + Sync,
    end_block: impl Fn(&mut W, u64) + Sync,
) -> Result<(Vec<W>, Summary), CorpusError> {
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
        block.for_each(&self.options.names, |line, document| {
            ordinal += 1;
            let bad = |reason| BadLine { ordinal, input: block.input.to_string(), line, reason };
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
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Input) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("a file in it");
        (directory, Input::File(path))
    }

    /// (titles or bodies with their topics, in order; the summary)
    fn read(
        input: &Input,
        on_error: OnError,
        threads: usize,
    ) -> Result<(Vec<String>, Summary), CorpusError> {
        let options = Options { on_error, threads, ..Options::default() };
        let inputs = [input.clone()];
        let (states, summary) = for_each_document(
            &inputs,
            &options,
            &Progress::default(),
            Vec::new,
            |found, at, document| {
                found.push((
                    at,
                    format!("{}{}:{}", document.title, document.body, document.topics.join(",")),
                ));
                Ok(())
            },
        )?;
        let mut found: Vec<_> = states.into_iter().flatten().collect();
        found.sort();
        Ok((found.into_iter().map(|(_, text)| text).collect(), summary))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn formats_and_compressions_give_the_same_documents() {
        let json =
            b"{\"title\":\"a\",\"topics\":[\"x\"]}\n\n{\"body\":\"b\",\"topics\":[\"y\",\"z\"]}";
        let csv = b"topics,body\nx,a\ny;z,b\n";
        let fasttext = b"__label__x a\n__label__y __label__z b\n";
        let zstd = zstd::encode_all(&json[..], 1).expect("memory");
        let cases: [(&str, &[u8]); 6] = [
            ("a.jsonl", json),
            ("a.jsonl.gz", &gzip(json)),
            ("misnamed", &zstd),
            ("a.csv", csv),
            ("a.txt", fasttext),
            (
                "bom.jsonl",
                b"\xef\xbb\xbf{\"title\":\"a\",\"topics\":[\"x\"]}\r\n\
                  {\"body\":\"b\",\"topics\":[\"y\",\"z\"]}\r\n",
            ),
        ];
        for (name, bytes) in cases {
            let (_directory, input) = file(name, bytes);
            let (documents, summary) = read(&input, OnError::Fail, 2).expect(name);
            assert_eq!(documents, ["a:x", "b:y,z"], "{name}");
            assert_eq!((summary.documents, summary.skipped), (2, 0), "{name}");
        }
    }

    #[test]
    fn compression_does_not_change_the_fingerprint() {
        let json = b"{\"title\":\"a\"}\n";
        let (_d1, plain) = file("a.jsonl", json);
        let (_d2, packed) = file("a.jsonl.gz", &gzip(json));
        let fingerprint =
            |input| read(input, OnError::Fail, 1).expect("readable").1.end.fingerprint;
        assert_eq!(fingerprint(&plain), fingerprint(&packed));
    }

    #[test]
    fn inputs_may_be_read_one_after_the_other() {
        let lines = "{\"title\":\"some words here\"}\n".repeat(10_000);
        let inputs = ["a.jsonl", "b.jsonl", "c.csv"].map(|name| match name {
            "c.csv" => file(name, b"title,topics\na,x\n"),
            name => file(name, lines.as_bytes()),
        });
        let inputs = inputs.each_ref().map(|(_, input)| input.clone());
        let read = |inputs: &[Input], after| {
            let options = Options { threads: 2, after, ..Options::default() };
            for_each_document(
                inputs,
                &options,
                &Progress::default(),
                Vec::new,
                |found: &mut Vec<Ordinal>, at, _| {
                    found.push(at);
                    Ok(())
                },
            )
            .map(|(found, summary)| (found.concat(), summary.end))
            .expect("readable")
        };
        let (mut expected, end) = read(&inputs, None);
        expected.sort_unstable();
        let mut found = Vec::new();
        let mut after = None;
        for input in &inputs {
            let (ordinals, end) = read(std::slice::from_ref(input), after);
            found.extend(ordinals);
            after = Some(end);
        }
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(after, Some(end));
    }

    #[test]
    fn what_is_made_of_documents_is_taken_in_the_order_of_the_corpus() {
        let mut lines = String::new();
        for number in 0..30_000 {
            // A whole block of bad lines, too: nothing of it is taken, and all that follows is.
            let is_bad = (10_000..25_000).contains(&number);
            let line = format!("{{\"title\":\"some words and {number}\"}}\n");
            lines.push_str(if is_bad { "a line that is no document\n" } else { &line });
        }
        let (_directory, input) = file("a.jsonl", lines.as_bytes());
        for threads in [1, 3] {
            let options = Options { on_error: OnError::Skip, threads, ..Options::default() };
            let mut taken = Vec::new();
            let summary = map_documents_in_order(
                std::slice::from_ref(&input),
                &options,
                &Progress::default(),
                |(), document| Ok(document.title.into_owned()),
                |ordinal, title| taken.push((ordinal, title)),
            )
            .expect("readable");
            assert!(taken.is_sorted_by_key(|(ordinal, _)| *ordinal));
            let numbers = (0..10_000).chain(25_000..30_000);
            let expected = numbers.map(|number| format!("some words and {number}"));
            assert!(taken.into_iter().map(|(_, title)| title).eq(expected), "{threads} threads");
            assert_eq!(summary.documents, 15_000);
        }
    }

    #[test]
    fn a_bad_line_is_named_and_the_first_one_wins() {
        let mut lines = String::new();
        for number in 1..=20_000 {
            lines.push_str(if number == 9_000 || number == 15_000 {
                "oops\n"
            } else {
                "{\"title\":\"some words here\"}\n"
            });
        }
        let (_directory, input) = file("a.jsonl", lines.as_bytes());
        for threads in [1, 4] {
            let error = read(&input, OnError::Fail, threads).expect_err("a bad line").to_string();
            assert!(error.contains("a.jsonl:9000: "), "{error}");
            let (documents, summary) = read(&input, OnError::Skip, threads).expect("skipped");
            assert_eq!((documents.len(), summary.skipped), (19_998, 2));
            assert_eq!(summary.skipped_examples[1].line, 15_000);
        }
    }

    #[test]
    fn invalid_utf8_and_truncated_compression_are_reported() {
        let (_d1, input) = file("a.jsonl", b"{\"title\":\"a\"}\n{\"title\":\"\xff\"}\n");
        assert!(
            read(&input, OnError::Fail, 1)
                .expect_err("bad bytes")
                .to_string()
                .contains("a.jsonl:2: not valid UTF-8")
        );
        let packed = gzip(&b"{\"title\":\"a\"}\n".repeat(1_000));
        let (_d2, input) = file("a.jsonl.gz", &packed[..packed.len() / 2]);
        assert!(matches!(read(&input, OnError::Skip, 1), Err(CorpusError::Read { .. })));
        let missing = Input::File("no-such-file.jsonl".into());
        assert!(
            read(&missing, OnError::Skip, 1)
                .expect_err("missing")
                .to_string()
                .contains("no-such-file.jsonl")
        );
    }

    #[test]
    fn csv_records_may_span_lines_and_keep_their_line_numbers() {
        let (_directory, input) = file("a.csv", b"title,topics\n\"two\nlines\",x\nshort\nlast,y\n");
        assert!(
            read(&input, OnError::Fail, 1)
                .expect_err("a short record")
                .to_string()
                .contains("a.csv:4: the record has 1 field where the header has 2")
        );
        let (documents, summary) = read(&input, OnError::Skip, 1).expect("skipped");
        assert_eq!(documents, ["two\nlines:x", "last:y"]);
        assert_eq!(summary.skipped, 1);
    }
}
