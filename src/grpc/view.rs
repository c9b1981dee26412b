//! How much of its articles an answer shows, and how many of them fit on a page.

use prost::Message as _;

use super::pb;
use crate::article::Limits;
use crate::index::{ArchivedArticle, ArticleId, ArticlePage, IndexError};
use crate::service::{FieldViolation, ServiceError};

/// How often a page without bodies goes on reading: the archive reads whole articles, up to
/// [`Limits::PAGE_BYTES`] of them at a time.
const READS_PER_PAGE: usize = 16;

/// How much of an article an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// All but the body.
    Basic,
    /// All of it.
    Full,
}

impl View {
    /// The view that a request asks for; `unspecified` where it says nothing.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a value that is none.
    pub(super) fn requested(value: i32, unspecified: Self) -> Result<Self, ServiceError> {
        match pb::ArticleView::try_from(value) {
            Ok(pb::ArticleView::Unspecified) => Ok(unspecified),
            Ok(pb::ArticleView::Basic) => Ok(Self::Basic),
            Ok(pb::ArticleView::Full) => Ok(Self::Full),
            Err(_) => {
                let description = format!("must be a value of ArticleView, but is {value}");
                Err(ServiceError::Invalid(FieldViolation::new("view", "INVALID_VIEW", description)))
            }
        }
    }

    /// What an answer has of an article.
    pub(super) fn of(self, article: ArchivedArticle) -> pb::ArchivedArticle {
        // Its etag is that of the whole article.
        let article = pb::ArchivedArticle::from(article);
        match self {
            Self::Basic => pb::ArchivedArticle { body: String::new(), ..article },
            Self::Full => article,
        }
    }
}

/// A page as it is shown.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ShownPage {
    pub(super) articles: Vec<pb::ArchivedArticle>,
    pub(super) unreadable: Vec<ArticleId>,
    /// The id that the next page comes after; None on the last one.
    pub(super) next: Option<ArticleId>,
    pub(super) is_incomplete: bool,
}

/// Reads a page of up to `page_size` articles from behind `after` on. `read` has the next articles
/// after an id, so many at most, and no more than [`Limits::PAGE_BYTES`] need. The page ends with
/// the article that takes it to as many bytes.
pub(super) fn page(
    view: View,
    page_size: usize,
    mut after: Option<ArticleId>,
    read: impl Fn(Option<&ArticleId>, usize) -> Result<ArticlePage, IndexError>,
) -> Result<ShownPage, ServiceError> {
    let mut shown = ShownPage::default();
    let mut bytes = 0;
    for _ in 0..READS_PER_PAGE {
        let ArticlePage { articles, unreadable, last, is_more, is_incomplete } =
            read(after.as_ref(), page_size - shown.articles.len())?;
        shown.is_incomplete |= is_incomplete;
        let mut is_cut = false;
        for article in articles {
            if bytes >= Limits::PAGE_BYTES {
                is_cut = true;
                break;
            }
            after = Some(article.id.clone());
            let article = view.of(article);
            bytes += article.encoded_len();
            shown.articles.push(article);
        }
        if !is_cut {
            after = last.or(after);
        }
        shown
            .unreadable
            .extend(unreadable.into_iter().filter(|id| !is_cut || Some(id) <= after.as_ref()));
        if !is_cut && !is_more {
            return Ok(shown);
        }
        if is_cut
            || bytes >= Limits::PAGE_BYTES
            || shown.articles.len() + shown.unreadable.len() >= page_size
        {
            break;
        }
    }
    shown.next = after;
    Ok(shown)
}
