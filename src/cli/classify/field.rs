//! The names of an article's fields.

use crate::grpc::pb::ArticleField;

/// What a field is called in tables and in JSON.
pub(super) fn name(field: ArticleField) -> &'static str {
    match field {
        ArticleField::Title => "title",
        ArticleField::Body => "body",
        ArticleField::Unspecified => "unspecified",
    }
}
