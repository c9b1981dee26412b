//! How much of an article an answer shows.

use super::pb;
use crate::index::ArchivedArticle;
use crate::service::{FieldViolation, ServiceError};

/// How much of an article an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// All but the body.
    Basic,
    /// All of it.
    Full,
}

impl View {
    /// The view that a request asks for; `default` where it does not say.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for an undefined value.
    pub(super) fn requested(value: i32, default: Self) -> Result<Self, ServiceError> {
        match pb::ArticleView::try_from(value) {
            Ok(pb::ArticleView::Unspecified) => Ok(default),
            Ok(pb::ArticleView::Basic) => Ok(Self::Basic),
            Ok(pb::ArticleView::Full) => Ok(Self::Full),
            Err(_) => {
                let description = format!("must be a value of ArticleView, but is {value}");
                Err(FieldViolation::new("view", "INVALID_VIEW", description).into())
            }
        }
    }

    /// The article as an answer shows it.
    pub(super) fn show(self, article: ArchivedArticle) -> pb::ArchivedArticle {
        // The etag is that of the whole article.
        let article = pb::ArchivedArticle::from(article);
        match self {
            Self::Basic => pb::ArchivedArticle { body: String::new(), ..article },
            Self::Full => article,
        }
    }
}
