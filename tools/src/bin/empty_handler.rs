//! A server whose Classify reads the request and answers the same every time: what gRPC alone
//! costs. `benches/serving.sh` measures slugline against it.
//!
//!     cargo run --release -p slugline-tools --bin empty_handler -- 127.0.0.1:0
//!
//! The messages, the runtime, the allocator and the settings of HTTP/2 are those of `slugline
//! serve`. Prints "listening on ADDRESS".

use std::net::SocketAddr;
use std::pin::Pin;

use anyhow::Context as _;
use slugline::grpc::pb;
use slugline::grpc::pb::classification_service_server::{
    ClassificationService, ClassificationServiceServer,
};
use slugline::grpc::server::{
    CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION,
};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

struct Empty {
    reply: pb::ClassifyResponse,
}

#[tonic::async_trait]
impl ClassificationService for Empty {
    async fn classify(
        &self,
        request: Request<pb::ClassifyRequest>,
    ) -> Result<Response<pb::ClassifyResponse>, Status> {
        // The request is decoded by now, and is dropped here.
        drop(request.into_inner());
        Ok(Response::new(self.reply.clone()))
    }

    async fn batch_classify(
        &self,
        _: Request<pb::BatchClassifyRequest>,
    ) -> Result<Response<pb::BatchClassifyResponse>, Status> {
        Err(Status::unimplemented("only Classify is measured"))
    }

    type StreamClassifyStream = Pin<
        Box<dyn tokio_stream::Stream<Item = Result<pb::StreamClassifyResponse, Status>> + Send>,
    >;

    async fn stream_classify(
        &self,
        _: Request<Streaming<pb::StreamClassifyRequest>>,
    ) -> Result<Response<Self::StreamClassifyStream>, Status> {
        Err(Status::unimplemented("only Classify is measured"))
    }
}

/// An answer of the default model's shape: thirteen topics with their numbers.
fn reply() -> pb::ClassifyResponse {
    let names = [
        "arts_entertainment",
        "business",
        "crime",
        "education",
        "environment",
        "health",
        "lifestyle",
        "politics",
        "religion",
        "science_technology",
        "society",
        "sport",
        "world",
    ];
    let topic = |name: &&str| pb::TopicScore {
        name: (*name).to_owned(),
        probability: 1.0 / names.len() as f64,
        log_odds: -0.5,
        ..pb::TopicScore::default()
    };
    pb::ClassifyResponse {
        topics: names.iter().map(topic).collect(),
        decision: pb::Decision::Uncertain.into(),
        model: "news/2".to_owned(),
        token_count: 400,
        known_token_count: 380,
        ..pb::ClassifyResponse::default()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .context("usage: empty_handler ADDRESS")?
        .parse()
        .context("ADDRESS is not IP:PORT")?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let connections = TcpListenerStream::new(listener).map(|connection| {
        let connection = connection?;
        connection.set_nodelay(true)?;
        Ok::<_, std::io::Error>(connection)
    });
    tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .add_service(
            ClassificationServiceServer::new(Empty { reply: reply() })
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .serve_with_incoming(connections)
        .await?;
    Ok(())
}
