//! Every string, list and map of every request has a bound that is published and holds, by the
//! descriptors.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MethodDescriptor, ReflectMessage as _, Value,
};
use slugline::article::Limits;
use slugline::grpc::bounds::{BOUNDS, Bound, Keeper, Measure};
use slugline::grpc::pb;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::{TestServer, item_violation, shared, values, violation};
use crate::wire::{
    Answer, FieldPath, bounded_fields, bytes_of, call, methods, plausible, set, text, uri,
};

/// What is bounded of a field.
fn measures(field: &FieldDescriptor) -> Vec<Measure> {
    let has_bytes = matches!(field.kind(), Kind::String | Kind::Bytes);
    let has_items = field.is_list() || field.is_map();
    [(has_bytes, Measure::Bytes), (has_items, Measure::Items)]
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, what)| what)
        .collect()
}

fn key(field: &FieldDescriptor, measure: Measure) -> (String, String, String) {
    let message = field.parent_message().full_name().trim_start_matches("slugline.v1.").to_owned();
    (message, field.name().to_owned(), format!("{measure:?}"))
}

fn bound(field: &FieldDescriptor, measure: Measure) -> &'static Bound {
    let row = |bound: &&Bound| key(field, measure) == key_of(bound);
    BOUNDS.iter().find(row).unwrap_or_else(|| panic!("{} has no bound", field.full_name()))
}

fn key_of(bound: &Bound) -> (String, String, String) {
    (bound.message.to_owned(), bound.field.to_owned(), format!("{:?}", bound.measure))
}

#[test]
fn the_table_has_every_string_list_and_map_of_every_request() {
    let mut fields = BTreeSet::new();
    for path in methods().iter().flat_map(|method| bounded_fields(&method.input())) {
        let field = path.last().expect("a field");
        let counted = matches!(field.kind(), Kind::String | Kind::Message(_));
        assert!(
            counted,
            "{}: the decoder counts no packed numbers, and looks into no bytes",
            field.full_name()
        );
        fields.extend(measures(field).into_iter().map(|measure| key(field, measure)));
    }
    let rows: BTreeSet<_> = BOUNDS.iter().map(key_of).collect();
    assert_eq!(rows.len(), BOUNDS.len(), "a row stands twice");
    assert_eq!(fields, rows);
}

#[tokio::test]
async fn every_bound_is_published() {
    let limits = shared().await.info().await.limits.expect("limits");
    let descriptor =
        methods()[0].parent_pool().get_message_by_name("slugline.v1.Limits").expect("the message");
    let limits =
        DynamicMessage::decode(descriptor, &*limits.encode_to_vec()).expect("the same message");
    for bound in BOUNDS {
        let published =
            limits.get_field_by_name(bound.published).unwrap_or_else(|| panic!("{bound:?}"));
        let published = published.as_i64().or(published.as_i32().map(i64::from));
        assert_eq!(published, Some(bound.limit as i64), "{bound:?}");
    }
}

/// A string that is valid but, perhaps, for its length.
fn string(bound: &Bound, bytes: usize) -> String {
    match bound.published {
        "max_language_code_bytes" => format!("en{}", "-abcdefgh".repeat(9))[..bytes].to_owned(),
        "max_model_name_bytes" => format!("{}/4294967295", "a".repeat(bytes - 11)),
        // The title has four bytes.
        "max_article_bytes" if bound.field == "body" => "a".repeat(bytes - 4),
        _ => "a".repeat(bytes),
    }
}

/// A value of `size` bytes or items.
fn value(field: &FieldDescriptor, bound: &Bound, size: usize) -> Value {
    match (bound.measure, field.kind()) {
        (Measure::Bytes, _) => text(string(bound, size)),
        (Measure::Items, _) if field.is_map() => Value::Map(
            (0..size).map(|at| (MapKey::String(format!("key-{at}")), text("value"))).collect(),
        ),
        (Measure::Items, Kind::Message(part)) => {
            Value::List(vec![Value::Message(plausible(&part)); size])
        }
        (Measure::Items, _) => Value::List(vec![text("en"); size]),
    }
}

/// The path of a field in errors: that of the map for its entries, that of the article for its
/// texts.
fn path_in_errors(path: &FieldPath, measure: Measure) -> String {
    let mut parts = Vec::new();
    for (at, field) in path.iter().enumerate() {
        if matches!(field.name(), "title" | "body") {
            break;
        }
        let is_last = at + 1 == path.len();
        let is_element = field.is_list() && !(is_last && measure == Measure::Items);
        parts.push(format!("{}{}", field.name(), if is_element { "[0]" } else { "" }));
        if field.is_map() {
            break;
        }
    }
    // Errors of a stream are the same as those of Classify.
    parts.join(".").trim_start_matches("request.").to_owned()
}

/// The violation in an answer: of the whole request, or of the only article in it.
pub(crate) fn refusal(answer: &Answer, method: &MethodDescriptor) -> Option<(String, String)> {
    match answer.status.code() {
        Code::Ok => {}
        Code::InvalidArgument => return Some(violation(&answer.status)),
        _ => return None,
    }
    let message =
        DynamicMessage::decode(method.output(), answer.data.slice(5..)).expect("the answer");
    item_error(&message).map(|error| error.encode_to_vec()).and_then(|bytes| {
        let error = tonic_types::Status::decode(&*bytes).expect("a status");
        (error.code == Code::InvalidArgument as i32).then(|| item_violation(&error))
    })
}

fn item_error(message: &DynamicMessage) -> Option<DynamicMessage> {
    if message.descriptor().full_name() == "google.rpc.Status" {
        return Some(message.clone());
    }
    message.fields().find_map(|(_, value)| match value {
        Value::Message(part) => item_error(part),
        Value::List(list) => list.first().and_then(Value::as_message).and_then(item_error),
        _ => None,
    })
}

async fn send(
    channel: &Channel,
    method: &MethodDescriptor,
    path: &FieldPath,
    value: Value,
) -> Answer {
    let mut request = plausible(&method.input());
    set(&mut request, path, value);
    call(channel, &uri(method), &[bytes_of(&request)]).await
}

#[tokio::test]
async fn every_bound_holds_in_every_method() {
    let server = TestServer::with_limits(Limits::default()).await;
    let channel = server.channel().await;
    let mut seen = BTreeMap::new();
    for method in methods() {
        for path in bounded_fields(&method.input()) {
            let field = path.last().expect("a field");
            for bound in measures(field).into_iter().map(|measure| bound(field, measure)) {
                let at = format!("{}, {}.{}", method.full_name(), bound.message, bound.field);
                let above =
                    send(&channel, &method, &path, value(field, bound, bound.limit + 1)).await;
                let Some((place, reason)) = refusal(&above, &method) else {
                    panic!("{at}: {above:?}")
                };
                let expected = path_in_errors(&path, bound.measure);
                assert!(place.starts_with(&expected), "{at}: {place}, not {expected}");
                let is_filter = bound.message.contains("Filter");
                if bound.keeper == Keeper::Decoder || is_filter {
                    let (size, limit) = (bound.limit + 1, bound.limit);
                    assert_eq!(
                        values(&above.status),
                        [("size", size), ("limit", limit)]
                            .map(|(name, value)| (name.to_owned(), value.to_string()))
                            .into()
                    );
                }
                let within = send(&channel, &method, &path, value(field, bound, bound.limit)).await;
                assert_ne!(refusal(&within, &method), Some((place, reason)), "{at}");
                *seen.entry(key_of(bound)).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(seen.len(), BOUNDS.len());
}

#[tokio::test]
async fn every_method_refuses_malformed_messages_and_too_many_parts() {
    let channel = shared().await.channel().await;
    for method in methods() {
        let unknown = [0xa0, 0x06, 1].repeat(Limits::MESSAGE_PARTS + 1);
        // Server info takes small messages only.
        let is_small = method.parent_service().name() == "ServerService";
        let too_many = if is_small { "MESSAGE_TOO_LARGE" } else { "TOO_MANY_PARTS" };
        for (message, reason) in [(unknown, too_many), (vec![0xff], "MALFORMED_MESSAGE")] {
            let answer = call(&channel, &uri(&method), &[message]).await;
            assert_eq!(
                violation(&answer.status),
                ("(message)".to_owned(), reason.to_owned()),
                "{}",
                method.full_name()
            );
        }
    }
}

#[tokio::test]
async fn one_article_of_a_batch_with_too_many_labels_fails_alone() {
    let many = (0..10_000).map(|at| (format!("key-{at}"), String::new())).collect();
    let article = |id: &str| pb::ArchivedArticle {
        id: id.to_owned(),
        title: "goal".to_owned(),
        ..Default::default()
    };
    let articles =
        vec![article("a"), pb::ArchivedArticle { labels: many, ..article("b") }, article("c")];
    let mut client =
        slugline::grpc::client::ArticleServiceClient::new(shared().await.channel().await);
    let answer = client
        .batch_put_articles(pb::BatchPutArticlesRequest {
            articles,
            ..pb::BatchPutArticlesRequest::default()
        })
        .await
        .expect("an answer")
        .into_inner();
    let errors: Vec<_> = answer
        .results
        .into_iter()
        .map(|result| match result.result.expect("a result") {
            pb::batch_put_articles_result::Result::Stored(_) => None,
            pb::batch_put_articles_result::Result::Error(error) => Some(item_violation(&error)),
        })
        .collect();
    assert_eq!(
        errors,
        [None, Some(("articles[1].labels".to_owned(), "TOO_MANY_LABELS".to_owned())), None]
    );
}
