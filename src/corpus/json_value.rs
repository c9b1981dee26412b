//! Parts of JSON values, and what is wrong with them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::names::shortened;

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
