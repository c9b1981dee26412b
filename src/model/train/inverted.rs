//! The corpus term by term: for each term that occurs in enough documents, which those are.
//!
//! What training needs of a term (in how many documents of each topic and fold it occurs, its sums, its weights, what it adds to the
//! scores of held-out documents) is computed from its postings in one go, in the nearest cache. Terms are dealt to partitions by
//! their hashes; partitions are worked on by any number of threads, in any order, and all sums are of whole numbers.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::chunks::Chunks;
use super::intern::{COUNTED, Interner, PARTITIONS, partition};
use super::select::chi_square;
use super::topics::{DocumentTopics, Topic};
use crate::corpus::Ordinal;

/// How much of the postings stays in memory, in bytes.
const IN_MEMORY_BYTES: usize = 128 << 20;
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

    /// Orders terms as their texts are ordered: the blank between two words is less than any character of a word.
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
pub(super) struct Postings<'a>(&'a [u32]);

impl Iterator for Postings<'_> {
    type Item = Posting;

    #[inline]
    fn next(&mut self) -> Option<Posting> {
        let (&document, rest) = self.0.split_first()?;
        self.0 = rest;
        if document & COUNTED == 0 {
            return Some(Posting { document, count: 1 });
        }
        let (&count, rest) = rest.split_first()?;
        self.0 = rest;
        Some(Posting { document: document & !COUNTED, count })
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
            (term, Postings(&postings[own]))
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
    pub(super) words: Vec<String>,
    /// By document: its place in the corpus.
    pub(super) ordinals: Vec<Ordinal>,
    /// By document: how many words it has, pruned ones too.
    pub(super) token_counts: Vec<u32>,
    /// By document: places in `topics`.
    pub(super) document_topics: DocumentTopics,
    pub(super) threads: usize,
    partitions: Vec<Vec<Term>>,
    /// A stream a partition, of one chunk.
    postings: Chunks,
}

impl Inverted {
    /// Brings together what the workers took in. Terms in fewer documents than the least are left out; the others have their statistic
    /// computed `with_statistics`.
    pub(super) fn new(workers: &[Interner], least: LeastFrequencies, with_statistics: bool) -> io::Result<Self> {
        let (topics, document_topics) = DocumentTopics::merge(workers);
        let document_count = document_topics.len();
        let (mut ordinals, mut token_counts) = (Vec::with_capacity(document_count), Vec::with_capacity(document_count));
        let mut bases = Vec::with_capacity(workers.len());
        for worker in workers {
            bases.push(ordinals.len() as u32);
            ordinals.extend(worker.heads.iter().map(|head| head.ordinal));
            token_counts.extend(worker.heads.iter().map(|head| head.token_count));
        }
        let lexicon = Words::merge(workers, least.words);
        let sizes: Option<Vec<f64>> = with_statistics.then(|| topics.iter().map(|topic| topic.document_count as f64).collect());
        let builder = Builder {
            workers,
            bases,
            words: &lexicon,
            least,
            topics: &document_topics,
            sizes: sizes.as_deref(),
            logs: idf_of(document_count),
        };
        let threads = workers.len();
        let postings = Mutex::new(Chunks::new(PARTITIONS, IN_MEMORY_BYTES));
        let built = for_each_place(
            PARTITIONS,
            threads,
            || (Scratch::default(), Vec::new()),
            |(scratch, built), number| {
                let (terms, chunk) = builder.build(number, scratch)?;
                postings.lock().unwrap_or_else(PoisonError::into_inner).put_away(number, chunk);
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
        Ok(Self { topics, words: lexicon.texts, ordinals, token_counts, document_topics, threads, partitions, postings })
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

    /// Calls `each` with every partition, on as many threads as the corpus was read by, and each thread with a state of its own.
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

    /// The text of a term.
    pub(super) fn text(&self, term: &Term) -> String {
        let first = self.words[term.first as usize].as_str();
        if term.is_word() { first.to_owned() } else { [first, &self.words[term.second as usize]].join(" ") }
    }
}

/// Calls `each` with every number below `count`, which threads take in turns, each with a state of its own.
fn for_each_place<S: Send>(
    count: usize,
    threads: usize,
    new_state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, usize) -> io::Result<()> + Sync,
) -> io::Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = new_state();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return Ok(state);
            }
            each(&mut state, place)?;
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.clamp(1, count.max(1))).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    })
}

/// Inverse document frequency by document frequency, smoothed as scikit-learn does: `ln((1 + documents) / (1 + frequency)) + 1`.
fn idf_of(document_count: usize) -> impl Fn(u32) -> f32 + Sync {
    let documents = 1.0 + document_count as f64;
    let of = move |frequency: u32| (libm::log(documents / (1.0 + f64::from(frequency))) + 1.0) as f32;
    // Most terms are rare.
    let common: Vec<f32> = (0..1_024).map(of).collect();
    move |frequency| common.get(frequency as usize).copied().unwrap_or_else(|| of(frequency))
}

/// The words that stay.
struct Words {
    /// By rank: the texts are in order.
    texts: Vec<String>,
    /// Partition by partition: ranks with document frequencies.
    of_partition: Vec<Vec<(u32, u32)>>,
    /// Worker by worker, by local id: the rank, or [`NONE`] where the word was pruned.
    ranks: Vec<Vec<u32>>,
    /// The same: the word's place in its partition, or [`NONE`].
    places: Vec<Vec<u32>>,
}

impl Words {
    fn merge(workers: &[Interner], min_document_frequency: u32) -> Self {
        struct Kept {
            /// The first bytes of the text, as a number in their order.
            prefix: u64,
            worker: usize,
            id: u32,
            document_frequency: u32,
        }
        let mut kept = Vec::new();
        for (worker, interner) in workers.iter().enumerate() {
            let (before, after) = (&workers[..worker], &workers[worker + 1..]);
            for id in 0..interner.word_count() as u32 {
                let hash = interner.hash(id);
                if before.iter().any(|other| other.table.get(hash).is_some()) {
                    continue;
                }
                let elsewhere = after.iter().filter_map(|other| Some(other.document_frequency(other.table.get(hash)?)));
                let document_frequency = interner.document_frequency(id) + elsewhere.sum::<u32>();
                if document_frequency >= min_document_frequency {
                    let mut prefix = [0; 8];
                    let text = interner.text(id).as_bytes();
                    prefix[..text.len().min(8)].copy_from_slice(&text[..text.len().min(8)]);
                    kept.push(Kept { prefix: u64::from_be_bytes(prefix), worker, id, document_frequency });
                }
            }
        }
        let text = |kept: &Kept| workers[kept.worker].text(kept.id);
        kept.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| text(a).cmp(text(b))));
        let mut ranks: Vec<Vec<u32>> = workers.iter().map(|worker| vec![NONE; worker.word_count()]).collect();
        let mut places = ranks.clone();
        let mut of_partition = vec![Vec::new(); PARTITIONS];
        for (rank, word) in (0..).zip(&kept) {
            let hash = workers[word.worker].hash(word.id);
            let own: &mut Vec<(u32, u32)> = &mut of_partition[partition(hash)];
            let place = own.len() as u32;
            own.push((rank, word.document_frequency));
            for (worker, other) in workers.iter().enumerate().skip(word.worker) {
                let id = if worker == word.worker { Some(word.id) } else { other.table.get(hash) };
                if let Some(id) = id {
                    ranks[worker][id as usize] = rank;
                    places[worker][id as usize] = place;
                }
            }
        }
        Self { texts: kept.iter().map(|word| text(word).to_owned()).collect(), of_partition, ranks, places }
    }
}

/// Builds partitions.
struct Builder<'a, F> {
    workers: &'a [Interner],
    /// Worker by worker: the number of its first document.
    bases: Vec<u32>,
    words: &'a Words,
    least: LeastFrequencies,
    topics: &'a DocumentTopics,
    /// How many documents each topic has, where statistics are asked for.
    sizes: Option<&'a [f64]>,
    logs: F,
}

/// Memory for building, to be used again.
#[derive(Default)]
struct Scratch {
    groups: Groups,
    /// By group: where its next posting goes; [`NONE`] where it is pruned.
    next: Vec<u32>,
    /// Postings with the groups of their terms, as they come.
    found: Vec<(u32, Posting)>,
    /// Postings term by term.
    postings: Vec<Posting>,
    presence: Vec<u32>,
}

impl<F: Fn(u32) -> f32> Builder<'_, F> {
    /// The terms of a partition, and their postings: document after document, with a count where it is not 1.
    fn build(&self, number: usize, scratch: &mut Scratch) -> io::Result<(Vec<Term>, Vec<u32>)> {
        let mut terms = Vec::new();
        let mut out = Vec::new();
        scratch.found.clear();
        for ((worker, base), places) in self.workers.iter().zip(&self.bases).zip(&self.words.places) {
            for chunk in worker.postings.of(number) {
                let mut rest = &chunk?[..];
                while let [id, document, after @ ..] = rest {
                    let place = places[*id as usize];
                    let (posting, after) = posting(*document, after, *base);
                    rest = after;
                    if place != NONE {
                        scratch.found.push((place, posting));
                    }
                }
            }
        }
        let words = &self.words.of_partition[number];
        let words = words.iter().map(|&(rank, frequency)| (rank, NONE, frequency));
        self.put(words, self.least.words, scratch, &mut terms, &mut out);

        scratch.found.clear();
        let pair_count = self.workers.iter().map(|worker| worker.postings.len_of(PARTITIONS + number) / 3).sum();
        scratch.groups.clear_for(pair_count);
        for ((worker, base), ranks) in self.workers.iter().zip(&self.bases).zip(&self.words.ranks) {
            for chunk in worker.postings.of(PARTITIONS + number) {
                let mut rest = &chunk?[..];
                while let [first, second, document, after @ ..] = rest {
                    let (first, second) = (ranks[*first as usize], ranks[*second as usize]);
                    let (posting, after) = posting(*document, after, *base);
                    rest = after;
                    // Whatever document has a pair has its words: a pair is no more frequent.
                    if (first != NONE) & (second != NONE) {
                        scratch.found.push((scratch.groups.count(first, second), posting));
                    }
                }
            }
        }
        let groups = std::mem::take(&mut scratch.groups);
        let pairs = groups.groups.iter().map(|group| (group.first, group.second, group.count));
        self.put(pairs, self.least.pairs, scratch, &mut terms, &mut out);
        scratch.groups = groups;
        Ok((terms, out))
    }

    /// Appends those of the groups (first word, second word, document frequency) in at least so many documents, with their postings from
    /// `scratch.found`.
    fn put(
        &self,
        groups: impl Iterator<Item = (u32, u32, u32)> + Clone,
        least: u32,
        scratch: &mut Scratch,
        terms: &mut Vec<Term>,
        out: &mut Vec<u32>,
    ) {
        let Scratch { next, found, postings, presence, .. } = scratch;
        next.clear();
        let mut total = 0;
        next.extend(groups.clone().map(|(.., frequency)| {
            if frequency < least {
                return NONE;
            }
            total += frequency;
            total - frequency
        }));
        postings.clear();
        postings.resize(total as usize, Posting { document: 0, count: 0 });
        for &(group, posting) in &*found {
            let next = &mut next[group as usize];
            if *next != NONE {
                postings[*next as usize] = posting;
                *next += 1;
            }
        }
        let mut rest = &postings[..];
        for (first, second, document_frequency) in groups {
            if document_frequency < least {
                continue;
            }
            let (own, after) = rest.split_at(document_frequency as usize);
            rest = after;
            for &Posting { document, count } in own {
                if count == 1 {
                    out.push(document);
                } else {
                    out.extend_from_slice(&[document | COUNTED, count]);
                }
            }
            let statistic = self.sizes.map_or(0.0, |sizes| {
                presence.clear();
                presence.resize(sizes.len(), 0);
                for posting in own {
                    for &topic in self.topics.of(posting.document) {
                        presence[topic as usize] += 1;
                    }
                }
                chi_square(presence, sizes)
            });
            let idf = (self.logs)(document_frequency);
            terms.push(Term { first, second, document_frequency, end: out.len() as u32, statistic, idf, rank: Rank::Selected });
        }
    }
}

/// A posting of a worker's, and what stands behind it.
#[inline]
fn posting(document: u32, after: &[u32], base: u32) -> (Posting, &[u32]) {
    match after {
        [count, after @ ..] if document & COUNTED != 0 => {
            (Posting { document: base + (document & !COUNTED), count: *count }, after)
        }
        _ => (Posting { document: base + document, count: 1 }, after),
    }
}

/// Pairs of words, numbered as they first come and counted.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    /// A power of two of them: 0 where free, else a group's number and 1.
    slots: Vec<u32>,
}

struct Group {
    first: u32,
    second: u32,
    count: u32,
}

impl Groups {
    /// Empties the table, for at most so many pairs.
    fn clear_for(&mut self, most: usize) {
        self.groups.clear();
        self.slots.clear();
        self.slots.resize((most + most / 2 + 1).next_power_of_two(), 0);
    }

    /// Counts a pair, and returns its number.
    #[inline]
    fn count(&mut self, first: u32, second: u32) -> u32 {
        let place = self.place(first, second);
        if self.slots[place] == 0 {
            return self.insert(first, second, place);
        }
        let number = self.slots[place] - 1;
        self.groups[number as usize].count += 1;
        number
    }

    fn insert(&mut self, first: u32, second: u32, place: usize) -> u32 {
        self.groups.push(Group { first, second, count: 1 });
        self.slots[place] = self.groups.len() as u32;
        self.groups.len() as u32 - 1
    }

    /// Where the pair is, or would be.
    #[inline]
    fn place(&self, first: u32, second: u32) -> usize {
        // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
        let hash = (u64::from(first) << 32 | u64::from(second)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mask = self.slots.len() - 1;
        let mut place = (hash >> 32) as usize & mask;
        loop {
            match self.slots[place] {
                0 => return place,
                number => {
                    let group = &self.groups[number as usize - 1];
                    if (group.first == first) & (group.second == second) {
                        return place;
                    }
                }
            }
            place = (place + 1) & mask;
        }
    }
}
