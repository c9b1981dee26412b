//! Surveys the first records of an input for data that would go unused, usually for their names.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::names::{FieldNames, Role, listed, plain, quoted};

/// The number of records to look at.
pub(super) const RECORDS: usize = 200;

/// Fields with such names hold text if they hold more than one word.
const TEXTS: [&str; 18] = [
    "text",
    "body",
    "content",
    "title",
    "headline",
    "article",
    "description",
    "summary",
    "abstract",
    "lead",
    "lede",
    "intro",
    "teaser",
    "snippet",
    "excerpt",
    "standfirst",
    "paragraph",
    "highlights",
];
/// Fields with such names hold topics.
const TOPICS: [&str; 9] =
    ["topic", "label", "categor", "class", "tags", "subject", "section", "genre", "keyword"];
/// The mean number of words that makes any field a text.
const WORDS: usize = 4;

/// Counts by field.
#[derive(Default)]
pub(super) struct Survey {
    fields: BTreeMap<String, Seen>,
    records: usize,
}

#[derive(Default)]
struct Seen {
    /// Records with a string, or a list of strings.
    texts: usize,
    words: usize,
    /// Records with what could be a topic.
    names: usize,
}

impl Survey {
    /// Adds a record; returns whether more are needed.
    pub(super) fn add<'a>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a str, Look<'a>)>,
    ) -> bool {
        for (name, value) in fields {
            let seen = self.fields.entry(name.to_owned()).or_default();
            if let Look::Text(text) = value {
                let words = text.split_whitespace().filter(|word| is_word(word)).count();
                seen.texts += usize::from(words > 0);
                seen.words += words;
            }
            seen.names += usize::from(matches!(value, Look::Number | Look::Text(_)));
        }
        self.records += 1;
        self.records < RECORDS
    }

    /// Adds a JSON record; returns whether more are needed.
    pub(super) fn add_json(&mut self, record: &str) -> bool {
        let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(record) else {
            return true;
        };
        self.add(fields.iter().map(|(name, value)| (name.as_str(), Look::at_json(value.get()))))
    }

    /// Warnings about unused data, and what to do about it.
    pub(super) fn warnings(&self, names: &FieldNames) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.records == 0 {
            return warnings;
        }
        let unused = |is_such: &dyn Fn(&str, &Seen) -> bool| {
            let fields = self
                .fields
                .iter()
                .filter(|(name, _)| {
                    names.role(name).is_none_or(|role| role == Role::Story)
                        && !names.is_unwanted(name)
                })
                .filter(|(name, seen)| is_such(name, seen));
            fields.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        let texts = unused(&|name, seen| seen.looks_like_text(name));
        if !texts.is_empty() {
            warnings.push(format!(
                "{} could be text, and {} not used: --title-field and --body-field name the fields \
                 that hold text",
                listed(texts.iter().copied()),
                are(texts.len()),
            ));
        }
        if names.without_topics {
            return warnings;
        }
        let topics = unused(&|name, seen| !texts.contains(&name) && seen.looks_like_topics(name));
        if !topics.is_empty() {
            warnings.push(format!(
                "{} could be topics, and {} not used: --topics-field names the field that holds \
                 them",
                listed(topics.iter().copied()),
                are(topics.len()),
            ));
        }
        let has_topics =
            |name: &String| matches!(names.role(name), Some(Role::Topics | Role::Labels));
        if topics.is_empty() && !self.fields.keys().any(has_topics) {
            warnings.push(format!(
                "no field holds topics: there are {}; --topics-field names the one that does",
                listed(self.fields.keys().map(String::as_str)),
            ));
        }
        warnings
    }

    /// Warnings about fields that flags name and that none of these records has.
    pub(super) fn missing(&self, names: &FieldNames) -> Vec<String> {
        let wanted = [
            (&names.title, "--title-field"),
            (&names.body, "--body-field"),
            (&names.topics, "--topics-field"),
        ];
        let named = wanted.into_iter().filter_map(|(name, flag)| Some((name.as_ref()?, flag)));
        let missing = named.filter(|(name, _)| {
            let is_there = |field: &String| field == *name || plain(field) == plain(name);
            self.records > 0 && !self.fields.keys().any(is_there)
        });
        let fields = listed(self.fields.keys().map(String::as_str));
        missing
            .map(|(name, flag)| {
                format!(
                    "{flag}: none of the first records has a field {}; they have {fields}",
                    quoted(name)
                )
            })
            .collect()
    }
}

impl Seen {
    fn looks_like_text(&self, name: &str) -> bool {
        let name = plain(name);
        let words = if TEXTS.iter().any(|text| name.contains(text)) { 2 } else { WORDS };
        self.texts > 0 && self.words >= words * self.texts
    }

    fn looks_like_topics(&self, name: &str) -> bool {
        let name = plain(name);
        self.names > 0 && (name == "tag" || TOPICS.iter().any(|topic| name.contains(topic)))
    }
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Whether this is a word of prose, not a number, an address or a date.
fn is_word(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphabetic()).count() >= 2 && !word.contains(['/', '@', ':', '='])
}

/// What kind of value a field holds.
#[derive(Clone, Copy)]
pub(super) enum Look<'a> {
    Text(&'a str),
    Number,
    Nothing,
}

impl<'a> Look<'a> {
    fn at_json(value: &'a str) -> Self {
        match value.as_bytes() {
            [b'"', ..] | [b'[', b'"', ..] => Self::Text(value),
            [b'0'..=b'9' | b'-', ..] => Self::Number,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(records: &[&str], names: &FieldNames) -> Vec<String> {
        let mut survey = Survey::default();
        for record in records {
            survey.add_json(record);
        }
        survey.warnings(names)
    }

    #[test]
    fn unused_fields_that_look_like_text_or_topics_are_named() {
        let names = FieldNames::default();
        let said = warnings(
            &[concat!(
                r#"{"title": "a", "short_description": "Two words", "#,
                r#""tags": ["x"], "topics": ["y"]}"#
            )],
            &names,
        );
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].contains("\"short_description\" could be text, and is not used"),
            "{said:?}"
        );
        assert!(
            said[1].contains("\"tags\" could be topics, and is not used: --topics-field"),
            "{said:?}"
        );
        let said = warnings(
            &[r#"{"title": "a", "lines": "many words stand in here", "klass": 3}"#],
            &names,
        );
        assert!(
            said[0].contains("\"lines\" could be text")
                && said[1].starts_with("no field holds topics"),
            "{said:?}"
        );
        let without = FieldNames { without_topics: true, ..names };
        assert_eq!(warnings(&[r#"{"title": "a", "tags": ["x"]}"#], &without), [""; 0]);
        for name in ["topics", "Category", "labels", "class_index"] {
            let record = format!(r#"{{"title": "a", "{name}": "Arts, culture and all the rest"}}"#);
            assert_eq!(warnings(&[&record], &without), [""; 0], "{name}");
        }
    }

    #[test]
    fn other_fields_are_not_named() {
        let records = [
            concat!(
                r#"{"id": "1", "title": "a", "topics": "x", "url": "https://a.b/c d", "#,
                r#""date": "Thu, 01 Jan 2026 10:00:00 GMT"}"#
            ),
            concat!(
                r#"{"body": "a", "topics": "x", "topic_probabilities": [0.5], "#,
                r#""author": "A. Smith", "story": "kell-01"}"#
            ),
            concat!(
                r#"{"body": "a", "topics": "x", "decision": "unknown text", "#,
                r#""labels": {"desk": "a b c d e"}, "source": "The Daily News of X"}"#
            ),
        ];
        assert_eq!(warnings(&records, &FieldNames::default()), [""; 0]);
    }

    #[test]
    fn a_missing_field_that_a_flag_names_is_reported() {
        let mut survey = Survey::default();
        survey.add_json(r#"{"Klass": "x", "text": "a"}"#);
        let names =
            |topics: &str| FieldNames { topics: Some(topics.to_owned()), ..FieldNames::default() };
        assert_eq!(survey.missing(&names("klass")), [""; 0]);
        let missing = survey.missing(&names("kind")).concat();
        assert!(
            missing.contains("no")
                && missing.contains("\"kind\"")
                && missing.contains("\"Klass\", \"text\""),
            "{missing}"
        );
    }
}
