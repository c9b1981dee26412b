//! The documents between the passes, as numbers: in memory while they are few, in a temporary file when they are many.

use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom, Write as _};
use std::thread;

use tempfile::SpooledTempFile;

use super::intern::{Counted, Entry, Interner};
use super::lexicon::Lexicon;
use crate::article::TopicName;
use crate::corpus::Ordinal;
use crate::text::TermId;

/// How much of a worker's spool stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 32 << 20;
/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 1 << 18;

/// Writes documents, each as a length and a run of variable-length integers (LEB128).
#[derive(Debug)]
pub(super) struct SpoolWriter {
    file: SpooledTempFile,
    buffer: Vec<u8>,
    record: Vec<u8>,
    /// The first error; it is reported when the spool is finished.
    failed: Option<io::Error>,
}

impl Default for SpoolWriter {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY_BYTES), buffer: Vec::new(), record: Vec::new(), failed: None }
    }
}

impl SpoolWriter {
    pub(super) fn push(&mut self, ordinal: Ordinal, topics: &[u32], bag: &[Counted]) {
        self.record.clear();
        put(&mut self.record, ordinal);
        put(&mut self.record, topics.len() as u64);
        for &topic in topics {
            put(&mut self.record, topic.into());
        }
        for &Counted { term, count, .. } in bag {
            put(&mut self.record, term.into());
            put(&mut self.record, count.into());
        }
        put(&mut self.buffer, self.record.len() as u64);
        self.buffer.extend_from_slice(&self.record);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// A spool that holds what was written before.
    pub(super) fn of(file: SpooledTempFile) -> Self {
        Self { file, ..Self::default() }
    }

    pub(super) fn finish(mut self) -> io::Result<SpooledTempFile> {
        self.flush();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.file),
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

/// Takes an integer from the front of `bytes`; 0 from nothing.
pub(super) fn take(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 || shift > 56 {
            break;
        }
        shift += 7;
    }
    value
}

/// A topic of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) document_count: u64,
}

/// One document of a spooled corpus.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpooledDocument<'a> {
    pub(super) ordinal: Ordinal,
    /// Places in [`SpooledCorpus::topics`]; at least one, but for models of several topics a document.
    pub(super) topics: &'a [usize],
    /// How many words it has, pruned ones too.
    pub(super) token_count: u32,
    /// The terms that the lexicon has, in the order of their hashes, with their counts.
    pub(super) bag: &'a [(TermId, u32)],
}

/// What one worker spooled, and what its numbers mean.
#[derive(Debug)]
struct Part {
    file: SpooledTempFile,
    /// By local topic id: the place in [`SpooledCorpus::topics`].
    topics: Vec<usize>,
    /// By local term id: the term's id in the lexicon, or [`PRUNED`].
    terms: Vec<TermId>,
    /// By local term id.
    is_word: Vec<bool>,
}

/// Stands for the id of a term that the lexicon does not have.
pub(super) const PRUNED: TermId = TermId::MAX;

/// A corpus as numbers, with one lexicon and one list of topics.
#[derive(Debug)]
pub(super) struct SpooledCorpus {
    parts: Vec<Part>,
    topics: Vec<Topic>,
    lexicon: Lexicon,
    documents: u64,
    multi_topic: u64,
}

impl SpooledCorpus {
    /// Brings the workers' ids together and prunes the terms that occur in too few documents.
    pub(super) fn merge(workers: Vec<Interner>, min_document_frequency: u32) -> io::Result<Self> {
        let mut topics: Vec<Topic> = Vec::new();
        for (name, count) in workers.iter().flat_map(|worker| &worker.topics) {
            // A topic whose only document was rejected stays out.
            if *count == 0 {
                continue;
            }
            match topics.binary_search_by(|topic| topic.name.cmp(name)) {
                Ok(place) => topics[place].document_count += count,
                Err(place) => topics.insert(place, Topic { name: name.clone(), document_count: *count }),
            }
        }
        let lexicon = Lexicon::merge(&workers, min_document_frequency);
        let (mut documents, mut multi_topic) = (0, 0);
        let mut parts = Vec::with_capacity(workers.len());
        for worker in workers {
            documents += worker.documents;
            multi_topic += worker.multi_topic;
            let place = |name: &TopicName| topics.binary_search_by(|topic| topic.name.cmp(name)).unwrap_or_default();
            parts.push(Part {
                topics: worker.topics.iter().map(|(name, _)| place(name)).collect(),
                terms: worker.entries().iter().map(|entry| lexicon.find(entry.hash).unwrap_or(PRUNED)).collect(),
                is_word: worker.entries().iter().map(Entry::is_word).collect(),
                file: worker.spool.finish()?,
            });
        }
        Ok(Self { parts, topics, lexicon: lexicon.without_index(), documents, multi_topic })
    }

    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    pub(super) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(super) fn document_count(&self) -> u64 {
        self.documents
    }

    pub(super) fn multi_topic_count(&self) -> u64 {
        self.multi_topic
    }

    /// Leaves out the terms for which `keep` (by id) is false; the others close ranks.
    pub(super) fn retain_terms(&mut self, keep: &[bool]) {
        let mut next = 0;
        let new_ids: Vec<TermId> = keep
            .iter()
            .map(|&keep| {
                if !keep {
                    return PRUNED;
                }
                next += 1;
                next - 1
            })
            .collect();
        for part in &mut self.parts {
            for id in &mut part.terms {
                *id = new_ids.get(*id as usize).copied().unwrap_or(PRUNED);
            }
        }
        self.lexicon.retain(keep);
    }

    /// Calls `each` with every document, the parts side by side on a thread each, every thread with a state of its own.
    pub(super) fn for_each<S: Send>(
        &mut self,
        new_state: impl Fn() -> S,
        each: impl Fn(&mut S, SpooledDocument<'_>) + Sync,
    ) -> io::Result<Vec<S>> {
        let each = &each;
        thread::scope(|scope| {
            let handles: Vec<_> = self
                .parts
                .iter_mut()
                .map(|part| {
                    let mut state = new_state();
                    scope.spawn(move || part.read(&mut state, each).map(|()| state))
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }
}

impl Part {
    fn read<S>(&mut self, state: &mut S, each: &impl Fn(&mut S, SpooledDocument<'_>)) -> io::Result<()> {
        let mut records = Records::of(&mut self.file)?;
        let (mut topics, mut bag) = (Vec::new(), Vec::new());
        while let Some(mut bytes) = records.next()? {
            let ordinal = take(&mut bytes);
            topics.clear();
            for _ in 0..take(&mut bytes) {
                topics.push(self.topics[take(&mut bytes) as usize]);
            }
            bag.clear();
            let mut token_count = 0u32;
            while !bytes.is_empty() {
                let local = take(&mut bytes) as usize;
                let term = self.terms[local];
                let count = take(&mut bytes) as u32;
                token_count = token_count.saturating_add(if self.is_word[local] { count } else { 0 });
                if term != PRUNED {
                    bag.push((term, count));
                }
            }
            each(state, SpooledDocument { ordinal, topics: &topics, token_count, bag: &bag });
        }
        Ok(())
    }
}

/// The records of a spool, one after the other: an ordinal, the number of topics, the topics, and terms with their counts.
pub(super) struct Records<'a> {
    reader: BufReader<&'a mut SpooledTempFile>,
    record: Vec<u8>,
}

impl<'a> Records<'a> {
    pub(super) fn of(file: &'a mut SpooledTempFile) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, file), record: Vec::new() })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let length = read_length(&mut self.reader)?;
        self.record.resize(length, 0);
        io::Read::read_exact(&mut self.reader, &mut self.record)?;
        Ok(Some(&self.record))
    }

    /// The last record that [`Self::next`] gave.
    pub(super) fn last(&self) -> &[u8] {
        &self.record
    }
}

fn read_length(reader: &mut impl BufRead) -> io::Result<usize> {
    let mut bytes = [0u8; 10];
    for at in 0..bytes.len() {
        io::Read::read_exact(reader, &mut bytes[at..=at])?;
        if bytes[at] < 0x80 {
            return Ok(take(&mut &bytes[..=at]) as usize);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the spool is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_length_come_back() {
        let values = [0, 1, 127, 128, 300, u64::from(u32::MAX), 7 << 32, u64::MAX >> 1];
        let mut bytes = Vec::new();
        for value in values {
            put(&mut bytes, value);
        }
        let mut rest = bytes.as_slice();
        assert_eq!(values.map(|_| take(&mut rest)), values);
        assert!(rest.is_empty());
    }
}
