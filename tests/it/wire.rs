//! Requests built from the descriptors, and answers with all their metadata.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, Value,
};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::Service as _;

use crate::support::PATIENCE;

/// The answer of a server.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How the call ended.
    pub(crate) status: Status,
    /// Its headers and trailers, in bytes as HTTP/2 counts them (RFC 9113, section 6.5.2).
    pub(crate) metadata_bytes: usize,
    /// The messages, each with its prefix of five bytes.
    pub(crate) data: Bytes,
}

/// Sends these messages to a method, in one piece, and waits for the end of the answer.
pub(crate) async fn call(channel: &Channel, method: &str, messages: &[Vec<u8>]) -> Answer {
    let body: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    call_with_body(channel, method, Body::new(Full::new(Bytes::from(body)))).await
}

/// Likewise, with a raw body.
pub(crate) async fn call_with_body(channel: &Channel, method: &str, body: Body) -> Answer {
    send(channel, request(method).body(body).expect("a request")).await
}

/// Likewise, with a further header.
pub(crate) async fn call_with_header(
    channel: &Channel,
    method: &str,
    header: (&str, &str),
    body: Vec<u8>,
) -> Answer {
    call_with_body_and_header(channel, method, header, Body::new(Full::new(Bytes::from(body))))
        .await
}

/// Likewise, with a raw body.
pub(crate) async fn call_with_body_and_header(
    channel: &Channel,
    method: &str,
    header: (&str, &str),
    body: Body,
) -> Answer {
    send(channel, request(method).header(header.0, header.1).body(body).expect("a request")).await
}

fn request(method: &str) -> http::request::Builder {
    http::Request::post(format!("http://localhost{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

async fn send(channel: &Channel, request: http::Request<Body>) -> Answer {
    let mut channel = channel.clone();
    let answer = async {
        std::future::poll_fn(|context| channel.poll_ready(context)).await.expect("a connection");
        let response = channel.call(request).await.expect("a response");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body");
        let mut metadata = parts.headers;
        metadata.extend(body.trailers().cloned().unwrap_or_default());
        (metadata, body.to_bytes())
    };
    let (metadata, data) = tokio::time::timeout(PATIENCE, answer).await.expect("an answer soon");
    let metadata_bytes =
        metadata.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    Answer {
        status: Status::from_header_map(&metadata).expect("a grpc-status"),
        metadata_bytes,
        data,
    }
}

/// A message with its prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// The messages of a body.
pub(crate) fn messages(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (prefix, rest) = body.split_first_chunk::<5>()?;
        let [_, length @ ..] = *prefix;
        let (message, rest) = rest.split_at(u32::from_be_bytes(length) as usize);
        body = rest;
        Some(message)
    })
}

/// The methods of our services, in the order of their names.
pub(crate) fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(slugline::grpc::DESCRIPTORS).expect("descriptors");
    pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// The path of a method in a request's URI.
pub(crate) fn uri(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The path from a request to one of its strings, lists or maps.
pub(crate) type FieldPath = Vec<FieldDescriptor>;

/// The paths of all strings, lists and maps of a message, nested ones included.
pub(crate) fn bounded_fields(message: &MessageDescriptor) -> Vec<FieldPath> {
    let mut found = Vec::new();
    for field in message.fields() {
        let is_text = matches!(field.kind(), Kind::String | Kind::Bytes);
        if is_text || field.is_list() || field.is_map() {
            found.push(vec![field.clone()]);
        }
        if let Kind::Message(part) = field.kind() {
            found.extend(
                bounded_fields(&part).into_iter().map(|rest| [vec![field.clone()], rest].concat()),
            );
        }
    }
    found
}

/// A valid message.
pub(crate) fn plausible(message: &MessageDescriptor) -> DynamicMessage {
    let mut built = DynamicMessage::new(message.clone());
    for field in message.fields() {
        match (field.kind(), field.name()) {
            _ if field.is_map() => {}
            // Set by the server.
            (Kind::Message(_), "topics") => {}
            (Kind::Message(part), _) if field.is_list() => {
                built.set_field(&field, Value::List(vec![Value::Message(plausible(&part))]));
            }
            (Kind::Message(part), _) => built.set_field(&field, Value::Message(plausible(&part))),
            // A half-life is longer than zero.
            (Kind::Int64, "seconds") => built.set_field(&field, Value::I64(1)),
            (Kind::String, "ids") => built.set_field(&field, Value::List(vec![text("a")])),
            (Kind::String, "id" | "title") => built.set_field(&field, text("goal")),
            _ => {}
        }
    }
    built
}

/// Sets the field at the end of a path, and the messages on it.
pub(crate) fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Value) {
    let [field, rest @ ..] = path else { unreachable!("a path has a field") };
    if rest.is_empty() {
        let value = if field.is_list() && !matches!(value, Value::List(_)) {
            Value::List(vec![value])
        } else {
            value
        };
        return message.set_field(field, value);
    }
    if field.is_map() {
        let entry = match (rest[0].name(), value) {
            ("key", Value::String(key)) => (MapKey::String(key), text("value")),
            (_, value) => (MapKey::String("key".to_owned()), value),
        };
        return message.set_field(field, Value::Map([entry].into()));
    }
    let Kind::Message(part) = field.kind() else { unreachable!("a path goes on in a message") };
    let mut inner = match message.get_field(field).into_owned() {
        Value::Message(inner) if message.has_field(field) => inner,
        Value::List(list) if !list.is_empty() => list[0].as_message().expect("a message").clone(),
        _ => plausible(&part),
    };
    set(&mut inner, rest, value);
    let inner = Value::Message(inner);
    message.set_field(field, if field.is_list() { Value::List(vec![inner]) } else { inner });
}

/// Clears the field at the end of a path, in the first element of a list.
pub(crate) fn clear(message: &mut DynamicMessage, path: &[FieldDescriptor]) {
    let [field, rest @ ..] = path else { unreachable!("a path has a field") };
    if rest.is_empty() {
        return message.clear_field(field);
    }
    let part = match message.get_field_mut(field) {
        Value::List(parts) => &mut parts[0],
        part => part,
    };
    let Value::Message(part) = part else { unreachable!("a path goes on in a message") };
    clear(part, rest);
}

/// A text as a value.
pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

/// Whether an error with this code is the fault of the caller.
pub(crate) fn is_the_callers_fault(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::NotFound)
}

/// The bytes of a message.
pub(crate) fn bytes_of(message: &DynamicMessage) -> Vec<u8> {
    message.encode_to_vec()
}
