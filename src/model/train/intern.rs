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
    bag: Vec<(u32, u32)>,
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
        for &(term, _) in &self.bag {
            self.entries[term as usize].document_frequency += 1;
            self.places[term as usize] = 0;
        }
        for &topic in &topics {
            self.topics[topic as usize].1 += 1;
        }
        self.documents += 1;
        self.multi_topic += u64::from(topics.len() > 1);
        self.spool.push(ordinal, &topics, &self.bag);
        Ok(())
    }

    fn topic_id(&mut self, name: &str) -> Result<u32, String> {
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
        let Self { options, scanner, ids, entries, texts, places, bag, .. } = self;
        bag.clear();
        let (mut before, mut last) = (0, 0);
        scan_terms(scanner, document.text(), *options, |occurrence, times| {
            let mut intern = |hash: TermHash, form: &mut dyn FnMut() -> Form| {
                *ids.entry(hash).or_insert_with(|| {
                    entries.push(Entry { hash, document_frequency: 0, form: form() });
                    places.push(0);
                    (entries.len() - 1) as u32
                })
            };
            let id = match occurrence {
                TermOccurrence::Word { hash, text } => {
                    let id = intern(hash, &mut || {
                        let start = texts.len();
                        texts.push_str(text);
                        Form::Word { start, length: text.len() as u8 }
                    });
                    (before, last) = (last, id);
                    id
                }
                TermOccurrence::Pair { hash } => intern(hash, &mut || Form::Pair { first: before, second: last }),
                TermOccurrence::Overlong => return,
            };
            let place = &mut places[id as usize];
            if *place == 0 {
                bag.push((id, 0));
                *place = bag.len() as u32;
            }
            bag[*place as usize - 1].1 += times;
        });
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
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
