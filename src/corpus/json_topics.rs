//! The topics that a JSON value names.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json_value::string;

/// Reads a topic, or a list of topics. A null, or an empty string in place of a list, is no topic.
#[derive(Clone, Copy)]
pub(super) struct TopicsValue {
    /// Whether an object is labels of the archive rather than a topic.
    pub(super) may_be_labels: bool,
}

/// The topics in a cell of a table that holds JSON.
///
/// # Errors
/// In words, if there are none.
pub(super) fn of_cell(cell: &str) -> Result<Vec<Cow<'_, str>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(cell);
    let topics = TopicsValue { may_be_labels: false }.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| topics)
}

impl<'de> DeserializeSeed<'de> for TopicsValue {
    type Value = Vec<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A name without blanks around it, as in every format.
fn trimmed(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim()),
        Cow::Owned(name) if name.trim().len() == name.len() => Cow::Owned(name),
        Cow::Owned(name) => Cow::Owned(name.trim().to_owned()),
    }
}

fn list<E>(topic: Result<Option<Cow<'_, str>>, E>) -> Result<Vec<Cow<'_, str>>, E> {
    topic.map(|topic| topic.into_iter().filter(|topic| !topic.is_empty()).collect())
}

impl<'de> Visitor<'de> for TopicsValue {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a topic or a list of topics")
    }

    fn visit_borrowed_str<E: Error>(self, topic: &'de str) -> Result<Self::Value, E> {
        list(OneTopic.visit_borrowed_str(topic))
    }

    fn visit_str<E: Error>(self, topic: &str) -> Result<Self::Value, E> {
        list(OneTopic.visit_str(topic))
    }

    fn visit_bool<E: Error>(self, topic: bool) -> Result<Self::Value, E> {
        list(OneTopic.visit_bool(topic))
    }

    fn visit_u64<E: Error>(self, topic: u64) -> Result<Self::Value, E> {
        list(OneTopic.visit_u64(topic))
    }

    fn visit_i64<E: Error>(self, topic: i64) -> Result<Self::Value, E> {
        list(OneTopic.visit_i64(topic))
    }

    fn visit_f64<E: Error>(self, topic: f64) -> Result<Self::Value, E> {
        list(OneTopic.visit_f64(topic))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut topics = Vec::new();
        while let Some(Topic(topic)) = seq.next_element()? {
            topics.extend(topic);
        }
        Ok(topics)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        if !self.may_be_labels {
            return list(OneTopic.visit_map(map));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }
}

/// An element of a list; None for a null.
struct Topic<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Topic<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneTopic).map(Self)
    }
}

/// Reads a topic: a name, or an object that has one. A number stands for its digits, as in other
/// formats.
struct OneTopic;

impl<'de> Visitor<'de> for OneTopic {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a topic's name")
    }

    fn visit_borrowed_str<E>(self, topic: &'de str) -> Result<Self::Value, E> {
        Ok(Some(trimmed(Cow::Borrowed(topic))))
    }

    fn visit_str<E>(self, topic: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(topic.trim().to_owned())))
    }

    fn visit_bool<E>(self, topic: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(topic.to_string())))
    }

    fn visit_u64<E>(self, topic: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(topic.to_string())))
    }

    fn visit_i64<E>(self, topic: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(topic.to_string())))
    }

    fn visit_f64<E>(self, topic: f64) -> Result<Self::Value, E> {
        // With its point, as it is written: 3.0 and not 3.
        Ok(Some(Cow::Owned(format!("{topic:?}"))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut name = None;
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            if key == "name" {
                name = string(value.get());
            }
        }
        let name = name.map(trimmed).filter(|name| !name.is_empty());
        name.map(Some).ok_or_else(|| {
            A::Error::custom("an object is a topic only if it has a \"name\" that is a string")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_take_what_single_topics_are() {
        for (value, topic) in [
            ("\"x\"", Some("x")),
            ("1.5", Some("1.5")),
            ("3.0", Some("3.0")),
            ("-3", Some("-3")),
            ("true", Some("true")),
            ("null", None),
            ("{\"id\": 1, \"name\": \"x \\u00e9\"}", Some("x é")),
            ("\" x y\\u00a0\"", Some("x y")),
            ("{\"name\": \"\\tx \"}", Some("x")),
        ] {
            let alone: Vec<_> = topic.into_iter().collect();
            assert_eq!(of_cell(value).expect(value), alone, "{value}");
            let listed: Vec<_> = topic.into_iter().chain(["y"]).collect();
            assert_eq!(of_cell(&format!("[{value}, \"y\"]")).expect(value), listed, "{value}");
        }
        for value in
            ["{\"id\": 1}", "{\"name\": 3}", "{\"name\": \" \"}", "{}", "[{\"slug\": \"x\"}]"]
        {
            let reason = of_cell(value).expect_err(value).to_string();
            assert!(
                reason.starts_with("an object is a topic only if it has a \"name\""),
                "{reason}"
            );
        }
        assert!(of_cell("[[\"x\"]]").is_err() && of_cell("[\"x\"] y").is_err());
    }
}
