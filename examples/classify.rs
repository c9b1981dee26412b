//! A client that classifies an article on a server.
//!
//!     cargo run --example classify -- http://127.0.0.1:50051 examples/cyber-defence.txt
//!
//! A project of its own generates `pb` from `proto/slugline/v1` with tonic-prost-build; here the
//! generated code is that of the library.

use std::time::Duration;

use anyhow::Context as _;
use slugline::grpc::pb;
use slugline::grpc::pb::classification_service_client::ClassificationServiceClient;
use tonic::Request;

/// A call without a deadline may wait for ever.
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("usage: classify URL FILE")?;
    let file = arguments.next().context("usage: classify URL FILE")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let (title, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let answer = classify(url, title, body).await?;
    for topic in &answer.topics {
        println!("{:5.1} %  {}", 100.0 * topic.probability, topic.name);
        print_terms(&topic.evidence);
    }
    if let Some(contrast) = &answer.contrast {
        println!("{} rather than {}", contrast.topic, contrast.other_topic);
        print_terms(&contrast.evidence);
    }
    match answer.decision() {
        pb::Decision::Confident => println!("confident: safe to use without a reader"),
        pb::Decision::Uncertain => println!("uncertain: a reader should check"),
        pb::Decision::UnknownText | pb::Decision::Unspecified => println!("not an answer"),
    }
    Ok(())
}

fn print_terms(evidence: &[pb::Evidence]) {
    for part in evidence {
        let term = match part.term.as_str() {
            "<headline>" => "(a headline without a body)",
            "<story>" => "(an article with a body)",
            term => term,
        };
        println!("         {:+.3}  {term}", part.weight);
    }
}

/// The two most probable topics of an article, each with the five terms that decided most, and the
/// five that decided between them.
pub async fn classify(
    url: String,
    title: &str,
    body: &str,
) -> anyhow::Result<pb::ClassifyResponse> {
    let mut client = ClassificationServiceClient::connect(url).await?;
    let mut request = Request::new(pb::ClassifyRequest {
        article: Some(pb::Article {
            title: title.to_owned(),
            body: body.to_owned(),
            language_code: "en".to_owned(),
        }),
        max_topics: 2,
        explain: true,
        max_evidence_terms: 5,
        ..pb::ClassifyRequest::default()
    });
    request.set_timeout(DEADLINE);
    Ok(client.classify(request).await?.into_inner())
}
