//! The state that the calls of a server share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio::sync::{Semaphore, watch};

use crate::article::Limits;
use crate::service::{Admission, Archive, Models, Opened, ServiceError};

/// The phases of a server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Models and archive are being opened.
    Loading,
    /// Requests are answered.
    Serving,
    /// The server is about to stop.
    Draining,
}

/// The state that the calls of a server share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) models: Arc<Models>,
    pub(super) limits: Limits,
    pub(super) batches: Admission,
    /// Permits for messages of streams, not for streams: an idle one holds none. A message waits
    /// for its permit.
    pub(super) streams: Semaphore,
    /// Permits for messages of imports, likewise.
    pub(super) imports: Arc<Semaphore>,
    pub(super) searches: Admission,
    pub(super) watches: Admission,
    archive: OnceLock<Arc<Archive>>,
    pub(super) started: SystemTime,
    phase: watch::Sender<Phase>,
    /// Whether the phase is [`Phase::Draining`], for every call to read without a lock.
    is_draining: AtomicBool,
}

impl App {
    /// The state of a server that loads.
    pub(super) fn new(limits: Limits) -> Self {
        // The decoder counts up to the ceilings.
        let limits = limits.below_ceilings();
        Self {
            models: Arc::default(),
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

    /// Starts serving from these models and this archive.
    pub(super) fn serve(&self, Opened { models, index }: Opened) {
        let archive = Archive::new(index, Arc::clone(&self.models), self.limits);
        // Nothing else sets it. A call that finds models finds the archive, too.
        let _ = self.archive.set(Arc::new(archive));
        self.models.publish(models);
        self.phase.send_replace(Phase::Serving);
    }

    /// Refuses new calls from here on.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.phase.send_replace(Phase::Draining);
    }

    /// Whether a new call may start.
    ///
    /// # Errors
    /// [`ServiceError::Draining`].
    pub(super) fn check_ready(&self) -> Result<(), ServiceError> {
        if self.is_draining.load(Ordering::Relaxed) { Err(ServiceError::Draining) } else { Ok(()) }
    }

    /// The archive.
    ///
    /// # Errors
    /// [`ServiceError::ArchiveNotOpen`].
    pub(super) fn archive(&self) -> Result<Arc<Archive>, ServiceError> {
        self.archive.get().map(Arc::clone).ok_or(ServiceError::ArchiveNotOpen)
    }

    /// The archive, for a new call.
    ///
    /// # Errors
    /// [`ServiceError::Draining`]; [`ServiceError::ArchiveNotOpen`].
    pub(super) fn ready_archive(&self) -> Result<Arc<Archive>, ServiceError> {
        self.check_ready()?;
        self.archive()
    }

    /// Follows the phase of the server.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Completes when the server drains.
    pub(super) async fn draining(&self) {
        // The sender lives as long as self.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Draining).await;
    }
}
