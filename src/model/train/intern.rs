//! Turns documents into numbers: each worker gives its own ids to the terms and topics it meets, and spools the documents.

use std::collections::HashMap;

use super::spool::{Head, SpoolWriter};
use super::term_table::TermTable;
use crate::article::TopicName;
use crate::corpus::{Document, Ordinal};
use crate::model::manifest::Labels;
use crate::text::{TermHash, TermOccurrence, TextOptions, WordScanner, scan_terms};

/// What a worker knows of a term beside its document frequency.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: TermHash,
    /// A pair's first word, by its local id; a word's number.
    first: u32,
    /// A pair's second word, or [`NONE`] for a word.
    second: u32,
}

/// Stands for the second word of what is no pair.
const NONE: u32 = u32::MAX;

/// One worker's terms, topics and documents.
#[derive(Debug)]
pub(super) struct Interner {
    options: TextOptions,
    labels: Labels,
    scanner: WordScanner,
    /// Apart from the pairs: words are few, and their table stays near.
    pub(super) words: TermTable,
    pub(super) pairs: TermTable,
    /// By local id.
    entries: Vec<Entry>,
    texts: String,
    /// By number of a word: where its text ends.
    text_ends: Vec<usize>,
    topic_ids: HashMap<TopicName, u32>,
    /// By local topic id.
    pub(super) topics: Vec<(TopicName, u64)>,
    pub(super) documents: u64,
    pub(super) multi_topic: u64,
    pub(super) spool: SpoolWriter,
    occurrences: Vec<Occurrence>,
    bag: Vec<Counted>,
}

/// A term at a place of the text.
#[derive(Debug, Clone, Copy)]
struct Occurrence {
    hash: TermHash,
    /// A word's id, or that of a pair's first word.
    first: u32,
    /// That of a pair's second word, or [`NONE`].
    second: u32,
    times: u32,
}

/// A term of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted {
    pub(super) hash: TermHash,
    /// Its local id.
    pub(super) term: u32,
    /// How often it occurs, at least once.
    pub(super) count: u32,
}

impl Interner {
    pub(super) fn new(options: TextOptions, labels: Labels) -> Self {
        Self {
            options,
            labels,
            scanner: WordScanner::default(),
            words: TermTable::default(),
            pairs: TermTable::default(),
            entries: Vec::new(),
            texts: String::new(),
            text_ends: Vec::new(),
            topic_ids: HashMap::new(),
            topics: Vec::new(),
            documents: 0,
            multi_topic: 0,
            spool: SpoolWriter::default(),
            occurrences: Vec::new(),
            bag: Vec::new(),
        }
    }

    /// Takes in a document.
    pub(super) fn add(&mut self, ordinal: Ordinal, document: &Document<'_>) -> Result<(), String> {
        if document.topics.is_empty() && self.labels == Labels::Single {
            return Err("the document has no topic to learn".to_owned());
        }
        let mut topics = Vec::with_capacity(document.topics.len());
        for name in &document.topics {
            topics.push(self.topic_id(name)?);
        }
        self.find_terms(document);
        self.count_terms();
        let mut bag = std::mem::take(&mut self.bag);
        self.add_counted(ordinal, &topics, &mut bag);
        self.bag = bag;
        Ok(())
    }

    /// Takes in a document whose topics and terms (each once, in any order) are counted already, by local ids.
    pub(super) fn add_counted(&mut self, ordinal: Ordinal, topics: &[u32], bag: &mut [Counted]) {
        // An order that neither the text nor the worker has a say in: later sums over it are the same to the last bit, and the
        // order of the words is forgotten here.
        bag.sort_unstable();
        let mut token_count = 0u32;
        for &Counted { hash, term, count } in &*bag {
            let is_word = self.entries[term as usize].second == NONE;
            token_count = token_count.saturating_add(if is_word { count } else { 0 });
            let table = if is_word { &mut self.words } else { &mut self.pairs };
            table.entry(hash, || term).document_frequency += 1;
        }
        for &topic in topics {
            self.topics[topic as usize].1 += 1;
        }
        self.documents += 1;
        self.multi_topic += u64::from(topics.len() > 1);
        let terms = bag.iter().map(|counted| (counted.term, counted.count));
        self.spool.push(Head { ordinal, token_count }, topics.iter().copied(), terms);
    }

    /// The local id of a word; `append_text` appends its text, of at most [`crate::text::MAX_WORD_BYTES`].
    pub(super) fn word_id(&mut self, hash: TermHash, append_text: impl FnOnce(&mut String)) -> u32 {
        let Self { words, entries, texts, text_ends, .. } = self;
        let number = || {
            append_text(texts);
            entries.push(Entry { hash, first: text_ends.len() as u32, second: NONE });
            text_ends.push(texts.len());
            (entries.len() - 1) as u32
        };
        words.entry(hash, number).term
    }

    /// The local id of a pair of words with these local ids.
    pub(super) fn pair_id(&mut self, hash: TermHash, first: u32, second: u32) -> u32 {
        let Self { pairs, entries, .. } = self;
        let number = || {
            entries.push(Entry { hash, first, second });
            (entries.len() - 1) as u32
        };
        pairs.entry(hash, number).term
    }

    pub(super) fn topic_id(&mut self, name: &str) -> Result<u32, String> {
        let name = TopicName::new(name).map_err(|error| error.to_string())?;
        if let Some(&id) = self.topic_ids.get(&name) {
            return Ok(id);
        }
        let id = self.topics.len() as u32;
        self.topic_ids.insert(name.clone(), id);
        self.topics.push((name, 0));
        Ok(id)
    }

    /// Sets `occurrences` to those of the document, in the order of the text.
    fn find_terms(&mut self, document: &Document<'_>) {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut occurrences = std::mem::take(&mut self.occurrences);
        occurrences.clear();
        let (mut before, mut last) = (0, 0);
        scan_terms(&mut scanner, document.text(), self.options, |occurrence, times| {
            let (hash, first, second) = match occurrence {
                TermOccurrence::Word { hash, text } => {
                    let id = self.word_id(hash, |texts| text.append_to(texts));
                    (before, last) = (last, id);
                    (hash, id, NONE)
                }
                TermOccurrence::Pair { hash } => (hash, before, last),
                TermOccurrence::Overlong => return,
            };
            occurrences.push(Occurrence { hash, first, second, times });
        });
        self.scanner = scanner;
        self.occurrences = occurrences;
    }

    /// Sets `bag` to the occurrences' terms. Pairs are looked up here, each once and all of a document in a row, so that none waits for
    /// the text or for another's memory.
    fn count_terms(&mut self) {
        let mut occurrences = std::mem::take(&mut self.occurrences);
        let mut bag = std::mem::take(&mut self.bag);
        occurrences.sort_unstable_by_key(|occurrence| occurrence.hash);
        bag.clear();
        for equal in occurrences.chunk_by(|a, b| a.hash == b.hash) {
            let Occurrence { hash, first, second, .. } = equal[0];
            let term = if second == NONE { first } else { self.pair_id(hash, first, second) };
            bag.push(Counted { hash, term, count: equal.iter().map(|occurrence| occurrence.times).sum() });
        }
        self.occurrences = occurrences;
        self.bag = bag;
    }

    /// How many terms have an id.
    pub(super) fn term_count(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn hash(&self, term: u32) -> TermHash {
        self.entries[term as usize].hash
    }

    /// The local ids of a pair's words; None for a word.
    pub(super) fn words_of(&self, term: u32) -> Option<(u32, u32)> {
        let Entry { first, second, .. } = self.entries[term as usize];
        (second != NONE).then_some((first, second))
    }

    /// The text of a word.
    pub(super) fn word(&self, term: u32) -> &str {
        let number = self.entries[term as usize].first as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.text_ends[before]);
        &self.texts[start..self.text_ends[number]]
    }
}
