//! Borrows the text of an article from its message.

use super::pb;
use crate::article::ArticleText;

impl<'a> From<&'a pb::Article> for ArticleText<'a> {
    fn from(article: &'a pb::Article) -> Self {
        Self { title: &article.title, body: &article.body }
    }
}
