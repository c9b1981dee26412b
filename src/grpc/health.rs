//! grpc.health.v1: whether the server is ready, for it and for each of its services by name.
//!
//! The messages and the service trait are tonic-health's. Its ready-made reporter is not used: it
//! starts as SERVING, answers a Watch on an unknown service with NOT_FOUND where the protocol says
//! SERVICE_UNKNOWN, and its open Watches hold up a shutdown.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::app::App;
use super::call::Call;
use super::pb::article_service_server as articles;
use super::status;
use crate::index::Condition;
use crate::service::{Permit, ServiceError};

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The models are being read.
    Loading,
    /// Requests are answered.
    Serving,
    /// The server is about to stop.
    Draining,
}

/// Answers for the names given.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    services: &'static [&'static str],
    app: Arc<App>,
}

impl HealthService {
    /// For these services and, by the empty name, the server as a whole.
    pub(super) fn new(services: &'static [&'static str], app: Arc<App>) -> Self {
        Self { services, app }
    }

    /// Takes a place for a Watch: of the server's, and of those of its connection.
    fn place(&self) -> Result<Vec<Permit>, ServiceError> {
        let of_server = self.app.watches.enter()?;
        let of_connection = Call::current().map(|call| call.peer().watch()).transpose()?;
        Ok(std::iter::once(of_server).chain(of_connection).collect())
    }

    fn watched(&self, service: &str) -> Watched {
        Watched {
            app: Arc::clone(&self.app),
            knows: self.knows(service),
            is_writing: service == WRITING_SERVICE,
        }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// The service that is not ready while the archive takes no writes, which a balancer is to know of.
/// Its reads are answered all the same, and so are the other services.
const WRITING_SERVICE: &str = articles::SERVICE_NAME;
/// How often a Watch of it looks whether the archive takes writes.
const ARCHIVE_TICK: Duration = Duration::from_secs(5);

/// What is watched.
#[derive(Debug, Clone)]
struct Watched {
    app: Arc<App>,
    knows: bool,
    is_writing: bool,
}

impl Watched {
    fn status(&self) -> ServingStatus {
        let takes_writes =
            || self.app.archive().is_ok_and(|archive| archive.condition() == Condition::Ready);
        match *self.app.phase().borrow() {
            _ if !self.knows => ServingStatus::ServiceUnknown,
            Phase::Loading | Phase::Draining => ServingStatus::NotServing,
            Phase::Serving if self.is_writing && !takes_writes() => ServingStatus::NotServing,
            Phase::Serving => ServingStatus::Serving,
        }
    }
}

/// What a Watch says: the status now and each change of it. It ends with the first word of the
/// draining, for an open Watch must not hold up the shutdown. It keeps its places until then.
fn statuses(
    watched: Watched,
    places: Vec<Permit>,
) -> impl Stream<Item = Result<HealthCheckResponse, Status>> {
    let phase = watched.app.phase();
    stream::unfold((phase, None, places), move |(mut phase, mut last, places)| {
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
                // What looks the same from outside is not news.
                if last.replace(status) != Some(status) {
                    return Some((Ok(response(status)), (phase, last, places)));
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
        if !self.knows(service) {
            return Err(status::service_not_found(service));
        }
        Ok(Response::new(response(self.watched(service).status())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watched = self.watched(&request.get_ref().service);
        let places = self.place().map_err(status::status)?;
        Ok(Response::new(Box::pin(statuses(watched, places))))
    }
}
