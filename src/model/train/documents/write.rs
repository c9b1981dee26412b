//! Writes the documents of a corpus as counts, numbered anew so that neither threads nor pruning change a byte.

use std::fmt;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};

use sha2::{Digest as _, Sha256};
use tempfile::SpooledTempFile;

use super::super::intern::Interner;
use super::super::spool::{Record, Records, SpoolWriter};
use super::super::term_table::TermTable;
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
    file: SpooledTempFile,
}

impl Documents {
    /// The file's bytes, from the first one on.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn bytes(&mut self) -> io::Result<&mut impl Read> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(&mut self.file)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

/// Writes what the workers have spooled, in the order of the ordinals.
pub(in super::super) fn write(workers: &mut [Interner], header: &Header) -> io::Result<Documents> {
    let mut spools = Vec::with_capacity(workers.len());
    for worker in &mut *workers {
        spools.push(std::mem::take(&mut worker.spool).finish()?);
    }
    let file = write_merged(workers, &mut spools, header)?;
    for (worker, spool) in workers.iter_mut().zip(spools) {
        worker.spool = SpoolWriter::of(spool);
    }
    Ok(Documents { file })
}

fn write_merged(workers: &[Interner], spools: &mut [SpooledTempFile], header: &Header) -> io::Result<SpooledTempFile> {
    let mut out = Out::new()?;
    let json = serde_json::to_vec(header)?;
    out.buffer.extend_from_slice(&MAGIC);
    out.buffer.extend_from_slice(&VERSION.to_le_bytes());
    out.buffer.extend_from_slice(&(json.len() as u32).to_le_bytes());
    out.buffer.extend_from_slice(&json);

    // Each worker has taken its blocks in their order: its documents ascend.
    let mut queues: Vec<(Records<'_>, Option<u64>)> = Vec::with_capacity(spools.len());
    for spool in spools {
        let mut records = Records::of(spool)?;
        let first = records.next()?.map(|record| record.head.ordinal);
        queues.push((records, first));
    }
    let mut numbering = Numbering::new(workers);
    let mut last = 0;
    while let Some((ordinal, worker)) =
        queues.iter().enumerate().filter_map(|(worker, (_, next))| next.map(|ordinal| (ordinal, worker))).min()
    {
        let (records, next) = &mut queues[worker];
        put(&mut out.buffer, ordinal - last);
        last = ordinal;
        numbering.write_document(worker, &records.last()?, &mut out.buffer);
        out.flush_if_full()?;
        *next = records.next()?.map(|record| record.head.ordinal);
    }
    put(&mut out.buffer, 0);
    out.finish()
}

struct Out {
    buffer: Vec<u8>,
    sha256: Sha256,
    encoder: zstd::Encoder<'static, SpooledTempFile>,
}

impl Out {
    fn new() -> io::Result<Self> {
        let encoder = zstd::Encoder::new(SpooledTempFile::new(IN_MEMORY_BYTES), LEVEL)?;
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

    fn finish(mut self) -> io::Result<SpooledTempFile> {
        self.sha256.update(&self.buffer);
        let digest: [u8; 32] = self.sha256.finalize().into();
        self.buffer.extend_from_slice(&digest);
        self.encoder.write_all(&self.buffer)?;
        self.encoder.finish()
    }
}

/// The numbers of topics, words and pairs, each from 0 on as they first come.
struct Numbering<'a> {
    workers: &'a [Interner],
    /// Worker by worker, by local topic id.
    topics: Vec<Vec<u32>>,
    topic_names: Vec<&'a str>,
    /// Worker by worker, by local term id.
    terms: Vec<Vec<u32>>,
    /// The numbers of what several workers know, words apart from pairs; not needed for one.
    word_numbers: TermTable,
    pair_numbers: TermTable,
    word_count: u32,
    pair_count: u32,
    known: Vec<(u32, u32)>,
    new: Vec<(u32, u32)>,
    /// The terms of a document with their counts.
    words: Vec<(u32, u32)>,
    pairs: Vec<(u32, u32)>,
}

impl<'a> Numbering<'a> {
    fn new(workers: &'a [Interner]) -> Self {
        Self {
            workers,
            topics: workers.iter().map(|worker| vec![NONE; worker.topics.len()]).collect(),
            topic_names: Vec::new(),
            terms: workers.iter().map(|worker| vec![NONE; worker.term_count()]).collect(),
            word_numbers: TermTable::default(),
            pair_numbers: TermTable::default(),
            word_count: 0,
            pair_count: 0,
            known: Vec::new(),
            new: Vec::new(),
            words: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Writes a record from its topics on.
    fn write_document(&mut self, worker: usize, record: &Record<'_>, out: &mut Vec<u8>) {
        let topics = record.topics();
        put(out, topics.len() as u64);
        for topic in topics {
            self.write_topic(worker, topic as usize, out);
        }
        let (mut words, mut pairs) = (std::mem::take(&mut self.words), std::mem::take(&mut self.pairs));
        words.clear();
        pairs.clear();
        let interner = &self.workers[worker];
        for (term, count) in record.terms() {
            let terms = if interner.words_of(term).is_none() { &mut words } else { &mut pairs };
            terms.push((term, count));
        }
        self.write_terms(worker, &words, out);
        self.write_terms(worker, &pairs, out);
        (self.words, self.pairs) = (words, pairs);
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
            put(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
    }

    /// Writes words, or pairs: first those that are new, then those known.
    fn write_terms(&mut self, worker: usize, terms: &[(u32, u32)], out: &mut Vec<u8>) {
        self.known.clear();
        self.new.clear();
        for &(term, count) in terms {
            self.number(worker, term, count);
        }
        put(out, self.new.len() as u64);
        let interner = &self.workers[worker];
        for &(term, count) in &self.new {
            if let Some((first, second)) = interner.words_of(term) {
                // A pair's words are words of the document, and those came first.
                put_with_flag(out, self.terms[worker][first as usize], count);
                put(out, self.terms[worker][second as usize].into());
            } else {
                let text = interner.word(term);
                put_with_flag(out, text.len() as u32, count);
                out.extend_from_slice(text.as_bytes());
            }
            put_count(out, count);
        }
        put(out, self.known.len() as u64);
        self.known.sort_unstable();
        let mut last = 0;
        for &(number, count) in &self.known {
            put_with_flag(out, number - last, count);
            put_count(out, count);
            last = number;
        }
    }

    /// Numbers a term if it has no number yet, and puts it to those that are new or to those known.
    fn number(&mut self, worker: usize, term: u32, count: u32) {
        let number = &mut self.terms[worker][term as usize];
        if *number == NONE {
            let interner = &self.workers[worker];
            let (next, numbers) = if interner.words_of(term).is_none() {
                (&mut self.word_count, &mut self.word_numbers)
            } else {
                (&mut self.pair_count, &mut self.pair_numbers)
            };
            *number = if self.workers.len() == 1 { *next } else { numbers.entry(interner.hash(term), || *next).term };
            if *number == *next {
                *next += 1;
                self.new.push((term, count));
                return;
            }
        }
        self.known.push((*number, count));
    }
}

/// Appends an integer (LEB128).
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_with_flag(out: &mut Vec<u8>, value: u32, count: u32) {
    put(out, u64::from(value) * 2 + u64::from(count != 1));
}

fn put_count(out: &mut Vec<u8>, count: u32) {
    if count != 1 {
        put(out, count.into());
    }
}
