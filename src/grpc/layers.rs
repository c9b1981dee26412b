//! What every call goes through: its deadline, and errors of the transport in the words of the API.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::status;
use crate::service::ServiceError;

/// When the caller stops waiting; in the request's extensions where the caller said so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

/// Wraps the services.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLayer {
    /// The largest message, in bytes, to name in errors.
    pub(super) message_bytes: usize,
}

impl<S> Layer<S> for CallLayer {
    type Service = Call<S>;

    fn layer(&self, inner: S) -> Call<S> {
        Call { inner, message_bytes: self.message_bytes }
    }
}

/// A service with its calls bounded by their deadlines.
///
/// tonic watches `grpc-timeout` too, outside of all layers, and answers CANCELLED where the protocol says DEADLINE_EXCEEDED: this one
/// has to be first (see `lead`).
#[derive(Debug, Clone)]
pub(super) struct Call<S> {
    inner: S,
    message_bytes: usize,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S, B> Service<Request<B>> for Call<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let deadline = take_timeout(request.headers_mut()).map(|timeout| Instant::now() + timeout - lead(timeout));
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(Deadline(deadline));
        }
        let limit = self.message_bytes;
        let path = request.uri().path().to_owned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = AssertUnwindSafe(answer).catch_unwind();
            let outcome = match deadline {
                None => answer.await,
                Some(deadline) if deadline <= Instant::now() => return Ok(too_late()),
                Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Ok(too_late()),
                },
            };
            match outcome {
                Ok(Ok(response)) => Ok(in_our_words(response, limit)),
                Ok(Err(never)) => match never {},
                Err(_) => {
                    // The panic's own message is in the log already.
                    tracing::error!(%path, "a call panicked");
                    Ok(status::internal(&path).into_http())
                }
            }
        })
    }
}

/// How much before the caller's deadline ours is: two ticks of tokio's timer, so that it never fires after tonic's own.
fn lead(timeout: Duration) -> Duration {
    Duration::from_millis(2).min(timeout / 2)
}

fn too_late() -> Response<Body> {
    status::status(ServiceError::DeadlineExceeded).into_http()
}

/// Rewrites a refusal of the transport; other responses pass as they are.
fn in_our_words(response: Response<Body>, limit: usize) -> Response<Body> {
    // Only an error before the handler ran stands in the headers; an answer has none there.
    if !response.headers().contains_key(Status::GRPC_STATUS) {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(error) if error.details().is_empty() => status::of_transport(error, limit).into_http(),
        _ => response,
    }
}

/// Takes `grpc-timeout` out of the headers: at most eight digits and a unit. What is not of that form counts as absent.
fn take_timeout(headers: &mut HeaderMap) -> Option<Duration> {
    let value = headers.remove("grpc-timeout")?;
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", value.parse().expect("a header value"));
        let found = take_timeout(&mut headers);
        assert!(headers.is_empty());
        found
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "m", "5", "5x", "-1S", "123456789S", "1.5S"] {
            assert_eq!(timeout(wrong), None, "{wrong:?}");
        }
    }
}
