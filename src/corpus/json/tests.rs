//! Documents from JSON objects of every shape.

use super::*;

fn read(record: &str) -> Result<Document<'_>, String> {
    parse(record, &FieldNames::default())
}

#[test]
fn records_may_leave_fields_out_but_not_all_text() {
    let document =
        read(r#"{"title": "A \"b\"", "topics": ["x", "x", "y"], "other": 1}"#).expect("a document");
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
        read(r#"{"topics": ["x"]}"#).expect_err("no text").contains("neither a title nor a body")
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
fn topics_are_one_or_a_list_under_all_their_names() {
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
fn other_values_under_a_guessed_name_of_text_are_ignored() {
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
fn ambiguous_fields_are_refused() {
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
            .contains("\"title\" occurs twice")
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
fn an_article_may_be_nested_in_a_field() {
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
