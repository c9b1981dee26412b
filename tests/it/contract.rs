//! The descriptors state how fields and methods behave, and the server behaves so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use slugline::article::Limits;
use slugline::grpc::client::ArticleServiceClient;
use slugline::grpc::pb;
use tonic::Code;

use crate::bounds::refusal;
use crate::support::{TestServer, shared, violation};
use crate::wire::{
    FieldPath, bytes_of, call, call_with_header, clear, framed, methods, plausible, uri,
};

const REQUIRED: &str = "REQUIRED";
const OPTIONAL: &str = "OPTIONAL";
const OUTPUT_ONLY: &str = "OUTPUT_ONLY";

/// The values of google.api.field_behavior that a field has.
fn behaviors(field: &FieldDescriptor) -> BTreeSet<String> {
    let pool = field.parent_pool();
    let extension = pool.get_extension_by_name("google.api.field_behavior").expect("the extension");
    let Kind::Enum(names) = extension.kind() else { panic!("field_behavior is an enum") };
    let name = |number| name_of(&names, number);
    let options = field.options();
    let values = options.get_extension(&extension);
    values
        .as_list()
        .expect("a list")
        .iter()
        .map(|value| name(value.as_enum_number().expect("a number")))
        .collect()
}

fn name_of(names: &EnumDescriptor, number: i32) -> String {
    names.get_value(number).expect("a known behaviour").name().to_owned()
}

/// The paths of all fields of our messages that a caller can set in this one.
fn our_fields(message: &MessageDescriptor) -> Vec<FieldPath> {
    let mut found = Vec::new();
    if !message.full_name().starts_with("slugline.") || message.is_map_entry() {
        return found;
    }
    for field in message.fields() {
        found.push(vec![field.clone()]);
        if let Kind::Message(part) = field.kind() {
            found.extend(
                our_fields(&part).into_iter().map(|rest| [vec![field.clone()], rest].concat()),
            );
        }
    }
    found
}

fn last(path: &FieldPath) -> &FieldDescriptor {
    path.last().expect("a path has a field")
}

#[test]
fn every_field_of_every_request_states_who_sets_it() {
    let mut seen = 0;
    for path in methods().iter().flat_map(|method| our_fields(&method.input())) {
        let behaviors = behaviors(last(&path));
        let setters =
            [REQUIRED, OPTIONAL, OUTPUT_ONLY].into_iter().filter(|name| behaviors.contains(*name));
        assert_eq!(setters.count(), 1, "{}: {behaviors:?}", last(&path).full_name());
        seen += 1;
    }
    assert!(seen > 50, "only {seen} fields");
}

#[test]
fn output_only_messages_are_output_only_in_every_field() {
    let pool = methods()[0].parent_pool().clone();
    for name in ["slugline.v1.Model", "slugline.v1.ArticleTopic"] {
        for path in our_fields(&pool.get_message_by_name(name).expect("the message")) {
            let behaviors = behaviors(last(&path));
            let is_name = last(&path).full_name() == "slugline.v1.Model.name";
            let expected = if is_name { "IDENTIFIER" } else { OUTPUT_ONLY };
            assert_eq!(
                behaviors,
                BTreeSet::from([expected.to_owned()]),
                "{}",
                last(&path).full_name()
            );
        }
    }
}

/// Whether a method changes nothing, judging by its verb. A new verb has to be added here.
fn reads(method: &MethodDescriptor) -> bool {
    let name = method.name().trim_start_matches("Batch").trim_start_matches("Stream");
    match name {
        "Classify" => true,
        _ if ["Get", "List", "Find"].iter().any(|verb| name.starts_with(verb)) => true,
        _ if ["Put", "Import", "Delete"].iter().any(|verb| name.starts_with(verb)) => false,
        _ => panic!("{}: does it read or write?", method.full_name()),
    }
}

#[test]
fn every_read_is_marked_as_free_of_side_effects() {
    for method in methods() {
        let options = method.options();
        let level = options.get_field_by_name("idempotency_level").expect("the option");
        let says_so = level.as_enum_number() == Some(1);
        assert_eq!(says_so, reads(&method), "{}: idempotency_level = {level}", method.full_name());
    }
}

/// The path of a field in errors; those of a stream are the same as those of Classify.
fn path_in_errors(path: &FieldPath) -> String {
    let (field, way) = path.split_last().expect("a path has a field");
    let part = |part: &FieldDescriptor| {
        format!("{}{}.", part.name(), if part.is_list() { "[0]" } else { "" })
    };
    let whole = way.iter().map(part).collect::<String>() + field.name();
    whole.trim_start_matches("request.").to_owned()
}

#[tokio::test]
async fn a_request_without_a_required_field_is_refused_by_its_path() {
    let server = TestServer::with_limits(Limits::default()).await;
    let channel = server.channel().await;
    let mut refused = BTreeMap::new();
    for method in methods() {
        let required = our_fields(&method.input())
            .into_iter()
            .filter(|path| behaviors(last(path)).contains(REQUIRED));
        for path in required {
            let mut request = plausible(&method.input());
            clear(&mut request, &path);
            let answer = call(&channel, &uri(&method), &[bytes_of(&request)]).await;
            let at = format!("{} without {}", method.full_name(), last(&path).full_name());
            let Some((place, reason)) = refusal(&answer, &method) else {
                panic!("{at}: {answer:?}")
            };
            assert_eq!(place, path_in_errors(&path), "{at}: {reason}");
            *refused.entry(last(&path).full_name().to_owned()).or_insert(0) += 1;
        }
    }
    assert!(refused.len() >= 9, "{refused:?}");
}

#[tokio::test]
async fn output_only_fields_are_ignored_in_a_put() {
    let mut client = ArticleServiceClient::new(shared().await.channel().await);
    let bare = pb::ArchivedArticle {
        id: "of-the-server".to_owned(),
        title: "goal".to_owned(),
        ..Default::default()
    };
    let claimed = pb::ArchivedArticle {
        topics: vec![pb::ArticleTopic { name: "claimed".to_owned(), probability: 1.0 }],
        model: "claimed/1".to_owned(),
        decision: pb::Decision::Confident.into(),
        ..bare.clone()
    };
    let mut stored = Vec::new();
    for article in [bare, claimed] {
        let id = article.id.clone();
        client
            .put_article(pb::PutArticleRequest { article: Some(article), ..Default::default() })
            .await
            .expect("stored");
        stored.push(
            client
                .get_article(pb::GetArticleRequest { id, ..Default::default() })
                .await
                .expect("found")
                .into_inner(),
        );
    }
    assert_eq!(stored[0], stored[1]);
}

fn gzipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message).expect("memory");
    let mut body = framed(&encoder.finish().expect("memory"));
    body[0] = 1;
    body
}

#[tokio::test]
async fn every_method_accepts_gzip() {
    let channel = shared().await.channel().await;
    let ours =
        methods().into_iter().map(|method| (uri(&method), bytes_of(&plausible(&method.input()))));
    let others = [
        "grpc.health.v1.Health/Check",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
    for (method, message) in ours.chain(others.map(|method| (format!("/{method}"), Vec::new()))) {
        let answer =
            call_with_header(&channel, &method, ("grpc-encoding", "gzip"), gzipped(&message)).await;
        assert_ne!(answer.status.code(), Code::Unimplemented, "{method}: {:?}", answer.status);
    }
}

#[tokio::test]
async fn health_refuses_a_message_that_is_long_once_decompressed() {
    let channel = shared().await.channel().await;
    let long = gzipped(&[&[0x0a, 0x80, 0x20][..], &[b'a'; 4096]].concat());
    let answer =
        call_with_header(&channel, "/grpc.health.v1.Health/Check", ("grpc-encoding", "gzip"), long)
            .await;
    assert_eq!(violation(&answer.status).1, "MESSAGE_TOO_LARGE");
}
