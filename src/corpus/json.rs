//! A document from a JSON object.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde_json::value::RawValue;

use super::document::{Document, Record};
use super::json_topics::TopicsValue;
use super::names::{FieldNames, Role, ambiguous, quoted, rank, shortened};

/// Parses an object whose fields are named as `names` has it; others are passed over.
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

/// What serde_json says, and where in the record.
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

/// A string as it stands in the line, where it has no escapes: of a bare `Option<Cow<str>>` serde
/// would make a copy each time.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The string that a JSON value is; None for other values.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<Text<'_>>(raw).ok().map(|Text(text)| text)
}

struct Field<'a, T> {
    name: Cow<'a, str>,
    value: T,
}

/// The fields of an object that matter here.
#[derive(Default)]
struct Fields<'a> {
    id: Option<Field<'a, &'a RawValue>>,
    title: Option<Field<'a, Cow<'a, str>>>,
    body: Option<Field<'a, Cow<'a, str>>>,
    topics: Option<Field<'a, Vec<Cow<'a, str>>>>,
    story: Option<&'a RawValue>,
    /// Why nobody can say which field is which.
    ambiguous: Option<String>,
    /// The first field that has a name of text, and no text.
    passed_over: Option<String>,
}

/// Keeps a value that says something; a second one says that nobody knows which is meant.
fn keep<'a, T>(
    slot: &mut Option<Field<'a, T>>,
    conflict: &mut Option<String>,
    role: Role,
    found: Field<'a, T>,
) {
    match slot {
        Some(there) => {
            drop(conflict.get_or_insert_with(|| ambiguous(role, &there.name, &found.name)))
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
    /// The fields of an article that stands in a field of its own, as in a request: they are as
    /// good as ours.
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

/// Reads a text: a string, a list of them (paragraphs), or the object that an article is in a
/// request.
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
    /// Of another kind, under a name that may mean anything.
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
mod tests {
    use super::*;

    fn read(record: &str) -> Result<Document<'_>, String> {
        parse(record, &FieldNames::default())
    }

    #[test]
    fn records_may_leave_fields_out_but_not_all_text() {
        let document = read(r#"{"title": "A \"b\"", "topics": ["x", "x", "y"], "other": 1}"#)
            .expect("a document");
        assert_eq!(document.title, "A \"b\"");
        assert_eq!(document.topics, ["x", "y"]);
        for (id, expected) in [
            ("7", "7"),
            ("null", ""),
            (r#""a-1""#, "a-1"),
            (r#""a\"\u0031""#, "a\"1"),
            (r#"["a"]"#, r#"["a"]"#),
        ] {
            let line = format!(r#"{{"id": {id}, "story": {id}, "body": "b"}}"#);
            let document = read(&line).expect("a document");
            assert_eq!(document.id, expected);
            assert_eq!(document.story.as_deref(), id.starts_with('"').then_some(expected));
        }
        assert!(
            read(r#"{"topics": ["x"]}"#)
                .expect_err("no text")
                .contains("neither a title nor a body")
        );
        let wrong = read(r#"{"title": 3}"#).expect_err("wrong type");
        assert!(
            wrong.contains("\"title\": invalid type: integer `3`, expected a string, at column"),
            "{wrong}"
        );
        assert!(read("").expect_err("nothing").contains("column"));
        assert!(read("[]").expect_err("a list").contains("expected an object"));
    }

    #[test]
    fn topics_must_be_names() {
        assert!(read(r#"{"title": "t", "topics": ["  "]}"#).is_err());
        assert!(read(r#"{"title": "t", "topics": [""]}"#).is_err());
        let object = read(r#"{"title": "t", "category": {"id": 1}}"#).expect_err("no name");
        assert!(
            object.contains("\"category\": an object is a topic only if it has a \"name\""),
            "{object}"
        );
        assert!(
            read(r#"{"title": "t", "topics": [["x"]]}"#)
                .expect_err("no name")
                .contains("a topic's name")
        );
        let names = FieldNames { topics: Some("labels".to_owned()), ..FieldNames::default() };
        assert!(parse(r#"{"title": "t", "labels": {"desk": "x"}}"#, &names).is_err());
    }

    #[test]
    fn topics_come_as_one_or_as_a_list_under_all_their_names() {
        for (field, expected) in [
            (r#""topics": ["x", "y"]"#, &["x", "y"][..]),
            (r#""topic": "x""#, &["x"]),
            (r#""label": 3"#, &["3"]),
            (r#""Class Index": "3""#, &["3"]),
            (r#""labels": ["x", 1]"#, &["x", "1"]),
            (r#""category": null, "label": "x""#, &["x"]),
            (r#""labels": {"desk": "x"}, "topics": "y""#, &["y"]),
            (r#""category": {"id": 1, "name": "x"}"#, &["x"]),
            (r#""tags": {"a": 1}, "topics": [{"name": "x"}, null, 1.5]"#, &["x", "1.5"]),
            (r#""labels": {"a": 1}, "topic": """#, &[]),
        ] {
            let line = format!(r#"{{"Headline": "t", {field}}}"#);
            let document = read(&line).expect(field);
            assert_eq!(document.topics, expected, "{field}");
            assert_eq!(document.title, "t");
        }
    }

    #[test]
    fn what_is_no_text_under_a_guessed_name_is_passed_over() {
        for value in ["17", "-1.5", "true", "[1]", "[\"a\", {}]", "{\"rendered\": \"a\"}", "{}"] {
            for line in [
                format!(r#"{{"article": {value}, "title": "t", "body": "b"}}"#),
                format!(r#"{{"title": "t", "body": "b", "Headline": {value}}}"#),
            ] {
                let document = read(&line).expect(&line);
                assert_eq!((&*document.title, &*document.body), ("t", "b"), "{line}");
                assert!(
                    document.passed_over.is_some_and(|said| said.contains("and not text")),
                    "{line}"
                );
            }
        }
        let alone = read(r#"{"text": 17, "topics": "x"}"#).expect_err("no text");
        assert_eq!(alone, "\"text\" holds a number and not text");
        assert!(
            read(r#"{"title": "t", "body": [1]}"#)
                .expect_err("no string")
                .starts_with("not a JSON document")
        );
        let names = FieldNames { body: Some("text".to_owned()), ..FieldNames::default() };
        assert!(
            parse(r#"{"title": "t", "text": 17}"#, &names)
                .expect_err("it was named")
                .contains("\"text\"")
        );
        assert_eq!(read(r#"{"text": ["a", null, "b"]}"#).expect("paragraphs").body, "a\n\nb");
        assert_eq!(read(r#"{"text": "a", "content": null}"#).expect("a text").passed_over, None);
    }

    #[test]
    fn what_could_be_either_is_refused() {
        let two = read(r#"{"text": "a", "content": "b"}"#).expect_err("two bodies");
        assert_eq!(
            two,
            "\"text\" and \"content\" could both be the body: choose one with --body-field"
        );
        let two = read(r#"{"text": "a", "label": "b", "category": "c"}"#).expect_err("two topics");
        assert_eq!(
            two,
            "\"label\" and \"category\" could both be the topics: choose one with --topics-field"
        );
        assert!(
            read(r#"{"title": "a", "title": "b"}"#)
                .expect_err("twice")
                .contains("\"title\" is there twice")
        );
        assert_eq!(read(r#"{"text": " ", "content": "b"}"#).expect("one is blank").body, "b");
        let names = FieldNames { without_topics: true, ..FieldNames::default() };
        assert!(
            parse(r#"{"text": "a", "label": "b", "category": 3}"#, &names)
                .expect("a text")
                .topics
                .is_empty()
        );
    }

    #[test]
    fn an_article_may_stand_in_a_field_of_its_own() {
        let document = read(r#"{"article": {"title": "t", "body": ["a", "b"]}, "explain": true}"#)
            .expect("a request");
        assert_eq!((&*document.title, &*document.body), ("t", "a\n\nb"));
    }

    #[test]
    fn no_message_repeats_much_of_the_input() {
        let long = "x".repeat(10_000);
        for record in [
            format!(r#"{{"topics": ["{long}"], "title": "t"}}"#),
            format!(r#""{long}""#),
            format!(r#"{{"{long}": "t"}}"#),
            format!(r#"{{"title": "t", "topics": {{"a": "{long}"}}, "label": [["{long}"]]}}"#),
        ] {
            let reason = read(&record).expect_err("no document");
            assert!(reason.len() < 500, "{}", reason.len());
        }
    }
}
