//! Parts of JSON values, and what is wrong with them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::names::{is_same, shortened};

/// An error of serde_json, with its place in the record.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = shortened(text.split(" at line ").next().unwrap_or(&text));
    match error.line() {
        0 | 1 => format!("{reason}, at column {}", error.column()),
        line => format!("{reason}, in its line {line} at column {}", error.column()),
    }
}

/// The names of an object's fields.
pub(super) fn names(record: &str) -> Vec<Cow<'_, str>> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(Text(name)) = map.next_key()? {
                map.next_value::<IgnoredAny>()?;
                names.push(name);
            }
            Ok(names)
        }
    }
    serde_json::Deserializer::from_str(record).deserialize_map(Names).unwrap_or_default()
}

/// The value of the field of this name: the one that is written so, or else the first that is the
/// same regardless of case, blanks, hyphens and underscores. None where there is none, or null.
///
/// An object with a "name" has that name for its value; numbers, lists and the like are as written.
pub(super) fn field<'a>(record: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    struct Field<'w>(&'w str);
    impl<'de> Visitor<'de> for Field<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut exact, mut similar) = (None, None);
            while let Some(Text(name)) = map.next_key()? {
                if exact.is_none() && name == self.0 {
                    exact = Some(map.next_value()?);
                } else if similar.is_none() && is_same(self.0, &name) {
                    similar = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(exact.or(similar))
        }
    }
    let raw = serde_json::Deserializer::from_str(record).deserialize_map(Field(wanted)).ok()??;
    match raw.get() {
        "null" => None,
        text => string(text).or_else(|| name_of(raw)).or(Some(Cow::Borrowed(text))),
    }
}

/// The "name" of an object, as some services write a source or a language.
pub(super) fn name_of(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
    }
    // serde would take the first element of a list for the name.
    let object = Some(value.get()).filter(|value| value.starts_with('{'))?;
    serde_json::from_str(object).ok().map(|Named { name }| name)
}

/// A string, borrowed from the record if it has no escapes; serde would always copy a bare
/// `Cow<str>`.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The content of a JSON string; None for other values.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<Text<'_>>(raw).ok().map(|Text(text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let record = r#"{"Source-Name": "a", "sourcename": "b", "id": 7, "x": null, "y": [1, "z"],
            "publisher": {"id": 3, "name": "The \"Daily\""}}"#;
        for (wanted, value) in [
            ("sourcename", Some("b")),
            ("source_name", Some("a")),
            ("ID", Some("7")),
            ("x", None),
            ("y", Some(r#"[1, "z"]"#)),
            ("publisher", Some("The \"Daily\"")),
            ("desk", None),
        ] {
            assert_eq!(field(record, wanted).as_deref(), value, "{wanted}");
        }
        assert_eq!(field("[1]", "x"), None);
    }
}
