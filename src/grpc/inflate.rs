//! Messages that come compressed: decompressed before tonic sees them, large ones off the async workers.
//!
//! tonic decompresses where it reads a call, on an async worker. A message of some kilobytes may become one of megabytes, for
//! which the worker would answer nobody else.

use std::future::Future as _;
use std::io::{Cursor, Read as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use tonic::Status;

use super::call::{Call, Charge};
use super::request_body::{REQUEST_FACTOR, RequestBody};
use super::shapes::Root;
use super::{status, walk};

/// A message that becomes no larger is decompressed where it is read: to hand it over would take as long.
const INLINE_BYTES: usize = 64 << 10;
/// A message grows by so many bytes at a time, each of which is charged before it is there.
const STEP_BYTES: usize = 64 << 10;
/// A flag that says whether the message is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The body of a request in which no message is compressed.
#[derive(Debug)]
pub(super) struct PlainBody {
    inner: RequestBody,
    /// None where the caller compresses nothing.
    gzip: Option<Gzip>,
}

impl PlainBody {
    /// The body of a call with these headers, of which the encoding is taken if it is known here: what is not, is refused later.
    /// Its messages look as `request` says, and have at most so many bytes.
    pub(super) fn new(
        inner: RequestBody,
        headers: &mut HeaderMap,
        call: &Arc<Call>,
        (request, limit): (Option<&'static Root>, usize),
    ) -> Self {
        let is_gzip = headers.get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
        if is_gzip {
            headers.remove("grpc-encoding");
        }
        let gzip = || Gzip { call: Arc::clone(call), request, limit, came: BytesMut::new(), work: None };
        Self { inner, gzip: is_gzip.then(gzip) }
    }
}

impl Body for PlainBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { inner, gzip } = self.get_mut();
        let mut inner = Pin::new(inner);
        let Some(gzip) = gzip else { return inner.poll_frame(context) };
        loop {
            if let Some(message) = ready!(gzip.poll_next(context)) {
                return Poll::Ready(Some(message.map(Frame::data)));
            }
            match ready!(inner.as_mut().poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => gzip.came.put(data),
                    // Trailers: a request of gRPC has none that count.
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.gzip.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.gzip.is_none() { self.inner.size_hint() } else { SizeHint::default() }
    }
}

/// The messages of a call some of which are compressed.
#[derive(Debug)]
struct Gzip {
    call: Arc<Call>,
    request: Option<&'static Root>,
    /// The largest message, in bytes.
    limit: usize,
    /// What came and was not passed on.
    came: BytesMut,
    /// A message that becomes large.
    work: Option<JoinHandle<Result<Bytes, Status>>>,
}

impl Gzip {
    /// The next whole message of what came; none where more has to come.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Some(work) = &mut self.work {
            let outcome = ready!(Pin::new(work).poll(context));
            self.work = None;
            return Poll::Ready(Some(outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "a message could not be decompressed");
                Err(status::internal(""))
            })));
        }
        let Some(message) = self.take_message() else { return Poll::Ready(None) };
        if message.first() != Some(&1) {
            return Poll::Ready(Some(Ok(message)));
        }
        match self.inflate(message.slice(PREFIX_BYTES..)) {
            Some(done) => Poll::Ready(Some(done)),
            // It is polled at once, to be woken.
            None => self.poll_next(context),
        }
    }

    /// A whole message with its prefix; of one that is too large what there is of it, for tonic refuses it.
    fn take_message(&mut self) -> Option<Bytes> {
        let length = self.came.get(1..PREFIX_BYTES).map(|mut length| length.get_u32() as usize);
        let whole = length.map_or(usize::MAX, |length| PREFIX_BYTES.saturating_add(length));
        if self.came.len() >= whole {
            return Some(self.came.split_to(whole).freeze());
        }
        length.filter(|length| *length > self.limit)?;
        self.came[0] = 0;
        Some(self.came.split().freeze())
    }

    /// Decompresses a message; None where the rest of it is left to the background.
    fn inflate(&mut self, compressed: Bytes) -> Option<Result<Bytes, Status>> {
        let mut inflation = match Inflation::new(&self.call, compressed, self.limit) {
            Ok(inflation) => inflation,
            Err(error) => return Some(Err(error)),
        };
        match inflation.advance(INLINE_BYTES) {
            Ok(true) => Some(Ok(inflation.message())),
            Err(error) => Some(Err(error)),
            Ok(false) => {
                let request = self.request;
                let finish = move || {
                    inflation.advance(usize::MAX)?;
                    // As the decoder does once more, for which the worker would have to take it over first.
                    let checked = request.map(|root| walk::check(&root.message, inflation.plain()));
                    checked.transpose().map_err(status::status)?;
                    Ok(inflation.message())
                };
                self.work = Some(self.call.peer().background().spawn(finish));
                None
            }
        }
    }
}

/// A message on its way to what it was before it was compressed.
struct Inflation {
    decoder: GzDecoder<Cursor<Bytes>>,
    /// Behind a prefix, which is filled in at last.
    plain: Vec<u8>,
    limit: usize,
    charge: Charge,
}

impl Inflation {
    fn new(call: &Arc<Call>, compressed: Bytes, limit: usize) -> Result<Self, Status> {
        let charge = call.charge(0).map_err(|_| status::budget_exhausted())?;
        Ok(Self { decoder: GzDecoder::new(Cursor::new(compressed)), plain: vec![0; PREFIX_BYTES], limit, charge })
    }

    /// Decompresses until the message has ended, or has so many bytes; whether it has ended.
    fn advance(&mut self, most: usize) -> Result<bool, Status> {
        let step = STEP_BYTES.min(self.limit + 1);
        while self.plain.len() - PREFIX_BYTES < most {
            self.charge.grow(step * REQUEST_FACTOR).map_err(|_| status::budget_exhausted())?;
            let mut part = (&mut self.decoder).take(step as u64);
            let count = part.read_to_end(&mut self.plain).map_err(|_| status::not_decompressed())?;
            if self.plain.len() - PREFIX_BYTES > self.limit {
                return Err(status::inflates_too_far(self.limit));
            }
            if count < step {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn plain(&self) -> &[u8] {
        &self.plain[PREFIX_BYTES..]
    }

    /// The message with its prefix. What it costs is charged again as it is decoded.
    fn message(mut self) -> Bytes {
        // It is below the limit, and that is below 4 GiB.
        let length = (self.plain.len() - PREFIX_BYTES) as u32;
        self.plain[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        self.plain.into()
    }
}
