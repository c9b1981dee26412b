//! Turns documents into numbers: each worker gives its own ids to the words and topics it meets, and hands out each document's terms
//! to the partitions that they belong to.

use std::collections::HashMap;

use super::chunks::Chunks;
use super::documents::BagWriter;
use super::word_table::WordTable;
use crate::article::TopicName;
use crate::corpus::{Document, Ordinal};
use crate::model::manifest::Labels;
use crate::text::{TermHash, TextOptions, Word, WordScanner, Words};

/// Into how many parts the terms are dealt, by their hashes: one is worked on in memory that the nearer caches hold.
pub(super) const PARTITIONS: usize = 64;
/// How much of a worker's postings stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 96 << 20;
/// On a document's number: a count other than 1 follows.
pub(super) const COUNTED: u32 = 1 << 31;
/// The most documents of a worker.
const MAX_DOCUMENTS: usize = COUNTED as usize;

/// The partition of a term.
pub(super) const fn partition(hash: TermHash) -> usize {
    (hash.0 >> (u64::BITS - PARTITIONS.ilog2())) as usize
}

/// What a worker knows of a document beside its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) ordinal: Ordinal,
    /// How many words the document has, pruned ones too.
    pub(super) token_count: u32,
    /// Where its topics end in the list of all documents' topics.
    pub(super) topics_end: u32,
}

/// A word, by its local id.
#[derive(Debug, Clone, Copy)]
struct Interned {
    hash: TermHash,
    /// Where its text ends.
    text_end: usize,
}

/// Where a word was seen: apart from what is looked at less often, for the caches.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The document that it was seen in last, from 1 on.
    document: u32,
    /// The word's place among those of that document.
    place: u32,
    /// In how many documents it was.
    document_frequency: u32,
}

/// A word of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CountedWord {
    pub(super) hash: TermHash,
    /// Its local id.
    pub(super) id: u32,
    /// How often it occurs, at least once.
    pub(super) count: u32,
}

/// A pair of neighbouring words of a document, by their places among its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CountedPair {
    pub(super) first: u32,
    pub(super) second: u32,
    pub(super) count: u32,
}

/// The terms of a document, in an order that neither the text nor the worker has a say in: words by their hashes, pairs by their words.
#[derive(Debug, Default)]
pub(super) struct CountedTerms {
    pub(super) words: Vec<CountedWord>,
    pub(super) pairs: Vec<CountedPair>,
}

/// One worker's words, topics and documents.
#[derive(Debug)]
pub(super) struct Interner {
    options: TextOptions,
    labels: Labels,
    scanner: WordScanner,
    pub(super) table: WordTable,
    words: Vec<Interned>,
    seen: Vec<Seen>,
    texts: String,
    topic_ids: HashMap<TopicName, u32>,
    /// By local topic id, with their numbers of documents.
    pub(super) topics: Vec<(TopicName, u64)>,
    pub(super) heads: Vec<Head>,
    /// Local ids of topics, document after document.
    document_topics: Vec<u32>,
    /// The terms' postings, a stream a partition: of words (id, document), behind them of pairs (id, id, document), each with a count
    /// where the document's number says so.
    pub(super) postings: Chunks<u32>,
    /// The documents one by one, for the file that learning goes on from.
    pub(super) bags: Option<BagWriter>,
    /// Of a text: the ids of its words.
    ids: Vec<u32>,
    /// Of the document: by a word's place before the words are sorted, the one after.
    places: Vec<u32>,
    /// Of the document: its pairs, each as often as it occurs.
    pair_keys: Vec<u64>,
    terms: CountedTerms,
}

impl Interner {
    pub(super) fn new(options: TextOptions, labels: Labels, keep_documents: bool) -> Self {
        Self {
            options,
            labels,
            scanner: WordScanner::default(),
            table: WordTable::default(),
            words: Vec::new(),
            seen: Vec::new(),
            texts: String::new(),
            topic_ids: HashMap::new(),
            topics: Vec::new(),
            heads: Vec::new(),
            document_topics: Vec::new(),
            postings: Chunks::new(2 * PARTITIONS, IN_MEMORY_BYTES),
            bags: keep_documents.then(BagWriter::default),
            ids: Vec::new(),
            places: Vec::new(),
            pair_keys: Vec::new(),
            terms: CountedTerms::default(),
        }
    }

    /// Takes in a document.
    pub(super) fn add(&mut self, ordinal: Ordinal, document: &Document<'_>) -> Result<(), String> {
        if document.topics.is_empty() && self.labels == Labels::Single {
            return Err("the document has no topic to learn".to_owned());
        }
        let mut topics = [0; 8];
        if document.topics.len() <= topics.len() {
            let topics = &mut topics[..document.topics.len()];
            for (id, name) in topics.iter_mut().zip(&document.topics) {
                *id = self.topic_id(name)?;
            }
            self.count_terms(document);
            self.add_taken(ordinal, topics)
        } else {
            let topics = document.topics.iter().map(|name| self.topic_id(name)).collect::<Result<Vec<_>, _>>()?;
            self.count_terms(document);
            self.add_taken(ordinal, &topics)
        }
    }

    fn add_taken(&mut self, ordinal: Ordinal, topics: &[u32]) -> Result<(), String> {
        let terms = std::mem::take(&mut self.terms);
        let outcome = self.add_counted(ordinal, topics, &terms);
        self.terms = terms;
        outcome
    }

    /// Takes in a document whose topics and terms are counted already, by local ids.
    pub(super) fn add_counted(&mut self, ordinal: Ordinal, topics: &[u32], terms: &CountedTerms) -> Result<(), String> {
        if self.heads.len() >= MAX_DOCUMENTS || self.document_topics.len() + topics.len() > u32::MAX as usize {
            return Err("more documents than can be numbered".to_owned());
        }
        let document = self.heads.len() as u32;
        let mut token_count = 0u32;
        for &CountedWord { hash, id, count } in &terms.words {
            token_count = token_count.saturating_add(count);
            self.seen[id as usize].document_frequency += 1;
            let (document, counted) = with_count(document, count);
            self.postings.push(partition(hash), [id, document, count, 0], 2 + counted);
        }
        for &CountedPair { first, second, count } in &terms.pairs {
            let (first, second) = (terms.words[first as usize], terms.words[second as usize]);
            let stream = PARTITIONS + partition(first.hash.followed_by(second.hash));
            let (document, counted) = with_count(document, count);
            self.postings.push(stream, [first.id, second.id, document, count], 3 + counted);
        }
        if let Some(bags) = &mut self.bags {
            bags.push(terms);
        }
        self.document_topics.extend_from_slice(topics);
        for &topic in topics {
            self.topics[topic as usize].1 += 1;
        }
        self.heads.push(Head { ordinal, token_count, topics_end: self.document_topics.len() as u32 });
        Ok(())
    }

    /// The local id of a word; `append_text` appends its text, of at most [`crate::text::MAX_WORD_BYTES`].
    #[inline]
    pub(super) fn word_id(&mut self, hash: TermHash, append_text: impl FnOnce(&mut String)) -> u32 {
        let Self { table, words, seen, texts, .. } = self;
        table.number(hash, || {
            append_text(texts);
            words.push(Interned { hash, text_end: texts.len() });
            seen.push(Seen::default());
            (words.len() - 1) as u32
        })
    }

    pub(super) fn topic_id(&mut self, name: &str) -> Result<u32, String> {
        // Most corpora have few topics, and the next document's is likely one of them.
        if let Some(id) = self.topics.iter().take(16).position(|(known, _)| known.as_str() == name) {
            return Ok(id as u32);
        }
        let name = TopicName::new(name).map_err(|error| error.to_string())?;
        if let Some(&id) = self.topic_ids.get(&name) {
            return Ok(id);
        }
        let id = self.topics.len() as u32;
        self.topic_ids.insert(name.clone(), id);
        self.topics.push((name, 0));
        Ok(id)
    }

    /// Sets `terms` to those of the document.
    fn count_terms(&mut self, document: &Document<'_>) {
        self.find_terms(document);
        let CountedTerms { words, pairs } = &mut self.terms;
        // No two have the same hash.
        words.sort_unstable_by_key(|word| word.hash);
        self.places.resize(words.len(), 0);
        for (after, word) in words.iter().enumerate() {
            self.places[self.seen[word.id as usize].place as usize] = after as u32;
        }
        for key in &mut self.pair_keys {
            let [first, second] = [*key >> 32, *key & u64::from(u32::MAX)].map(|place| self.places[place as usize]);
            *key = pair_key(first, second);
        }
        self.pair_keys.sort_unstable();
        pairs.clear();
        for equal in self.pair_keys.chunk_by(|a, b| a == b) {
            pairs.push(CountedPair { first: (equal[0] >> 32) as u32, second: equal[0] as u32, count: equal.len() as u32 });
        }
    }

    /// Sets `terms.words` to the document's words, each once, in the order of the text, and `pair_keys` to its pairs by the words' places:
    /// the terms of [`crate::text::scan_terms`].
    ///
    /// All words of a text are looked up before anything is done with one: no look-up then waits for the one before it.
    fn find_terms(&mut self, document: &Document<'_>) {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut ids = std::mem::take(&mut self.ids);
        self.terms.words.clear();
        self.pair_keys.clear();
        let text = document.text();
        for (field, times) in [(text.title, self.options.title_weight.get()), (text.body, 1)] {
            let found = scanner.scan(field, self.options.numbers);
            ids.clear();
            ids.extend(found.iter().map(|word| match word {
                Word::Term { hash, text } => self.word_id(hash, |texts| text.append_to(texts)),
                // An overlong word has none.
                Word::Overlong => 0,
            }));
            self.take_words(found, &ids, times.into());
        }
        self.scanner = scanner;
        self.ids = ids;
    }

    /// Adds the words of a text and its pairs to those of the document, each so many times.
    fn take_words(&mut self, found: Words<'_>, ids: &[u32], times: u32) {
        let Self { seen, heads, terms, pair_keys, options, .. } = self;
        let words = &mut terms.words;
        let number = heads.len() as u32 + 1;
        let mut len = words.len();
        words.resize(len + ids.len(), CountedWord { hash: TermHash(0), id: 0, count: 0 });
        let mut before = None;
        for (word, &id) in found.iter().zip(ids) {
            let Word::Term { hash, .. } = word else {
                before = None;
                continue;
            };
            let seen = &mut seen[id as usize];
            // Whether the document had the word before is hard to guess: there is no branch on it.
            let is_new = seen.document != number;
            let place = if is_new { len as u32 } else { seen.place };
            (seen.document, seen.place) = (number, place);
            let word = &mut words[place as usize];
            *word = CountedWord { hash, id, count: word.count + times };
            len += usize::from(is_new);
            if options.pairs
                && let Some(before) = before.replace(place)
            {
                pair_keys.extend(std::iter::repeat_n(pair_key(before, place), times as usize));
            }
        }
        words.truncate(len);
    }

    /// The topics of a document, by local ids.
    pub(super) fn topics_of(&self, document: usize) -> &[u32] {
        let start = document.checked_sub(1).map_or(0, |before| self.heads[before].topics_end);
        &self.document_topics[start as usize..self.heads[document].topics_end as usize]
    }

    /// How many words have an id.
    pub(super) fn word_count(&self) -> usize {
        self.words.len()
    }

    pub(super) fn hash(&self, id: u32) -> TermHash {
        self.words[id as usize].hash
    }

    pub(super) fn document_frequency(&self, id: u32) -> u32 {
        self.seen[id as usize].document_frequency
    }

    /// The text of a word.
    pub(super) fn text(&self, id: u32) -> &str {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.words[before].text_end);
        &self.texts[start..self.words[id].text_end]
    }
}

/// A document's number as it stands in a posting, and how many numbers of a count follow it.
#[inline]
const fn with_count(document: u32, count: u32) -> (u32, usize) {
    let counted = (count != 1) as u32;
    (document | (counted * COUNTED), counted as usize)
}

/// Two places, ordered by the first one.
const fn pair_key(first: u32, second: u32) -> u64 {
    (first as u64) << 32 | second as u64
}
