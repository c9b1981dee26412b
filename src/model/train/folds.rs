//! Deals the documents to the folds of the cross-validation, and spools them anew, a file a fold.

use std::io;
use std::ops::Range;
use std::thread;

use tempfile::SpooledTempFile;

use super::spool::{Contents, Head, IN_MEMORY_BYTES, Records, SpoolWriter, SpooledCorpus};
use crate::corpus::Ordinal;
use crate::text::TermId;

/// Into how many folds the corpus is parted.
pub(super) const FOLDS: u8 = 5;
/// The files of a part: one a fold, and one of the documents that are never held out.
const FILES: usize = FOLDS as usize + 1;
/// The most documents that are held out: of a larger corpus a sample, so that memory does not grow with the corpus.
const MAX_HELD_OUT: u64 = 100_000;
/// And the most scores, documents times topics.
const MAX_SCORES: u64 = 8 << 20;

/// A corpus as numbers, in folds. Terms and topics go by their ids and places in the [`Contents`].
#[derive(Debug)]
pub(super) struct FoldedCorpus {
    contents: Contents,
    /// Worker by worker, by fold.
    parts: Vec<Vec<SpooledTempFile>>,
}

/// One document of a corpus in folds.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoldedDocument<'a> {
    pub(super) head: Head,
    /// Places in [`Contents::topics`]; at least one, but for models of several topics a document.
    pub(super) topics: &'a [usize],
    /// The terms that the lexicon has, in the order of their hashes, with their counts.
    pub(super) bag: &'a [(TermId, u32)],
}

impl FoldedCorpus {
    /// Deals the documents of each topic (the first one, where a document has several; those without one) to the folds in turn, in an order
    /// that only the seed decides.
    ///
    /// Writing them anew costs one pass; each that follows reads one fold alone, terms pruned and renamed for good.
    pub(super) fn deal(mut corpus: SpooledCorpus, seed: u64) -> io::Result<Self> {
        let dealt = deal(&mut corpus, seed)?;
        let new_files = || std::array::from_fn(|_| SpoolWriter::in_memory_up_to(IN_MEMORY_BYTES / FILES));
        let states = dealt.into_iter().map(|dealt| (dealt, new_files()));
        let files =
            corpus.for_each_with(states, |(dealt, files): &mut (Vec<(Ordinal, u8)>, [SpoolWriter; FILES]), document| {
                let head = document.head();
                let file = match dealt.binary_search_by_key(&head.ordinal, |(ordinal, _)| *ordinal) {
                    Ok(place) => dealt[place].1,
                    Err(_) => FOLDS,
                };
                files[usize::from(file)].push(head, document.topics().map(|topic| topic as u32), document.terms());
            })?;
        let finish = |files: [SpoolWriter; FILES]| files.into_iter().map(SpoolWriter::finish).collect::<io::Result<_>>();
        let parts = files.into_iter().map(|(_, files)| finish(files)).collect::<io::Result<_>>()?;
        Ok(Self { contents: corpus.into_contents(), parts })
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(super) fn into_contents(self) -> Contents {
        self.contents
    }

    /// How many threads [`Self::for_each`] can use.
    pub(super) fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Calls `each` with every document, on as many threads as there are states, and each thread with its own.
    pub(super) fn for_each<S: Send>(
        &mut self,
        documents: Documents,
        states: Vec<S>,
        each: impl Fn(&mut S, FoldedDocument<'_>) + Sync,
    ) -> io::Result<Vec<S>> {
        let each = &each;
        let per_thread = self.parts.len().div_ceil(states.len().max(1)).max(1);
        thread::scope(|scope| {
            let handles: Vec<_> = self
                .parts
                .chunks_mut(per_thread)
                .zip(states)
                .map(|(parts, mut state)| {
                    scope.spawn(move || {
                        for file in parts.iter_mut().flat_map(|files| &mut files[documents.files()]) {
                            read(file, &mut state, each)?;
                        }
                        Ok(state)
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }
}

/// Which documents are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documents {
    All,
    /// Those of one fold.
    Fold(u8),
}

impl Documents {
    fn files(self) -> Range<usize> {
        match self {
            Self::All => 0..FILES,
            Self::Fold(fold) => usize::from(fold)..usize::from(fold) + 1,
        }
    }
}

fn read<S>(file: &mut SpooledTempFile, state: &mut S, each: &impl Fn(&mut S, FoldedDocument<'_>)) -> io::Result<()> {
    let mut records = Records::of(file)?;
    let (mut topics, mut bag) = (Vec::new(), Vec::new());
    while let Some(record) = records.next()? {
        topics.clear();
        topics.extend(record.topics().map(|topic| topic as usize));
        bag.clear();
        bag.extend(record.terms());
        each(state, FoldedDocument { head: record.head, topics: &topics, bag: &bag });
    }
    Ok(())
}

/// Part by part, in the order of the ordinals: which documents are held out, and with which fold.
fn deal(corpus: &mut SpooledCorpus, seed: u64) -> io::Result<Vec<Vec<(Ordinal, u8)>>> {
    let contents = corpus.contents();
    let most = MAX_HELD_OUT.min(MAX_SCORES / contents.topics.len() as u64);
    let share = most as f64 / contents.document_count as f64;
    let limit = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
    let parts = corpus.for_each(Vec::new, |chosen, document| {
        let ordinal = document.head().ordinal;
        let key = shuffled(seed, ordinal);
        if key <= limit {
            chosen.push((document.topics().next().unwrap_or(usize::MAX), key, ordinal));
        }
    })?;
    let mut dealt: Vec<Vec<(Ordinal, u8)>> = parts.iter().map(|chosen| Vec::with_capacity(chosen.len())).collect();
    let mut chosen: Vec<_> =
        parts.into_iter().enumerate().flat_map(|(part, chosen)| chosen.into_iter().map(move |chosen| (chosen, part))).collect();
    chosen.sort_unstable();
    // The deal goes on from topic to topic, so that many rare topics do not all start with the first fold.
    for (((_, _, ordinal), part), fold) in chosen.into_iter().zip((0..FOLDS).cycle()) {
        dealt[part].push((ordinal, fold));
    }
    for dealt in &mut dealt {
        dealt.sort_unstable();
    }
    Ok(dealt)
}

/// A number that looks random and is not (SplitMix64; Steele, Lea and Flood, 2014).
fn shuffled(seed: u64, ordinal: Ordinal) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ordinal;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_depends_on_the_seed_and_spreads() {
        assert_ne!(shuffled(1, 5), shuffled(2, 5));
        let low = (0..10_000).filter(|&ordinal| shuffled(1, ordinal) < u64::MAX / 4).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
