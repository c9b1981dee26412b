//! Writes the documents of a corpus as counts, numbered anew so that the number of threads changes
//! no byte.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::thread::{self, JoinHandle};

use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::super::intern::Interner;
use super::super::word_table::WordTable;
use super::bags::{BagWriter, Form, draft_words, put_text};
use super::{Header, MAGIC, VERSION};

/// zstd's level: higher ones make numbers hardly smaller (3 by 0.6 %, in more than twice the time).
const LEVEL: i32 = 1;
/// What is gathered before it is compressed, in bytes, and the rest of a document: for less zstd
/// has other parameters, which take longer.
const BUFFER_BYTES: usize = 1 << 18;
/// Stands for the number of what has none yet.
const NONE: u32 = u32::MAX;

/// The file that learning goes on from: whole, but without a name.
#[derive(Debug)]
pub struct Documents {
    file: File,
    /// Ends when the file is on disk. None where there was no thread for it.
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl Documents {
    /// Has the file brought to the disk. That is waiting for the most part, and others work
    /// meanwhile.
    fn new(file: File) -> io::Result<Self> {
        let same = file.try_clone()?;
        let syncing = thread::Builder::new().name("sync".to_owned()).spawn(move || same.sync_all());
        Ok(Self { file, syncing: syncing.ok() })
    }

    /// The file's bytes, from the first one on.
    pub fn bytes(&self) -> impl Read {
        Bytes { file: &self.file, at: 0 }
    }

    /// The file, when it is on disk; it is read from its begin.
    ///
    /// # Errors
    /// If it cannot be brought there.
    pub fn into_synced(self) -> io::Result<File> {
        let Self { mut file, syncing } = self;
        match syncing {
            Some(syncing) => {
                syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?
            }
            None => file.sync_all()?,
        }
        file.rewind()?;
        Ok(file)
    }
}

/// Reads a file from its begin, wherever others read or write it.
struct Bytes<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// Writes what the workers have taken in, in the order of the ordinals, to a file that is empty;
/// `bags`: their documents, worker by worker.
pub(in super::super) fn write(
    file: File,
    workers: &[Interner],
    mut bags: Vec<BagWriter>,
    header: &Header,
) -> io::Result<Documents> {
    let mut out = Out::new(file)?;
    let json = serde_json::to_vec(header)?;
    out.buffer.extend_from_slice(&MAGIC);
    out.buffer.extend_from_slice(&VERSION.to_le_bytes());
    out.buffer.extend_from_slice(&(json.len() as u32).to_le_bytes());
    out.buffer.extend_from_slice(&json);

    // Each worker has taken its blocks in their order: its documents ascend.
    bags.iter_mut().try_for_each(BagWriter::finish)?;
    let mut bags: Vec<_> = bags.iter().map(|writer| (writer.form(), writer.bags())).collect();
    // Worker by worker: how many documents are written.
    let mut written = vec![0; workers.len()];
    let next = |written: &[usize]| {
        let heads = written.iter().zip(workers).enumerate();
        heads
            .filter_map(|(worker, (at, interner))| Some((interner.heads.get(*at)?.ordinal, worker)))
            .min()
    };
    let mut numbering = Numbering::new(workers);
    let mut last = 0;
    while let Some((ordinal, worker)) = next(&written) {
        put(&mut out.buffer, ordinal - last);
        last = ordinal;
        numbering.write_topics(worker, written[worker], &mut out.buffer);
        let (form, bags) = &mut bags[worker];
        let (words, pairs) = bags.next()?;
        match form {
            Form::Final => out.buffer.extend_from_slice(words),
            Form::Draft => numbering.write_words(worker, words, &mut out.buffer),
        }
        out.buffer.extend_from_slice(pairs);
        out.flush_if_full()?;
        written[worker] += 1;
    }
    put(&mut out.buffer, 0);
    Documents::new(out.finish()?)
}

/// Each buffer is a frame of its own: so zstd looks back on the buffer itself, and not on a copy.
struct Out {
    buffer: Vec<u8>,
    sha256: Sha256,
    compressor: Compressor<'static>,
    compressed: Vec<u8>,
    file: File,
}

impl Out {
    fn new(file: File) -> io::Result<Self> {
        let compressor = Compressor::new(LEVEL)?;
        Ok(Self {
            buffer: Vec::new(),
            sha256: Sha256::new(),
            compressor,
            compressed: Vec::new(),
            file,
        })
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.sha256.update(&self.buffer);
        self.flush()
    }

    fn finish(mut self) -> io::Result<File> {
        self.sha256.update(&self.buffer);
        let digest: [u8; 32] = self.sha256.finalize_reset().into();
        self.buffer.extend_from_slice(&digest);
        self.flush()?;
        Ok(self.file)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.compressed.clear();
        self.compressed.reserve(compress_bound(self.buffer.len()));
        self.compressor.compress_to_buffer(&self.buffer, &mut self.compressed)?;
        self.buffer.clear();
        self.file.write_all(&self.compressed)
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
            let place = self
                .topic_names
                .iter()
                .position(|known| *known == name)
                .unwrap_or(self.topic_names.len());
            *number = place as u32;
        }
        put(out, (*number).into());
        if *number as usize == self.topic_names.len() {
            self.topic_names.push(name);
            put_text(out, name);
        }
    }

    /// Writes the words of a document, which come as a draft; the text of a word stands where it
    /// first comes.
    fn write_words(&mut self, worker: usize, draft: &[u8], out: &mut Vec<u8>) {
        let interner = &self.workers[worker];
        let (len, words) = draft_words(draft);
        put(out, len.into());
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
