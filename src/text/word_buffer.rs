//! The words found in a text, and the buffer of their normalised spelling.

use std::ops::Range;

use super::hash::TermHash;
use super::normalize::is_default_ignorable;
use super::number::{Numbers, is_number};
use super::white_space::trim_separators;
use super::word::{MAX_WORD_CHARACTERS, Word, WordText};

/// The words of a text, in order.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    text: &'a [u8],
    hashes: &'a [TermHash],
    places: &'a [WordAt],
    /// Which of them are overlong.
    overlong: &'a [usize],
    number_count: usize,
}

impl<'a> Words<'a> {
    /// The words.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Word<'a>> {
        self.hashes.iter().zip(self.places).map(move |(&hash, place)| self.word(hash, place))
    }

    /// The hashes of the words; that of an overlong one stands for none.
    pub fn hashes(self) -> &'a [TermHash] {
        self.hashes
    }

    /// The hashes of the words that follow each other without an overlong one between: run after
    /// run.
    #[inline]
    pub(super) fn runs(self) -> impl Iterator<Item = &'a [TermHash]> {
        let mut start = 0;
        self.overlong.iter().copied().chain([self.hashes.len()]).map(move |end| {
            let run = &self.hashes[start..end];
            start = end + 1;
            run
        })
    }

    /// How many they are.
    pub fn len(self) -> usize {
        self.hashes.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.hashes.is_empty()
    }

    /// How many of them are numbers; overlong ones are none.
    pub fn number_count(self) -> usize {
        self.number_count
    }

    /// The word at a place among them, from 0 on.
    pub fn get(self, place: usize) -> Option<Word<'a>> {
        self.hashes.get(place).map(|&hash| self.word(hash, &self.places[place]))
    }

    #[inline]
    fn word(self, hash: TermHash, place: &WordAt) -> Word<'a> {
        match place.length {
            0 => Word::Overlong,
            length => {
                Word::Term { hash, text: WordText(&self.text[place.start..place.start + length]) }
            }
        }
    }
}

/// A word in a buffer of text. An overlong one has no length.
#[derive(Debug, Clone, Copy)]
struct WordAt {
    start: usize,
    length: usize,
}

/// Words, and the buffer that their texts lie in.
#[derive(Debug, Default)]
pub(super) struct WordBuffer {
    pub(super) text: Vec<u8>,
    hashes: Vec<TermHash>,
    places: Vec<WordAt>,
    overlong: Vec<usize>,
    number_count: usize,
}

impl WordBuffer {
    /// Makes room for so many more words.
    pub(super) fn reserve(&mut self, count: usize) {
        self.hashes.reserve(count);
        self.places.reserve(count);
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.forget_words();
    }

    pub(super) fn words(&self) -> Words<'_> {
        let Self { text, hashes, places, overlong, number_count } = self;
        Words { text, hashes, places, overlong, number_count: *number_count }
    }

    /// Takes the word that a segment of normalised text is, if it is one.
    pub(super) fn push_segment(&mut self, segment: &str, numbers: Numbers) {
        let start = self.text.len();
        let mut bytes = [0; 4];
        for c in trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)) {
            self.text.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
        }
        self.push(start..self.text.len(), numbers);
    }

    /// Takes the segment at a place of the buffer, normalised, less its final "'s", its numbers
    /// rewritten: if that is a word.
    #[inline(always)]
    pub(super) fn push(&mut self, place: Range<usize>, numbers: Numbers) {
        let segment = &mut self.text[place.clone()];
        let length = segment.len() - if segment.ends_with(b"'s") { 2 } else { 0 };
        let stem = &mut segment[..length];
        // A segment without a letter or a digit, which is no word, is all underscores.
        if stem.first().is_none_or(|&byte| byte == b'_') && stem.iter().all(|&byte| byte == b'_') {
            return;
        }
        // Few words have so many bytes, and only theirs are told apart.
        if length > MAX_WORD_CHARACTERS && count_characters(stem) > MAX_WORD_CHARACTERS {
            self.overlong.push(self.hashes.len());
            self.hashes.push(TermHash::of_word(&[]));
            self.places.push(WordAt { start: place.start, length: 0 });
            return;
        }
        self.number_count += usize::from(is_number(stem));
        if numbers.rewrites(stem) {
            Numbers::rewrite(stem);
        }
        let hash = TermHash::at(&self.text, place.start..place.start + length);
        self.hashes.push(hash);
        self.places.push(WordAt { start: place.start, length });
    }

    /// Forgets what was taken, and keeps the buffer.
    pub(super) fn forget_words(&mut self) {
        self.hashes.clear();
        self.places.clear();
        self.overlong.clear();
        self.number_count = 0;
    }

    /// The word taken last; none where none was.
    pub(super) fn last(&self) -> Option<Word<'_>> {
        let words = self.words();
        words.get(words.len().checked_sub(1)?)
    }
}

/// How many code points there are in UTF-8: bytes that do not continue one.
fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}
