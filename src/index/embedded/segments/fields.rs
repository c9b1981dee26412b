//! The fields of an article in tantivy's index, including the tags for filters.

use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

use crate::article::topic_levels;
use crate::index::filter::{filed_topics, languages};
use crate::index::{ArchivedArticle, PublishTime};
use crate::text::TermHash;

/// The columns of an article's position: its journal, and its offset with the size in the lower 32
/// bits.
pub(super) const JOURNAL: &str = "journal";
pub(super) const EXTENT: &str = "extent";
/// The columns of an article's topics and broader topics: the hash of the name, and the probability
/// in the same place. A tag per probability would be a term per article, which merges would pay
/// for.
pub(super) const TOPICS: &str = "topics";
pub(super) const PROBABILITIES: &str = "probabilities";
/// The field of the tags. Its name changes with the way tags are derived: an index without this
/// field is from another version, and rebuilt.
const TAGS: &str = "tags/3";

#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) id: Field,
    pub(super) tags: Field,
    published: Field,
    pub(super) journal: Field,
    pub(super) extent: Field,
    topics: Field,
    probabilities: Field,
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
        topics: schema.add_u64_field(TOPICS, FAST),
        probabilities: schema.add_f64_field(PROBABILITIES, FAST),
    };
    (schema.build(), fields)
}

/// The tag of articles with this assigned topic, or one below it.
pub(super) fn assigned_tag(topic: &str) -> String {
    format!("a\0{topic}")
}

/// The tag of articles with this topic, or one below it, with any probability.
pub(super) fn topic_tag(topic: &str) -> String {
    format!("t\0{topic}")
}

/// A topic in [`TOPICS`].
pub(super) fn topic_key(topic: &str) -> u64 {
    TermHash::of_word(topic.as_bytes()).0
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

/// Adds what filters find an article by.
pub(super) fn add_filtered(
    document: &mut TantivyDocument,
    fields: Fields,
    article: &ArchivedArticle,
) {
    for topic in filed_topics(article) {
        for level in topic_levels(&topic.name) {
            document.add_text(fields.tags, topic_tag(level));
            document.add_u64(fields.topics, topic_key(level));
            document.add_f64(fields.probabilities, topic.probability);
            if topic.is_assigned {
                document.add_text(fields.tags, assigned_tag(level));
            }
        }
    }
    document.add_text(fields.tags, source_tag(&article.source));
    for code in languages(&article.language_code) {
        document.add_text(fields.tags, language_tag(&code));
    }
    for (key, value) in &article.labels {
        document.add_text(fields.tags, label_tag(key, value));
    }
    if let Some(PublishTime(time)) = article.publish_time {
        document.add_i64(fields.published, time);
    }
}
