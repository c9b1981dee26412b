//! What a record says besides id, text and topics: the same from every format that has fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;
use super::names::{FieldNames, Role, quoted, rank};
use super::table::TableRecord;

/// What is known of an article besides its text; empty where the record does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra<'a> {
    /// The language of the text.
    pub language_code: Cow<'a, str>,
    /// When it was published, as it is written.
    pub publish_time: Cow<'a, str>,
    /// Who published it.
    pub source: Cow<'a, str>,
    /// What else it is to be found by.
    pub labels: BTreeMap<String, String>,
    /// Whether there is something else under the name of the labels: topics, as a rule.
    pub has_other_labels: bool,
}

impl<'a> Extra<'a> {
    pub(super) fn of_json(record: &'a str) -> Result<Self, String> {
        let fields: Fields<'_> = serde_json::from_str(record).map_err(|error| json::reason(&error))?;
        let mut extra = Self::default();
        for (role, name, value) in fields.0 {
            match role {
                Role::Labels if value.get().starts_with('{') => {
                    extra.labels = serde_json::from_str(value.get())
                        .map_err(|error| format!("{}: {}", quoted(&name), json::reason(&error)))?;
                }
                Role::Labels => extra.has_other_labels = true,
                _ => {
                    let text = json::string(value.get()).or_else(|| Named::of(value));
                    let wrong = || format!("{} must be a string, and is {}", quoted(&name), quoted(value.get()));
                    let text = text.ok_or_else(wrong)?;
                    extra.set(role, text);
                }
            }
        }
        Ok(extra)
    }

    pub(super) fn of_table(record: TableRecord<'a>) -> Result<Self, String> {
        let mut extra = Self::default();
        for (role, name, text) in record.extra() {
            match role {
                Role::Labels => match name {
                    Some(key) => drop(extra.labels.insert(key.to_owned(), text.to_owned())),
                    None => {
                        let labels = labels(text)?;
                        extra.has_other_labels |= labels.is_empty();
                        extra.labels.extend(labels);
                    }
                },
                _ => extra.set(role, Cow::Borrowed(text)),
            }
        }
        Ok(extra)
    }

    /// The first text for a role stays.
    fn set(&mut self, role: Role, text: Cow<'a, str>) {
        let slot = match role {
            Role::Language => &mut self.language_code,
            Role::Time => &mut self.publish_time,
            _ => &mut self.source,
        };
        if slot.is_empty() && !text.trim().is_empty() {
            *slot = text;
        }
    }
}

/// A source or a language that is an object, as some services have it.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl<'a> Named<'a> {
    fn of(value: &'a RawValue) -> Option<Cow<'a, str>> {
        serde_json::from_str(value.get()).ok().map(|Named { name }| name)
    }
}

/// The labels in a cell: a JSON object, or KEY=VALUE with semicolons between; none where it is
/// something else.
fn labels(cell: &str) -> Result<BTreeMap<String, String>, String> {
    if cell.trim_start().starts_with('{') {
        return serde_json::from_str(cell).map_err(|error| format!("\"labels\": {}", json::reason(&error)));
    }
    let pairs = cell.split(';').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('='));
    let pairs: Option<BTreeMap<_, _>> =
        pairs.map(|pair| pair.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))).collect();
    Ok(pairs.unwrap_or_default())
}

/// Whether a cell of labels holds labels, and not topics.
pub(super) fn is_labels(cell: &str) -> bool {
    labels(cell).is_ok_and(|labels| !labels.is_empty()) || cell.trim_start().starts_with('{')
}

/// The fields that are not null, in the order of their names' rank.
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
                        Some(role @ (Role::Labels | Role::Language | Role::Time | Role::Source)) => {
                            let value: &RawValue = map.next_value()?;
                            if value.get() != "null" {
                                found.push((role, name, value));
                            }
                        }
                        Some(Role::Body) => {
                            let value: &RawValue = map.next_value()?;
                            if value.get().starts_with('{') {
                                let inner: Fields<'_> = serde_json::from_str(value.get()).map_err(A::Error::custom)?;
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
        let record = r#"{"Date": "2026-11-23", "publisher": "AP", "source": "", "lang": "en", "labels": {"a": "b"}, "x": 1}"#;
        let extra = Extra::of_json(record).expect("fields");
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let expected = Extra {
            language_code: "en".into(),
            publish_time: "2026-11-23".into(),
            source: "AP".into(),
            labels,
            has_other_labels: false,
        };
        assert_eq!(extra, expected);
        let named = Extra::of_json(r#"{"source": {"id": null, "name": "AP"}}"#).expect("a name");
        assert_eq!(named.source, "AP");
        assert!(Extra::of_json(r#"{"date": 3}"#).expect_err("a number").contains("\"date\" must be a string"));
        assert!(Extra::of_json(r#"{"labels": {"a": 3}}"#).expect_err("a number").contains("\"labels\""));
        let other = Extra { has_other_labels: true, ..Extra::default() };
        assert_eq!(Extra::of_json(r#"{"labels": ["a"], "date": null}"#), Ok(other));
    }

    #[test]
    fn a_cell_holds_labels_as_pairs_or_as_an_object() {
        let expected = BTreeMap::from([("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d e".to_owned())]);
        assert_eq!(labels("a=b; c = d e;"), Ok(expected.clone()));
        assert_eq!(labels(r#"{"a": "b", "c": "d e"}"#), Ok(expected));
        assert_eq!(labels("sport;world"), Ok(BTreeMap::new()));
        assert!(is_labels("a=b") && !is_labels("sport") && !is_labels(""));
    }
}
