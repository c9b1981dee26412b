//! What every call goes through: the form of the request, the budget, its deadline, and errors in
//! the words of the API.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use super::answer_body::AnswerBody;
use super::budget::Rank;
use super::call::Call;
use super::deflate;
use super::inflate::PlainBody;
use super::methods::Methods;
use super::request_body::RequestBody;
use super::router::NAME_MESSAGE_BYTES;
use super::status;
use crate::service::ServiceError;

/// When the caller stops waiting; in the request's extensions where the caller said so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

/// Comes back when it has passed: never, where there is none.
pub(super) async fn expired(deadline: Option<Deadline>) {
    match deadline {
        Some(Deadline(at)) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The services, as hyper calls them.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    routes: Routes,
    methods: Arc<Methods>,
    /// The largest message, in bytes, to name in errors.
    message_bytes: usize,
}

impl Calls {
    /// Calls of these services, whose messages have at most so many bytes.
    pub(super) fn new(routes: Routes, methods: Methods, message_bytes: usize) -> Self {
        Self { routes, methods: Arc::new(methods), message_bytes }
    }
}

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Self { routes, methods, message_bytes } = self.clone();
        Box::pin(async move {
            // The executor runs every call as one.
            let call = Call::current().expect("a call of the executor");
            let method = methods.of(request.uri().path());
            let takes_gzip = deflate::takes_gzip(request.headers());
            let mut response = match refusal(&request)
                .or_else(|| refuse_for_room(&call, method.rank))
            {
                Some(refusal) => refusal,
                None => {
                    let limit = if method.is_short {
                        NAME_MESSAGE_BYTES.min(message_bytes)
                    } else {
                        message_bytes
                    };
                    let (mut head, body) = request.into_parts();
                    let body = RequestBody::new(body, Arc::clone(&call), method.is_request_stream);
                    let body =
                        PlainBody::new(body, &mut head.headers, &call, (method.request, limit));
                    answer(routes, Request::from_parts(head, body), message_bytes).await
                }
            };
            // An error that stands in the headers has no message.
            let is_gzip =
                takes_gzip && response.status().is_success() && !is_error(response.headers());
            if is_gzip {
                deflate::announce(response.headers_mut());
            }
            Ok(response.map(|body| AnswerBody::new(body, call, is_gzip)))
        })
    }
}

/// Refuses, in HTTP's words, what is no request of gRPC: no client of another protocol is to take
/// an error of ours (status 200) for a success. What gRPC's specification says of the type alone
/// holds for the method, too.
fn refusal<B>(request: &Request<B>) -> Option<Response<Body>> {
    let refuse = |status| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    };
    if request.method() != http::Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    let is_ours =
        request.headers().get(CONTENT_TYPE).is_some_and(|value| is_grpc(value.as_bytes()));
    (!is_ours).then(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Whether a content type is that of protocol buffers over gRPC, with parameters or without.
fn is_grpc(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

fn refuse_for_room(call: &Call, rank: Rank) -> Option<Response<Body>> {
    if call.peer().is_spare && rank != Rank::Vital {
        return Some(status::too_many_connections().into_http());
    }
    call.open(rank).is_err().then(|| status::budget_exhausted().into_http())
}

async fn answer(
    mut routes: Routes,
    mut request: Request<PlainBody>,
    limit: usize,
) -> Response<Body> {
    let deadline = take_timeout(request.headers_mut()).map(|timeout| Instant::now() + timeout);
    if let Some(deadline) = deadline {
        request.extensions_mut().insert(Deadline(deadline));
    }
    let path = request.uri().path().to_owned();
    // The routes are always ready.
    let answer = AssertUnwindSafe(routes.call(request)).catch_unwind();
    let outcome = match deadline {
        None => answer.await,
        Some(deadline) if deadline <= Instant::now() => return too_late(),
        Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
            Ok(outcome) => outcome,
            Err(_) => return too_late(),
        },
    };
    match outcome {
        Ok(Ok(response)) => in_our_words(response, limit),
        Ok(Err(never)) => match never {},
        Err(_) => {
            // The panic's own message is in the log already.
            tracing::error!(%path, "a call panicked");
            status::internal(&path).into_http()
        }
    }
}

fn too_late() -> Response<Body> {
    status::status(ServiceError::DeadlineExceeded).into_http()
}

/// Whether these are the headers of an error: only one before the handler ran stands there.
fn is_error(headers: &HeaderMap) -> bool {
    headers.contains_key(Status::GRPC_STATUS)
}

/// Rewrites a refusal of the transport; other responses pass as they are.
fn in_our_words(response: Response<Body>, limit: usize) -> Response<Body> {
    if !is_error(response.headers()) {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(error) if error.details().is_empty() => status::of_transport(error, limit).into_http(),
        _ => response,
    }
}

/// Takes `grpc-timeout` out of the headers: at most eight digits and a unit. What is not of that
/// form counts as absent.
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

    #[test]
    fn only_protocol_buffers_over_grpc_are_taken() {
        for ours in [
            "application/grpc",
            "application/grpc+proto",
            "Application/GRPC",
            "application/grpc; charset=utf-8",
        ] {
            assert!(is_grpc(ours.as_bytes()), "{ours}");
        }
        for other in [
            "",
            "text/plain",
            "application/json",
            "application/grpc+json",
            "application/grpc-web",
            "application/grpcx",
        ] {
            assert!(!is_grpc(other.as_bytes()), "{other}");
        }
    }
}
