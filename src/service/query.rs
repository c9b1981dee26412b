//! A request to classify an article.

use super::options::ClassifyOptions;
use crate::article::ArticleText;

/// An article to classify.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyQuery<'a> {
    /// The text.
    pub text: ArticleText<'a>,
    /// Its language code; empty when not stated.
    pub language_code: &'a str,
    /// How to classify it.
    pub options: &'a ClassifyOptions,
}
