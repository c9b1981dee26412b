//! Numbers the words of a corpus in the order in which they first occur.

mod counting;

pub(crate) use counting::{CountedDocument, TextCounter};

use hashbrown::HashTable;

use crate::text::{ArticleForm, TermHash, is_number};

/// The words of a corpus, by number.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    numbers: HashTable<u32>,
    hashes: Vec<TermHash>,
    texts: Texts,
    document_frequencies: Vec<u32>,
    are_numbers: Vec<bool>,
}

impl Dictionary {
    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The number of a word; a word that is new gets the next one.
    pub(crate) fn number(&mut self, hash: TermHash, text: &str) -> u32 {
        let Self { numbers, hashes, texts, document_frequencies, are_numbers } = self;
        let entry = numbers.entry(
            hash.0,
            |&number| hashes[number as usize] == hash,
            |&number| hashes[number as usize].0,
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = hashes.len() as u32;
                entry.insert(number);
                hashes.push(hash);
                texts.push(text);
                document_frequencies.push(0);
                let text = text.as_bytes();
                are_numbers.push(is_number(text) || ArticleForm::is_form(text));
                number
            }
        }
    }

    /// Notes that one more document has the word.
    pub(crate) fn count_document(&mut self, number: u32) {
        self.document_frequencies[number as usize] += 1;
    }

    pub(crate) fn document_frequency(&self, number: u32) -> u32 {
        self.document_frequencies[number as usize]
    }

    pub(crate) fn hash(&self, number: u32) -> TermHash {
        self.hashes[number as usize]
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        self.texts.get(number)
    }

    /// Whether the word is a number, as [`is_number`] has it, or the form of an article: those do not
    /// count as words of a text.
    pub(crate) fn is_number(&self, number: u32) -> bool {
        self.are_numbers[number as usize]
    }

    /// The texts of the words, in the order of their numbers.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.text(number))
    }
}

/// Texts in one allocation.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    /// By number: where the text ends.
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[number]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_the_numbers_they_first_got() {
        let mut dictionary = Dictionary::default();
        let number = |dictionary: &mut Dictionary, text: &str| {
            dictionary.number(TermHash::of_word(text.as_bytes()), text)
        };
        let texts: Vec<String> = (0..5_000).map(|n| format!("w{n}")).collect();
        for (expected, text) in (0..).zip(&texts) {
            assert_eq!(number(&mut dictionary, text), expected);
        }
        for (expected, text) in (0..).zip(&texts) {
            assert_eq!(number(&mut dictionary, text), expected);
            assert_eq!(dictionary.text(expected), text);
        }
        assert_eq!(dictionary.len(), 5_000);
        let year = number(&mut dictionary, "2013");
        assert!(dictionary.is_number(year) && !dictionary.is_number(0));
    }
}
