//! The body of an answer, sent in pieces that are charged to the call until h2 has written them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use tonic::Status;
use tonic::body::Body as TonicBody;

use super::budget::CALL_BYTES;
use super::call::{Call, Charge};
use super::deflate::Deflate;
use crate::grpc::status;

/// Limit on a piece of an answer: what h2 may hold of a stream whose window is shut.
const MAX_PIECE_BYTES: usize = 16 << 10;

/// The body of an answer.
///
/// hyper hands each piece to h2 when the caller's window opens, and then asks for the next. h2 may
/// still hold the last piece when hyper has forgotten the stream, so the trailers of an answer of
/// several pieces wait until h2 holds none: a caller who leaves the end of a large answer unread is
/// noticed like any other.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    inner: TonicBody,
    call: Arc<Call>,
    /// The part of the message that is not sent yet.
    unsent: Bytes,
    /// None where the caller takes no gzip.
    deflate: Option<Deflate>,
    /// The charge of the whole message: its pieces share its memory.
    charge: Option<Arc<Charge>>,
    trailers: Option<Frame<Piece>>,
    is_in_pieces: bool,
    has_ended: bool,
}

impl AnswerBody {
    /// The body of a call's answer, with messages compressed by `deflate`.
    pub(crate) fn new(inner: TonicBody, call: Arc<Call>, deflate: Option<Deflate>) -> Self {
        Self {
            inner,
            call,
            unsent: Bytes::new(),
            deflate,
            charge: None,
            trailers: None,
            is_in_pieces: false,
            has_ended: false,
        }
    }

    fn next_piece(&mut self) -> Frame<Piece> {
        let bytes = self.unsent.split_to(MAX_PIECE_BYTES.min(self.unsent.len()));
        self.is_in_pieces |= !self.unsent.is_empty();
        self.call.piece_handed_over();
        let piece =
            Piece { bytes, call: Some(Arc::clone(&self.call)), _charge: self.charge.clone() };
        if self.unsent.is_empty() {
            self.charge = None;
        }
        Frame::data(piece)
    }

    /// Ends the answer with an error.
    fn fail(&mut self, error: &Status) -> Frame<Piece> {
        self.inner = TonicBody::empty();
        self.has_ended = true;
        Frame::trailers(status::trailers(error))
    }

    /// Takes a message, if the budget has room for it; None while it is being compressed. The
    /// buffer that it was encoded into may be twice its size, or hold its compressed form, too.
    fn take(&mut self, message: Bytes) -> Option<Frame<Piece>> {
        if message.len() > CALL_BYTES / 2 {
            match self.call.charge(message.len() * 2) {
                Ok(charge) => self.charge = Some(Arc::new(charge)),
                Err(_) => return Some(self.fail(&status::budget_exhausted())),
            }
        }
        self.unsent = match &mut self.deflate {
            Some(deflate) => deflate.take(message, &self.call)?,
            None => message,
        };
        Some(self.next_piece())
    }
}

impl Body for AnswerBody {
    type Data = Piece;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Status>>> {
        let body = self.get_mut();
        if let Some(deflate) = &mut body.deflate
            && let Some(message) = ready!(deflate.poll(context))
        {
            match message {
                Ok(message) => body.unsent = message,
                Err(error) => {
                    tracing::error!(%error, "cannot compress a message");
                    return Poll::Ready(Some(Ok(body.fail(&status::internal("")))));
                }
            }
        }
        if !body.unsent.is_empty() {
            return Poll::Ready(Some(Ok(body.next_piece())));
        }
        if body.trailers.is_none() {
            if body.has_ended {
                return Poll::Ready(None);
            }
            body.call.more_requested();
            let Some(frame) = ready!(Pin::new(&mut body.inner).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(message) => match body.take(message) {
                    Some(frame) => return Poll::Ready(Some(Ok(frame))),
                    // Poll at once, to be woken.
                    None => return Pin::new(body).poll_frame(context),
                },
                Err(frame) => {
                    let Ok(trailers) = frame.into_trailers() else { return Poll::Ready(None) };
                    body.trailers = Some(Frame::trailers(trailers));
                }
            }
        }
        if body.is_in_pieces {
            ready!(body.call.poll_sent(context));
        }
        body.has_ended = true;
        Poll::Ready(body.trailers.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let has_more = !self.unsent.is_empty()
            || self.trailers.is_some()
            || self.deflate.as_ref().is_some_and(Deflate::is_at_work);
        self.has_ended || (!has_more && self.inner.is_end_stream())
    }
}

/// A piece of an answer. h2 drops it when it is written, which releases what it holds.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: Bytes,
    call: Option<Arc<Call>>,
    _charge: Option<Arc<Charge>>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.piece_released();
        }
    }
}
