//! The words found in a text, with their normalised spelling.

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
    spans: &'a [WordSpan],
    /// The indices of the overlong ones.
    overlong: &'a [usize],
    number_count: usize,
}

impl<'a> Words<'a> {
    /// Iterates over the words.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Word<'a>> {
        self.hashes.iter().zip(self.spans).map(move |(&hash, span)| self.word(hash, span))
    }

    /// The hashes of the words; that of an overlong word is meaningless.
    pub fn hashes(self) -> &'a [TermHash] {
        self.hashes
    }

    /// The hashes of consecutive words, split at overlong ones.
    #[inline]
    pub(super) fn runs(self) -> impl Iterator<Item = &'a [TermHash]> {
        let mut start = 0;
        self.overlong.iter().copied().chain([self.hashes.len()]).map(move |end| {
            let run = &self.hashes[start..end];
            start = end + 1;
            run
        })
    }

    /// The number of words.
    pub fn len(self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.hashes.is_empty()
    }

    /// How many of them are numbers; overlong words are not.
    pub fn number_count(self) -> usize {
        self.number_count
    }

    /// The word at an index.
    pub fn get(self, index: usize) -> Option<Word<'a>> {
        self.hashes.get(index).map(|&hash| self.word(hash, &self.spans[index]))
    }

    #[inline]
    fn word(self, hash: TermHash, span: &WordSpan) -> Word<'a> {
        match span.length {
            0 => Word::Overlong,
            length => {
                Word::Term { hash, text: WordText(&self.text[span.start..span.start + length]) }
            }
        }
    }
}

/// The position of a word in a buffer; an overlong word has the length 0.
#[derive(Debug, Clone, Copy)]
struct WordSpan {
    start: usize,
    length: usize,
}

/// Words and the buffer that holds their text.
#[derive(Debug, Default)]
pub(super) struct WordBuffer {
    pub(super) text: Vec<u8>,
    hashes: Vec<TermHash>,
    spans: Vec<WordSpan>,
    overlong: Vec<usize>,
    number_count: usize,
}

impl WordBuffer {
    /// Reserves capacity for more words.
    pub(super) fn reserve(&mut self, count: usize) {
        self.hashes.reserve(count);
        self.spans.reserve(count);
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.clear_words();
    }

    pub(super) fn words(&self) -> Words<'_> {
        let Self { text, hashes, spans, overlong, number_count } = self;
        Words { text, hashes, spans, overlong, number_count: *number_count }
    }

    /// Adds the word that a segment of normalised text forms, if any.
    pub(super) fn push_segment(&mut self, segment: &str, numbers: Numbers) {
        let start = self.text.len();
        let mut bytes = [0; 4];
        for c in trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)) {
            self.text.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
        }
        self.push(start..self.text.len(), numbers);
    }

    /// Adds the word that a normalised range of the buffer forms, if any: without its final "'s",
    /// and rewritten if it is a number.
    #[inline(always)]
    pub(super) fn push(&mut self, range: Range<usize>, numbers: Numbers) {
        let segment = &mut self.text[range.clone()];
        let length = segment.len() - if segment.ends_with(b"'s") { 2 } else { 0 };
        let stem = &mut segment[..length];
        // Without a letter or a digit it is not a word, and consists of underscores.
        if stem.first().is_none_or(|&byte| byte == b'_') && stem.iter().all(|&byte| byte == b'_') {
            return;
        }
        // Few words have so many bytes, and only for those code points are counted.
        if length > MAX_WORD_CHARACTERS && count_characters(stem) > MAX_WORD_CHARACTERS {
            self.overlong.push(self.hashes.len());
            self.hashes.push(TermHash::of_word(&[]));
            self.spans.push(WordSpan { start: range.start, length: 0 });
            return;
        }
        self.number_count += usize::from(is_number(stem));
        if numbers.rewrites(stem) {
            Numbers::rewrite(stem);
        }
        let hash = TermHash::at(&self.text, range.start..range.start + length);
        self.hashes.push(hash);
        self.spans.push(WordSpan { start: range.start, length });
    }

    /// Removes the words, but not the text.
    pub(super) fn clear_words(&mut self) {
        self.hashes.clear();
        self.spans.clear();
        self.overlong.clear();
        self.number_count = 0;
    }

    /// The word added last.
    pub(super) fn last(&self) -> Option<Word<'_>> {
        let words = self.words();
        words.get(words.len().checked_sub(1)?)
    }
}

/// The number of code points in UTF-8: of bytes that do not continue one.
fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}
