//! A unary call has exactly one message; a stream has any number.

use bytes::Bytes;
use http_body_util::{Full, StreamBody};
use slugline::grpc::client::ArticleServiceClient;
use slugline::grpc::pb;
use tonic::Code;
use tonic::body::Body;

use crate::support::{refusal, shared, violation};
use crate::wire::{bytes_of, call, call_with_body, framed, methods, plausible, uri};

/// A body that arrives in these pieces.
fn in_pieces(pieces: Vec<Vec<u8>>) -> Body {
    let frame =
        |piece| Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from(piece)));
    Body::new(StreamBody::new(tokio_stream::iter(
        pieces.into_iter().map(frame).collect::<Vec<_>>(),
    )))
}

#[tokio::test]
async fn a_unary_method_takes_exactly_one_message() {
    let channel = shared().await.channel().await;
    for method in methods().iter().filter(|method| !method.is_client_streaming()) {
        let (uri, message) = (uri(method), bytes_of(&plausible(&method.input())));
        let answers = [
            call(&channel, &uri, &[]).await,
            call(&channel, &uri, &[message.clone(), message.clone()]).await,
            call_with_body(&channel, &uri, in_pieces(vec![framed(&message), framed(&message)]))
                .await,
            // The server does not look at what follows.
            call(&channel, &uri, &[message.clone(), vec![0xff]]).await,
        ];
        for answer in answers {
            assert_eq!(
                refusal(&answer.status),
                (Code::Unimplemented, "NOT_ONE_MESSAGE".to_owned()),
                "{uri}"
            );
        }
    }
}

#[tokio::test]
async fn a_stream_takes_several_messages_or_none() {
    let channel = shared().await.channel().await;
    for method in methods().iter().filter(|method| method.is_client_streaming()) {
        let (uri, message) = (uri(method), bytes_of(&plausible(&method.input())));
        for messages in [vec![], vec![message.clone(), message.clone()]] {
            assert_eq!(call(&channel, &uri, &messages).await.status.code(), Code::Ok, "{uri}");
        }
    }
}

#[tokio::test]
async fn a_call_that_ends_within_a_message_is_refused() {
    let channel = shared().await.channel().await;
    for method in methods() {
        let (uri, whole) = (uri(&method), framed(&bytes_of(&plausible(&method.input()))));
        // Part of a message, and a whole message followed by part of another.
        for body in [vec![0, 0, 0], [&whole[..], &[0, 0, 0, 0, 9, 1]].concat()] {
            let answer =
                call_with_body(&channel, &uri, Body::new(Full::new(Bytes::from(body)))).await;
            assert_eq!(
                violation(&answer.status),
                ("(message)".to_owned(), "INCOMPLETE_MESSAGE".to_owned()),
                "{uri}"
            );
        }
    }
}

#[tokio::test]
async fn a_put_of_several_messages_stores_nothing() {
    let channel = shared().await.channel().await;
    let article = |id: &str| pb::ArchivedArticle {
        id: id.to_owned(),
        title: "goal".to_owned(),
        ..Default::default()
    };
    let put = |id| {
        prost_reflect::prost::Message::encode_to_vec(&pb::PutArticleRequest {
            article: Some(article(id)),
            ..pb::PutArticleRequest::default()
        })
    };
    let answer =
        call(&channel, "/slugline.v1.ArticleService/PutArticle", &[put("first"), put("second")])
            .await;
    assert_eq!(answer.status.code(), Code::Unimplemented);
    for id in ["first", "second"] {
        let request = pb::GetArticleRequest { id: id.to_owned(), ..Default::default() };
        let status = ArticleServiceClient::new(channel.clone())
            .get_article(request)
            .await
            .expect_err("it is not stored");
        assert_eq!(status.code(), Code::NotFound, "{id}");
    }
}
