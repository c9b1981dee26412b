//! Tests of the walk over encoded messages.

use prost::{Message, Name};

use super::*;
use crate::grpc::pb;
use crate::grpc::shapes::root;

fn checked<M: Name>(bytes: &[u8]) -> Result<(), (String, &'static str)> {
    let root = root(M::PACKAGE, M::NAME).expect("a request");
    check(&root.message, bytes)
        .map_err(only)
        .map_err(|violation| (violation.field, violation.reason))
}

fn only(error: ServiceError) -> FieldViolation {
    let ServiceError::Invalid(violation) = error else { panic!("{error:?}") };
    violation
}

fn refused(field: &str, reason: &'static str) -> Result<(), (String, &'static str)> {
    Err((field.to_owned(), reason))
}

#[test]
fn very_many_elements_are_not_counted_exactly() {
    let many = [0x0a, 0].repeat(2 * Limits::MESSAGE_PARTS);
    let root =
        root(pb::BatchClassifyRequest::PACKAGE, pb::BatchClassifyRequest::NAME).expect("a request");
    let violation = only(check(&root.message, &many).expect_err("too many"));
    assert_eq!((violation.field.as_str(), violation.reason), ("articles", "TOO_MANY_ARTICLES"));
    assert_eq!(violation.description, "has more than 100000 elements, over the limit of 1000");
    let few = only(check(&root.message, &[0x0a, 0].repeat(1_500)).expect_err("too many"));
    assert_eq!(few.description, "has 1500 elements, over the limit of 1000");
}

#[test]
fn elements_are_counted_up_to_the_bound() {
    let batch = |count| [0x0a, 0].repeat(count);
    assert_eq!(checked::<pb::BatchClassifyRequest>(&batch(1_000)), Ok(()));
    assert_eq!(
        checked::<pb::BatchClassifyRequest>(&batch(1_001)),
        refused("articles", "TOO_MANY_ARTICLES")
    );
}

fn put(article: pb::ArchivedArticle) -> Vec<u8> {
    let request = pb::PutArticleRequest { article: Some(article), ..Default::default() };
    request.encode_to_vec()
}

fn topics(count: usize, name: &str) -> Vec<pb::ArticleTopic> {
    vec![pb::ArticleTopic { name: name.to_owned(), ..Default::default() }; count]
}

#[test]
fn all_strings_that_are_too_long_are_reported_up_to_a_bound() {
    let root = root("slugline.v1", "PutArticleRequest").expect("a request");
    let reported = |article: pb::ArchivedArticle| {
        let error = check(&root.message, &put(article)).expect_err("too long");
        let ServiceError::InvalidFields(violations) = error else { panic!("{error:?}") };
        violations.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
    };
    let long = "x".repeat(201);
    let article =
        |topics| pb::ArchivedArticle { topics, model: long.clone(), ..Default::default() };
    let all = reported(article(topics(40, &long)));
    assert_eq!(all.len(), MAX_VIOLATIONS);
    assert_eq!(all[..2], ["article.topics[0].name", "article.topics[1].name"]);
    let one = [topics(1, "sport"), topics(1, &long)].concat();
    assert_eq!(reported(article(one)), ["article.topics[1].name", "article.model"]);
    // What ends the walk comes first.
    let many = [topics(1, &long), topics(256, "sport")].concat();
    assert_eq!(reported(article(many)), ["article.topics", "article.topics[0].name"]);
}

#[test]
fn the_size_in_the_error_counts_all_elements() {
    let root = root("slugline.v1", "ImportArticlesRequest").expect("a request");
    let violation = only(check(&root.message, &[0x0a, 0].repeat(4_000)).expect_err("too many"));
    assert_eq!(violation.values, [("size", "4000".to_owned()), ("limit", "1000".to_owned())]);
}

#[test]
fn the_lists_of_a_merged_message_are_counted_together() {
    let half = put(pb::ArchivedArticle { topics: topics(129, "sport"), ..Default::default() });
    assert_eq!(checked::<pb::PutArticleRequest>(&half), Ok(()));
    assert_eq!(
        checked::<pb::PutArticleRequest>(&half.repeat(2)),
        refused("article.topics", "TOO_MANY_VALUES")
    );
}

#[test]
fn each_element_of_a_list_has_counts_of_its_own() {
    let topics = vec![pb::ArticleTopic::default(); 200];
    let mut articles = vec![pb::ArchivedArticle { topics, ..Default::default() }; 3];
    let bytes = pb::BatchPutArticlesRequest {
        articles: articles.clone(),
        ..pb::BatchPutArticlesRequest::default()
    }
    .encode_to_vec();
    assert_eq!(checked::<pb::BatchPutArticlesRequest>(&bytes), Ok(()));
    articles[2].topics.resize(257, pb::ArticleTopic::default());
    let bytes = pb::BatchPutArticlesRequest {
        articles: articles.clone(),
        ..pb::BatchPutArticlesRequest::default()
    }
    .encode_to_vec();
    assert_eq!(
        checked::<pb::BatchPutArticlesRequest>(&bytes),
        refused("articles[2].topics", "TOO_MANY_VALUES")
    );
    articles[2].topics.truncate(8);
    articles[2].topics[7].name = "x".repeat(201);
    let bytes = pb::BatchPutArticlesRequest { articles, ..pb::BatchPutArticlesRequest::default() }
        .encode_to_vec();
    assert_eq!(
        checked::<pb::BatchPutArticlesRequest>(&bytes),
        refused("articles[2].topics[7].name", "VALUE_TOO_LONG")
    );
}

#[test]
fn values_left_to_the_use_case_are_bounded_in_number_only() {
    let labels = |count: usize| (0..count).map(|at| (at.to_string(), String::new())).collect();
    let article = |count| pb::ArchivedArticle {
        labels: labels(count),
        source: "x".repeat(10_000),
        ..Default::default()
    };
    let bytes = pb::PutArticleRequest {
        article: Some(article(99_999)),
        ..pb::PutArticleRequest::default()
    }
    .encode_to_vec();
    assert_eq!(checked::<pb::PutArticleRequest>(&bytes), Ok(()));
    let bytes = pb::PutArticleRequest {
        article: Some(article(100_000)),
        ..pb::PutArticleRequest::default()
    }
    .encode_to_vec();
    assert_eq!(checked::<pb::PutArticleRequest>(&bytes), refused("(message)", "TOO_MANY_PARTS"));
}

#[test]
fn unknown_fields_are_skipped_and_counted() {
    // Number 100: a varint, eight bytes, a string, a group with a varint in it, four bytes.
    let fields: [&[u8]; 5] = [
        &[0xa0, 0x06, 0xff, 0x01],
        &[0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xa2, 0x06, 2, b'h', b'i'],
        &[0xa3, 0x06, 0x08, 1, 0xa4, 0x06],
        &[0xa5, 0x06, 1, 2, 3, 4],
    ];
    let bytes = fields.concat();
    assert_eq!(checked::<pb::GetModelRequest>(&bytes), Ok(()));
    assert_eq!(pb::GetModelRequest::decode(&*bytes), Ok(pb::GetModelRequest::default()));
    // Six of them are counted.
    assert_eq!(checked::<pb::GetModelRequest>(&bytes.repeat(16_666)), Ok(()));
    assert_eq!(
        checked::<pb::GetModelRequest>(&bytes.repeat(16_667)),
        refused("(message)", "TOO_MANY_PARTS")
    );
}

#[test]
fn bytes_that_are_not_a_message_are_refused() {
    let deep = [[0xa3, 0x06].repeat(101), [0xa4, 0x06].repeat(101)].concat();
    let wrong: [&[u8]; 9] = [
        &[0x0a],
        &[0x0a, 5, b'x'],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80; 11],
        &[0x00, 0],
        &[0xa7, 0x06],
        &[0xa3, 0x06, 0xac, 0x06],
        &[0xa3, 0x06],
        &deep,
    ];
    for bytes in wrong {
        assert_eq!(
            checked::<pb::ClassifyRequest>(bytes),
            refused("(message)", "MALFORMED_MESSAGE"),
            "{bytes:x?}"
        );
        assert!(pb::ClassifyRequest::decode(bytes).is_err(), "{bytes:x?}");
    }
}

proptest::proptest! {
    #[test]
    fn messages_that_prost_decodes_pass_within_the_bounds(
        bytes in proptest::collection::vec(0_u8..48, 0..64),
    ) {
        // Numbers below 48 are mostly keys and lengths that fit.
        let refused = checked::<pb::BatchPutArticlesRequest>(&bytes);
        if pb::BatchPutArticlesRequest::decode(&*bytes).is_ok() {
            proptest::prop_assert_eq!(refused, Ok(()));
        }
    }
}
