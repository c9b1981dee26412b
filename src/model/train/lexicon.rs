//! The terms of a corpus that occur in enough documents, in the order of their texts.

use super::intern::{ByHash, Interner};
use crate::text::{TermHash, TermId};

/// Terms and their document frequencies, by id; ids follow the order of the texts (byte by byte).
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    terms: Vec<String>,
    document_frequencies: Vec<u32>,
    ids: ByHash<TermId>,
}

impl Lexicon {
    /// Adds up what the workers counted, and keeps the terms in at least `min_document_frequency` documents.
    pub(super) fn merge(workers: &[Interner], min_document_frequency: u32) -> Self {
        let mut kept: Vec<(String, u32, TermHash)> = Vec::new();
        if let [only] = workers {
            let survivors = only.entries().iter().filter(|entry| entry.document_frequency >= min_document_frequency);
            kept.extend(survivors.map(|entry| (only.text(entry), entry.document_frequency, entry.hash)));
        } else {
            let mut totals: ByHash<u32> = ByHash::default();
            for entry in workers.iter().flat_map(Interner::entries) {
                *totals.entry(entry.hash).or_default() += entry.document_frequency;
            }
            totals.retain(|_, total| *total >= min_document_frequency);
            for worker in workers {
                for entry in worker.entries() {
                    // Taken out: the next worker that has the term finds it done.
                    if let Some(total) = totals.remove(&entry.hash) {
                        kept.push((worker.text(entry), total, entry.hash));
                    }
                }
            }
        }
        kept.sort_unstable();
        let mut lexicon = Self::default();
        for (text, document_frequency, hash) in kept {
            lexicon.ids.insert(hash, lexicon.terms.len() as TermId);
            lexicon.terms.push(text);
            lexicon.document_frequencies.push(document_frequency);
        }
        lexicon
    }

    pub(super) fn find(&self, hash: TermHash) -> Option<TermId> {
        self.ids.get(&hash).copied()
    }

    /// Gives back the memory of the index, once every id has been looked up.
    pub(super) fn without_index(mut self) -> Self {
        self.ids = ByHash::default();
        self
    }

    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut flags = keep.iter();
        self.terms.retain(|_| flags.next().copied().unwrap_or(false));
        let mut flags = keep.iter();
        self.document_frequencies.retain(|_| flags.next().copied().unwrap_or(false));
    }

    pub(super) fn terms(&self) -> &[String] {
        &self.terms
    }

    pub(super) fn document_frequencies(&self) -> &[u32] {
        &self.document_frequencies
    }

    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}
