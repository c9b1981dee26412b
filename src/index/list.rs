//! Lists of articles: what is asked for, and a page of the answer.

use super::article::{ArchivedArticle, ArticleId};
use super::deadline::Deadline;
use super::filter::Filter;

/// Which articles to list, in the order of their ids' bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Those after this id; None for those from the first one on.
    pub after: Option<ArticleId>,
    /// Those that pass.
    pub filter: Filter,
    /// At most so many.
    pub count: usize,
    /// None after the one that takes their texts to so many bytes.
    pub bytes: usize,
    /// When the list may be given up.
    pub deadline: Deadline,
}

impl Default for ListQuery {
    /// Asks for all.
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
    /// Those between them that cannot, because the archive is damaged where they lie.
    pub unreadable: Vec<ArticleId>,
    /// The id that the next page comes after; None for an empty page.
    pub last: Option<ArticleId>,
    /// Whether there are more.
    pub is_more: bool,
    /// Whether the archive has lost articles that it has no ids of: they are on no page.
    pub is_incomplete: bool,
}
