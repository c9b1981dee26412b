//! The documents between the passes, as numbers: in memory while they are few, in a temporary file when they are many.

use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::thread;

use tempfile::SpooledTempFile;

use super::intern::Interner;
use super::lexicon::{Lexicon, PRUNED};
use crate::article::TopicName;
use crate::corpus::Ordinal;
use crate::text::TermId;

/// How much of a worker's spool stays in memory, in bytes.
pub(super) const IN_MEMORY_BYTES: usize = 32 << 20;
/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 1 << 17;
/// On a term's number: a count other than 1 follows.
const COUNTED: u32 = 1 << 31;
/// How many words a record has before its topics.
const HEAD_WORDS: usize = 4;

/// What a spool holds of a document beside its topics and terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) ordinal: Ordinal,
    /// How many words the document has, pruned ones too.
    pub(super) token_count: u32,
}

/// Writes documents, each as a length and a run of 32-bit words: they are read many times, and shorter numbers would take longer.
#[derive(Debug)]
pub(super) struct SpoolWriter {
    file: SpooledTempFile,
    buffer: Vec<u8>,
    /// The first error; it is reported when the spool is finished.
    failed: Option<io::Error>,
}

impl Default for SpoolWriter {
    fn default() -> Self {
        Self::in_memory_up_to(IN_MEMORY_BYTES)
    }
}

impl SpoolWriter {
    pub(super) fn in_memory_up_to(bytes: usize) -> Self {
        Self::of(SpooledTempFile::new(bytes))
    }

    /// A spool that holds what was written before.
    pub(super) fn of(file: SpooledTempFile) -> Self {
        Self { file, buffer: Vec::new(), failed: None }
    }

    /// Appends a document: topics, and terms with their counts, as numbers of the writer's own.
    pub(super) fn push(
        &mut self,
        head: Head,
        topics: impl ExactSizeIterator<Item = u32>,
        terms: impl Iterator<Item = (u32, u32)>,
    ) {
        let start = self.buffer.len();
        let ordinal = head.ordinal.to_le_bytes();
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer.extend_from_slice(&ordinal);
        self.put(head.token_count);
        self.put(topics.len() as u32);
        for topic in topics {
            self.put(topic);
        }
        for (term, count) in terms {
            if count == 1 {
                self.put(term);
            } else {
                self.put(term | COUNTED);
                self.put(count);
            }
        }
        let length = (self.buffer.len() - start - 4) as u32;
        self.buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    fn put(&mut self, word: u32) {
        self.buffer.extend_from_slice(&word.to_le_bytes());
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    pub(super) fn finish(mut self) -> io::Result<SpooledTempFile> {
        self.flush();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.file),
        }
    }
}

/// A document as it lies in a spool, by the numbers of whoever wrote it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) head: Head,
    topics: &'a [[u8; 4]],
    terms: &'a [[u8; 4]],
}

impl<'a> Record<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<4>();
        let (head, rest) = words.split_first_chunk::<HEAD_WORDS>()?;
        let [low, high, token_count, topic_count] = head.map(u32::from_le_bytes);
        let (topics, terms) = rest.split_at_checked(topic_count as usize)?;
        let ordinal = u64::from(low) | u64::from(high) << 32;
        Some(Self { head: Head { ordinal, token_count }, topics, terms })
    }

    pub(super) fn topics(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.topics.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// Terms with their counts, in the order of their hashes.
    pub(super) fn terms(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let mut words = self.terms.iter().map(|word| u32::from_le_bytes(*word));
        std::iter::from_fn(move || {
            let term = words.next()?;
            let count = if term & COUNTED == 0 { 1 } else { words.next()? };
            Some((term & !COUNTED, count))
        })
    }
}

/// The records of a spool, one after the other.
pub(super) struct Records<'a> {
    reader: BufReader<&'a mut SpooledTempFile>,
    record: Vec<u8>,
}

impl<'a> Records<'a> {
    pub(super) fn of(file: &'a mut SpooledTempFile) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, file), record: Vec::new() })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        if io::BufRead::fill_buf(&mut self.reader)?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        self.record.resize(u32::from_le_bytes(length) as usize, 0);
        self.reader.read_exact(&mut self.record)?;
        self.last().map(Some)
    }

    /// The last record that [`Self::next`] gave.
    pub(super) fn last(&self) -> io::Result<Record<'_>> {
        Record::of(&self.record).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the spool is damaged"))
    }
}

/// A topic of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) document_count: u64,
}

/// What a corpus has in all.
#[derive(Debug)]
pub(super) struct Contents {
    /// In the order of their names.
    pub(super) topics: Vec<Topic>,
    pub(super) lexicon: Lexicon,
    pub(super) document_count: u64,
    /// How many documents have several topics.
    pub(super) multi_topic_count: u64,
}

/// What one worker spooled, and what its numbers mean.
#[derive(Debug)]
struct Part {
    file: SpooledTempFile,
    /// By local topic id: the place in [`Contents::topics`].
    topics: Vec<usize>,
    /// By local term id: the term's id in the lexicon, or [`PRUNED`].
    terms: Vec<TermId>,
}

/// One document of a spooled corpus.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpooledDocument<'a> {
    record: Record<'a>,
    topics: &'a [usize],
    terms: &'a [TermId],
}

impl<'a> SpooledDocument<'a> {
    pub(super) fn head(&self) -> Head {
        self.record.head
    }

    /// Places in [`Contents::topics`]; at least one, but for models of several topics a document.
    pub(super) fn topics(&self) -> impl ExactSizeIterator<Item = usize> + use<'a> {
        let topics = self.topics;
        self.record.topics().map(move |local| topics[local as usize])
    }

    /// The terms that the lexicon has, in the order of their hashes, with their counts.
    pub(super) fn terms(&self) -> impl Iterator<Item = (TermId, u32)> + use<'a> {
        let terms = self.terms;
        self.record.terms().map(move |(local, count)| (terms[local as usize], count)).filter(|(term, _)| *term != PRUNED)
    }
}

/// A corpus as numbers, with one lexicon and one list of topics.
#[derive(Debug)]
pub(super) struct SpooledCorpus {
    parts: Vec<Part>,
    contents: Contents,
}

impl SpooledCorpus {
    /// Brings the workers' ids together and prunes the terms that occur in too few documents ([`Lexicon::merge`]).
    pub(super) fn merge(workers: Vec<Interner>, min_document_frequencies: [u32; 2]) -> io::Result<Self> {
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
        let (lexicon, terms) = Lexicon::merge(&workers, min_document_frequencies);
        let mut contents = Contents { topics, lexicon, document_count: 0, multi_topic_count: 0 };
        let mut parts = Vec::with_capacity(workers.len());
        for (worker, terms) in workers.into_iter().zip(terms) {
            contents.document_count += worker.documents;
            contents.multi_topic_count += worker.multi_topic;
            let place = |name: &TopicName| contents.topics.binary_search_by(|topic| topic.name.cmp(name)).unwrap_or_default();
            parts.push(Part {
                topics: worker.topics.iter().map(|(name, _)| place(name)).collect(),
                terms,
                file: worker.spool.finish()?,
            });
        }
        Ok(Self { parts, contents })
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(super) fn into_contents(self) -> Contents {
        self.contents
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
        self.contents.lexicon.retain(keep);
    }

    /// How many threads [`Self::for_each`] runs.
    pub(super) fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Calls `each` with every document, the parts side by side on a thread each, every thread with a state of its own; the states come
    /// back in the order of the parts.
    pub(super) fn for_each<S: Send>(
        &mut self,
        new_state: impl Fn() -> S,
        each: impl Fn(&mut S, SpooledDocument<'_>) + Sync,
    ) -> io::Result<Vec<S>> {
        self.for_each_with(std::iter::repeat_with(new_state), each)
    }

    /// The same with a state for each part.
    pub(super) fn for_each_with<S: Send>(
        &mut self,
        states: impl IntoIterator<Item = S>,
        each: impl Fn(&mut S, SpooledDocument<'_>) + Sync,
    ) -> io::Result<Vec<S>> {
        let each = &each;
        thread::scope(|scope| {
            let handles: Vec<_> = self
                .parts
                .iter_mut()
                .zip(states)
                .map(|(part, mut state)| scope.spawn(move || part.read(&mut state, each).map(|()| state)))
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }
}

impl Part {
    fn read<S>(&mut self, state: &mut S, each: &impl Fn(&mut S, SpooledDocument<'_>)) -> io::Result<()> {
        let mut records = Records::of(&mut self.file)?;
        while let Some(record) = records.next()? {
            each(state, SpooledDocument { record, topics: &self.topics, terms: &self.terms });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_from_memory_and_from_a_file() {
        let heads = [Head { ordinal: 7 << 32 | 1, token_count: 4 }, Head { ordinal: u64::MAX >> 1, token_count: 0 }];
        for in_memory_bytes in [1 << 20, 0] {
            let mut writer = SpoolWriter::in_memory_up_to(in_memory_bytes);
            writer.push(heads[0], [3, 0].into_iter(), [(9, 1), (COUNTED - 1, u32::MAX), (0, 2)].into_iter());
            writer.push(heads[1], [].into_iter(), [].into_iter());
            let mut file = writer.finish().expect("a spool");
            let mut records = Records::of(&mut file).expect("readable");
            let first = records.next().expect("readable").expect("a record");
            assert_eq!(first.head, heads[0]);
            assert_eq!(first.topics().collect::<Vec<_>>(), [3, 0]);
            assert_eq!(first.terms().collect::<Vec<_>>(), [(9, 1), (COUNTED - 1, u32::MAX), (0, 2)]);
            let second = records.next().expect("readable").expect("a record");
            assert_eq!((second.head, second.topics().len(), second.terms().count()), (heads[1], 0, 0));
            assert!(records.next().expect("readable").is_none());
        }
    }
}
