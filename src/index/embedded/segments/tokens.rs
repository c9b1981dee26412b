//! Vectors as text that tantivy's tokenizer takes apart: a term is a token, and comes as often as it counts.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use crate::index::vector::{TermKey, Vector};

pub(super) const TERMS_TOKENIZER: &str = "slugline-terms";

/// A term as a token: its 40 bits, six to a character.
pub(super) fn push_token(term: TermKey, out: &mut String) {
    for place in (0..TOKEN_BYTES).rev() {
        out.push(digit(term.bits() >> (6 * place)));
    }
}

const TOKEN_BYTES: usize = 7;
const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

fn digit(bits: u64) -> char {
    char::from(DIGITS[(bits & 63) as usize])
}

/// A vector as a text that [`TermsTokenizer`] takes apart: each term's token, and its count in two further characters.
pub(super) fn encode_terms(vector: &Vector) -> String {
    let mut text = String::with_capacity((TOKEN_BYTES + 2) * vector.entries.len());
    for entry in &vector.entries {
        push_token(entry.term(), &mut text);
        text.push(digit(u64::from(entry.count()) >> 6));
        text.push(digit(u64::from(entry.count())));
    }
    text
}

/// Gives each term as often as its count says, for tantivy to count them again.
#[derive(Debug, Clone, Default)]
pub(super) struct TermsTokenizer {
    token: Token,
}

pub(super) struct TermsStream<'a> {
    rest: &'a str,
    repeats: u8,
    token: &'a mut Token,
}

impl Tokenizer for TermsTokenizer {
    type TokenStream<'a> = TermsStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermsStream<'a> {
        self.token.reset();
        // A token that is new is before the first place, and places are added up.
        self.token.position = 0;
        TermsStream { rest: text, repeats: 0, token: &mut self.token }
    }
}

impl TokenStream for TermsStream<'_> {
    fn advance(&mut self) -> bool {
        if self.repeats > 0 {
            self.repeats -= 1;
            return true;
        }
        let Some((entry, rest)) = self.rest.split_at_checked(TOKEN_BYTES + 2) else { return false };
        let (token, count) = entry.split_at(TOKEN_BYTES);
        let value = |digit: u8| DIGITS.iter().position(|known| *known == digit).unwrap_or(0) as u8;
        let count = count.as_bytes();
        self.repeats = (value(count[0]) << 6 | value(count[1])).saturating_sub(1);
        self.token.text.clear();
        self.token.text.push_str(token);
        self.rest = rest;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::ArticleText;

    #[test]
    fn terms_come_out_as_often_as_they_count() {
        let vector = crate::index::vector::of_text(ArticleText { title: "flood", body: &"river ".repeat(300) });
        let text = encode_terms(&vector);
        let mut tokenizer = TermsTokenizer::default();
        let mut stream = tokenizer.token_stream(&text);
        let mut counts = std::collections::BTreeMap::<String, u32>::new();
        while stream.advance() {
            *counts.entry(stream.token().text.clone()).or_default() += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort();
        assert_eq!(counts, [3, 255]);
    }
}
