//! The body of a request, charged to its call as it is received, and ended when it stalls.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::budget::REQUEST_FACTOR;
use super::call::Call;
use super::framing::Framing;
use super::methods::RequestKind;
use crate::grpc::status;

/// How many bytes of an unfinished message count as progress of a unary call.
const PROGRESS_BYTES: usize = 64 << 10;
/// How often a stalled request is inspected.
const TICK: Duration = Duration::from_millis(250);
const STREAM_TICK: Duration = Duration::from_secs(1);

/// The body of a request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    inner: Incoming,
    call: Arc<Call>,
    kind: RequestKind,
    framing: Framing,
    /// Bytes charged to the call.
    charged: usize,
    /// Bytes received since the last progress.
    received: usize,
    waits_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// The body of a request of this kind; a stream releases what it holds message by message.
    pub(crate) fn new(inner: Incoming, call: Arc<Call>, kind: RequestKind) -> Self {
        Self {
            inner,
            call,
            kind,
            framing: Framing::default(),
            charged: 0,
            received: 0,
            waits_since: None,
            timer: None,
        }
    }

    fn is_stream(&self) -> bool {
        self.kind == RequestKind::Stream
    }

    /// Counts bytes that were received. On a stream only a whole message is progress.
    fn received(&mut self, data: &[u8]) -> Result<(), Status> {
        let bytes = data.len() * REQUEST_FACTOR;
        self.call.take(bytes).map_err(|_| status::budget_exhausted())?;
        self.charged += bytes;
        self.received += data.len();
        self.call.received(data.len());
        let has_ended = self.framing.advance(data);
        if has_ended || (!self.is_stream() && self.received >= PROGRESS_BYTES) {
            (self.received, self.waits_since) = (0, None);
        }
        Ok(())
    }

    /// Releases what the messages cost that a stream has processed: it asks for more only then.
    fn settle(&mut self) {
        let needed = self.framing.unfinished() * REQUEST_FACTOR;
        if self.is_stream() && self.framing.unfinished() == 0 {
            self.call.settle();
        }
        if self.is_stream() && self.charged > needed {
            self.call.release(self.charged - needed);
            self.charged = needed;
        }
    }

    /// Waits for bytes as long as the caller has time.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let peer = self.call.peer();
        let since = *self.waits_since.get_or_insert_with(Instant::now);
        let tick = if self.is_stream() { STREAM_TICK } else { TICK };
        loop {
            // Its handler ends a stream when the server drains.
            let patience = if self.is_stream() {
                peer.stream_patience()
            } else {
                peer.patience(peer.timeouts().request)
            };
            let waited = since.elapsed();
            if waited >= patience {
                return Poll::Ready(if self.is_stream() {
                    status::stream_idle()
                } else {
                    status::request_stalled()
                });
            }
            let next = Instant::now() + tick.min(patience - waited);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
            ready!(timer.as_mut().poll(context));
            timer.as_mut().reset(next);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let body = self.get_mut();
        body.settle();
        match Pin::new(&mut body.inner).poll_frame(context) {
            Poll::Pending => body.poll_patience(context).map(|status| Some(Err(status))),
            // tonic takes an end right after a prefix for the end of the message before it.
            Poll::Ready(None) if body.framing.unfinished() > 0 => {
                body.framing.reset();
                Poll::Ready(Some(Err(status::incomplete_message())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(Status::from_error(Box::new(error)))))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let outcome = frame.data_ref().map_or(Ok(()), |data| body.received(data));
                Poll::Ready(Some(outcome.map(|()| frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
