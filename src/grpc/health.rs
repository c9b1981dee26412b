//! grpc.health.v1: the readiness of the server, and of each service by name.
//!
//! The messages and the service trait are tonic-health's. Its reporter is not used: it starts as
//! SERVING, answers a Watch on an unknown service with NOT_FOUND where the protocol says
//! SERVICE_UNKNOWN, and its open Watches delay a shutdown.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::app::{App, Phase};
use super::pb::article_service_server as articles;
use super::status;
use super::transport::call::Call;
use crate::index::Condition;
use crate::service::{Permit, ServiceError};

/// Reports the readiness of services.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    services: &'static [&'static str],
    app: Arc<App>,
}

impl HealthService {
    /// Reports for these services and, by the empty name, for the server.
    pub(super) fn new(services: &'static [&'static str], app: Arc<App>) -> Self {
        Self { services, app }
    }

    /// Admits a Watch to the server and to its connection.
    fn admit(&self) -> Result<WatchPermits, ServiceError> {
        let of_server = self.app.watches.enter()?;
        let of_connection = Call::current().map(|call| call.peer().admit_watch()).transpose()?;
        Ok((of_server, of_connection))
    }

    fn watched(&self, service: &str) -> Watched {
        Watched {
            app: Arc::clone(&self.app),
            is_known: self.is_known(service),
            is_writing: service == WRITING_SERVICE,
        }
    }

    fn is_known(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// The service that is not ready while the archive takes no writes, so that load balancers avoid
/// it. Its reads, and the other services, are answered all the same.
const WRITING_SERVICE: &str = articles::SERVICE_NAME;
/// How often a Watch of it checks whether the archive takes writes.
const ARCHIVE_TICK: Duration = Duration::from_secs(5);

/// The permits of a Watch.
type WatchPermits = (Permit, Option<Permit>);

/// What is watched.
#[derive(Debug, Clone)]
struct Watched {
    app: Arc<App>,
    is_known: bool,
    is_writing: bool,
}

impl Watched {
    fn status(&self) -> ServingStatus {
        let takes_writes =
            || self.app.archive().is_ok_and(|archive| archive.condition() == Condition::Ready);
        match *self.app.phase().borrow() {
            _ if !self.is_known => ServingStatus::ServiceUnknown,
            Phase::Loading | Phase::Draining => ServingStatus::NotServing,
            Phase::Serving if self.is_writing && !takes_writes() => ServingStatus::NotServing,
            Phase::Serving => ServingStatus::Serving,
        }
    }
}

/// The current status, and every change of it. Ends when the server drains, since an open Watch
/// must not delay the shutdown.
fn statuses(
    watched: Watched,
    permits: WatchPermits,
) -> impl Stream<Item = Result<HealthCheckResponse, Status>> {
    let phase = watched.app.phase();
    stream::unfold((phase, None, permits), move |(mut phase, mut last, permits)| {
        let watched = watched.clone();
        async move {
            loop {
                if last.is_some() {
                    if *phase.borrow() == Phase::Draining {
                        return None;
                    }
                    tokio::select! {
                        changed = phase.changed() => changed.ok()?,
                        () = tokio::time::sleep(ARCHIVE_TICK), if watched.is_writing => {}
                    }
                }
                phase.borrow_and_update();
                let status = watched.status();
                // Reports only what callers can tell apart.
                if last.replace(status) != Some(status) {
                    return Some((Ok(response(status)), (phase, last, permits)));
                }
            }
        }
    })
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.is_known(service) {
            return Err(status::service_not_found(service));
        }
        Ok(Response::new(response(self.watched(service).status())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watched = self.watched(&request.get_ref().service);
        let permits = self.admit().map_err(status::status)?;
        Ok(Response::new(Box::pin(statuses(watched, permits))))
    }
}
