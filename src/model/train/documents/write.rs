//! Writes the documents of a corpus as counts, numbered anew so that the number of threads changes no byte.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write as _};

use sha2::{Digest as _, Sha256};

use super::super::chunks::Chunks;
use super::super::intern::Interner;
use super::super::word_table::WordTable;
use super::bags::{BagWriter, Words, put_text};
use super::{Header, MAGIC, VERSION};

/// zstd's level: higher ones make numbers hardly smaller (3 by 0.6 %, in more than twice the time).
const LEVEL: i32 = 1;
/// How much of the file stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 32 << 20;
/// What is gathered before it is compressed, in bytes.
const BUFFER_BYTES: usize = 1 << 18;
/// Stands for the number of what has none yet.
const NONE: u32 = u32::MAX;

/// The file that learning goes on from, as it will lie on disk: in memory while it is small, in a temporary file when it is large.
pub struct Documents {
    /// One stream.
    file: Chunks<u8>,
}

impl Documents {
    /// The file's bytes, from the first one on.
    pub fn bytes(&self) -> impl Read {
        Bytes { chunks: self.file.of(0), chunk: Cow::Borrowed(&[]), at: 0 }
    }
}

/// Reads a stream of bytes.
struct Bytes<'a, I> {
    chunks: I,
    chunk: Cow<'a, [u8]>,
    at: usize,
}

impl<'a, I: Iterator<Item = io::Result<Cow<'a, [u8]>>>> Read for Bytes<'a, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let Some(chunk) = self.chunks.next() else { return Ok(0) };
            (self.chunk, self.at) = (chunk?, 0);
        }
        let length = (&self.chunk[self.at..]).read(buffer)?;
        self.at += length;
        Ok(length)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

/// Writes what the workers have taken in, in the order of the ordinals; `bags`: their documents, worker by worker.
pub(in super::super) fn write(workers: &[Interner], mut bags: Vec<BagWriter>, header: &Header) -> io::Result<Documents> {
    let mut out = Out::new()?;
    let json = serde_json::to_vec(header)?;
    out.buffer.extend_from_slice(&MAGIC);
    out.buffer.extend_from_slice(&VERSION.to_le_bytes());
    out.buffer.extend_from_slice(&(json.len() as u32).to_le_bytes());
    out.buffer.extend_from_slice(&json);

    // Each worker has taken its blocks in their order: its documents ascend.
    bags.iter_mut().try_for_each(BagWriter::finish)?;
    let mut bags: Vec<_> = bags.iter().map(BagWriter::bags).collect();
    // Worker by worker: how many documents are written.
    let mut written = vec![0; workers.len()];
    let next = |written: &[usize]| {
        let heads = written.iter().zip(workers).enumerate();
        heads.filter_map(|(worker, (at, interner))| Some((interner.heads.get(*at)?.ordinal, worker))).min()
    };
    let mut numbering = Numbering::new(workers);
    let mut last = 0;
    while let Some((ordinal, worker)) = next(&written) {
        put(&mut out.buffer, ordinal - last);
        last = ordinal;
        numbering.write_topics(worker, written[worker], &mut out.buffer);
        let (words, pairs) = bags[worker].next()?;
        if workers.len() == 1 {
            // Its ids are the file's numbers.
            out.buffer.extend_from_slice(words);
        } else {
            numbering.write_words(worker, words, &mut out.buffer);
        }
        out.buffer.extend_from_slice(pairs);
        out.flush_if_full()?;
        written[worker] += 1;
    }
    put(&mut out.buffer, 0);
    Ok(Documents { file: out.finish()? })
}

struct Out {
    buffer: Vec<u8>,
    sha256: Sha256,
    encoder: zstd::Encoder<'static, Compressed>,
}

/// The compressed file.
struct Compressed(Chunks<u8>);

impl io::Write for Compressed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn new() -> io::Result<Self> {
        let file = Compressed(Chunks::new(1, IN_MEMORY_BYTES));
        let encoder = zstd::Encoder::new(file, LEVEL)?;
        Ok(Self { buffer: Vec::new(), sha256: Sha256::new(), encoder })
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.sha256.update(&self.buffer);
        self.encoder.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Chunks<u8>> {
        self.sha256.update(&self.buffer);
        let digest: [u8; 32] = self.sha256.finalize().into();
        self.buffer.extend_from_slice(&digest);
        self.encoder.write_all(&self.buffer)?;
        let Compressed(mut chunks) = self.encoder.finish()?;
        chunks.finish()?;
        Ok(chunks)
    }
}

/// The numbers of topics and words, each from 0 on as they first come.
struct Numbering<'a> {
    workers: &'a [Interner],
    /// Worker by worker, by local topic id.
    topics: Vec<Vec<u32>>,
    topic_names: Vec<&'a str>,
    /// Worker by worker, by local id.
    words: Vec<Vec<u32>>,
    /// Worker by worker: how many of its words there were.
    known: Vec<u32>,
    numbers: WordTable,
    /// How many words have a number.
    word_count: u32,
}

impl<'a> Numbering<'a> {
    fn new(workers: &'a [Interner]) -> Self {
        Self {
            workers,
            topics: workers.iter().map(|worker| vec![NONE; worker.topics.len()]).collect(),
            topic_names: Vec::new(),
            words: workers.iter().map(|worker| vec![NONE; worker.word_count()]).collect(),
            known: vec![0; workers.len()],
            numbers: WordTable::default(),
            word_count: 0,
        }
    }

    /// Writes the topics of a worker's document.
    fn write_topics(&mut self, worker: usize, document: usize, out: &mut Vec<u8>) {
        let topics = self.workers[worker].topics_of(document);
        put(out, topics.len() as u64);
        for &topic in topics {
            self.write_topic(worker, topic as usize, out);
        }
    }

    fn write_topic(&mut self, worker: usize, topic: usize, out: &mut Vec<u8>) {
        let number = &mut self.topics[worker][topic];
        let name = self.workers[worker].topics[topic].0.as_str();
        if *number == NONE {
            let place = self.topic_names.iter().position(|known| *known == name).unwrap_or(self.topic_names.len());
            *number = place as u32;
        }
        put(out, (*number).into());
        if *number as usize == self.topic_names.len() {
            self.topic_names.push(name);
            put_text(out, name);
        }
    }

    /// Writes the words of a document; the text of a word stands where it first comes.
    fn write_words(&mut self, worker: usize, bytes: &[u8], out: &mut Vec<u8>) {
        let interner = &self.workers[worker];
        let words = Words::new(bytes, &mut self.known[worker]);
        put(out, words.len());
        for (id, count) in words {
            let number = &mut self.words[worker][id as usize];
            if *number == NONE {
                *number = self.numbers.number(interner.hash(id), |_| ());
            }
            put_with_flag(out, *number, count);
            if *number == self.word_count {
                self.word_count += 1;
                put_text(out, interner.text(id));
            }
            put_count(out, count);
        }
    }
}

/// Appends an integer (LEB128).
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_with_flag(out: &mut Vec<u8>, value: u32, count: u32) {
    put(out, u64::from(value) * 2 + u64::from(count != 1));
}

pub(super) fn put_count(out: &mut Vec<u8>, count: u32) {
    if count != 1 {
        put(out, count.into());
    }
}
