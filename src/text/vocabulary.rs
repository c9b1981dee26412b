//! The terms a model knows, found by their hashes.

use prefetch_index::prefetch_index;

use super::bucket::{BUCKET, Found, Slot, Tags, TermId};
use super::hash::TermHash;
use super::number::is_number;

/// Why terms do not make a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// The same term twice, or two terms that cannot be told apart.
    #[error("the terms {first:?} and {second:?} have the same hash")]
    Collision {
        /// The one that came first.
        first: String,
        /// The one that came later.
        second: String,
    },
    /// More terms than ids.
    #[error("{0} terms are more than a vocabulary can hold")]
    TooMany(usize),
}

/// The most terms that a vocabulary can have.
const MAX_TERMS: usize = 1 << Slot::ID_BITS;

/// A fixed set of terms with ids from 0 on, in the order they were given.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// All terms, one after the other; term `i` ends at `ends[i]`.
    text: String,
    ends: Vec<u32>,
    /// A bucket is chosen by the hash's low bits; what finds it full goes on to the next one. There
    /// are at least two places a term.
    ///
    /// Most terms of a text are pairs that no model knows, and for nearly all of these this small
    /// table is all that is read.
    tags: Vec<Tags>,
    /// By bucket: where its terms begin in `slots`.
    starts: Vec<u32>,
    /// Bucket after bucket without a gap: what is not here is not in the way of what is, in the
    /// caches near the processor.
    slots: Vec<Slot>,
}

/// Memory of [`Vocabulary::find_each`], to be used again.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Places among the hashes.
    candidates: Vec<u32>,
    slots: Vec<Slot>,
}

impl Vocabulary {
    /// Builds a vocabulary of terms: words, and pairs written with a space between.
    ///
    /// # Errors
    /// [`VocabularyError`] if two terms are the same or have the same hash, or there are too many.
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
        let bucket_count = (self.len() * 2).div_ceil(BUCKET).next_power_of_two();
        self.tags = vec![Tags::default(); bucket_count];
        let (mut hashes, mut are_words) =
            (Vec::with_capacity(self.len()), Vec::with_capacity(self.len()));
        // By term: its bucket, and its place there.
        let mut places = Vec::with_capacity(self.len());
        let mut start = 0;
        for &end in &self.ends {
            let (hash, is_pair) = TermHash::of_term_at(self.text.as_bytes(), start..end as usize);
            are_words.push(!is_pair && !is_number(&self.text.as_bytes()[start..]));
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
        // With room for what lies behind the last bucket when it is full and has no match: a
        // look-up reads it before it knows.
        self.slots = vec![Slot::default(); self.len() + 1];
        for (id, ((&hash, is_word), (bucket, place))) in
            (0..).zip(hashes.iter().zip(are_words).zip(places))
        {
            self.slots[self.starts[bucket] as usize + place] =
                Slot::new(hash, Found { id, is_word });
        }
        // Each term finds itself, or the one that it cannot be told from.
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
    pub fn find(&self, TermHash(hash): TermHash) -> Option<Found> {
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

    /// Has the memory brought near that a look-up of `hash` reads first, without waiting for it.
    #[inline]
    pub(super) fn prefetch(&self, TermHash(hash): TermHash) {
        let bucket = self.bucket(hash);
        prefetch_index(&self.tags, bucket);
        prefetch_index(&self.starts, bucket);
    }

    /// Finds each of `hashes`, and calls `on_found(place, term)` with those that are terms, in
    /// their order.
    ///
    /// Tables that are larger than the nearest caches make a look-up wait. Here each step is taken
    /// for all hashes before the next one, in loops of few instructions and no branch that is hard
    /// to guess: so many look-ups wait together. (Bags of articles of 2.3 KB: 85 MB/s one by one,
    /// 139 this way.)
    pub(super) fn find_each(
        &self,
        hashes: &[TermHash],
        memory: &mut Lookups,
        mut on_found: impl FnMut(usize, Found),
    ) {
        let Lookups { candidates, slots } = memory;
        // Many are no terms. Each is written whether it may be one or not, and kept if it may.
        candidates.resize(hashes.len(), 0);
        let mut count = 0;
        for (place, &TermHash(hash)) in hashes.iter().enumerate() {
            let tags = self.tags[self.bucket(hash)];
            candidates[count] = place as u32;
            count += usize::from((tags.first_match(Tags::of(hash)) != 0) | tags.is_full());
        }
        candidates.truncate(count);
        slots.clear();
        slots.extend(candidates.iter().map(|&place| {
            let TermHash(hash) = hashes[place as usize];
            let bucket = self.bucket(hash);
            let first = self.tags[bucket].first_match(Tags::of(hash)).trailing_zeros() / 8;
            self.slots[(self.starts[bucket] + first) as usize]
        }));
        for (&place, slot) in candidates.iter().zip(&*slots) {
            let hash = hashes[place as usize];
            // The first of a bucket that has the tag is nearly always the term.
            if slot.is_of(hash.0) {
                on_found(place as usize, slot.found());
            } else if let Some(found) = self.find(hash) {
                on_found(place as usize, found);
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

    /// Whether there is no term.
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
            let found = Found { id: id as TermId, is_word: *term != "cyber defence" };
            assert_eq!(vocabulary.find(TermHash::of_term(term).0), Some(found));
            assert_eq!(vocabulary.term(id as TermId), *term);
        }
        assert_eq!(vocabulary.find(TermHash::of_term("defence cyber").0), None);
        assert_eq!(vocabulary.terms().count(), terms.len());
    }

    #[test]
    fn terms_are_found_whatever_bucket_they_overflow_into() {
        // Half full at 4,096: of 1,024 buckets of 8 about twenty then hold more than they can.
        for count in [1, 8, 100, 4_096, 10_000] {
            let terms: Vec<String> = (0..count).map(|number| format!("word{number}")).collect();
            let vocabulary =
                Vocabulary::new(terms.iter().map(String::as_str)).expect("distinct terms");
            for (id, term) in terms.iter().enumerate() {
                let (hash, _) = TermHash::of_term(term);
                assert_eq!(vocabulary.find(hash).map(|found| found.id), Some(id as TermId));
            }
            // Terms and others, in turns.
            let hashes: Vec<TermHash> = (terms.iter())
                .flat_map(|term| [term.clone(), format!("other {term}")])
                .map(|term| TermHash::of_term(&term).0)
                .collect();
            let mut found = Vec::new();
            vocabulary.find_each(&hashes, &mut Lookups::default(), |place, term| {
                found.push((place, term.id))
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
            for taken in 0..=BUCKET {
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
        // Of two words of the lowest tag one is known: the other one is looked for beside it, and
        // not beyond the table's end.
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
