//! A client of HTTP/2 that does what a well-behaved one does not.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::support::{PATIENCE, RUNTIME};

/// How much the server may send on a connection before it is read, whatever each call allows.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A connection of HTTP/2.
#[derive(Clone)]
pub(super) struct Raw(SendRequest<Bytes>);

/// A call whose request is not at its end.
pub(super) struct Begun {
    pub(super) answer: ResponseFuture,
    pub(super) request: SendStream<Bytes>,
}

impl Raw {
    /// Connects; the server may send `window` bytes of each answer before they are read.
    pub(super) async fn connect(address: SocketAddr, window: u32) -> Self {
        let socket = TcpStream::connect(address).await.expect("a server that listens");
        let mut builder = h2::client::Builder::new();
        // Never the client's own limits are what is tried: it remembers each call that it
        // cancelled, and takes answers to many calls before it reads one.
        builder.initial_connection_window_size(CONNECTION_WINDOW);
        builder.initial_window_size(window).max_concurrent_reset_streams(10_000);
        builder.reset_stream_duration(PATIENCE).max_local_error_reset_streams(None);
        let (send, connection) = builder.handshake::<_, Bytes>(socket).await.expect("HTTP/2");
        // That it ends with an error is seen by its calls.
        RUNTIME.spawn(async move { drop(connection.await) });
        Self(send)
    }

    /// Begins a call.
    pub(super) async fn begin(&self, path: &str) -> Begun {
        let request =
            request(path).header("content-type", "application/grpc").body(()).expect("a request");
        let (answer, request) = self.send(request, false).await;
        Begun { answer, request }
    }

    pub(super) async fn send(
        &self,
        request: Request<()>,
        is_whole: bool,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut ready = self.0.clone().ready().await.expect("an open connection");
        ready.send_request(request, is_whole).expect("a request is taken")
    }

    /// A whole unary call.
    pub(super) async fn call(&self, path: &str, message: &impl Message) -> Begun {
        let mut begun = self.begin(path).await;
        begun.request.send_data(framed(message), true).expect("it is taken");
        begun
    }
}

impl Begun {
    /// Reads the answer to its end: how it ended.
    pub(super) async fn end(self) -> Result<Status, h2::Error> {
        let Self { answer, request: _open } = self;
        let read = async {
            let response = answer.await?;
            if let Some(status) = Status::from_header_map(response.headers()) {
                return Ok(status);
            }
            let mut body = response.into_body();
            while let Some(data) = body.data().await {
                let count = data?.len();
                body.flow_control().release_capacity(count)?;
            }
            let trailers = body.trailers().await?.unwrap_or_default();
            Ok(Status::from_header_map(&trailers).expect("a status"))
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an end soon")
    }

    /// Waits for the head of the answer, and leaves the rest.
    pub(super) async fn head(self) -> Response<RecvStream> {
        tokio::time::timeout(PATIENCE, self.answer)
            .await
            .expect("an answer soon")
            .expect("an answer")
    }
}

pub(super) fn request(path: &str) -> http::request::Builder {
    Request::builder()
        .method("POST")
        .uri(format!("http://localhost{path}"))
        .header("te", "trailers")
}

/// A message as gRPC sends it.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).expect("a short message"));
    message.encode(&mut bytes).expect("there is room");
    bytes.freeze()
}

/// The start of a message that claims so many bytes.
pub(super) fn prefix(size: u32) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(size);
    bytes.freeze()
}

/// Sends so many bytes as the server makes room for them, or what it takes until the stream ends.
pub(super) async fn send_filler(
    stream: &mut SendStream<Bytes>,
    count: usize,
) -> Result<(), h2::Error> {
    let mut left = count;
    while left > 0 {
        stream.reserve_capacity(left.min(16 << 10));
        let capacity = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        // None at the stream's end; nothing for now is no end.
        let Some(capacity) = capacity.transpose()? else { return Ok(()) };
        let size = left.min(capacity);
        if size == 0 {
            continue;
        }
        stream.send_data(Bytes::from(vec![b'a'; size]), false)?;
        left -= size;
    }
    Ok(())
}

/// The code and the reason of a status.
pub(super) fn reason(status: &Status) -> (Code, String) {
    crate::support::refusal(status)
}

/// Whether the status carries the trailer that retry policies obey.
pub(super) fn pushes_back(status: &Status) -> bool {
    let headers: HeaderMap = status.metadata().clone().into_headers();
    headers.get("grpc-retry-pushback-ms").is_some()
}
