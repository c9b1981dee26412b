//! The memory budget of calls in flight.

use slugline::article::Limits;
use slugline::grpc::pb;

use super::raw::{Raw, prefix, pushes_back, reason, send_filler};
use super::*;

/// The status in the headers of a refusal.
fn status_of<B>(response: &http::Response<B>) -> Status {
    Status::from_header_map(response.headers()).expect("a status")
}

#[tokio::test]
async fn a_nearly_exhausted_budget_still_serves_small_calls_and_health() {
    let limits = Limits { budget_bytes: 30 << 20, connection_bytes: 30 << 20, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let raw = Raw::connect(server.address, WINDOW).await;
    // Unfinished messages, charged three times 2 MiB each: the fourth exceeds three quarters of the
    // budget.
    let mut open = Vec::new();
    let refused = loop {
        assert!(open.len() < 10, "nothing is refused");
        let mut call = raw.begin(CLASSIFY).await;
        call.request.send_data(prefix(2 << 20), false).expect("it is taken");
        let refusal = tokio::select! {
            // A refused call reads no more: its answer says which one it is.
            biased;
            response = &mut call.answer => Some(status_of(&response.expect("an answer"))),
            sent = send_filler(&mut call.request, (2 << 20) - 1_000) => {
                sent.map(|()| None).expect("it is sent")
            }
        };
        match refusal {
            Some(status) => break status,
            None => open.push(call),
        }
    };
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "BUDGET_EXHAUSTED".to_owned()));
    assert!(says_when_to_retry(&refused) && pushes_back(&refused));
    assert_eq!(open.len(), 3);
    assert!(server.classification().await.classify(explained(sport())).await.is_ok());
    check(server.channel().await).await.expect("health");
    server.info().await;
    // Their budget is released when they are gone.
    drop(open);
    let large = explained(article("", &"goal ".repeat(400_000)));
    let again = async {
        while let Err(status) = server.classification().await.classify(large.clone()).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("the budget comes back");
}

#[tokio::test]
async fn one_connection_cannot_exhaust_the_budget() {
    let limits = Limits { budget_bytes: 64 << 20, connection_bytes: 1 << 20, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let large = || explained(article("", &"goal ".repeat(40_000)));
    let raw = Raw::connect(server.address, WINDOW).await;
    let mut greedy = raw.begin(CLASSIFY).await;
    greedy.request.send_data(prefix(1 << 20), false).expect("it is taken");
    send_filler(&mut greedy.request, 300_000).await.expect("it is sent");
    // The share has no room for both: whichever the server reads last is refused.
    let refused = async {
        tokio::select! {
            response = &mut greedy.answer => status_of(&response.expect("an answer")),
            status = async {
                loop {
                    let status = raw.call(CLASSIFY, &large()).await.end().await.expect("a status");
                    if status.code() != Code::Ok {
                        return status;
                    }
                }
            } => status,
        }
    };
    let status = tokio::time::timeout(PATIENCE, refused).await.expect("it is refused soon");
    assert_eq!(reason(&status), (Code::ResourceExhausted, "BUDGET_EXHAUSTED".to_owned()));
    assert!(server.classification().await.classify(large()).await.is_ok());
}

#[tokio::test]
async fn a_compressed_message_is_charged_its_decompressed_size() {
    let limits = Limits { budget_bytes: 64 << 20, connection_bytes: 1 << 20, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let mut client =
        server.classification().await.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    // Half a megabyte, and a few hundred bytes on the wire.
    let request = |words: usize| explained(article("", &"goal ".repeat(words)));
    let status = client.classify(request(100_000)).await.expect_err("refused");
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "BUDGET_EXHAUSTED".to_owned()));
    // Its charge is released: many that fit follow each other.
    for _ in 0..20 {
        client.classify(request(20_000)).await.expect("an answer");
    }
}

#[tokio::test]
async fn an_answer_larger_than_the_budget_is_refused_as_it_grows() {
    let limits = Limits { budget_bytes: 64 << 20, connection_bytes: 1 << 20, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let batch = pb::BatchClassifyRequest {
        articles: vec![sport(); 500],
        explain: true,
        ..Default::default()
    };
    let status = server.classification().await.batch_classify(batch).await.expect_err("refused");
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "BUDGET_EXHAUSTED".to_owned()));
}
