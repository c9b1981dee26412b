//! StreamClassify over the wire.

use std::net::SocketAddr;

use prost::Message as _;
use slugline::article::Limits;
use slugline::grpc::client::ClassificationServiceClient;
use slugline::grpc::pb::stream_classify_response::Result as Outcome;
use slugline::grpc::pb::{ClassifyRequest, StreamClassifyRequest, StreamClassifyResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::support::{
    HIDDEN_TIMEOUT, NARROW, PATIENCE, TestServer, article, explained, item_violation,
    mixed_articles, narrow, proxy_of_hidden_timeouts, refusal, shared, sport, violation,
};

type Client = ClassificationServiceClient<Channel>;

fn numbered(number: usize, request: ClassifyRequest) -> StreamClassifyRequest {
    StreamClassifyRequest { id: format!("id-{number}"), request: Some(request) }
}

/// Sends all the requests, then reads all the answers.
async fn answers(
    client: &mut Client,
    requests: Vec<StreamClassifyRequest>,
) -> Result<Vec<StreamClassifyResponse>, Status> {
    let mut stream = client.stream_classify(tokio_stream::iter(requests)).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// A stream that stays open as long as the sender lives.
async fn open(
    client: &mut Client,
) -> Result<(mpsc::Sender<StreamClassifyRequest>, Streaming<StreamClassifyResponse>), Status> {
    let (sender, requests) = mpsc::channel(1);
    let stream = client.stream_classify(ReceiverStream::new(requests)).await?.into_inner();
    Ok((sender, stream))
}

async fn one_at_a_time() -> TestServer {
    TestServer::with_limits(Limits { concurrent_streams: 1, ..Limits::default() }).await
}

#[tokio::test]
async fn answers_repeat_the_ids_in_order() {
    let requests = (0..200).map(|number| numbered(number, explained(sport()))).collect();
    let answers =
        answers(&mut shared().await.classification().await, requests).await.expect("answers");
    let ids: Vec<_> = answers.into_iter().map(|answer| answer.id).collect();
    assert_eq!(ids, (0..200).map(|number| format!("id-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_answer_has_the_bytes_of_classify() {
    let articles = mixed_articles(200);
    let requests = articles
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, article)| numbered(number, explained(article)))
        .collect();
    let mut client = shared().await.classification().await;
    for (answer, article) in
        answers(&mut client, requests).await.expect("answers").into_iter().zip(articles)
    {
        let place = answer.id;
        match (
            answer.result.expect("an answer or an error"),
            client.classify(explained(article)).await,
        ) {
            (Outcome::Classification(in_stream), Ok(alone)) => {
                assert_eq!(
                    in_stream.encode_to_vec(),
                    alone.into_inner().encode_to_vec(),
                    "{place}"
                );
            }
            (Outcome::Error(in_stream), Err(alone)) => {
                // The details of a status are the same google.rpc.Status, encoded; its map has no
                // order.
                let alone =
                    tonic_types::Status::decode(alone.details()).expect("a google.rpc.Status");
                assert_eq!(
                    (in_stream.code, in_stream.message),
                    (alone.code, alone.message),
                    "{place}"
                );
            }
            (in_stream, alone) => panic!("{place}: {in_stream:?} in the stream, {alone:?} alone"),
        }
    }
}

#[tokio::test]
async fn an_answer_arrives_before_the_next_request_is_sent() {
    let (sender, mut stream) =
        open(&mut shared().await.classification().await).await.expect("a stream");
    for number in 0..3 {
        sender.send(numbered(number, explained(sport()))).await.expect("an open stream");
        let answer = tokio::time::timeout(PATIENCE, stream.message())
            .await
            .expect("soon")
            .expect("no error");
        assert_eq!(answer.expect("an answer").id, format!("id-{number}"));
    }
}

#[tokio::test]
async fn an_invalid_request_fails_alone() {
    let requests = [sport(), article("", " "), sport()].map(explained);
    let requests = requests
        .into_iter()
        .enumerate()
        .map(|(number, request)| numbered(number, request))
        .collect();
    let answers =
        answers(&mut shared().await.classification().await, requests).await.expect("answers");
    let is_good: Vec<_> = answers
        .iter()
        .map(|answer| matches!(answer.result, Some(Outcome::Classification(_))))
        .collect();
    assert_eq!(is_good, [true, false, true]);
}

async fn only_error(
    server: &TestServer,
    request: StreamClassifyRequest,
) -> (String, tonic_types::Status) {
    let mut answers =
        answers(&mut server.classification().await, vec![request]).await.expect("answers");
    match answers.pop() {
        Some(StreamClassifyResponse { id, result: Some(Outcome::Error(error)) }) => (id, error),
        other => panic!("no error: {other:?}"),
    }
}

#[tokio::test]
async fn a_missing_request_is_refused_by_its_id() {
    let request = StreamClassifyRequest { id: "lost".to_owned(), request: None };
    let (id, error) = only_error(shared().await, request).await;
    assert_eq!(
        (id, item_violation(&error)),
        ("lost".to_owned(), ("request".to_owned(), "FIELD_REQUIRED".to_owned()))
    );
}

#[tokio::test]
async fn an_id_that_is_too_long_is_refused() {
    let request = StreamClassifyRequest {
        id: "x".repeat(NARROW.request_id_bytes + 1),
        request: Some(explained(sport())),
    };
    let (_, error) = only_error(narrow().await, request).await;
    assert_eq!(item_violation(&error), ("id".to_owned(), "ID_TOO_LONG".to_owned()));
}

#[tokio::test]
async fn an_id_that_is_too_long_is_cut_between_characters() {
    // 7 bytes, then a character of 2: the limit of 8 lies in its middle.
    let request = StreamClassifyRequest { id: "1234567é".to_owned(), request: None };
    assert_eq!(only_error(narrow().await, request).await.0, "1234567");
}

#[tokio::test]
async fn an_unknown_model_fails_only_its_request() {
    let unknown = ClassifyRequest { model: "nothing".to_owned(), ..explained(sport()) };
    let requests = vec![numbered(0, unknown), numbered(1, explained(sport()))];
    let answers =
        answers(&mut shared().await.classification().await, requests).await.expect("answers");
    let [Some(Outcome::Error(error)), Some(Outcome::Classification(_))] =
        [&answers[0].result, &answers[1].result]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(Code::from(error.code), Code::NotFound);
}

#[tokio::test]
async fn a_stream_without_a_request_ends_well() {
    let answers = answers(&mut shared().await.classification().await, Vec::new()).await;
    assert_eq!(answers.expect("no error"), []);
}

#[tokio::test]
async fn a_half_closed_stream_ends_well() {
    let (sender, mut stream) =
        open(&mut shared().await.classification().await).await.expect("a stream");
    drop(sender);
    let end = tokio::time::timeout(PATIENCE, stream.message()).await.expect("soon");
    assert_eq!(end.expect("no error"), None);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_stream() {
    let large = explained(article("", &"x".repeat(NARROW.message_bytes)));
    let requests = vec![numbered(0, large), numbered(1, explained(sport()))];
    let status =
        answers(&mut narrow().await.classification().await, requests).await.expect_err("refused");
    assert_eq!(violation(&status), ("(message)".to_owned(), "MESSAGE_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn idle_streams_hold_no_permit() {
    let server = one_at_a_time().await;
    let mut client = server.classification().await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(open(&mut client).await.expect("a stream"));
    }
    let answers = answers(&mut client, vec![numbered(0, explained(sport()))]);
    assert_eq!(
        tokio::time::timeout(PATIENCE, answers).await.expect("soon").expect("answers").len(),
        1
    );
}

#[tokio::test]
async fn streams_share_the_permits_message_by_message() {
    let server = one_at_a_time().await;
    let mut client = server.classification().await;
    let (mut first, mut second) = (client.clone(), client.clone());
    let requests = || (0..50).map(|number| numbered(number, explained(sport()))).collect();
    let both =
        async { tokio::join!(answers(&mut first, requests()), answers(&mut second, requests())) };
    let (one, other) = tokio::time::timeout(PATIENCE, both).await.expect("soon");
    assert_eq!((one.expect("answers").len(), other.expect("answers").len()), (50, 50));
    assert!(client.classify(explained(sport())).await.is_ok());
}

/// A client with a window of 1 KiB for answers.
async fn slow_reader(address: SocketAddr) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .expect("a URI")
        .initial_stream_window_size(1 << 10);
    ClassificationServiceClient::new(endpoint.connect().await.expect("a server that listens"))
}

async fn open_within(
    server: &TestServer,
    timeout: &'static str,
) -> (mpsc::Sender<StreamClassifyRequest>, Streaming<StreamClassifyResponse>) {
    let mut client = slow_reader(proxy_of_hidden_timeouts(server.address).await).await;
    let (sender, requests) = mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(requests));
    request.metadata_mut().insert(HIDDEN_TIMEOUT, timeout.parse().expect("ASCII"));
    (sender, client.stream_classify(request).await.expect("a stream").into_inner())
}

#[tokio::test]
async fn an_open_stream_ends_at_its_deadline() {
    let (_sender, mut stream) = open_within(shared().await, "200m").await;
    let end = tokio::time::timeout(PATIENCE, stream.message()).await.expect("soon");
    assert_eq!(
        refusal(&end.expect_err("too late")),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned())
    );
}

#[tokio::test]
async fn a_stream_with_unread_answers_holds_no_permit() {
    let server = one_at_a_time().await;
    let mut client = server.classification().await;
    let (sender, _unread) = open_within(&server, "30S").await;
    // The answers exceed all buffers, so that the server cannot send them.
    let requests = (0..400).map(|number| numbered(number, explained(sport())));
    tokio::spawn(async move {
        for request in requests {
            // Fails once the stream has ended.
            let _ = sender.send(request).await;
        }
        sender.closed().await;
    });
    let others = answers(&mut client, vec![numbered(0, explained(sport()))]);
    assert_eq!(
        tokio::time::timeout(PATIENCE, others).await.expect("soon").expect("answers").len(),
        1
    );
}

#[tokio::test]
async fn short_requests_sent_too_fast_meet_backpressure() {
    // Small frames take more memory than flow control counts, and h2 closes a connection on which
    // too many wait to be read (GOAWAY, ENHANCE_YOUR_CALM, "too_many_data_frames"): the stream's
    // window must be too small for that.
    const COUNT: usize = 8_000;
    let (sender, mut stream) =
        open(&mut slow_reader(shared().await.address).await).await.expect("a stream");
    let headline =
        ClassifyRequest { article: Some(article("goal", "")), ..ClassifyRequest::default() };
    tokio::spawn(async move {
        for number in 0..COUNT {
            // Fails once the stream has ended.
            let _ = sender.send(numbered(number, headline.clone())).await;
        }
    });
    let mut answer_count = 0;
    while let Some(_answer) = stream.message().await.expect("no error") {
        answer_count += 1;
    }
    assert_eq!(answer_count, COUNT);
}
