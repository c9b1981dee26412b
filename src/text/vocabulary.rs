//! The vocabulary of a model: its terms, found by their hashes.

use prefetch_index::prefetch_index;

use super::bucket::{CAPACITY, Slot, Tags, TermId, VocabularyTerm};
use super::form::ArticleForm;
use super::hash::TermHash;
use super::number::is_number;

/// Why terms do not make a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// The same term twice, or two terms whose hashes collide.
    #[error("the terms {first:?} and {second:?} have the same hash")]
    Collision {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
    },
    /// More terms than ids.
    #[error("{0} terms are more than a vocabulary can hold")]
    TooMany(usize),
}

/// The capacity of a vocabulary.
const MAX_TERMS: usize = 1 << Slot::ID_BITS;

/// A fixed set of terms with ids from 0 on, in the order in which they were given.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// All terms, concatenated; term `i` ends at `ends[i]`.
    text: String,
    ends: Vec<u32>,
    /// The hash's low bits select a bucket, and a full bucket overflows into the next one. There
    /// are at least two places per term.
    ///
    /// Most terms of a text are pairs that are not in the vocabulary, and for nearly all of them
    /// this small table is all that is read.
    tags: Vec<Tags>,
    /// By bucket: where its terms begin in `slots`.
    starts: Vec<u32>,
    /// The buckets without gaps, so that unused places take no room in the near caches.
    slots: Vec<Slot>,
}

/// Reusable memory for [`Vocabulary::find_each`].
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Indices of hashes.
    candidates: Vec<u32>,
    slots: Vec<Slot>,
}

impl Vocabulary {
    /// Builds a vocabulary of words and pairs, the latter written with a space between the words.
    ///
    /// # Errors
    /// [`VocabularyError`] if two terms are equal or their hashes collide, or there are too many.
    pub fn new<'a>(terms: impl IntoIterator<Item = &'a str>) -> Result<Self, VocabularyError> {
        let mut text = String::new();
        let mut ends = Vec::new();
        for term in terms {
            text.push_str(term);
            ends.push(u32::try_from(text.len()).map_err(|_| VocabularyError::TooMany(ends.len()))?);
            if ends.len() > MAX_TERMS {
                return Err(VocabularyError::TooMany(ends.len()));
            }
        }
        Self { text, ends, tags: Vec::new(), starts: Vec::new(), slots: Vec::new() }.indexed()
    }

    fn indexed(mut self) -> Result<Self, VocabularyError> {
        let bucket_count = (self.len() * 2).div_ceil(CAPACITY).next_power_of_two();
        self.tags = vec![Tags::default(); bucket_count];
        let (mut hashes, mut are_words) =
            (Vec::with_capacity(self.len()), Vec::with_capacity(self.len()));
        // By term: its bucket and its place in it.
        let mut places = Vec::with_capacity(self.len());
        let mut start = 0;
        for &end in &self.ends {
            let (hash, is_pair) = TermHash::of_term_at(self.text.as_bytes(), start..end as usize);
            let text = &self.text.as_bytes()[start..];
            are_words.push(!is_pair && !is_number(text) && !ArticleForm::is_form(text));
            start = end as usize;
            hashes.push(hash.0);
        }
        for &hash in &hashes {
            let mut bucket = self.bucket(hash);
            while self.tags[bucket].is_full() {
                bucket = (bucket + 1) % bucket_count;
            }
            let place = self.tags[bucket].len();
            self.tags[bucket].0 |= u64::from(Tags::of(hash)) << (8 * place);
            places.push((bucket, place));
        }
        let mut start = 0;
        self.starts = (self.tags.iter())
            .map(|tags| {
                start += tags.len() as u32;
                start - tags.len() as u32
            })
            .collect();
        // One more than there are terms: a look-up reads what follows the last bucket if that is
        // full and has no match.
        self.slots = vec![Slot::default(); self.len() + 1];
        for (id, ((&hash, is_word), (bucket, place))) in
            (0..).zip(hashes.iter().zip(are_words).zip(places))
        {
            self.slots[self.starts[bucket] as usize + place] =
                Slot::new(hash, VocabularyTerm { id, is_word });
        }
        // Each term must find itself, and not one that it collides with.
        for (id, &hash) in (0..).zip(&hashes) {
            if let Some(found) = self.find(TermHash(hash)).filter(|found| found.id != id) {
                let (first, second) = (found.id.min(id), found.id.max(id));
                return Err(VocabularyError::Collision {
                    first: self.term(first).to_owned(),
                    second: self.term(second).to_owned(),
                });
            }
        }
        Ok(self)
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        // The number of buckets is a power of 2.
        hash as usize & (self.tags.len() - 1)
    }

    /// The term with this hash.
    #[inline]
    pub fn find(&self, TermHash(hash): TermHash) -> Option<VocabularyTerm> {
        let tag = Tags::of(hash);
        let mut bucket = self.bucket(hash);
        loop {
            let tags = self.tags[bucket];
            let mut matches = tags.matches(tag);
            while matches != 0 {
                let slot = self.slots
                    [self.starts[bucket] as usize + matches.trailing_zeros() as usize / 8];
                if slot.is_of(hash) {
                    return Some(slot.found());
                }
                matches &= matches - 1;
            }
            if !tags.is_full() {
                return None;
            }
            bucket = (bucket + 1) & (self.tags.len() - 1);
        }
    }

    /// Prefetches the memory that a look-up of `hash` reads first.
    #[inline]
    pub(super) fn prefetch(&self, TermHash(hash): TermHash) {
        let bucket = self.bucket(hash);
        prefetch_index(&self.tags, bucket);
        prefetch_index(&self.starts, bucket);
    }

    /// Looks up each of `hashes`, and calls `on_found(index, term)` for those that are terms, in
    /// order.
    ///
    /// A look-up in tables larger than the near caches waits for memory. Each step therefore runs
    /// over all hashes before the next one begins, in short loops without branches that are hard to
    /// predict, so that many look-ups wait at once. (Bags of articles of 2.3 KB: 139 MB/s, and 85
    /// one look-up at a time.)
    pub(super) fn find_each(
        &self,
        hashes: &[TermHash],
        memory: &mut Lookups,
        mut on_found: impl FnMut(usize, VocabularyTerm),
    ) {
        let Lookups { candidates, slots } = memory;
        // Most hashes are not terms: each index is written, and kept only if the hash may be one.
        candidates.resize(hashes.len(), 0);
        let mut count = 0;
        for (index, &TermHash(hash)) in hashes.iter().enumerate() {
            let tags = self.tags[self.bucket(hash)];
            candidates[count] = index as u32;
            count += usize::from((tags.first_match(Tags::of(hash)) != 0) | tags.is_full());
        }
        candidates.truncate(count);
        slots.clear();
        slots.extend(candidates.iter().map(|&index| {
            let TermHash(hash) = hashes[index as usize];
            let bucket = self.bucket(hash);
            let first = self.tags[bucket].first_match(Tags::of(hash)).trailing_zeros() / 8;
            self.slots[(self.starts[bucket] + first) as usize]
        }));
        for (&index, slot) in candidates.iter().zip(&*slots) {
            let hash = hashes[index as usize];
            // The first slot with the tag nearly always holds the term.
            if slot.is_of(hash.0) {
                on_found(index as usize, slot.found());
            } else if let Some(found) = self.find(hash) {
                on_found(index as usize, found);
            }
        }
    }

    /// The text of a term.
    ///
    /// # Panics
    /// If the id is not one of this vocabulary.
    pub fn term(&self, id: TermId) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] as usize };
        &self.text[start..self.ends[id] as usize]
    }

    /// The terms, in the order of their ids.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|id| self.term(id as TermId))
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no terms.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_found_and_nothing_else() {
        let terms = ["cyber", "defence", "cyber defence", "", "日"];
        let vocabulary = Vocabulary::new(terms).expect("distinct terms");
        for (id, term) in terms.iter().enumerate() {
            let found = VocabularyTerm { id: id as TermId, is_word: *term != "cyber defence" };
            assert_eq!(vocabulary.find(TermHash::of_term(term).0), Some(found));
            assert_eq!(vocabulary.term(id as TermId), *term);
        }
        assert_eq!(vocabulary.find(TermHash::of_term("defence cyber").0), None);
        assert_eq!(vocabulary.terms().count(), terms.len());
    }

    #[test]
    fn terms_are_found_whatever_bucket_they_overflow_into() {
        // At 4,096 terms the table is half full, and about twenty of its 1,024 buckets of 8
        // overflow.
        for count in [1, 8, 100, 4_096, 10_000] {
            let terms: Vec<String> = (0..count).map(|number| format!("word{number}")).collect();
            let vocabulary =
                Vocabulary::new(terms.iter().map(String::as_str)).expect("distinct terms");
            for (id, term) in terms.iter().enumerate() {
                let (hash, _) = TermHash::of_term(term);
                assert_eq!(vocabulary.find(hash).map(|found| found.id), Some(id as TermId));
            }
            // Terms and other strings, alternating.
            let hashes: Vec<TermHash> = (terms.iter())
                .flat_map(|term| [term.clone(), format!("other {term}")])
                .map(|term| TermHash::of_term(&term).0)
                .collect();
            let mut found = Vec::new();
            vocabulary.find_each(&hashes, &mut Lookups::default(), |index, term| {
                found.push((index, term.id))
            });
            let expected: Vec<_> = (0..terms.len()).map(|id| (2 * id, id as TermId)).collect();
            assert_eq!(found, expected);
            for number in 0..100_000 {
                assert_eq!(vocabulary.find(TermHash::of_term(&format!("other{number}")).0), None);
            }
        }
    }

    #[test]
    fn a_free_place_matches_no_tag() {
        for tag in [1, 3, 0x81, 0xff] {
            for taken in 0..=CAPACITY {
                let tags = (0..taken).fold(0, |tags, place| tags | u64::from(tag) << (8 * place));
                assert_eq!(
                    Tags(tags).matches(tag),
                    (0..taken).fold(0, |bits, place| bits | 0x80 << (8 * place))
                );
                let first = Tags(tags).first_match(tag);
                assert_eq!(
                    (first & first.wrapping_neg(), first == 0),
                    (if taken > 0 { 0x80 } else { 0 }, taken == 0)
                );
            }
        }
        // Of two words with the lowest tag one is in the vocabulary. The other is looked up next to
        // it, and not beyond the end of the table.
        let mut words = (0..)
            .map(|number| format!("word{number}"))
            .filter(|word| TermHash::of_term(word).0.0 >> 56 <= 1);
        let [known, unknown] =
            [words.next(), words.next()].map(|word| word.expect("there is no end of words"));
        let vocabulary = Vocabulary::new([known.as_str()]).expect("one term");
        assert_eq!(vocabulary.find(TermHash::of_term(&unknown).0), None);
    }

    #[test]
    fn an_empty_vocabulary_finds_nothing() {
        let vocabulary = Vocabulary::new([]).expect("no terms, no collision");
        assert_eq!(vocabulary.find(TermHash::of_term("cyber").0), None);
    }

    #[test]
    fn a_repeated_term_is_refused() {
        let error = Vocabulary::new(["a", "b", "a"]).expect_err("a twice");
        assert_eq!(
            error,
            VocabularyError::Collision { first: "a".to_owned(), second: "a".to_owned() }
        );
    }
}
