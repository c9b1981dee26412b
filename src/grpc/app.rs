//! What the services share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use prost::Message;
use tokio::sync::{Semaphore, watch};

use super::health::Phase;
use crate::article::Limits;
use crate::index::SimilarityIndex;
use crate::service::{Admission, FieldViolation, Models, ServiceError};

/// What the services share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) models: Models,
    pub(super) limits: Limits,
    pub(super) batches: Admission,
    /// Places for messages of streams, not for streams: who sends nothing holds none. Who finds
    /// none waits for its turn.
    pub(super) streams: Semaphore,
    /// The same for imports.
    pub(super) imports: Arc<Semaphore>,
    pub(super) searches: Admission,
    pub(super) watches: Admission,
    archive: OnceLock<Arc<dyn SimilarityIndex>>,
    pub(super) started: SystemTime,
    phase: watch::Sender<Phase>,
    /// The same as a phase of Draining, for the way of every call: reading it writes nothing.
    is_draining: AtomicBool,
}

impl App {
    /// Of a server that loads.
    pub(super) fn new(limits: Limits) -> Self {
        // The decoder counts up to the ceilings.
        let limits = limits.below_ceilings();
        Self {
            models: Models::default(),
            batches: Admission::new("batches", limits.concurrent_batches),
            streams: Semaphore::new(limits.concurrent_streams),
            imports: Arc::new(Semaphore::new(limits.concurrent_imports)),
            searches: Admission::new("searches for similar articles", limits.concurrent_searches),
            watches: Admission::new("watches", limits.watches),
            archive: OnceLock::new(),
            limits,
            started: SystemTime::now(),
            phase: watch::Sender::new(Phase::Loading),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Whether a new call may start.
    pub(super) fn check_ready(&self) -> Result<(), ServiceError> {
        if self.is_draining.load(Ordering::Relaxed) { Err(ServiceError::Draining) } else { Ok(()) }
    }

    /// The archive.
    pub(super) fn archive(&self) -> Result<Arc<dyn SimilarityIndex>, ServiceError> {
        self.archive.get().map(Arc::clone).ok_or(ServiceError::ArchiveNotOpen)
    }

    /// Sets the archive, once.
    pub(super) fn open(&self, archive: Arc<dyn SimilarityIndex>) {
        // Nothing else sets it.
        let _ = self.archive.set(archive);
    }

    /// Checks that an answer is not too large. `field` is what the error names, and `what` says
    /// what helps: "lower page_size".
    pub(super) fn check_answer(
        &self,
        answer: &impl Message,
        field: &'static str,
        what: &str,
    ) -> Result<(), ServiceError> {
        let size = answer.encoded_len();
        if size <= self.limits.answer_bytes {
            Ok(())
        } else {
            Err(self.answer_too_large(size, field, what))
        }
    }

    /// The error for an answer that has so many bytes, or more.
    pub(super) fn answer_too_large(
        &self,
        size: usize,
        field: &'static str,
        what: &str,
    ) -> ServiceError {
        let limit = self.limits.answer_bytes;
        let description = format!(
            "the answer would have {size} bytes or more, over the limit of {limit}: {what}"
        );
        let values = vec![("size", size.to_string()), ("limit", limit.to_string())];
        ServiceError::Invalid(FieldViolation {
            values,
            ..FieldViolation::new(field, "ANSWER_TOO_LARGE", description)
        })
    }

    /// Where the server is in its life.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Comes back when the server is about to stop.
    pub(super) async fn draining(&self) {
        // The sender lives as long as self does.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Draining).await;
    }

    /// Enters a phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.is_draining.store(phase == Phase::Draining, Ordering::Relaxed);
        self.phase.send_replace(phase);
    }
}
