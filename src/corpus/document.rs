//! A labelled document of any format.

use std::borrow::Cow;

use super::columns::TableRecord;
use super::extra::Extra;
use super::json_value;
use super::location::Location;
use super::names::{FieldNames, Role, listed, quoted};
use crate::article::{ArticleText, TopicName};

/// One document of a corpus. At least one of title and body is not blank; the topics are valid
/// names, each once.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// The caller's id; empty if there is none. A JSON value other than a string is kept as
    /// written.
    pub id: Cow<'a, str>,
    /// The headline.
    pub title: Cow<'a, str>,
    /// The text under the headline.
    pub body: Cow<'a, str>,
    /// Its topics, in the order of the record.
    pub topics: Vec<Cow<'a, str>>,
    /// The story it belongs to, if the record says so: articles on one event share it.
    pub story: Option<Cow<'a, str>>,
    /// Where it begins in its input.
    pub location: Location,
    /// The place of its input among all inputs.
    pub input: usize,
    /// The record it was read from.
    pub(super) record: Record<'a>,
    /// A field that has the name of a text but holds none, in words.
    pub(super) passed_over: Option<String>,
}

/// The record of a document, for its other fields.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Record<'a> {
    /// A JSON object, as written.
    Json(&'a str),
    Table(TableRecord<'a>),
    FastText,
    #[default]
    Text,
}

impl<'a> Document<'a> {
    /// An empty document.
    pub(super) fn new(record: Record<'a>) -> Self {
        let (id, title, body) = Default::default();
        Self {
            id,
            title,
            body,
            topics: Vec::new(),
            story: None,
            location: Location::default(),
            input: 0,
            record,
            passed_over: None,
        }
    }

    /// A document of plain text: the first line is the title if an empty line follows.
    ///
    /// ```
    /// use slugline::corpus::Document;
    ///
    /// let document = Document::of_text("A title\n\nThe body.");
    /// assert_eq!((&*document.title, &*document.body), ("A title", "The body."));
    /// ```
    pub fn of_text(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ArticleText { title, body } = split_title(text);
        Self { title: title.into(), body: body.into(), ..Self::new(Record::Text) }
    }

    /// Replaces the topics.
    #[must_use]
    pub fn with_topics(self, topics: &[&'a str]) -> Self {
        Self { topics: topics.iter().map(|&topic| topic.into()).collect(), ..self }
    }

    /// Title and body.
    pub fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }

    /// The record's fields besides id, text and topics.
    ///
    /// # Errors
    /// In words, if a field has the wrong kind.
    pub fn extra(&self) -> Result<Extra<'a>, String> {
        match self.record {
            Record::Json(record) => Extra::of_json(record),
            Record::Table(record) => Extra::of_table(record),
            Record::FastText | Record::Text => Ok(Extra::default()),
        }
    }

    /// The value of the record's field or column of this name, in any case; None where there is
    /// none. JSON values other than strings are as written, save for objects with a "name", which
    /// stands for them.
    pub fn field(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.record {
            Record::Json(record) => json_value::field(record, name),
            Record::Table(record) => record.field(name).map(Cow::Borrowed),
            Record::FastText | Record::Text => None,
        }
    }

    /// The names of the record's fields or columns, in order.
    pub fn field_names(&self) -> Vec<Cow<'a, str>> {
        match self.record {
            Record::Json(record) => json_value::names(record),
            Record::Table(record) => record.columns.names().map(Cow::Borrowed).collect(),
            Record::FastText | Record::Text => Vec::new(),
        }
    }

    /// Says that the document has no topics, and what to do about it.
    pub fn no_topic(&self, purpose: &str) -> String {
        let known = |role| matches!(role, Role::Topics | Role::Labels);
        match self.names_without(known) {
            Some(names) => format!(
                "the document has no topic to {purpose}: its fields are {names}; --topics-field \
                 names the one that holds topics"
            ),
            None => format!("the document has no topic to {purpose}"),
        }
    }

    /// Says that the document has no id, and why.
    pub fn no_id(&self) -> String {
        match (&self.record, self.names_without(|role| role == Role::Id)) {
            (Record::FastText, _) => {
                "the article has no id: fastText's format has none; use JSON Lines or CSV"
                    .to_owned()
            }
            (Record::Text, _) => {
                "the article has no id: a text has none; use JSON Lines or CSV".to_owned()
            }
            (_, Some(names)) => {
                format!("the article has no id: there is no \"id\" among its fields, {names}")
            }
            (_, None) => "the article has no id".to_owned(),
        }
    }

    /// The names of the record's fields, if none of them has such a role.
    fn names_without(&self, is_such: impl Fn(Role) -> bool) -> Option<String> {
        let usual = FieldNames::default();
        if matches!(self.record, Record::FastText | Record::Text) {
            return None;
        }
        let names = self.field_names();
        let is_there = names.iter().any(|name| usual.role(name).is_some_and(&is_such));
        (!is_there).then(|| listed(names.iter().map(AsRef::as_ref)))
    }

    /// Checks that the record is a document.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        if self.text().is_blank() {
            if let Some(reason) = self.passed_over.take() {
                return Err(reason);
            }
            return Err(
                match self.names_without(|role| matches!(role, Role::Title | Role::Body)) {
                    Some(names) => format!(
                        "the document has neither a title nor a body: its fields are {names}; \
                         --title-field and --body-field name those that hold text"
                    ),
                    None => "the document has neither a title nor a body".to_owned(),
                },
            );
        }
        for topic in &self.topics {
            TopicName::check(topic).map_err(|error| format!("topic {}: {error}", quoted(topic)))?;
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

/// Splits off the first line as the title if an empty line follows.
fn split_title(text: &str) -> ArticleText<'_> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let second = rest.split('\n').next().unwrap_or("");
    if rest.is_empty() || first.trim().is_empty() || !second.trim().is_empty() {
        return ArticleText { title: "", body: text };
    }
    // Places in the body count from its first word, not from the empty line.
    ArticleText { title: first.strip_suffix('\r').unwrap_or(first), body: rest.trim_start() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_title_when_an_empty_line_follows() {
        let titled = split_title("A title\r\n\r\nThe body.\nMore.");
        assert_eq!((titled.title, titled.body), ("A title", "The body.\nMore."));
        let plain = split_title("A line\nand another");
        assert_eq!((plain.title, plain.body), ("", "A line\nand another"));
        assert_eq!(split_title("one line"), ArticleText { title: "", body: "one line" });
        assert_eq!(split_title(""), ArticleText::default());
        assert_eq!(split_title("日本\n\n本文").title, "日本");
    }
}
