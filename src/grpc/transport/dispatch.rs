//! Carries each call through what all calls share: form, budget, deadline, and panics.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

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
use super::deadline::{CallDeadline, take_timeout};
use super::deflate::{self, Deflate};
use super::inflate::{Expected, PlainBody};
use super::methods::{Method, Methods};
use super::peer::Standing;
use super::request_body::RequestBody;
use crate::article::Limits;
use crate::grpc::status;
use crate::service::ServiceError;

/// The services, as hyper calls them.
#[derive(Debug, Clone)]
pub(crate) struct Dispatcher {
    routes: Routes,
    methods: Arc<Methods>,
    /// Limit on a message, in bytes.
    message_bytes: usize,
}

impl Dispatcher {
    /// Dispatches to these services, whose messages have at most `message_bytes`.
    pub(crate) fn new(routes: Routes, methods: Methods, message_bytes: usize) -> Self {
        Self { routes, methods: Arc::new(methods), message_bytes }
    }

    async fn dispatch(self, request: Request<Incoming>) -> Response<AnswerBody> {
        // The executor runs every stream within its call.
        let call = Call::current().expect("a call of the executor");
        let method = self.methods.of(request.uri().path());
        let accepts_gzip = deflate::accepts_gzip(request.headers());
        let refusal = refuse_form(&request).or_else(|| refuse_over_budget(&call, method.rank));
        let mut response = match refusal {
            Some(refusal) => refusal,
            None => {
                let message_bytes = self.message_bytes;
                let request = with_plain_body(request, &call, &method, message_bytes);
                answer(self.routes, request, message_bytes).await
            }
        };
        // An error in the headers comes without a message.
        let is_gzip =
            accepts_gzip && response.status().is_success() && !is_error(response.headers());
        if is_gzip {
            deflate::announce(response.headers_mut());
        }
        let deflate = is_gzip.then(Deflate::default);
        response.map(|body| AnswerBody::new(body, call, deflate))
    }
}

impl hyper::service::Service<Request<Incoming>> for Dispatcher {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let dispatcher = self.clone();
        Box::pin(async move { Ok(dispatcher.dispatch(request).await) })
    }
}

/// The request with its body charged to the call, and decompressed.
fn with_plain_body(
    request: Request<Incoming>,
    call: &Arc<Call>,
    method: &Method,
    message_bytes: usize,
) -> Request<PlainBody> {
    let limit =
        if method.is_short { Limits::NAME_MESSAGE_BYTES.min(message_bytes) } else { message_bytes };
    let expected = Expected { message: method.request, limit };
    let (mut head, body) = request.into_parts();
    let body = RequestBody::new(body, Arc::clone(call), method.request_kind);
    let body = PlainBody::new(body, &mut head.headers, call, expected);
    Request::from_parts(head, body)
}

/// Refuses in HTTP's own terms what is not a gRPC request: a client of another protocol must not
/// take an error with status 200 for a success. gRPC's specification asks this of the content type
/// alone; it holds for the method, too.
fn refuse_form<B>(request: &Request<B>) -> Option<Response<Body>> {
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
    let is_grpc =
        request.headers().get(CONTENT_TYPE).is_some_and(|value| is_grpc(value.as_bytes()));
    (!is_grpc).then(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Whether a content type is protocol buffers over gRPC, with or without parameters.
fn is_grpc(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|accepted| essence.eq_ignore_ascii_case(accepted))
}

fn refuse_over_budget(call: &Call, rank: Rank) -> Option<Response<Body>> {
    if call.peer().standing == Standing::Spare && rank != Rank::Vital {
        return Some(status::too_many_connections().into_http());
    }
    call.open(rank).is_err().then(|| status::budget_exhausted().into_http())
}

async fn answer(
    mut routes: Routes,
    mut request: Request<PlainBody>,
    message_bytes: usize,
) -> Response<Body> {
    let deadline = take_timeout(request.headers_mut()).map(|timeout| Instant::now() + timeout);
    if let Some(deadline) = deadline {
        request.extensions_mut().insert(CallDeadline(deadline));
    }
    let path = request.uri().path().to_owned();
    // Routes need no `poll_ready`: they are always ready.
    let answer = AssertUnwindSafe(routes.call(request)).catch_unwind();
    let outcome = match deadline {
        None => answer.await,
        Some(deadline) if deadline <= Instant::now() => return deadline_exceeded(),
        Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
            Ok(outcome) => outcome,
            Err(_) => return deadline_exceeded(),
        },
    };
    match outcome {
        Ok(Ok(response)) => in_our_terms(response, message_bytes),
        Ok(Err(never)) => match never {},
        Err(_) => {
            // The panic hook has logged the panic's own message.
            tracing::error!(%path, "a call panicked");
            status::internal(&path).into_http()
        }
    }
}

fn deadline_exceeded() -> Response<Body> {
    status::status(ServiceError::DeadlineExceeded).into_http()
}

/// Whether the headers carry an error, as only those do that come before the handler ran.
fn is_error(headers: &HeaderMap) -> bool {
    headers.contains_key(Status::GRPC_STATUS)
}

/// Rewrites a refusal by tonic into the API's errors; other responses pass unchanged.
fn in_our_terms(response: Response<Body>, message_bytes: usize) -> Response<Body> {
    if !is_error(response.headers()) {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(error) if error.details().is_empty() => {
            status::of_transport(error, message_bytes).into_http()
        }
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protocol_buffers_over_grpc_are_accepted() {
        for accepted in [
            "application/grpc",
            "application/grpc+proto",
            "Application/GRPC",
            "application/grpc; charset=utf-8",
        ] {
            assert!(is_grpc(accepted.as_bytes()), "{accepted}");
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
