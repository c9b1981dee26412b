//! Compresses the messages of answers where it pays, large ones off the async workers.
//!
//! tonic would compress every message of a call on an async worker, at a level that takes three
//! times as long to save a tenth more.

use std::future::Future as _;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue};
use tokio::task::{JoinError, JoinHandle};

use super::call::Call;
use super::framing::PREFIX_BYTES;

/// A smaller message is sent plain: one article's answer, with little to gain
/// (docs/performance.md).
const MIN_BYTES: usize = 16 << 10;
/// Up to this size a message is compressed on the async worker: handing it over would take as long.
const INLINE_BYTES: usize = 64 << 10;

/// Whether the caller accepts gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all("grpc-accept-encoding");
    let names =
        accepted.iter().filter_map(|names| names.to_str().ok()).flat_map(|names| names.split(','));
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("gzip"))
}

/// Announces gzip in an answer's headers; the flag of each message says whether it is used.
pub(crate) fn announce(headers: &mut HeaderMap) {
    headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
}

/// The messages of one answer.
#[derive(Debug, Default)]
pub(crate) struct Deflate {
    work: Option<JoinHandle<Bytes>>,
}

impl Deflate {
    /// Takes the next messages, each with its prefix. Returns them where they are ready to send;
    /// None while they are compressed in the background.
    pub(crate) fn take(&mut self, messages: Bytes, call: &Call) -> Option<Bytes> {
        if messages.len() < PREFIX_BYTES + MIN_BYTES {
            return Some(messages);
        }
        if messages.len() <= INLINE_BYTES {
            return Some(compressed(messages));
        }
        self.work = Some(call.peer().transport.background.spawn(move || compressed(messages)));
        None
    }

    /// Whether messages are being compressed.
    pub(crate) fn is_at_work(&self) -> bool {
        self.work.is_some()
    }

    /// The messages being compressed, once they are ready; None while there are none.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, JoinError>>> {
        let Some(work) = &mut self.work else { return Poll::Ready(None) };
        Pin::new(work).poll(context).map(|outcome| {
            self.work = None;
            Some(outcome)
        })
    }
}

/// The messages, each compressed if that makes it shorter.
fn compressed(mut messages: Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(messages.len() / 2);
    while let Some(&[_, length @ ..]) = messages.first_chunk::<PREFIX_BYTES>() {
        let length = u32::from_be_bytes(length) as usize;
        let message = messages.split_to(messages.len().min(PREFIX_BYTES + length));
        match gzip(&message[PREFIX_BYTES..]) {
            Some(short) => {
                // It is shorter than the message, whose length fitted into as many bytes.
                let length = short.len() as u32;
                out.extend_from_slice(&[1]);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&short);
            }
            None => out.extend_from_slice(&message),
        }
    }
    out.extend_from_slice(&messages);
    out.freeze()
}

/// The compressed message; None where it does not pay.
fn gzip(message: &[u8]) -> Option<Vec<u8>> {
    if message.len() < MIN_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), Compression::fast());
    encoder.write_all(message).ok()?;
    encoder.finish().ok().filter(|short| short.len() < message.len())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn only_messages_that_become_shorter_are_compressed() {
        let long = b"goal ".repeat(10_000);
        // A linear congruential generator, whose bytes gzip cannot shorten.
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(MIN_BYTES)
        .collect();
        let messages = [b"short".to_vec(), long, noise];
        let body: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        let mut rest = &compressed(body.into())[..];
        let mut flags = Vec::new();
        for message in &messages {
            let (&[flag, length @ ..], after) =
                rest.split_first_chunk::<PREFIX_BYTES>().expect("a prefix");
            let (found, after) = after.split_at(u32::from_be_bytes(length) as usize);
            let mut plain = Vec::new();
            match flag {
                0 => plain.extend_from_slice(found),
                _ => drop(GzDecoder::new(found).read_to_end(&mut plain).expect("gzip")),
            }
            assert_eq!(&plain, message);
            flags.push(flag);
            rest = after;
        }
        assert_eq!((flags, rest.len()), (vec![0, 1, 0], 0));
    }

    #[test]
    fn gzip_is_found_among_other_encodings() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-accept-encoding", HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(takes("gzip") && takes("identity, deflate, gzip") && takes("identity,gzip"));
        assert!(
            !takes("identity")
                && !takes("deflate, x-gzip")
                && !takes("")
                && !accepts_gzip(&HeaderMap::new())
        );
    }
}
