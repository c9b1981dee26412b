//! The corpus term by term: for each term that occurs in enough documents, which those are.
//!
//! What training needs of a term (in how many documents of each topic and fold it occurs, its sums,
//! its weights, what it adds to the scores of held-out documents) is computed from its postings in
//! one go, in the nearest cache. Terms are dealt to partitions by their hashes; partitions are
//! worked on by any number of threads, in any order, and all sums are of whole numbers.

mod build;
mod words;

use std::borrow::Cow;
use std::io;
use std::sync::{Mutex, PoisonError};

use self::build::{Builder, Scratch};
use self::words::Words;
use super::chunks::Chunks;
use super::intern::{Interner, Texts};
use super::postings::{PARTITIONS, PostingStreams};
use super::select::TopicSizes;
use super::threads::for_each_place;
use super::topics::{DocumentTopics, Topic};
use crate::corpus::Ordinal;

/// How much of the postings stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 128 << 20;
/// On a document's number: a count other than 1 follows.
const COUNTED: u32 = 1 << 31;
/// Stands for the second word of what is no pair, and for the rank of a word that is pruned.
pub(super) const NONE: u32 = u32::MAX;

/// A term of a partition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    /// Its word, or its first one: a place in [`Inverted::words`].
    pub(super) first: u32,
    /// Its second word, or [`NONE`].
    pub(super) second: u32,
    pub(super) document_frequency: u32,
    /// Where its postings end among those of the partition.
    end: u32,
    /// Its chi-square statistic, where one was asked for.
    pub(super) statistic: f64,
    pub(super) idf: f32,
    pub(super) rank: Rank,
}

/// What becomes of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nothing looks at it any more.
    Dropped,
    /// It might be selected without the documents of one fold.
    Pool,
    /// The model has it.
    Selected,
}

impl Term {
    pub(super) fn is_word(&self) -> bool {
        self.second == NONE
    }

    /// Orders terms as their texts are ordered: the blank between two words is less than any
    /// character of a word.
    pub(super) fn key(&self) -> (u32, u32) {
        (self.first, self.second.wrapping_add(1))
    }
}

/// In how many documents a term has to be, not to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeastFrequencies {
    pub(super) words: u32,
    /// No less than for words.
    pub(super) pairs: u32,
}

/// A document that has a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) document: u32,
    /// How often the term occurs in it.
    pub(super) count: u32,
}

/// The postings of one term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Postings<'a> {
    /// Their numbers, and those of the terms that follow.
    numbers: &'a [u32],
    /// How many are the term's own.
    len: usize,
}

impl Iterator for Postings<'_> {
    type Item = Posting;

    #[inline]
    fn next(&mut self) -> Option<Posting> {
        let document = self.number()?;
        if document & COUNTED == 0 {
            return Some(Posting { document, count: 1 });
        }
        Some(Posting { document: document & !COUNTED, count: self.number()? })
    }
}

impl<'a> Postings<'a> {
    #[inline]
    fn number(&mut self) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        let (number, rest) = self.numbers.split_first()?;
        self.numbers = rest;
        Some(*number)
    }

    /// The same postings, and with each what is likely the document of one that comes some postings
    /// later, of this term or of those that follow: what is kept of it can be asked for.
    #[inline]
    pub(super) fn with_later(mut self) -> impl Iterator<Item = (Posting, usize)> + use<'a> {
        const AHEAD: usize = 16;
        std::iter::from_fn(move || {
            // It may be a count. Nothing but time depends on it.
            let later = self.numbers.get(AHEAD).copied();
            let posting = self.next()?;
            Some((posting, (later.unwrap_or(posting.document) & !COUNTED) as usize))
        })
    }
}

/// The terms of a partition with their postings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partition<'a> {
    pub(super) number: usize,
    pub(super) terms: &'a [Term],
    postings: &'a [u32],
}

impl<'a> Partition<'a> {
    /// The terms of the pool, selected ones among them.
    pub(super) fn pool(&self) -> impl Iterator<Item = (&'a Term, Postings<'a>)> + use<'a> {
        let postings = self.postings;
        let mut start = 0;
        let all = self.terms.iter().map(move |term| {
            let own = start..term.end as usize;
            start = own.end;
            (term, Postings { numbers: &postings[own.start..], len: own.len() })
        });
        all.filter(|(term, _)| term.rank > Rank::Dropped)
    }
}

/// A corpus, inverted.
#[derive(Debug)]
pub(super) struct Inverted {
    /// In the order of their names.
    pub(super) topics: Vec<Topic>,
    /// Words in enough documents, in the order of their texts.
    pub(super) words: Texts,
    /// By document: its place in the corpus.
    pub(super) ordinals: Vec<Ordinal>,
    /// By document: how many words it has, pruned ones too; numbers are none.
    pub(super) token_counts: Vec<u32>,
    /// By document: places in `topics`.
    pub(super) document_topics: DocumentTopics,
    pub(super) threads: usize,
    partitions: Vec<Vec<Term>>,
    /// A stream a partition, of one chunk.
    postings: Chunks<u32>,
}

impl Inverted {
    /// Brings together what the workers took in, of each also its postings. Terms in fewer
    /// documents than the least are left out; the others have their statistic computed
    /// `with_statistics`.
    pub(super) fn new(
        workers: &[Interner],
        postings: &[PostingStreams],
        least: LeastFrequencies,
        with_statistics: bool,
    ) -> io::Result<Self> {
        let (topics, document_topics) = DocumentTopics::merge(workers);
        let document_count = document_topics.len();
        let (mut ordinals, mut token_counts) =
            (Vec::with_capacity(document_count), Vec::with_capacity(document_count));
        let mut bases = Vec::with_capacity(workers.len());
        for worker in workers {
            bases.push(ordinals.len() as u32);
            ordinals.extend(worker.heads.iter().map(|head| head.ordinal));
            token_counts.extend(worker.heads.iter().map(|head| head.token_count));
        }
        let lexicon = Words::merge(workers, least.words);
        let sizes: Vec<u64> = topics.iter().map(|topic| topic.document_count).collect();
        let sizes = with_statistics.then(|| TopicSizes::new(&sizes));
        let builder = Builder {
            streams: postings,
            bases,
            words: &lexicon,
            least,
            topics: &document_topics,
            topic_count: topics.len(),
            sizes: sizes.as_ref(),
            logs: idf_of(document_count),
        };
        let threads = workers.len();
        let postings = Mutex::new(Chunks::new(PARTITIONS, IN_MEMORY_BYTES));
        let built = for_each_place(
            PARTITIONS,
            threads,
            || (Scratch::default(), Vec::new()),
            |(scratch, built), number| {
                let terms = builder.build(number, scratch)?;
                postings
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .append(number, &scratch.postings);
                built.push((number, terms));
                Ok(())
            },
        )?;
        let mut partitions = vec![Vec::new(); PARTITIONS];
        for (number, terms) in built.into_iter().flat_map(|(_, built)| built) {
            partitions[number] = terms;
        }
        let mut postings = postings.into_inner().unwrap_or_else(PoisonError::into_inner);
        postings.finish()?;
        Ok(Self {
            topics,
            words: lexicon.texts,
            ordinals,
            token_counts,
            document_topics,
            threads,
            partitions,
            postings,
        })
    }

    pub(super) fn document_count(&self) -> usize {
        self.ordinals.len()
    }

    /// All terms, partition by partition.
    pub(super) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.partitions.iter().flatten()
    }

    pub(super) fn terms_mut(&mut self) -> impl Iterator<Item = &mut Term> {
        self.partitions.iter_mut().flatten()
    }

    /// Calls `each` with every partition, on as many threads as the corpus was read by, and each
    /// thread with a state of its own.
    pub(super) fn for_each<S: Send>(
        &self,
        new_state: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, Partition<'_>) + Sync,
    ) -> io::Result<Vec<S>> {
        for_each_place(PARTITIONS, self.threads, new_state, |state, number| {
            let chunk = self.postings.of(number).next().unwrap_or(Ok(Cow::Borrowed(&[])))?;
            each(state, Partition { number, terms: &self.partitions[number], postings: &chunk });
            Ok(())
        })
    }

    /// Appends the text of the term of a [`Term::key`].
    pub(super) fn append_text(&self, (first, second): (u32, u32), out: &mut String) {
        out.push_str(self.words.of(first));
        if let Some(second) = second.checked_sub(1) {
            out.push(' ');
            out.push_str(self.words.of(second));
        }
    }
}

/// Inverse document frequency by document frequency, smoothed as scikit-learn does: `ln((1 +
/// documents) / (1 + frequency)) + 1`.
fn idf_of(document_count: usize) -> impl Fn(u32) -> f32 + Sync {
    let documents = 1.0 + document_count as f64;
    let of =
        move |frequency: u32| (libm::log(documents / (1.0 + f64::from(frequency))) + 1.0) as f32;
    // Most terms are rare.
    let common: Vec<f32> = (0..1_024).map(of).collect();
    move |frequency| common.get(frequency as usize).copied().unwrap_or_else(|| of(frequency))
}
