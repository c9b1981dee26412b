//! Messages that come compressed: decompressed before tonic sees them, large ones off the async
//! workers.
//!
//! tonic decompresses where it reads a call, on an async worker. A message of some kilobytes may
//! become one of megabytes, for which the worker would answer nobody else.

use std::future::Future as _;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::write::GzDecoder;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use tonic::Status;

use super::call::{Call, Charge};
use super::calls::CancelOnDrop;
use super::request_body::{REQUEST_FACTOR, RequestBody};
use super::shapes::Root;
use super::{status, walk};

/// A message that is no larger, and becomes no larger, is decompressed where it is read: to hand it
/// over would take as long.
const INLINE_COMPRESSED_BYTES: usize = 4 << 10;
const INLINE_BYTES: usize = 64 << 10;
/// So much of a message is decompressed at a time: a byte may become a thousand.
const STEP_BYTES: usize = 256;
/// A message takes room by so many bytes at a time.
const GROWTH_BYTES: usize = 64 << 10;
/// Compressed, a message is at most so much longer than it is: gzip of random bytes is by one in a
/// thousand. What is longer was made to keep the server busy: a megabyte may be five million blocks
/// of nothing.
const OVERHEAD_BYTES: usize = 16 << 10;
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
    /// The body of a call with these headers, of which the encoding is taken if it is known here:
    /// what is not, is refused later. Its messages look as `request` says, and have at most so many
    /// bytes.
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
        let gzip = || Gzip {
            call: Arc::clone(call),
            request,
            limit,
            came: BytesMut::new(),
            work: None,
            cancelled: CancelOnDrop::default(),
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
    /// A message that is large, or becomes so.
    work: Option<JoinHandle<Result<Bytes, Status>>>,
    cancelled: CancelOnDrop,
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

    /// A whole message with its prefix; of one that is too large what there is of it, for tonic
    /// refuses it.
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
        if inflation.compressed.len() <= INLINE_COMPRESSED_BYTES {
            match inflation.advance(INLINE_BYTES) {
                Ok(true) => return Some(Ok(inflation.message())),
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        let (request, cancelled) = (self.request, self.cancelled.flag());
        let finish = move || {
            while !inflation.advance(inflation.plain().len() + GROWTH_BYTES)? {
                if cancelled.load(Ordering::Relaxed) {
                    // Nobody is there to be told.
                    return Err(status::not_decompressed());
                }
            }
            // As the decoder does once more, for which the worker would have to take it over first.
            let checked = request.map(|root| walk::check(&root.message, inflation.plain()));
            checked.transpose().map_err(status::status)?;
            Ok(inflation.message())
        };
        self.work = Some(self.call.peer().background().spawn(finish));
        None
    }
}

/// A message on its way to what it was before it was compressed.
struct Inflation {
    compressed: Bytes,
    /// How much of it is decompressed.
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

    /// What is decompressed so far.
    fn plain(&self) -> &[u8] {
        &self.decoder.get_ref().bytes[PREFIX_BYTES..]
    }

    /// Decompresses until the message has ended, or has so many bytes, or a stretch of it is done;
    /// whether it has ended.
    fn advance(&mut self, most: usize) -> Result<bool, Status> {
        let stretch = self.at + INLINE_COMPRESSED_BYTES;
        while self.plain().len() < most && self.at < stretch {
            let end = self.compressed.len().min(self.at + STEP_BYTES);
            let step = match self.decoder.write(&self.compressed[self.at..end]) {
                // The end, or something behind it, which counts for nothing.
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
            if self.at > self.plain().len() + self.plain().len() / 64 + OVERHEAD_BYTES {
                return Err(status::not_decompressed());
            }
        }
        Ok(false)
    }

    /// The message with its prefix. What it costs is charged again as it is decoded.
    fn message(mut self) -> Bytes {
        let mut bytes = std::mem::take(&mut self.decoder.get_mut().bytes);
        // It is below the limit, and that is below 4 GiB.
        let length = (bytes.len() - PREFIX_BYTES) as u32;
        bytes[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        bytes.into()
    }
}

/// A message as it grows: behind a prefix, which is filled in at last.
struct Plain {
    bytes: Vec<u8>,
    /// How many bytes are charged; they are before they are there.
    charged: usize,
    limit: usize,
    charge: Charge,
    /// Why no more is taken.
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
