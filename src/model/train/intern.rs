//! Turns documents into numbers: each worker gives its own ids to the words and topics it meets,
//! and hands out each document's terms to the partitions that they belong to.

mod order;

use std::collections::HashMap;

use self::order::TokenOrder;
use super::documents::BagWriter;
use super::postings::PostingStreams;
use super::word_table::WordTable;
use crate::article::TopicName;
use crate::corpus::{Document, Ordinal};
use crate::model::manifest::Labels;
use crate::text::{TermHash, TextOptions, Word, WordScanner, is_number};

/// The most documents of a worker, and the most words.
const MAX_DOCUMENTS: usize = 1 << 31;
const MAX_WORDS: usize = 1 << 31;

/// What a worker knows of a document beside its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) ordinal: Ordinal,
    /// How many words the document has, pruned ones too; [numbers](is_number) are none.
    pub(super) token_count: u32,
    /// Where its topics end in the list of all documents' topics.
    pub(super) topics_end: u32,
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

/// The terms of a document, in an order that neither the text nor the worker has a say in: words by
/// their hashes, pairs by their words.
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
    scanners: [WordScanner; 2],
    pub(super) table: WordTable,
    /// By id: in how many documents the word is.
    document_frequencies: Vec<u32>,
    /// By id, too.
    are_numbers: Vec<bool>,
    texts: Texts,
    topic_ids: HashMap<TopicName, u32>,
    /// By local topic id, with their numbers of documents.
    pub(super) topics: Vec<(TopicName, u64)>,
    pub(super) heads: Vec<Head>,
    /// By document: the same for the same terms, as often. 0 for a document without any.
    pub(super) fingerprints: Vec<u64>,
    /// Local ids of topics, document after document.
    document_topics: Vec<u32>,
    pub(super) postings: PostingStreams,
    /// The documents one by one, for the file that learning goes on from.
    pub(super) bags: Option<BagWriter>,
    order: TokenOrder,
    terms: CountedTerms,
}

impl Interner {
    pub(super) fn new(options: TextOptions, labels: Labels, bags: Option<BagWriter>) -> Self {
        Self {
            options,
            labels,
            scanners: Default::default(),
            table: WordTable::default(),
            document_frequencies: Vec::new(),
            are_numbers: Vec::new(),
            texts: Texts::default(),
            topic_ids: HashMap::new(),
            topics: Vec::new(),
            heads: Vec::new(),
            fingerprints: Vec::new(),
            document_topics: Vec::new(),
            postings: PostingStreams::default(),
            bags,
            order: TokenOrder::default(),
            terms: CountedTerms::default(),
        }
    }

    /// Takes in a document.
    pub(super) fn add(&mut self, ordinal: Ordinal, document: &Document<'_>) -> Result<(), String> {
        if document.topics.is_empty() && self.labels == Labels::Single {
            return Err(document.no_topic("learn"));
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
            let topics = document
                .topics
                .iter()
                .map(|name| self.topic_id(name))
                .collect::<Result<Vec<_>, _>>()?;
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
    pub(super) fn add_counted(
        &mut self,
        ordinal: Ordinal,
        topics: &[u32],
        terms: &CountedTerms,
    ) -> Result<(), String> {
        if self.heads.len() >= MAX_DOCUMENTS
            || self.document_topics.len() + topics.len() > u32::MAX as usize
        {
            return Err("more documents than can be numbered".to_owned());
        }
        if self.word_count() > MAX_WORDS {
            return Err("more words than can be numbered".to_owned());
        }
        let document = self.heads.len() as u32;
        let (mut token_count, mut fingerprint) = (0u32, 0u64);
        // Apart from what follows, so that more of these numbers are on their way to the caches at
        // a time.
        for word in &terms.words {
            self.document_frequencies[word.id as usize] += 1;
        }
        for &CountedWord { hash, id, count } in &terms.words {
            let is_word = !self.are_numbers[id as usize];
            token_count = token_count.saturating_add(if is_word { count } else { 0 });
            // The hashes are as good as random: so is their sum, whatever the order.
            fingerprint = fingerprint.wrapping_add(hash.0.rotate_left(count));
            self.postings.push_word(hash, id, document, count);
        }
        for &CountedPair { first, second, count } in &terms.pairs {
            let (first, second) = (terms.words[first as usize], terms.words[second as usize]);
            let hash = first.hash.followed_by(second.hash);
            fingerprint = fingerprint.wrapping_add(hash.0.rotate_left(count));
            self.postings.push_pair(hash, [first.id, second.id], document, count);
        }
        if let Some(bags) = &mut self.bags {
            let texts = &self.texts;
            bags.push(terms, |id| texts.of(id));
        }
        self.document_topics.extend_from_slice(topics);
        for &topic in topics {
            self.topics[topic as usize].1 += 1;
        }
        self.fingerprints.push(fingerprint);
        self.heads.push(Head {
            ordinal,
            token_count,
            topics_end: self.document_topics.len() as u32,
        });
        Ok(())
    }

    /// The local id of a word; `append_text` appends its text, of at most
    /// [`crate::text::MAX_WORD_BYTES`].
    #[inline]
    pub(super) fn word_id(&mut self, hash: TermHash, append_text: impl FnOnce(&mut String)) -> u32 {
        let Self { table, document_frequencies, texts, are_numbers, .. } = self;
        table.number(hash, |id| {
            texts.push(append_text);
            are_numbers.push(is_number(texts.of(id).as_bytes()));
            document_frequencies.push(0);
        })
    }

    pub(super) fn topic_id(&mut self, name: &str) -> Result<u32, String> {
        // Most corpora have few topics, and the next document's is likely one of them.
        if let Some(id) = self.topics.iter().take(16).position(|(known, _)| known.as_str() == name)
        {
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

    /// Sets `terms` to those of the document: the terms of [`crate::text::scan_terms`], each once.
    fn count_terms(&mut self, document: &Document<'_>) {
        let [mut title_scanner, mut body_scanner] = std::mem::take(&mut self.scanners);
        let mut order = std::mem::take(&mut self.order);
        let mut terms = std::mem::take(&mut self.terms);
        let text = document.text();
        let title = title_scanner.scan(text.title, self.options.numbers);
        let body = body_scanner.scan(text.body, self.options.numbers);
        // While the words are put in order, where they will be looked up is on its way.
        title.hashes().iter().chain(body.hashes()).for_each(|&hash| self.table.prefetch(hash));
        order.sort(title, body);

        let title_weight = u32::from(self.options.title_weight.get());
        order.count_words(title_weight, &mut terms.words);
        for (word, at) in terms.words.iter_mut().zip(&order.first_tokens) {
            word.id = self.word_id(word.hash, |texts| {
                let word = at
                    .checked_sub(title.len() + 1)
                    .map_or_else(|| title.get(*at), |at| body.get(at));
                if let Some(Word::Term { text, .. }) = word {
                    text.append_to(texts);
                }
            });
        }
        terms.pairs.clear();
        if self.options.pairs {
            order.count_pairs(title_weight, &mut terms.pairs);
        }
        (self.scanners, self.order, self.terms) = ([title_scanner, body_scanner], order, terms);
    }

    /// The topics of a document, by local ids.
    pub(super) fn topics_of(&self, document: usize) -> &[u32] {
        let start = document.checked_sub(1).map_or(0, |before| self.heads[before].topics_end);
        &self.document_topics[start as usize..self.heads[document].topics_end as usize]
    }

    /// How many words have an id.
    pub(super) fn word_count(&self) -> usize {
        self.table.len()
    }

    pub(super) fn hash(&self, id: u32) -> TermHash {
        self.table.hash(id)
    }

    pub(super) fn document_frequency(&self, id: u32) -> u32 {
        self.document_frequencies[id as usize]
    }

    /// The text of a word.
    pub(super) fn text(&self, id: u32) -> &str {
        self.texts.of(id)
    }
}

/// The texts of words, one behind the other: a string each would be memory to ask for and to give
/// back as often.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// By number: where it ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds the text that `append` appends.
    #[inline]
    pub(super) fn push(&mut self, append: impl FnOnce(&mut String)) {
        append(&mut self.all);
        self.ends.push(self.all.len());
    }

    /// The texts, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|number| self.of(number))
    }

    pub(super) fn of(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[number]]
    }
}
