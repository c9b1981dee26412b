//! The fields of an article in tantivy's index, and the tags that filters find it by.

use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

use crate::index::ArchivedArticle;
use crate::index::query::languages;

/// The columns of where an article lies: the number of its journal; and the offset there with the size in the lower 32 bits.
pub(super) const JOURNAL: &str = "journal";
pub(super) const EXTENT: &str = "extent";

#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) id: Field,
    pub(super) tags: Field,
    pub(super) published: Field,
    pub(super) journal: Field,
    pub(super) extent: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing =
        TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let text = TextOptions::default().set_indexing_options(indexing);
    let fields = Fields {
        id: schema.add_text_field("id", text.clone()),
        tags: schema.add_text_field("tags", text),
        published: schema.add_i64_field("published", FAST),
        journal: schema.add_u64_field(JOURNAL, FAST),
        extent: schema.add_u64_field(EXTENT, FAST),
    };
    (schema.build(), fields)
}

pub(super) fn topic_tag(topic: &str) -> String {
    format!("t\0{topic}")
}

pub(super) fn source_tag(source: &str) -> String {
    format!("s\0{source}")
}

pub(super) fn language_tag(code: &str) -> String {
    format!("l\0{code}")
}

pub(super) fn label_tag(key: &str, value: &str) -> String {
    format!("k\0{key}\0{value}")
}

/// What an article is found by in a filter.
pub(super) fn tags(article: &ArchivedArticle) -> Vec<String> {
    let mut tags: Vec<String> = article.topics.iter().map(|topic| topic_tag(&topic.name)).collect();
    tags.push(source_tag(&article.source));
    tags.extend(languages(&article.language_code).iter().map(|code| language_tag(code)));
    tags.extend(article.labels.iter().map(|(key, value)| label_tag(key, value)));
    tags
}
