//! A document from a JSON object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde_json::value::RawValue;

use super::document::{Document, Record};
use super::json_topics::TopicsValue;
use super::json_value::{Text, reason, string};
use super::names::{FieldNames, Role, ambiguous, quoted, rank};

/// Parses an object whose fields have the names in `names`; others are ignored.
pub(super) fn parse<'a>(record: &'a str, names: &FieldNames) -> Result<Document<'a>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(record);
    let mut fields = Fields::default();
    let read = Object { names, fields: &mut fields }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    read.map_err(|error| format!("not a JSON document of the expected shape: {}", reason(&error)))?;
    if let Some(reason) = fields.ambiguous {
        return Err(reason);
    }
    let value = |field: Option<Field<'a, &'a RawValue>>| field.map(|field| field.value.get());
    let id = match value(fields.id) {
        None | Some("null") => Cow::Borrowed(""),
        Some(raw) => string(raw).unwrap_or(Cow::Borrowed(raw)),
    };
    Document {
        id,
        title: fields.title.map(|field| field.value).unwrap_or_default(),
        body: fields.body.map(|field| field.value).unwrap_or_default(),
        topics: fields.topics.map(|field| field.value).unwrap_or_default(),
        // Only a string is a story; a field of this name may mean anything.
        story: fields.story.and_then(|raw| string(raw.get())),
        passed_over: fields.passed_over,
        ..Document::new(Record::Json(record))
    }
    .checked()
}

struct Field<'a, T> {
    name: Cow<'a, str>,
    value: T,
}

/// The fields of an object that make a document.
#[derive(Default)]
struct Fields<'a> {
    id: Option<Field<'a, &'a RawValue>>,
    title: Option<Field<'a, Cow<'a, str>>>,
    body: Option<Field<'a, Cow<'a, str>>>,
    topics: Option<Field<'a, Vec<Cow<'a, str>>>>,
    story: Option<&'a RawValue>,
    /// Why it is unclear which field is which.
    ambiguous: Option<String>,
    /// The first field that has the name of a text but holds none.
    passed_over: Option<String>,
}

/// Keeps the first value of a role; a second one makes the record ambiguous.
fn keep<'a, T>(
    slot: &mut Option<Field<'a, T>>,
    conflict: &mut Option<String>,
    role: Role,
    found: Field<'a, T>,
) {
    match slot {
        Some(there) => {
            conflict.get_or_insert_with(|| ambiguous(role, &there.name, &found.name));
        }
        None => *slot = Some(found),
    }
}

impl<'a> Fields<'a> {
    fn keep_text(&mut self, role: Role, name: Cow<'a, str>, value: Cow<'a, str>) {
        if !value.trim().is_empty() {
            let slot = if role == Role::Title { &mut self.title } else { &mut self.body };
            keep(slot, &mut self.ambiguous, role, Field { name, value });
        }
    }

    fn keep_topics(&mut self, name: Cow<'a, str>, value: Vec<Cow<'a, str>>) {
        if !value.is_empty() {
            keep(&mut self.topics, &mut self.ambiguous, Role::Topics, Field { name, value });
        }
    }
}

/// Reads an object.
struct Object<'n, 'f, 'a> {
    names: &'n FieldNames,
    fields: &'f mut Fields<'a>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.fields;
        while let Some(Text(name)) = map.next_key()? {
            let Some(role) = self.names.role(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let named = |error: A::Error| A::Error::custom(format!("{}: {error}", quoted(&name)));
            match role {
                Role::Title | Role::Body => {
                    let value = TextValue { names: self.names, role, name: &name };
                    match map.next_value_seed(value).map_err(named)? {
                        Value::Nothing => {}
                        Value::Text(text) => fields.keep_text(role, name, text),
                        Value::Article(article) => fields.take_article(*article),
                        Value::Other(kind) => fields.pass_over(&name, kind),
                    }
                }
                Role::Topics | Role::Labels
                    if role == Role::Topics || self.names.takes_labels_for_topics() =>
                {
                    let may_be_labels = role == Role::Labels;
                    let topics =
                        map.next_value_seed(TopicsValue { may_be_labels }).map_err(named)?;
                    fields.keep_topics(name, topics);
                }
                Role::Id => {
                    let value: &RawValue = map.next_value()?;
                    let is_first =
                        fields.id.as_ref().is_none_or(|there| rank(&name) < rank(&there.name));
                    if is_first && value.get() != "null" {
                        fields.id = Some(Field { name, value });
                    }
                }
                Role::Story => fields.story = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'a> Fields<'a> {
    /// Takes over the fields of a nested article, as in a request.
    fn take_article(&mut self, article: Fields<'a>) {
        if let Some(Field { name, value }) = article.title {
            self.keep_text(Role::Title, name, value);
        }
        if let Some(Field { name, value }) = article.body {
            self.keep_text(Role::Body, name, value);
        }
        if let Some(Field { name, value }) = article.topics {
            self.keep_topics(name, value);
        }
        self.id = self.id.take().or(article.id);
        self.story = self.story.or(article.story);
        self.ambiguous = self.ambiguous.take().or(article.ambiguous);
        self.passed_over = self.passed_over.take().or(article.passed_over);
    }

    fn pass_over(&mut self, name: &str, kind: &str) {
        self.passed_over
            .get_or_insert_with(|| format!("{} holds {kind} and not text", quoted(name)));
    }
}

/// Reads a text: a string, a list of strings (paragraphs), or an article nested as in a request.
#[derive(Clone, Copy)]
struct TextValue<'n> {
    names: &'n FieldNames,
    role: Role,
    name: &'n str,
}

enum Value<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Article(Box<Fields<'a>>),
    /// A value of another kind, under a name that may mean anything.
    Other(&'static str),
}

impl TextValue<'_> {
    fn other<'a, E: serde::de::Error>(
        self,
        kind: &'static str,
        found: Unexpected<'_>,
    ) -> Result<Value<'a>, E> {
        if self.names.is_guessed(self.role, self.name) {
            Ok(Value::Other(kind))
        } else {
            Err(E::invalid_type(found, &self))
        }
    }
}

impl<'de> DeserializeSeed<'de> for TextValue<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextValue<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut paragraphs = Vec::new();
        let mut has_others = false;
        while let Some(value) = seq.next_element::<&RawValue>()? {
            match string(value.get()) {
                Some(paragraph) => paragraphs.push(paragraph),
                None => has_others |= value.get() != "null",
            }
        }
        if has_others {
            return self.other("a list of other values", Unexpected::Other("list of other values"));
        }
        Ok(Value::Text(Cow::Owned(paragraphs.join("\n\n"))))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value<'de>, E> {
        self.other("true or false", Unexpected::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value<'de>, E> {
        self.other("a number", Unexpected::Unsigned(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value<'de>, E> {
        self.other("a number", Unexpected::Signed(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value<'de>, E> {
        self.other("a number", Unexpected::Float(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Box::<Fields<'de>>::default();
        Object { names: self.names, fields: &mut fields }.visit_map(map)?;
        if let Fields { title: None, body: None, ambiguous: None, passed_over: None, .. } = *fields
            && self.names.is_guessed(self.role, self.name)
        {
            return Ok(Value::Other("an object without a title or body"));
        }
        Ok(Value::Article(fields))
    }
}

#[cfg(test)]
mod tests;
