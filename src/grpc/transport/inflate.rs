//! Decompresses the messages of requests before tonic sees them, large ones off the async workers.
//!
//! tonic decompresses on an async worker. A message of some kilobytes may become megabytes, and the
//! worker would answer nobody else meanwhile.

use std::future::Future as _;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::write::GzDecoder;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::budget::REQUEST_FACTOR;
use super::call::{Call, Charge};
use super::framing::PREFIX_BYTES;
use super::request_body::RequestBody;
use crate::grpc::shapes::Root;
use crate::grpc::{status, walk};

/// A message that is, and becomes, no larger than these is decompressed on the async worker:
/// handing it over would take as long.
const INLINE_COMPRESSED_BYTES: usize = 4 << 10;
const INLINE_BYTES: usize = 64 << 10;
/// How much of a message is decompressed at a time: a byte may become a thousand.
const STEP_BYTES: usize = 256;
/// The steps in which a message is charged.
const GROWTH_BYTES: usize = 64 << 10;
/// By how much a message may be longer compressed than plain: gzip makes random bytes longer by one
/// in a thousand. A longer one is crafted to keep the server busy: a megabyte can hold five million
/// empty blocks.
const MAX_OVERHEAD_BYTES: usize = 16 << 10;

/// What is expected of the messages of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// Their shape; None for services with bounds of their own.
    pub(crate) message: Option<&'static Root>,
    /// Limit on a message, in bytes.
    pub(crate) limit: usize,
}

/// The body of a request, with all messages plain.
#[derive(Debug)]
pub(crate) struct PlainBody {
    inner: RequestBody,
    /// None where the caller does not compress.
    gzip: Option<Gzip>,
}

impl PlainBody {
    /// Wraps the body of a request. Takes gzip out of its headers; tonic refuses any other
    /// encoding.
    pub(crate) fn new(
        inner: RequestBody,
        headers: &mut HeaderMap,
        call: &Arc<Call>,
        expected: Expected,
    ) -> Self {
        let is_gzip = headers.get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
        if is_gzip {
            headers.remove("grpc-encoding");
        }
        let gzip = || Gzip {
            call: Arc::clone(call),
            expected,
            received: BytesMut::new(),
            work: None,
            cancel_on_drop: CancellationToken::new().drop_guard(),
        };
        Self { inner, gzip: is_gzip.then(gzip) }
    }
}

impl Body for PlainBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
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
                    Ok(data) => gzip.received.put(data),
                    // Trailers, which mean nothing in a gRPC request.
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

/// The messages of a request, some of them compressed.
#[derive(Debug)]
struct Gzip {
    call: Arc<Call>,
    expected: Expected,
    /// Bytes received and not passed on.
    received: BytesMut,
    /// The decompression of a large message.
    work: Option<JoinHandle<Result<Bytes, Status>>>,
    /// Ends that work when the call is gone.
    cancel_on_drop: DropGuard,
}

impl Gzip {
    /// The next whole message; None where more has to be received.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Some(work) = &mut self.work {
            let outcome = ready!(Pin::new(work).poll(context));
            self.work = None;
            return Poll::Ready(Some(outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "cannot decompress a message");
                Err(status::internal(""))
            })));
        }
        let Some(message) = self.take_message() else { return Poll::Ready(None) };
        if message.first() != Some(&1) {
            return Poll::Ready(Some(Ok(message)));
        }
        match self.inflate(message.slice(PREFIX_BYTES..)) {
            Some(done) => Poll::Ready(Some(done)),
            // Poll at once, to be woken.
            None => self.poll_next(context),
        }
    }

    /// A whole message with its prefix; for one that is too large, as much as was received, which
    /// tonic refuses.
    fn take_message(&mut self) -> Option<Bytes> {
        let length = self.received.get(1..PREFIX_BYTES).map(|mut length| length.get_u32() as usize);
        let whole = length.map_or(usize::MAX, |length| PREFIX_BYTES.saturating_add(length));
        if self.received.len() >= whole {
            return Some(self.received.split_to(whole).freeze());
        }
        length.filter(|length| *length > self.expected.limit)?;
        self.received[0] = 0;
        Some(self.received.split().freeze())
    }

    /// Decompresses a message; None where the background finishes it.
    fn inflate(&mut self, compressed: Bytes) -> Option<Result<Bytes, Status>> {
        let mut inflation = match Inflation::new(&self.call, compressed, self.expected.limit) {
            Ok(inflation) => inflation,
            Err(error) => return Some(Err(error)),
        };
        if inflation.compressed.len() <= INLINE_COMPRESSED_BYTES {
            match inflation.advance(INLINE_BYTES) {
                Ok(true) => return Some(Ok(inflation.message())),
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        let (shape, cancelled) = (self.expected.message, self.cancel_on_drop.token().clone());
        let finish = move || {
            while !inflation.advance(inflation.plain().len() + GROWTH_BYTES)? {
                if cancelled.is_cancelled() {
                    // Nobody is there to see it.
                    return Err(status::not_decompressed());
                }
            }
            // The decoder checks again; this keeps a bad message from the async worker.
            let checked = shape.map(|root| walk::check(&root.message, inflation.plain()));
            checked.transpose().map_err(status::status)?;
            Ok(inflation.message())
        };
        self.work = Some(self.call.peer().transport.background.spawn(finish));
        None
    }
}

/// A message being decompressed.
struct Inflation {
    compressed: Bytes,
    /// The bytes of it that are decompressed.
    at: usize,
    decoder: GzDecoder<Plain>,
}

impl Inflation {
    fn new(call: &Arc<Call>, compressed: Bytes, limit: usize) -> Result<Self, Status> {
        let charge = call.charge(0).map_err(|_| status::budget_exhausted())?;
        let plain =
            Plain { bytes: vec![0; PREFIX_BYTES], charged: 0, limit, charge, refusal: None };
        Ok(Self { compressed, at: 0, decoder: GzDecoder::new(plain) })
    }

    /// The message so far.
    fn plain(&self) -> &[u8] {
        &self.decoder.get_ref().bytes[PREFIX_BYTES..]
    }

    /// Decompresses a stretch of the message, until it has `goal` bytes; returns whether it has
    /// ended.
    fn advance(&mut self, goal: usize) -> Result<bool, Status> {
        let stretch = self.at + INLINE_COMPRESSED_BYTES;
        while self.plain().len() < goal && self.at < stretch {
            let end = self.compressed.len().min(self.at + STEP_BYTES);
            let step = match self.decoder.write(&self.compressed[self.at..end]) {
                // The end, or bytes after it, which do not matter.
                Ok(0) => self.decoder.try_finish().map(|()| None),
                Ok(count) => Ok(Some(count)),
                Err(error) => Err(error),
            };
            match step {
                Ok(None) => return Ok(true),
                Ok(Some(count)) => self.at += count,
                Err(_) => {
                    let refusal = self.decoder.get_mut().refusal.take();
                    return Err(refusal.unwrap_or_else(status::not_decompressed));
                }
            }
            if self.at > self.plain().len() + self.plain().len() / 64 + MAX_OVERHEAD_BYTES {
                return Err(status::not_decompressed());
            }
        }
        Ok(false)
    }

    /// The message with its prefix. Decoding charges it anew.
    fn message(mut self) -> Bytes {
        let mut bytes = std::mem::take(&mut self.decoder.get_mut().bytes);
        // The limit is below 4 GiB.
        let length = (bytes.len() - PREFIX_BYTES) as u32;
        bytes[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        bytes.into()
    }
}

/// The plain message as it grows, after a prefix that is filled in at the end.
struct Plain {
    bytes: Vec<u8>,
    /// Bytes charged, always ahead of the bytes held.
    charged: usize,
    limit: usize,
    charge: Charge,
    /// Why the message was refused.
    refusal: Option<Status>,
}

impl Plain {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let size = self.bytes.len() + bytes.len();
        if size - PREFIX_BYTES > self.limit {
            return Err(status::inflates_too_far(self.limit));
        }
        if size > self.charged {
            let growth = bytes.len().max(GROWTH_BYTES.min(self.limit));
            self.charge.grow(growth * REQUEST_FACTOR).map_err(|_| status::budget_exhausted())?;
            self.charged += growth;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes).map_err(|refusal| {
            self.refusal = Some(refusal);
            io::Error::other("refused")
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
