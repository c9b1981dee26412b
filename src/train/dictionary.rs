//! Numbers the words of a corpus in order of first occurrence.

mod counting;

pub(crate) use counting::{CountedDocument, TextCounter};

use hashbrown::HashTable;

use crate::text::{ArticleForm, TermHash, is_number};

/// The words of a corpus, by number.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    /// By hash. The keys lie in `words`, which keeps the table small.
    numbers: HashTable<u32>,
    words: Vec<Word>,
    /// The words' texts, concatenated.
    texts: String,
}

#[derive(Debug)]
struct Word {
    hash: TermHash,
    text_end: usize,
    document_frequency: u32,
    is_number: bool,
}

impl Dictionary {
    /// The number of words.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The number of a word; a new word gets the next one.
    pub(crate) fn number(&mut self, hash: TermHash, text: &str) -> u32 {
        let Self { numbers, words, .. } = self;
        let next = words.len() as u32;
        let hash_of = |&number: &u32| words[number as usize].hash;
        let entry =
            numbers.entry(hash.0, |number| hash_of(number) == hash, |number| hash_of(number).0);
        let number = *entry.or_insert(next).get();
        if number == next {
            self.texts.push_str(text);
            self.words.push(Word {
                hash,
                text_end: self.texts.len(),
                document_frequency: 0,
                is_number: is_number(text.as_bytes()) || ArticleForm::is_form(text.as_bytes()),
            });
        }
        number
    }

    /// Counts one more document that contains the word.
    pub(crate) fn count_document(&mut self, number: u32) {
        self.words[number as usize].document_frequency += 1;
    }

    pub(crate) fn document_frequency(&self, number: u32) -> u32 {
        self.words[number as usize].document_frequency
    }

    pub(crate) fn hash(&self, number: u32) -> TermHash {
        self.words[number as usize].hash
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.words[before].text_end);
        &self.texts[start..self.words[number].text_end]
    }

    /// Whether the word is a number, as [`is_number`] defines, or the form of an article: neither
    /// counts as a word of a text.
    pub(crate) fn is_number(&self, number: u32) -> bool {
        self.words[number as usize].is_number
    }

    /// The texts of the words, in numerical order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.text(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_first_numbers() {
        let mut dictionary = Dictionary::default();
        for _ in 0..2 {
            for (number, text) in (0..).zip(["late", "goal", "2013"]) {
                let hash = TermHash::of_word(text.as_bytes());
                assert_eq!(dictionary.number(hash, text), number);
                assert_eq!((dictionary.text(number), dictionary.hash(number)), (text, hash));
            }
        }
        assert_eq!(dictionary.len(), 3);
        assert_eq!([0, 1, 2].map(|number| dictionary.is_number(number)), [false, false, true]);
    }
}
