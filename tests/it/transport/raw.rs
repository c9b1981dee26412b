//! An ill-behaved HTTP/2 client.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::support::{PATIENCE, RUNTIME};

/// The window of a connection, whatever that of each call.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// An HTTP/2 connection.
#[derive(Clone)]
pub(super) struct Raw(SendRequest<Bytes>);

/// A call with an unfinished request.
pub(super) struct Begun {
    pub(super) answer: ResponseFuture,
    pub(super) request: SendStream<Bytes>,
}

impl Raw {
    /// Connects, with a window of `window` bytes for each answer.
    pub(super) async fn connect(address: SocketAddr, window: u32) -> Self {
        let socket = TcpStream::connect(address).await.expect("a server that listens");
        let mut builder = h2::client::Builder::new();
        // The client's own limits must not interfere: it remembers every call that it cancelled,
        // and accepts answers to many calls before it reads one.
        builder.initial_connection_window_size(CONNECTION_WINDOW);
        builder.initial_window_size(window).max_concurrent_reset_streams(10_000);
        builder.reset_stream_duration(PATIENCE).max_local_error_reset_streams(None);
        let (send, connection) = builder.handshake::<_, Bytes>(socket).await.expect("HTTP/2");
        // Its calls see the error that it ends with.
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
    /// Reads the answer to its end, and returns how it ended.
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

    /// Waits for the head of the answer, and leaves the body unread.
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

/// A message with its prefix.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).expect("a short message"));
    message.encode(&mut bytes).expect("there is room");
    bytes.freeze()
}

/// The prefix of a message of `size` bytes.
pub(super) fn prefix(size: u32) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(size);
    bytes.freeze()
}

/// Sends bytes as the window allows, until all are sent or the stream ends.
pub(super) async fn send_filler(
    stream: &mut SendStream<Bytes>,
    count: usize,
) -> Result<(), h2::Error> {
    let mut left = count;
    while left > 0 {
        stream.reserve_capacity(left.min(16 << 10));
        let capacity = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        // None is the end of the stream; 0 is not.
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
