//! A labelled document, and how one is parsed from a record of each format.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::article::{ArticleText, TopicName};

/// One document of a corpus. At least one of title and body is not blank; the topics are valid names, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// The caller's name for it; empty where there is none. A JSON value that is no string stands as it is written.
    pub id: Cow<'a, str>,
    /// The headline.
    pub title: Cow<'a, str>,
    /// The text under the headline.
    pub body: Cow<'a, str>,
    /// The topics it is labelled with, in the order of the record.
    pub topics: Vec<Cow<'a, str>>,
    /// The story it belongs to, where the record says: articles on one event share it. JSON only.
    pub story: Option<Cow<'a, str>>,
    /// The JSON record itself, for what else stands in it; None for other formats.
    pub record: Option<&'a str>,
}

impl Document<'_> {
    /// Title and body.
    pub fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }

    fn checked(mut self) -> Result<Self, String> {
        if self.text().is_blank() {
            return Err("the document has neither a title nor a body".to_owned());
        }
        for topic in &self.topics {
            TopicName::check(topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
        }
        if self.topics.len() < 2 {
            return Ok(self);
        }
        let mut seen: Vec<Cow<'_, str>> = Vec::with_capacity(self.topics.len());
        for topic in std::mem::take(&mut self.topics) {
            if !seen.contains(&topic) {
                seen.push(topic);
            }
        }
        self.topics = seen;
        Ok(self)
    }
}

/// The fields of a JSON record that matter here; others are passed over.
#[derive(Deserialize)]
struct JsonRecord<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    title: Option<Text<'a>>,
    #[serde(borrow, default)]
    body: Option<Text<'a>>,
    #[serde(borrow, default)]
    topics: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    story: Option<&'a RawValue>,
}

/// A string as it stands in the line, where it has no escapes: of a bare `Option<Cow<str>>` serde would make a copy each time.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Parses a line of JSON Lines: `{"id", "title", "body", "topics": [...]}`, each optional.
pub(super) fn from_json(line: &str) -> Result<Document<'_>, String> {
    let record: JsonRecord<'_> = serde_json::from_str(line).map_err(|error| {
        // The error's own line is always 1 here: only the column says something.
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text);
        format!("not a JSON document of the expected shape: {reason}, at column {}", error.column())
    })?;
    let id = match record.id.map(RawValue::get) {
        None | Some("null") => Cow::Borrowed(""),
        Some(raw) => string(raw).unwrap_or(Cow::Borrowed(raw)),
    };
    Document {
        id,
        title: record.title.map(|Text(title)| title).unwrap_or_default(),
        body: record.body.map(|Text(body)| body).unwrap_or_default(),
        topics: record.topics.unwrap_or_default().into_iter().map(|Text(topic)| topic).collect(),
        // Only a string is a story; a field of this name may mean anything.
        story: record.story.and_then(|raw| string(raw.get())),
        record: Some(line),
    }
    .checked()
}

/// The string that a JSON value is; None for other values.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<Text<'_>>(raw).ok().map(|Text(text)| text)
}

/// Parses a line of fastText's training format: `__label__` words are topics, the rest is the body.
pub(super) fn from_fasttext(line: &str) -> Result<Document<'_>, String> {
    let mut topics = Vec::new();
    let mut rest = line.trim();
    while let Some(label) = rest.strip_prefix(FASTTEXT_LABEL) {
        let end = label.find(char::is_whitespace).unwrap_or(label.len());
        topics.push(Cow::Borrowed(&label[..end]));
        rest = label[end..].trim_start();
    }
    Document { id: Cow::Borrowed(""), title: Cow::Borrowed(""), body: Cow::Borrowed(rest), topics, story: None, record: None }
        .checked()
}

/// What marks a topic in fastText's training format.
pub(super) const FASTTEXT_LABEL: &str = "__label__";

/// Where the columns of a CSV file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CsvColumns {
    id: Option<usize>,
    title: Option<usize>,
    body: Option<usize>,
    topics: Option<usize>,
}

impl CsvColumns {
    /// Reads the header; names count without regard to case.
    pub(super) fn from_header(header: &csv::StringRecord) -> Result<Self, String> {
        let find =
            |names: &[&str]| header.iter().position(|column| names.iter().any(|name| column.trim().eq_ignore_ascii_case(name)));
        let columns = Self {
            id: find(&["id"]),
            title: find(&["title", "headline"]),
            body: find(&["body", "text"]),
            topics: find(&["topics", "topic", "label"]),
        };
        if columns.title.is_none() && columns.body.is_none() {
            return Err(format!(
                "the header must name a column \"title\" or \"body\" (and \"topics\"), but has: {}",
                header.iter().collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(columns)
    }
}

/// Takes a document from a CSV record; several topics stand in one field with semicolons between.
pub(super) fn from_csv<'a>(record: &'a csv::StringRecord, columns: &CsvColumns) -> Result<Document<'a>, String> {
    let field = |column: Option<usize>| column.and_then(|at| record.get(at)).unwrap_or("");
    Document {
        id: Cow::Borrowed(field(columns.id)),
        title: Cow::Borrowed(field(columns.title)),
        body: Cow::Borrowed(field(columns.body)),
        topics: field(columns.topics).split(';').map(str::trim).filter(|t| !t.is_empty()).map(Cow::Borrowed).collect(),
        story: None,
        record: None,
    }
    .checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_records_may_leave_fields_out_but_not_all_text() {
        let document = from_json(r#"{"title": "A \"b\"", "topics": ["x", "x", "y"], "other": 1}"#).expect("a document");
        assert_eq!(document.title, "A \"b\"");
        assert_eq!(document.topics, ["x", "y"]);
        for (id, expected) in
            [("7", "7"), ("null", ""), (r#""a-1""#, "a-1"), (r#""a\"\u0031""#, "a\"1"), (r#"["a"]"#, r#"["a"]"#)]
        {
            let line = format!(r#"{{"id": {id}, "story": {id}, "body": "b"}}"#);
            let document = from_json(&line).expect("a document");
            assert_eq!(document.id, expected);
            assert_eq!(document.story.as_deref(), id.starts_with('"').then_some(expected));
        }
        assert!(from_json(r#"{"topics": ["x"]}"#).expect_err("no text").contains("neither a title nor a body"));
        assert!(from_json(r#"{"title": 3}"#).expect_err("wrong type").contains("expected a string"));
        assert!(from_json("").expect_err("nothing").contains("column"));
    }

    #[test]
    fn topics_must_be_names() {
        assert!(from_json(r#"{"title": "t", "topics": ["  "]}"#).is_err());
        assert!(from_json(r#"{"title": "t", "topics": [""]}"#).is_err());
    }

    #[test]
    fn fasttext_labels_come_first() {
        let document = from_fasttext("__label__sport __label__uk the match was won").expect("a document");
        assert_eq!(document.topics, ["sport", "uk"]);
        assert_eq!(document.body, "the match was won");
        assert!(from_fasttext("__label__sport").is_err());
    }

    #[test]
    fn csv_columns_are_found_by_name() {
        let header = csv::StringRecord::from(vec!["Topic", "headline", "text"]);
        let columns = CsvColumns::from_header(&header).expect("known columns");
        let record = csv::StringRecord::from(vec!["a; b", "t", "x"]);
        let document = from_csv(&record, &columns).expect("a document");
        assert_eq!((&*document.title, &*document.body), ("t", "x"));
        assert_eq!(document.topics, ["a", "b"]);
        assert!(CsvColumns::from_header(&csv::StringRecord::from(vec!["x", "y"])).is_err());
    }
}
