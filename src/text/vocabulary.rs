//! The terms a model knows, found by their hashes.

use super::hash::TermHash;

/// A term's place in the vocabulary, and its row in the model's table.
pub type TermId = u32;

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

/// One slot of the table; `id` is `FREE` where there is none. 16 bytes: four to a cache line.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    id: TermId,
}

const FREE: TermId = TermId::MAX;

/// A fixed set of terms with ids from 0 on, in the order they were given.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// All terms, one after the other; term `i` ends at `ends[i]`.
    text: String,
    ends: Vec<u32>,
    /// Open addressing with linear probing, at most half full, the hash's low bits for the place.
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
        }
        let mut vocabulary = Self { text, ends, slots: Vec::new() };
        vocabulary.index()?;
        Ok(vocabulary)
    }

    fn index(&mut self) -> Result<(), VocabularyError> {
        let slot_count = (self.len() * 2).next_power_of_two().max(2);
        self.slots = vec![Slot { hash: 0, id: FREE }; slot_count];
        for id in 0..self.len() {
            let hash = TermHash::of_term(self.term(id as TermId));
            let at = self.probe(hash);
            if self.slots[at].id != FREE {
                return Err(VocabularyError::Collision {
                    first: self.term(self.slots[at].id).to_owned(),
                    second: self.term(id as TermId).to_owned(),
                });
            }
            self.slots[at] = Slot { hash: hash.0, id: id as TermId };
        }
        Ok(())
    }

    /// The slot that holds the hash, or the free one where it belongs.
    #[inline]
    fn probe(&self, hash: TermHash) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash.0 as usize & mask;
        while self.slots[at].id != FREE && self.slots[at].hash != hash.0 {
            at = (at + 1) & mask;
        }
        at
    }

    /// The id of the term with this hash.
    #[inline]
    pub fn find(&self, hash: TermHash) -> Option<TermId> {
        let id = self.slots[self.probe(hash)].id;
        (id != FREE).then_some(id)
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
            assert_eq!(vocabulary.find(TermHash::of_term(term)), Some(id as TermId));
            assert_eq!(vocabulary.term(id as TermId), *term);
        }
        assert_eq!(vocabulary.find(TermHash::of_term("defence cyber")), None);
        assert_eq!(vocabulary.terms().count(), terms.len());
    }

    #[test]
    fn an_empty_vocabulary_finds_nothing() {
        let vocabulary = Vocabulary::new([]).expect("no terms, no collision");
        assert_eq!(vocabulary.find(TermHash::of_term("cyber")), None);
    }

    #[test]
    fn a_repeated_term_is_refused() {
        let error = Vocabulary::new(["a", "b", "a"]).expect_err("a twice");
        assert_eq!(error, VocabularyError::Collision { first: "a".to_owned(), second: "a".to_owned() });
    }
}
