//! Compressed messages, in requests and in answers.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message as _;
use slugline::grpc::pb;
use slugline::grpc::pb::stream_classify_response::Result as Item;
use tonic::Code;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;

use crate::support::{article, explained, narrow, refusal, shared, sport, violation};
use crate::wire::{self, Answer, framed, methods, uri};

const STREAM: &str = "/slugline.v1.ClassificationService/StreamClassify";

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(message).expect("memory");
    let mut body = framed(&encoder.finish().expect("memory"));
    body[0] = 1;
    body
}

fn request(number: usize, words: usize) -> Vec<u8> {
    let article = article("", &format!("striker {}", "goal ".repeat(words)));
    let request = pb::ClassifyRequest { article: Some(article), ..pb::ClassifyRequest::default() };
    pb::StreamClassifyRequest { id: number.to_string(), request: Some(request) }.encode_to_vec()
}

/// Calls with a body that arrives in pieces of `size` bytes.
async fn call_in_pieces(body: &[u8], size: usize) -> Answer {
    let pieces: Vec<_> = body
        .chunks(size)
        .map(|piece| Ok::<_, tonic::Status>(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let body = Body::new(StreamBody::new(tokio_stream::iter(pieces)));
    wire::call_with_body_and_header(
        &shared().await.channel().await,
        STREAM,
        ("grpc-encoding", "gzip"),
        body,
    )
    .await
}

/// The ids of a stream's answers, and the number of words in each.
fn answers(data: &[u8]) -> Vec<(String, i32)> {
    wire::messages(data)
        .map(|message| {
            let answer = pb::StreamClassifyResponse::decode(message).expect("an answer");
            let Some(Item::Classification(classification)) = answer.result else {
                panic!("{answer:?}")
            };
            (answer.id, classification.token_count)
        })
        .collect()
}

#[tokio::test]
async fn a_compressed_message_of_any_size_is_answered_like_a_plain_one() {
    for words in [1, 10_000, 13_000, 14_000, 300_000] {
        let request = explained(article("The cup final", &"goal striker ".repeat(words / 2)));
        let mut plain = shared().await.classification().await;
        let expected = plain.classify(request.clone()).await.expect("an answer").into_inner();
        let mut client = plain.send_compressed(CompressionEncoding::Gzip);
        assert_eq!(
            client.classify(request).await.expect("an answer").into_inner(),
            expected,
            "{words} words"
        );
    }
}

#[tokio::test]
async fn compressed_and_plain_messages_of_a_stream_are_answered_in_order() {
    // Small, plain, large enough for the background, plain, small.
    let words = [10_usize, 20, 50_000, 30, 40];
    let messages = (0..).zip(words).map(|(number, words)| (number, request(number, words)));
    let body: Vec<u8> = messages
        .flat_map(
            |(number, message)| if number % 2 == 0 { gzip(&message) } else { framed(&message) },
        )
        .collect();
    let expected: Vec<_> = (0..)
        .zip(words)
        .map(|(number, words): (usize, usize)| (number.to_string(), words as i32 + 1))
        .collect();
    for size in [1, 4, 7, 1_000, body.len()] {
        let answer = call_in_pieces(&body, size).await;
        assert_eq!(
            (answer.status.code(), answers(&answer.data)),
            (Code::Ok, expected.clone()),
            "pieces of {size} bytes"
        );
    }
}

#[tokio::test]
async fn a_call_that_ends_within_a_compressed_message_is_refused() {
    let body = gzip(&request(0, 10));
    for end in [1, 4, 5, 6, body.len() - 1] {
        let answer = call_in_pieces(&body[..end], body.len()).await;
        assert_eq!(
            violation(&answer.status),
            ("(message)".to_owned(), "INCOMPLETE_MESSAGE".to_owned()),
            "{end} bytes"
        );
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_decompressed_is_refused() {
    let mut torn = gzip(&request(0, 50_000));
    let middle = torn.len() / 2;
    torn[middle] ^= 0xff;
    let mut no_gzip = framed(b"no gzip");
    no_gzip[0] = 1;
    for body in [torn, no_gzip] {
        let answer = call_in_pieces(&body, body.len()).await;
        assert_eq!(
            violation(&answer.status),
            ("(message)".to_owned(), "MALFORMED_MESSAGE".to_owned())
        );
    }
}

#[tokio::test]
async fn an_unknown_encoding_is_refused() {
    let channel = shared().await.channel().await;
    let body = framed(&explained(sport()).encode_to_vec());
    let path = "/slugline.v1.ClassificationService/Classify";
    let answer = wire::call_with_header(&channel, path, ("grpc-encoding", "zstd"), body).await;
    assert_eq!(refusal(&answer.status), (Code::Unimplemented, "UNSUPPORTED_ENCODING".to_owned()));
    let accepted = answer.status.metadata().get("grpc-accept-encoding").expect("what is known");
    assert!(accepted.to_str().expect("ASCII").contains("gzip"), "{accepted:?}");
}

#[tokio::test]
async fn an_invalid_prefix_is_a_malformed_message() {
    let channel = shared().await.channel().await;
    let path = "/slugline.v1.ClassificationService/Classify";
    for flag in [1, 7] {
        let mut body = framed(&explained(sport()).encode_to_vec());
        body[0] = flag;
        let answer =
            wire::call_with_body(&channel, path, Body::new(http_body_util::Full::new(body.into())))
                .await;
        assert_eq!(
            violation(&answer.status),
            ("(message)".to_owned(), "MALFORMED_MESSAGE".to_owned()),
            "flag {flag}"
        );
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let answer = wire::call(
        &shared().await.channel().await,
        "/slugline.v1.ClassificationService/Guess",
        &[vec![]],
    )
    .await;
    assert_eq!(refusal(&answer.status), (Code::Unimplemented, "METHOD_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_compressed_message_of_empty_blocks_is_refused_early() {
    // A header, and empty blocks of fixed codes, four in every five bytes.
    let mut nothing = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    nothing.extend([0x02, 0x08, 0x20, 0x80, 0x00].repeat(100_000));
    let mut body = framed(&nothing);
    body[0] = 1;
    let started = std::time::Instant::now();
    let answer = call_in_pieces(&body, body.len()).await;
    assert_eq!(violation(&answer.status), ("(message)".to_owned(), "MALFORMED_MESSAGE".to_owned()));
    // Reading all of it takes half a second in a release build, and much longer in a debug build.
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_gzip_bomb_is_refused() {
    let mut client =
        narrow().await.classification().await.send_compressed(CompressionEncoding::Gzip);
    let bomb = article("", &"x".repeat(1 << 20));
    let status = client.classify(explained(bomb)).await.expect_err("refused");
    assert_eq!(violation(&status), ("(message)".to_owned(), "MESSAGE_TOO_LARGE".to_owned()));
    // Server info has a lower limit, compressed or not.
    let channel = narrow().await.channel().await;
    let path = "/slugline.v1.ServerService/GetServerInfo";
    let answer =
        wire::call_with_header(&channel, path, ("grpc-encoding", "gzip"), gzip(&vec![0; 1 << 20]))
            .await;
    assert_eq!(refusal(&answer.status), (Code::InvalidArgument, "MESSAGE_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn every_method_refuses_a_message_over_the_limit_alike() {
    let channel = narrow().await.channel().await;
    let limits = narrow().await.info().await.limits.expect("limits");
    let ours =
        methods().iter().map(|method| (uri(method), limits.max_message_bytes)).collect::<Vec<_>>();
    let names = i64::from(limits.max_name_message_bytes);
    let of_names = [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
    for (uri, limit) in ours.into_iter().chain(of_names.map(|uri| (uri.to_owned(), names))) {
        // An unknown field of many bytes.
        let size = usize::try_from(limit).expect("a size") + 1;
        let message = [
            &[
                0xa2,
                0x06,
                0x80 | (size & 0x7f) as u8,
                0x80 | (size >> 7 & 0x7f) as u8,
                (size >> 14) as u8,
            ][..],
            &vec![0; size],
        ];
        let message = message.concat();
        let answers = [
            wire::call(&channel, &uri, std::slice::from_ref(&message)).await,
            wire::call_with_header(&channel, &uri, ("grpc-encoding", "gzip"), gzip(&message)).await,
        ];
        for answer in answers {
            assert_eq!(
                violation(&answer.status),
                ("(message)".to_owned(), "MESSAGE_TOO_LARGE".to_owned()),
                "{uri}"
            );
        }
    }
}

/// The compression flags of an answer's messages, and the plain messages.
fn inflated(data: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (data, Vec::new());
    while let Some((&[flag, length @ ..], after)) = rest.split_first_chunk::<5>() {
        let (message, after) = after.split_at(u32::from_be_bytes(length) as usize);
        let mut plain = Vec::new();
        match flag {
            0 => plain.extend_from_slice(message),
            _ => drop(GzDecoder::new(message).read_to_end(&mut plain).expect("gzip")),
        }
        found.push((flag, plain));
        rest = after;
    }
    found
}

/// A batch whose answer has `count` results.
fn batch(count: usize) -> Vec<u8> {
    let request = pb::BatchClassifyRequest { articles: vec![sport(); count], ..Default::default() };
    framed(&request.encode_to_vec())
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_accept_gzip() {
    let channel = shared().await.channel().await;
    let path = "/slugline.v1.ClassificationService/BatchClassify";
    // Small; compressed on the async worker; compressed in the background.
    for (count, flag) in [(1, 0), (150, 1), (1_000, 1)] {
        let plain = wire::call_with_header(
            &channel,
            path,
            ("grpc-accept-encoding", "identity"),
            batch(count),
        )
        .await;
        let [(0, expected)] = &inflated(&plain.data)[..] else { panic!("one plain message") };
        let accepted = ("grpc-accept-encoding", "identity, deflate, gzip");
        let answer = wire::call_with_header(&channel, path, accepted, batch(count)).await;
        assert_eq!(answer.status.code(), Code::Ok);
        let [(found, message)] = &inflated(&answer.data)[..] else { panic!("one message") };
        assert_eq!((*found, message), (flag, expected), "{count} articles");
        assert!(
            flag == 0 || answer.data.len() < plain.data.len() / 2,
            "{} of {}",
            answer.data.len(),
            plain.data.len()
        );
    }
}

#[tokio::test]
async fn a_client_that_accepts_gzip_gets_the_same_answers() {
    let request = pb::BatchClassifyRequest { articles: vec![sport(); 1_000], ..Default::default() };
    let mut plain = shared().await.classification().await;
    let mut client =
        shared().await.classification().await.accept_compressed(CompressionEncoding::Gzip);
    let expected = plain.batch_classify(request.clone()).await.expect("an answer").into_inner();
    assert_eq!(client.batch_classify(request).await.expect("an answer").into_inner(), expected);
    let status =
        client.batch_classify(pb::BatchClassifyRequest::default()).await.expect_err("no article");
    assert_eq!(violation(&status), ("articles".to_owned(), "FIELD_REQUIRED".to_owned()));
    let long = explained(article(
        "",
        &(0..3_000).map(|number| format!("goal{number} match ")).collect::<String>(),
    ));
    let requests = [explained(sport()), long, explained(sport())];
    let requests = requests
        .map(|request| pb::StreamClassifyRequest { id: String::new(), request: Some(request) });
    let stream = |requests: Vec<_>| tokio_stream::iter(requests);
    let mut found =
        client.stream_classify(stream(requests.to_vec())).await.expect("a stream").into_inner();
    let mut expected =
        plain.stream_classify(stream(requests.to_vec())).await.expect("a stream").into_inner();
    for _ in 0..4 {
        assert_eq!(
            found.message().await.expect("an answer"),
            expected.message().await.expect("an answer")
        );
    }
}
