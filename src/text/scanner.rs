//! The scanner: finds the words of a text on a fast path where the text allows it.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::ascii;
use super::normalize::normalize_into;
use super::number::Numbers;
use super::punctuation::ascii_equivalent;
use super::white_space::is_separator;
use super::word_buffer::{WordBuffer, Words};

/// Finds words without an allocation per word; keep one per thread, for its buffers.
#[derive(Debug, Default)]
pub struct WordScanner {
    ranges: Vec<Range<usize>>,
    found: WordBuffer,
    normal: String,
}

impl WordScanner {
    /// The words of `text`, which are valid until the next call.
    ///
    /// ASCII white space is always a word boundary to UAX #29, and normalisation never crosses it.
    /// So each piece between white space is treated by itself: those of ASCII, and of punctuation
    /// with an ASCII equivalent, take the fast path.
    pub fn scan(&mut self, text: &str, numbers: Numbers) -> Words<'_> {
        self.found.clear();
        if text.is_ascii() {
            self.found.text.extend_from_slice(text.as_bytes());
            self.take_ascii(0, numbers);
        } else {
            self.scan_mixed(text, numbers);
        }
        self.found.words()
    }

    fn scan_mixed(&mut self, text: &str, numbers: Numbers) {
        let bytes = text.as_bytes();
        // The words before `done` are found, or their ASCII text waits in the buffer from `waiting`
        // on.
        let (mut done, mut waiting) = (0, 0);
        loop {
            let ascii = ascii_prefix(&bytes[done..]);
            self.found.text.extend_from_slice(ascii);
            done += ascii.len();
            let Some(c) = text[done..].chars().next() else { break };
            if let Some(twin) = ascii_equivalent(c, self.found.text[waiting..].last().copied()) {
                self.found.text.push(twin);
                done += c.len_utf8();
                continue;
            }
            let whole =
                self.found.text[waiting..].iter().rposition(is_separator).map_or(0, |at| at + 1);
            self.found.text.truncate(waiting + whole);
            self.take_ascii(waiting, numbers);
            let start = bytes[..done].iter().rposition(is_separator).map_or(0, |at| at + 1);
            let end =
                bytes[done..].iter().position(is_separator).map_or(bytes.len(), |at| done + at);
            self.take_unicode(&text[start..end], numbers);
            (done, waiting) = (end, self.found.text.len());
        }
        self.take_ascii(waiting, numbers);
    }

    /// Finds the words of the buffer's ASCII text from `start` on.
    fn take_ascii(&mut self, start: usize, numbers: Numbers) {
        self.found.text[start..].make_ascii_lowercase();
        self.ranges.clear();
        ascii::find_words(&self.found.text, start, &mut self.ranges);
        self.found.reserve(self.ranges.len());
        for range in &self.ranges {
            self.found.push(range.clone(), numbers);
        }
    }

    fn take_unicode(&mut self, piece: &str, numbers: Numbers) {
        self.normal.clear();
        normalize_into(piece, &mut self.normal);
        for segment in self.normal.unicode_words() {
            self.found.push_segment(segment, numbers);
        }
    }
}

/// The longest prefix of a text that is ASCII.
fn ascii_prefix(text: &[u8]) -> &[u8] {
    let (chunks, _) = text.as_chunks::<32>();
    let whole = 32 * chunks.iter().take_while(|chunk| chunk.is_ascii()).count();
    let end =
        text[whole..].iter().position(|byte| !byte.is_ascii()).map_or(text.len(), |at| whole + at);
    &text[..end]
}

#[cfg(test)]
mod tests;
