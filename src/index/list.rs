//! Lists of articles.

use super::article::{ArchivedArticle, ArticleId};
use super::deadline::Deadline;
use super::filter::Filter;

/// Which articles to list, ordered by the bytes of their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Only articles after this id.
    pub after: Option<ArticleId>,
    /// Only articles that pass.
    pub filter: Filter,
    /// The maximum number of articles.
    pub count: usize,
    /// The page ends with the article that brings its texts to this size, in bytes.
    pub bytes: usize,
    /// When the list is given up.
    pub deadline: Deadline,
}

impl Default for ListQuery {
    /// Lists all articles.
    fn default() -> Self {
        Self {
            after: None,
            filter: Filter::default(),
            count: usize::MAX,
            bytes: usize::MAX,
            deadline: Deadline::default(),
        }
    }
}

/// A page of the articles in the order of their ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArticlePage {
    /// The articles that can be read.
    pub articles: Vec<ArchivedArticle>,
    /// Articles in between that cannot be read because the archive is damaged.
    pub unreadable: Vec<ArticleId>,
    /// The id that the next page starts after; None for an empty page.
    pub last: Option<ArticleId>,
    /// Whether more articles follow.
    pub is_more: bool,
    /// Whether the archive lost articles whose ids are unknown: they are on no page.
    pub is_incomplete: bool,
}
