//! Collects documents, and writes them to a file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use super::header::{Header, MAGIC, VERSION};
use super::row::Row;
use crate::article::TopicName;
use crate::train::dictionary::{CountedDocument, Dictionary};
use crate::train::lists::Lists;
use crate::train::spool::Spool;

/// zstd's level. Higher ones hardly pay (3: 0.6 % smaller, in more than twice the time).
const LEVEL: i32 = 1;
/// The number of words in one value of the file.
const WORDS_PER_VALUE: usize = 1 << 15;
/// About how many numbers make a block of documents.
const NUMBERS_PER_BLOCK: usize = 1 << 16;
/// The maximum number of documents, and of words.
pub(super) const MAX_NUMBER: usize = 1 << 31;

/// A topic and the number of its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) document_count: u64,
}

/// The documents of a corpus.
#[derive(Default)]
pub struct Documents {
    pub(crate) dictionary: Dictionary,
    /// By topic number.
    pub(crate) topics: Vec<Topic>,
    topic_numbers: HashMap<TopicName, u32>,
    /// Per document: the numbers of its topics, in the order of the record.
    pub(crate) document_topics: Lists<u32>,
    /// Per document: its number of words that are not numbers.
    pub(crate) token_counts: Vec<u32>,
    /// Per document: a fingerprint of the counts of its words and pairs; 0 if it has none.
    pub(crate) bags: Vec<u64>,
    /// Per document: [`Row::fingerprints`].
    pub(crate) fingerprints: Vec<(u64, u64)>,
    /// The number of pairs, summed over all documents.
    pub(crate) pair_count: usize,
    /// The rows, by [`Row::append_to`].
    blocks: Spool<u32>,
    /// Those after the last complete block.
    tail: Vec<u32>,
    /// Set by [`Self::seal`].
    header: Option<Header>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("count", &self.len()).finish_non_exhaustive()
    }
}

impl Documents {
    /// The number of documents.
    pub(crate) fn len(&self) -> usize {
        self.token_counts.len()
    }

    /// Appends a document.
    pub(crate) fn push(&mut self, counted: CountedDocument) -> io::Result<()> {
        let CountedDocument { topics, words, texts, pairs, title, body } = counted;
        let topics = topics.into_iter().map(|name| self.topic_number(name)).collect();
        let words = words.iter().zip(texts.split('\n'));
        let words = words.map(|(&(hash, count), text)| [self.dictionary.number(hash, text), count]);
        let (words, pairs) = (words.collect(), pairs.into());
        self.push_row(&Row { fingerprints: (title, body), topics, words, pairs })
    }

    /// The number of a topic; a new topic gets the next one.
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
        row.append_to(&mut self.tail);
        if self.tail.len() < NUMBERS_PER_BLOCK { Ok(()) } else { self.end_block() }
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.blocks.push(self.tail.clone())?;
        self.tail.clear();
        Ok(())
    }

    /// Keeps in memory what many passes need to know of a document.
    fn note(&mut self, row: &Row<'_>) {
        let (mut token_count, mut bag) = (0u32, 0u64);
        for &[word, count] in &*row.words {
            self.dictionary.count_document(word);
            if !self.dictionary.is_number(word) {
                token_count = token_count.saturating_add(count);
            }
            // Hashes are as good as random, so their sum is, too.
            bag = bag.wrapping_add(self.dictionary.hash(word).0.rotate_left(count));
        }
        for &[first, second, count] in &*row.pairs {
            let [first, second] =
                [first, second].map(|place| self.dictionary.hash(row.words[place as usize][0]));
            bag = bag.wrapping_add(first.followed_by(second).0.rotate_left(count));
        }
        for &topic in &*row.topics {
            self.topics[topic as usize].document_count += 1;
        }
        self.pair_count += row.pairs.len();
        self.document_topics.push(row.topics.iter().copied());
        self.token_counts.push(token_count);
        self.bags.push(bag);
        self.fingerprints.push(row.fingerprints);
    }

    /// Ends the last block. The header describes the documents in their file.
    pub(crate) fn seal(&mut self, header: Header) -> io::Result<()> {
        self.header = Some(header);
        if self.tail.is_empty() { Ok(()) } else { self.end_block() }
    }

    /// The number of blocks, once the documents are sealed.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The documents of a block, for [`Row::of`].
    pub(crate) fn block(&self, number: usize) -> io::Result<Cow<'_, [u32]>> {
        self.blocks.read(number)
    }

    /// Writes the file that training resumes from.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let header = self.header.as_ref().ok_or(io::ErrorKind::InvalidData)?;
        let mut out = zstd::Encoder::new(out, LEVEL)?;
        out.include_checksum(true)?;
        let mut write = |value: &[u8]| {
            let length = u32::try_from(value.len()).map_err(io::Error::other)?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(value)
        };
        write(&postcard::to_allocvec(&(MAGIC, VERSION)).map_err(io::Error::other)?)?;
        write(&serde_json::to_vec(header)?)?;
        let names: Vec<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        write(names.join("\n").as_bytes())?;
        let words: Vec<&str> = self.dictionary.texts().collect();
        for words in words.chunks(WORDS_PER_VALUE) {
            write(words.join("\n").as_bytes())?;
        }
        write(b"")?;
        for number in 0..self.block_count() {
            write(&Row::encode(&Row::of(&self.block(number)?).collect::<Vec<_>>())?)?;
        }
        out.finish().map(|_| ())
    }
}

#[cfg(test)]
impl Documents {
    /// Sealed documents without topics.
    pub(crate) fn of_texts(texts: &[&str]) -> Self {
        let texts: Vec<_> = texts.iter().map(|&text| (text, &[][..])).collect();
        Self::of(crate::text::TextOptions::default(), &texts)
    }

    /// Sealed documents with these texts and topics.
    pub(crate) fn of(options: crate::text::TextOptions, texts: &[(&str, &[&str])]) -> Self {
        use crate::corpus::{Document, End};
        let mut documents = Self::default();
        let mut counter = crate::train::dictionary::TextCounter::default();
        for &(text, topics) in texts {
            let document = Document::of_text(text).with_topics(topics);
            let counted = counter.count(&document, options).expect("valid topics");
            documents.push(counted).expect("memory");
        }
        let mut header = Header::new(options, crate::model::Labels::Single, "en".to_owned());
        header.extend(&crate::corpus::Summary {
            documents: texts.len() as u64,
            skipped: 1,
            skipped_examples: Vec::new(),
            end: End { ordinal: 3 << 32, fingerprint: [0xab; 32] },
        });
        documents.seal(header).expect("memory");
        documents
    }
}
