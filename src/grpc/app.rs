//! What the services share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio::sync::{Semaphore, watch};

use super::health::Phase;
use crate::article::Limits;
use crate::index::SimilarityIndex;
use crate::service::{Admission, Models, ServiceError};

/// What the services share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) models: Models,
    pub(super) limits: Limits,
    pub(super) batches: Admission,
    /// Places for messages of streams, not for streams: who sends nothing holds none. Who finds none waits for its turn.
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
