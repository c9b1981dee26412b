//! The terms of a corpus that occur in enough documents, in the order of their texts.

use super::intern::Interner;
use super::term_table::{Slot, TermTable};
use crate::text::{TermHash, TermId};

/// Terms and their document frequencies, by id; ids follow the order of the texts (byte by byte).
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// All words, in the order of their texts.
    words: Vec<String>,
    terms: Vec<Term>,
    document_frequencies: Vec<u32>,
}

/// A word, or two. The order is that of the texts: the blank between two words is less than any character of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    /// A place in the words.
    first: u32,
    second: Option<u32>,
}

/// A term that stays.
#[derive(Debug, Clone, Copy)]
struct Kept {
    hash: TermHash,
    document_frequency: u32,
    /// Who knows its text, and by which id.
    worker: usize,
    local: u32,
}

/// Stands for the id of a term that the lexicon does not have.
pub(super) const PRUNED: TermId = TermId::MAX;

impl Lexicon {
    /// Adds up what the workers counted, and keeps the terms in at least so many documents, [words, pairs], of a pair no fewer than of a
    /// word. Beside it, worker by worker,
    /// by local id: the term's id, or [`PRUNED`].
    pub(super) fn merge(workers: &[Interner], [least_of_words, least_of_pairs]: [u32; 2]) -> (Self, Vec<Vec<TermId>>) {
        let mut words = kept(workers, |worker| &worker.words, least_of_words);
        let text = |kept: &Kept| workers[kept.worker].word(kept.local);
        words.sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let mut places: Vec<Vec<u32>> = workers.iter().map(|worker| vec![PRUNED; worker.term_count()]).collect();
        for (place, word) in words.iter().enumerate() {
            set_for_all(workers, |worker| &worker.words, word, place as u32, &mut places);
        }
        let mut terms: Vec<(Term, Kept)> = Vec::new();
        for pair in kept(workers, |worker| &worker.pairs, least_of_pairs.max(least_of_words)) {
            // Whatever document has a pair has its words: they are kept, too.
            if let Some((first, second)) = workers[pair.worker].words_of(pair.local) {
                let place = |word: u32| places[pair.worker][word as usize];
                terms.push((Term { first: place(first), second: Some(place(second)) }, pair));
            }
        }
        terms.extend(words.iter().zip(0..).map(|(&word, first)| (Term { first, second: None }, word)));
        terms.sort_unstable_by_key(|(term, _)| *term);
        for (id, (term, kept)) in terms.iter().enumerate() {
            if let Some(_pair) = term.second {
                set_for_all(workers, |worker| &worker.pairs, kept, id as TermId, &mut places);
            } else {
                set_for_all(workers, |worker| &worker.words, kept, id as TermId, &mut places);
            }
        }
        let lexicon = Self {
            words: words.iter().map(|word| text(word).to_owned()).collect(),
            document_frequencies: terms.iter().map(|(_, kept)| kept.document_frequency).collect(),
            terms: terms.into_iter().map(|(term, _)| term).collect(),
        };
        (lexicon, places)
    }

    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut flags = keep.iter();
        self.terms.retain(|_| flags.next().copied().unwrap_or(false));
        let mut flags = keep.iter();
        self.document_frequencies.retain(|_| flags.next().copied().unwrap_or(false));
    }

    /// The texts by id.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        let word = |place: u32| self.words[place as usize].as_str();
        self.terms.iter().map(move |term| match term.second {
            None => word(term.first).to_owned(),
            Some(second) => [word(term.first), word(second)].join(" "),
        })
    }

    /// Whether a term is a word, and not a pair.
    pub(super) fn is_word(&self, term: usize) -> bool {
        self.terms[term].second.is_none()
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

/// The terms in enough documents of all workers together, each once. The tables are gone through side by side.
fn kept(workers: &[Interner], table: impl Fn(&Interner) -> &TermTable, min_document_frequency: u32) -> Vec<Kept> {
    let mut kept = Vec::new();
    for (place, worker) in workers.iter().enumerate() {
        let (before, after) = (&workers[..place], &workers[place + 1..]);
        for &Slot { hash, term, document_frequency } in table(worker).iter() {
            if before.iter().any(|worker| table(worker).get(hash).is_some()) {
                continue;
            }
            let elsewhere: u32 =
                after.iter().filter_map(|worker| table(worker).get(hash)).map(|slot| slot.document_frequency).sum();
            let document_frequency = document_frequency + elsewhere;
            if document_frequency >= min_document_frequency {
                kept.push(Kept { hash, document_frequency, worker: place, local: term });
            }
        }
    }
    kept
}

/// Sets what each worker that has the term knows of it.
fn set_for_all(
    workers: &[Interner],
    table: impl Fn(&Interner) -> &TermTable,
    kept: &Kept,
    value: u32,
    by_local: &mut [Vec<u32>],
) {
    for (place, (worker, by_local)) in workers.iter().zip(by_local).enumerate() {
        if place == kept.worker {
            by_local[kept.local as usize] = value;
        } else if let Some(slot) = table(worker).get(kept.hash) {
            by_local[slot.term as usize] = value;
        }
    }
}
