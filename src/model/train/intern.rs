//! Turns documents into numbers: each worker gives its own ids to the terms and topics it meets, and spools the documents.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::spool::SpoolWriter;
use crate::article::TopicName;
use crate::corpus::{Document, Ordinal};
use crate::model::manifest::Labels;
use crate::text::{TermHash, TermOccurrence, TextOptions, WordScanner, scan_terms};

/// A map keyed by a [`TermHash`], which needs no further hashing.
pub(super) type ByHash<V> = HashMap<TermHash, V, BuildHasherDefault<PassThrough>>;

/// Takes a 64-bit hash for what it is.
#[derive(Default)]
pub(super) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a worker knows of a term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: TermHash,
    pub(super) document_frequency: u32,
    form: Form,
}

impl Entry {
    pub(super) fn is_word(&self) -> bool {
        matches!(self.form, Form::Word { .. })
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// Where its text lies.
    Word { start: usize, length: u8 },
    /// The local ids of its words.
    Pair { first: u32, second: u32 },
}

/// One worker's terms, topics and documents.
#[derive(Debug)]
pub(super) struct Interner {
    options: TextOptions,
    labels: Labels,
    scanner: WordScanner,
    ids: ByHash<u32>,
    entries: Vec<Entry>,
    texts: String,
    topic_ids: HashMap<TopicName, u32>,
    /// By local topic id.
    pub(super) topics: Vec<(TopicName, u64)>,
    pub(super) documents: u64,
    pub(super) multi_topic: u64,
    pub(super) spool: SpoolWriter,
    /// By local term id: its place in the bag plus one, 0 while it has none.
    places: Vec<u32>,
    bag: Vec<Counted>,
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
            ids: ByHash::default(),
            entries: Vec::new(),
            texts: String::new(),
            topic_ids: HashMap::new(),
            topics: Vec::new(),
            documents: 0,
            multi_topic: 0,
            spool: SpoolWriter::default(),
            places: Vec::new(),
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
        self.count_terms(document);
        let mut bag = std::mem::take(&mut self.bag);
        for counted in &bag {
            self.places[counted.term as usize] = 0;
        }
        self.add_counted(ordinal, &topics, &mut bag);
        self.bag = bag;
        Ok(())
    }

    /// Takes in a document whose topics and terms (each once, in any order) are counted already, by local ids.
    pub(super) fn add_counted(&mut self, ordinal: Ordinal, topics: &[u32], bag: &mut [Counted]) {
        // An order that neither the text nor the worker has a say in: later sums over it are the same to the last bit, and the
        // order of the words is forgotten here.
        bag.sort_unstable();
        for counted in &*bag {
            self.entries[counted.term as usize].document_frequency += 1;
        }
        for &topic in topics {
            self.topics[topic as usize].1 += 1;
        }
        self.documents += 1;
        self.multi_topic += u64::from(topics.len() > 1);
        self.spool.push(ordinal, topics, bag);
    }

    /// The local id of a word; `append_text` appends its text, of at most [`crate::text::MAX_WORD_BYTES`].
    pub(super) fn word_id(&mut self, hash: TermHash, append_text: impl FnOnce(&mut String)) -> u32 {
        let Self { ids, entries, texts, places, .. } = self;
        *ids.entry(hash).or_insert_with(|| {
            let start = texts.len();
            append_text(texts);
            entries.push(Entry {
                hash,
                document_frequency: 0,
                form: Form::Word { start, length: (texts.len() - start) as u8 },
            });
            places.push(0);
            (entries.len() - 1) as u32
        })
    }

    /// The local id of a pair of words with these local ids.
    pub(super) fn pair_id(&mut self, hash: TermHash, first: u32, second: u32) -> u32 {
        let Self { ids, entries, places, .. } = self;
        *ids.entry(hash).or_insert_with(|| {
            entries.push(Entry { hash, document_frequency: 0, form: Form::Pair { first, second } });
            places.push(0);
            (entries.len() - 1) as u32
        })
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

    fn count_terms(&mut self, document: &Document<'_>) {
        let mut scanner = std::mem::take(&mut self.scanner);
        self.bag.clear();
        let (mut before, mut last) = (0, 0);
        scan_terms(&mut scanner, document.text(), self.options, |occurrence, times| {
            let (hash, term) = match occurrence {
                TermOccurrence::Word { hash, text } => {
                    let id = self.word_id(hash, |texts| text.append_to(texts));
                    (before, last) = (last, id);
                    (hash, id)
                }
                TermOccurrence::Pair { hash } => (hash, self.pair_id(hash, before, last)),
                TermOccurrence::Overlong => return,
            };
            let place = &mut self.places[term as usize];
            if *place == 0 {
                self.bag.push(Counted { hash, term, count: 0 });
                *place = self.bag.len() as u32;
            }
            self.bag[*place as usize - 1].count += times;
        });
        self.scanner = scanner;
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The local ids of a pair's words; None for a word.
    pub(super) fn words_of(&self, term: u32) -> Option<(u32, u32)> {
        match self.entries[term as usize].form {
            Form::Word { .. } => None,
            Form::Pair { first, second } => Some((first, second)),
        }
    }

    /// The text of a term, as a vocabulary writes it.
    pub(super) fn text(&self, entry: &Entry) -> String {
        match entry.form {
            Form::Word { start, length } => self.texts[start..start + usize::from(length)].to_owned(),
            Form::Pair { first, second } => {
                let word = |id: u32| self.text(&self.entries[id as usize]);
                format!("{} {}", word(first), word(second))
            }
        }
    }
}
