//! The fields of a record besides id, text and topics, the same from every format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{ExtraCell, TableRecord};
use super::json_value::{name_of, reason, string};
use super::labels::labels;
use super::names::{FieldNames, Role, quoted, rank};

/// What a record says of its article besides the text; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra<'a> {
    /// The language of the text.
    pub language_code: Cow<'a, str>,
    /// When it was published, as written, preferred names first.
    pub publish_times: Vec<WrittenTime<'a>>,
    /// Who published it.
    pub source: Cow<'a, str>,
    /// Other keys to find it by.
    pub labels: BTreeMap<String, String>,
    /// Whether the field of the labels holds something else, usually topics.
    pub has_other_labels: bool,
    /// Fields whose values have another kind, so that they probably mean something else: what they
    /// were taken for, and what they hold.
    pub passed_over: Vec<(&'static str, String)>,
}

/// A time as a record writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTime<'a> {
    /// The field or column.
    pub name: Cow<'a, str>,
    /// Its content.
    pub text: Cow<'a, str>,
    /// Whether the name of the field is only a guess at the time of publication.
    pub is_guessed: bool,
}

impl<'a> Extra<'a> {
    pub(super) fn of_json(record: &'a str) -> Result<Self, String> {
        let fields: Fields<'_> = serde_json::from_str(record).map_err(|error| reason(&error))?;
        let mut extra = Self::default();
        for (role, name, value) in fields.0 {
            match role {
                Role::Labels if value.get().starts_with('{') => {
                    extra.labels = serde_json::from_str(value.get())
                        .map_err(|error| format!("{}: {}", quoted(&name), reason(&error)))?;
                }
                Role::Labels => extra.has_other_labels = true,
                _ => {
                    let text = string(value.get()).or_else(|| name_of(value));
                    let wrong = || {
                        format!(
                            "{} must be a string, and is {}",
                            quoted(&name),
                            quoted(value.get())
                        )
                    };
                    match text {
                        Some(text) => extra.set(role, name, text),
                        None if is_guessed(role, &name) => {
                            extra.passed_over.push((what(role), wrong()))
                        }
                        None => return Err(wrong()),
                    }
                }
            }
        }
        Ok(extra)
    }

    pub(super) fn of_table(record: TableRecord<'a>) -> Result<Self, String> {
        let mut extra = Self::default();
        for ExtraCell { role, label_key, column, text } in record.extra() {
            match role {
                Role::Labels => match label_key {
                    Some(key) => drop(extra.labels.insert(key.to_owned(), text.to_owned())),
                    None => {
                        let labels = labels(text)?;
                        extra.has_other_labels |= labels.is_empty();
                        extra.labels.extend(labels);
                    }
                },
                _ => extra.set(role, Cow::Borrowed(column), Cow::Borrowed(text)),
            }
        }
        Ok(extra)
    }

    /// Sets a role, whose first text stays. All times are kept: not each may be readable.
    fn set(&mut self, role: Role, name: Cow<'a, str>, text: Cow<'a, str>) {
        if text.trim().is_empty() {
            return;
        }
        let slot = match role {
            Role::Time => {
                let is_guessed = is_guessed(role, &name);
                return self.publish_times.push(WrittenTime { name, text, is_guessed });
            }
            Role::Language => &mut self.language_code,
            _ => &mut self.source,
        };
        if slot.is_empty() {
            *slot = text;
        }
    }
}

fn is_guessed(role: Role, name: &str) -> bool {
    FieldNames::default().is_guessed(role, name)
}

fn what(role: Role) -> &'static str {
    match role {
        Role::Language => "language",
        Role::Time => "time",
        _ => "source",
    }
}

/// The fields that are not null, preferred names first.
struct Fields<'a>(Vec<(Role, Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Found;
        impl<'de> Visitor<'de> for Found {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let names = FieldNames::default();
                let mut found = Vec::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match names.role(&name) {
                        Some(
                            role @ (Role::Labels | Role::Language | Role::Time | Role::Source),
                        ) => {
                            let value: &RawValue = map.next_value()?;
                            if value.get() != "null" {
                                found.push((role, name, value));
                            }
                        }
                        Some(Role::Body) => {
                            let value: &RawValue = map.next_value()?;
                            if value.get().starts_with('{') {
                                let inner: Fields<'_> =
                                    serde_json::from_str(value.get()).map_err(A::Error::custom)?;
                                found.extend(inner.0);
                            }
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                found.sort_by_key(|(_, name, _)| rank(name));
                Ok(Fields(found))
            }
        }
        deserializer.deserialize_map(Found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_when_where_and_in_which_language() {
        let record = concat!(
            r#"{"Date": "2026-11-23", "publisher": "AP", "source": "", "lang": "en", "#,
            r#""labels": {"a": "b"}, "x": 1}"#
        );
        let extra = Extra::of_json(record).expect("fields");
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let expected = Extra {
            language_code: "en".into(),
            publish_times: vec![WrittenTime {
                name: "Date".into(),
                text: "2026-11-23".into(),
                is_guessed: true,
            }],
            source: "AP".into(),
            labels,
            ..Extra::default()
        };
        assert_eq!(extra, expected);
        let named = Extra::of_json(r#"{"source": {"id": null, "name": "AP"}}"#).expect("a name");
        assert_eq!(named.source, "AP");
        assert!(
            Extra::of_json(r#"{"labels": {"a": 3}}"#).expect_err("a number").contains("\"labels\"")
        );
        let other = Extra { has_other_labels: true, ..Extra::default() };
        assert_eq!(Extra::of_json(r#"{"labels": ["a"], "date": null}"#), Ok(other));
    }

    #[test]
    fn values_that_do_not_fit_a_guessed_name_are_ignored() {
        for field in [
            r#""published": true"#,
            r#""date": 1672653600"#,
            r#""source": ["a", "b"]"#,
            r#""source": {"id": 3}"#,
            r#""lang": ["en"]"#,
        ] {
            let line = format!("{{{field}}}");
            let extra = Extra::of_json(&line).expect("a record");
            assert_eq!(extra.passed_over.len(), 1, "{field}");
            assert!(extra.passed_over[0].1.contains("must be a string, and is "), "{extra:?}");
            assert_eq!(Extra { passed_over: Vec::new(), ..extra }, Extra::default(), "{field}");
        }
        for field in ["publish_time", "language_code"] {
            let line = format!("{{\"{field}\": 3}}");
            let reason = Extra::of_json(&line).expect_err("a number");
            assert_eq!(reason, format!("\"{field}\" must be a string, and is \"3\""));
        }
        let several =
            Extra::of_json(r#"{"date": "b", "published": 1, "pubDate": "a"}"#).expect("times");
        assert_eq!(
            several.publish_times.iter().map(|time| &*time.text).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
