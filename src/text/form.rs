//! The form of an article, as a term: full articles and bare headlines are different texts.

use super::hash::TermHash;

/// The form of an article that has any words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArticleForm {
    /// The body has no words.
    Headline,
    /// The body has words.
    Story,
}

impl ArticleForm {
    /// All forms.
    pub const ALL: [Self; 2] = [Self::Headline, Self::Story];

    /// The form of an article, from the numbers of words in its title and body; None if it has no
    /// words.
    #[inline]
    pub fn of(title_words: usize, body_words: usize) -> Option<Self> {
        match (title_words, body_words) {
            (0, 0) => None,
            (_, 0) => Some(Self::Headline),
            _ => Some(Self::Story),
        }
    }

    /// The term that stands for the form, which no text can have: words have no angle brackets.
    pub fn term(self) -> &'static str {
        match self {
            Self::Headline => "<headline>",
            Self::Story => "<story>",
        }
    }

    /// The hash of that term.
    pub fn hash(self) -> TermHash {
        TermHash::of_word(self.term().as_bytes())
    }

    /// The form that a term stands for; None for a word or a pair.
    pub fn of_term(term: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.term() == term)
    }

    /// Whether a term stands for a form.
    #[inline]
    pub fn is_form(term: &[u8]) -> bool {
        term.first() == Some(&b'<')
    }
}
