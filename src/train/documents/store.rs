//! Takes in documents, keeps them, and writes them down.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use super::block::{Block, FrameWriter, decode, encode};
use super::header::{Header, Stamp};
use crate::article::TopicName;
use crate::corpus::Ordinal;
use crate::train::dictionary::{CountedDocument, Dictionary};
use crate::train::lists::Lists;
use crate::train::spool::Spool;

/// How many texts one value of the file holds.
pub(super) const TEXTS_PER_PART: usize = 1 << 15;
/// From so many words and pairs on, a block is full.
const ENTRIES_PER_BLOCK: usize = 1 << 15;
/// How many words and pairs are kept as they are, which saves decoding them for every pass.
const MAX_PLAIN_ENTRIES: usize = 1 << 23;
/// The most documents, and the most words.
pub(super) const MAX_NUMBER: usize = 1 << 31;

/// A topic with how many documents have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) document_count: u64,
}

/// The documents of a corpus.
#[derive(Default)]
pub struct Documents {
    pub(crate) dictionary: Dictionary,
    /// By number.
    pub(crate) topics: Vec<Topic>,
    topic_numbers: HashMap<TopicName, u32>,
    /// By document: the numbers of its topics, in the order of the record.
    pub(crate) document_topics: Lists<u32>,
    pub(crate) ordinals: Vec<Ordinal>,
    /// By document: how many words it has, numbers left out.
    pub(crate) token_counts: Vec<u32>,
    /// By document: the same for the same words and pairs with the same counts; 0 for none.
    pub(crate) bags: Vec<u64>,
    /// By document: [`Block::fingerprints`].
    pub(crate) fingerprints: Vec<(u64, u64)>,
    /// How many pairs all documents have.
    pub(crate) pair_count: usize,
    /// The first blocks, as long as they are small.
    plain: Vec<Block>,
    /// How many words and pairs they have.
    plain_entries: usize,
    /// The blocks behind them, encoded.
    blocks: Spool<u8>,
    /// The documents behind the last full block.
    tail: Block,
    /// What the file says of the documents.
    header: Option<Header>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("count", &self.len()).finish_non_exhaustive()
    }
}

/// The numbers of a document's terms; see [`Block`].
pub(super) struct Row<'a> {
    pub(super) ordinal: Ordinal,
    pub(super) fingerprints: (u64, u64),
    pub(super) topics: &'a [u32],
    pub(super) words: &'a [(u32, u32)],
    pub(super) pairs: &'a [(u32, u32, u32)],
}

impl Documents {
    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.ordinals.len()
    }

    /// Appends a document. Ordinals ascend.
    pub(crate) fn push(&mut self, ordinal: Ordinal, counted: CountedDocument) -> io::Result<()> {
        let CountedDocument { topics, words, texts, pairs, title, body } = counted;
        let topics: Vec<u32> = topics.into_iter().map(|name| self.topic_number(name)).collect();
        let numbered = words.iter().zip(texts.split('\n'));
        let mut numbers = Vec::with_capacity(words.len());
        numbers.extend(
            numbered.map(|(&(hash, count), text)| (self.dictionary.number(hash, text), count)),
        );
        let fingerprints = (title, body);
        self.push_row(&Row {
            ordinal,
            fingerprints,
            topics: &topics,
            words: &numbers,
            pairs: &pairs,
        })
    }

    /// The number of a topic; a topic that is new gets the next one.
    pub(super) fn topic_number(&mut self, name: TopicName) -> u32 {
        if let Some(&number) = self.topic_numbers.get(&name) {
            return number;
        }
        self.topics.push(Topic { name: name.clone(), document_count: 0 });
        *self.topic_numbers.entry(name).or_insert(self.topics.len() as u32 - 1)
    }

    pub(super) fn push_row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if self.len() >= MAX_NUMBER || self.dictionary.len() > MAX_NUMBER {
            return Err(io::Error::other("more documents or words than can be numbered"));
        }
        self.note(row);
        let Row { ordinal, fingerprints, topics, words, pairs } = *row;
        self.tail.ordinals.push(ordinal);
        self.tail.fingerprints.push(fingerprints);
        self.tail.topics.push(topics.iter().copied());
        self.tail.words.push(words.iter().copied());
        self.tail.pairs.push(pairs.iter().copied());
        if self.tail.entry_count() >= ENTRIES_PER_BLOCK {
            if self.plain_entries < MAX_PLAIN_ENTRIES {
                self.plain_entries += self.tail.entry_count();
                self.plain.push(std::mem::take(&mut self.tail));
            } else {
                self.blocks.push(encode(&self.tail)?)?;
                self.tail.clear();
            }
        }
        Ok(())
    }

    /// Keeps in memory what many passes need of a document.
    fn note(&mut self, row: &Row<'_>) {
        let (mut token_count, mut bag) = (0u32, 0u64);
        for &(word, count) in row.words {
            self.dictionary.count_document(word);
            if !self.dictionary.is_number(word) {
                token_count = token_count.saturating_add(count);
            }
            // The hashes are as good as random: so is their sum.
            bag = bag.wrapping_add(self.dictionary.hash(word).0.rotate_left(count));
        }
        for &(first, second, count) in row.pairs {
            let [first, second] =
                [first, second].map(|place| self.dictionary.hash(row.words[place as usize].0));
            bag = bag.wrapping_add(first.followed_by(second).0.rotate_left(count));
        }
        for &topic in row.topics {
            self.topics[topic as usize].document_count += 1;
        }
        self.pair_count += row.pairs.len();
        self.document_topics.push(row.topics.iter().copied());
        self.ordinals.push(row.ordinal);
        self.token_counts.push(token_count);
        self.bags.push(bag);
        self.fingerprints.push(row.fingerprints);
    }

    /// How many blocks the documents lie in, one behind the other.
    pub(crate) fn block_count(&self) -> usize {
        self.plain.len() + self.blocks.len() + usize::from(self.tail.len() > 0)
    }

    /// The documents of a block.
    pub(crate) fn block(&self, number: usize) -> io::Result<Cow<'_, Block>> {
        let Some(number) = number.checked_sub(self.plain.len()) else {
            return Ok(Cow::Borrowed(&self.plain[number]));
        };
        if number == self.blocks.len() {
            return Ok(Cow::Borrowed(&self.tail));
        }
        decode(&self.blocks.read(number)?).map(Cow::Owned)
    }

    /// The documents are complete, and this is what their file says of them.
    pub(crate) fn seal(&mut self, header: Header) {
        self.header = Some(header);
    }

    /// Writes the file that training resumes from.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let header = self.header.as_ref().ok_or(io::ErrorKind::InvalidData)?;
        let mut frames = FrameWriter::new(out)?;
        frames.write(&Stamp::CURRENT)?;
        frames.write(&serde_json::to_string(header)?)?;
        let names: Vec<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        let (word_count, block_count) = (self.dictionary.len() as u64, self.block_count() as u64);
        frames.write(&(names.len() as u64, word_count, block_count))?;
        write_texts(&names, &mut frames)?;
        write_texts(&self.dictionary.texts().collect::<Vec<_>>(), &mut frames)?;
        for block in &self.plain {
            frames.write(block)?;
        }
        for number in 0..self.blocks.len() {
            frames.write_encoded(&self.blocks.read(number)?)?;
        }
        if self.tail.len() > 0 {
            frames.write(&self.tail)?;
        }
        Ok(())
    }
}

/// Writes texts in parts, each as one text with line feeds between them.
fn write_texts(texts: &[&str], frames: &mut FrameWriter<'_>) -> io::Result<()> {
    texts.chunks(TEXTS_PER_PART).try_for_each(|part| frames.write(&part.join("\n")))
}
