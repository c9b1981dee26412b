//! Requests that Classify refuses.

use slugline::grpc::pb::{self, ClassifyRequest};
use tonic::Code;

use super::{answer, fault, plain, refused};
use crate::support::{article, details, narrow, refusal, shared, sport, values, violation};

#[tokio::test]
async fn a_malformed_language_code_is_refused() {
    let article = pb::Article { language_code: "en_US".to_owned(), ..sport() };
    let status = refused(plain(article)).await;
    assert_eq!(
        violation(&status),
        ("article.language_code".to_owned(), "INVALID_LANGUAGE_CODE".to_owned())
    );
}

#[tokio::test]
async fn a_missing_article_is_refused() {
    let status = refused(ClassifyRequest::default()).await;
    assert_eq!(violation(&status), ("article".to_owned(), "FIELD_REQUIRED".to_owned()));
}

#[tokio::test]
async fn an_article_of_white_space_is_refused() {
    let status = refused(plain(article(" \t", "\u{3000}\n"))).await;
    assert_eq!(violation(&status), ("article".to_owned(), "EMPTY_ARTICLE".to_owned()));
}

#[tokio::test]
async fn an_article_at_the_size_limit_is_classified() {
    let body = "é".repeat(500);
    assert_eq!(
        fault(&answer(&mut narrow().await.classification().await, plain(article("", &body))).await),
        None
    );
}

#[tokio::test]
async fn an_article_over_the_limit_is_refused_with_limit_and_size() {
    // 1 byte and 500 times 2 bytes.
    let request = plain(article("x", &"é".repeat(500)));
    let status =
        narrow().await.classification().await.classify(request).await.expect_err("refused");
    assert_eq!(violation(&status), ("article".to_owned(), "ARTICLE_TOO_LARGE".to_owned()));
    let expected = [("limit", "1000"), ("size", "1001")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(values(&status), expected.into());
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_the_limit() {
    let mut client = narrow().await.classification().await.max_encoding_message_size(1 << 20);
    let status =
        client.classify(plain(article("", &"x".repeat(100_000)))).await.expect_err("refused");
    assert_eq!(violation(&status), ("(message)".to_owned(), "MESSAGE_TOO_LARGE".to_owned()));
    assert_eq!(values(&status).get("limit").map(String::as_str), Some("65536"));
}

#[tokio::test]
async fn a_message_over_the_default_limit_is_refused() {
    let mut client = shared().await.classification().await.max_encoding_message_size(16 << 20);
    let status =
        client.classify(plain(article("", &"x".repeat(9 << 20)))).await.expect_err("refused");
    assert_eq!(violation(&status).1, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let status = refused(ClassifyRequest { model: "nothing".to_owned(), ..plain(sport()) }).await;
    assert_eq!(refusal(&status), (Code::NotFound, "MODEL_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn an_unknown_version_is_named_as_the_missing_resource() {
    let status = refused(ClassifyRequest { model: "mini/7".to_owned(), ..plain(sport()) }).await;
    let details = details(&status);
    let resource = details.resource_info().expect("which resource");
    assert_eq!(
        (resource.resource_type.as_str(), resource.resource_name.as_str()),
        ("slugline.v1.Model", "mini/7")
    );
}

#[tokio::test]
async fn a_malformed_model_is_refused() {
    for model in
        ["Mini", "../mini", "mini/", "mini/01", "mini/0", "mini/1/1", "/1", "mini ", "новости"]
    {
        let status = refused(ClassifyRequest { model: model.to_owned(), ..plain(sport()) }).await;
        assert_eq!(
            violation(&status),
            ("model".to_owned(), "INVALID_MODEL_NAME".to_owned()),
            "{model:?}"
        );
    }
}

#[tokio::test]
async fn a_negative_max_topics_is_refused() {
    let status = refused(ClassifyRequest { max_topics: -1, ..plain(sport()) }).await;
    assert_eq!(violation(&status), ("max_topics".to_owned(), "NEGATIVE_MAX_TOPICS".to_owned()));
}

#[tokio::test]
async fn a_min_probability_outside_its_range_is_refused() {
    for min_probability in [f64::NAN, 1.5, -0.1, f64::INFINITY] {
        let status = refused(ClassifyRequest { min_probability, ..plain(sport()) }).await;
        assert_eq!(
            violation(&status),
            ("min_probability".to_owned(), "PROBABILITY_OUT_OF_RANGE".to_owned()),
            "{min_probability}"
        );
    }
}
