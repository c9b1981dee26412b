//! The fields of an article in tantivy's index, including the tags for filters.

use std::ops::Range;

use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

use crate::article::topic_levels;
use crate::index::ArchivedArticle;
use crate::index::filter::{filed_topics, languages};

/// The columns of an article's position: its journal, and its offset with the size in the lower 32
/// bits.
pub(super) const JOURNAL: &str = "journal";
pub(super) const EXTENT: &str = "extent";
/// The field of the tags. Its name changes with the way tags are derived: an index without this
/// field is from another version, and rebuilt.
const TAGS: &str = "tags/2";

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
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let text = TextOptions::default().set_indexing_options(indexing);
    let fields = Fields {
        id: schema.add_text_field("id", text.clone()),
        tags: schema.add_text_field(TAGS, text),
        published: schema.add_i64_field("published", FAST),
        journal: schema.add_u64_field(JOURNAL, FAST),
        extent: schema.add_u64_field(EXTENT, FAST),
    };
    (schema.build(), fields)
}

/// The tag of articles with this assigned topic, or one below it.
pub(super) fn assigned_tag(topic: &str) -> String {
    format!("a\0{topic}")
}

/// The range of tags of articles with this topic, or one below it, and at least this probability.
/// The bits of non-negative numbers have the order of the numbers.
pub(super) fn topic_tags(topic: &str, least: f64) -> Range<String> {
    // "g" follows all hexadecimal digits.
    topic_tag(topic, least)..format!("p\0{topic}\0g")
}

fn topic_tag(topic: &str, probability: f64) -> String {
    format!("p\0{topic}\0{:016x}", probability.max(0.0).to_bits())
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

/// The tags of an article.
pub(super) fn tags(article: &ArchivedArticle) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for topic in filed_topics(article) {
        for level in topic_levels(&topic.name) {
            tags.push(topic_tag(level, topic.probability));
            tags.extend(topic.is_assigned.then(|| assigned_tag(level)));
        }
    }
    tags.push(source_tag(&article.source));
    tags.extend(languages(&article.language_code).iter().map(|code| language_tag(code)));
    tags.extend(article.labels.iter().map(|(key, value)| label_tag(key, value)));
    tags
}
