//! How far a corpus has been read, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A phase of the work on a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Its name, such as "reading".
    pub name: &'static str,
    /// The current step, from 1, and the number of steps; None if there are none to count.
    pub step: Option<(usize, usize)>,
}

impl Phase {
    /// The first phase; [`Progress::bytes`] and [`Progress::documents`] say how far it is.
    pub const READING: Self = Self { name: "reading", step: None };
}

impl Default for Phase {
    fn default() -> Self {
        Self::READING
    }
}

/// How far the work on a corpus has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    bytes: Arc<AtomicU64>,
    documents: Arc<AtomicU64>,
    phase: Arc<Mutex<Phase>>,
}

impl Progress {
    /// Bytes read from disk so far, before decompression.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Documents worked on so far.
    pub fn documents(&self) -> u64 {
        self.documents.load(Ordering::Relaxed)
    }

    /// The current phase.
    pub fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a phase without steps.
    pub fn enter(&self, name: &'static str) {
        self.set(Phase { name, step: None });
    }

    /// Begins a step of a phase.
    pub fn step(&self, name: &'static str, step: usize, count: usize) {
        self.set(Phase { name, step: Some((step, count)) });
    }

    fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    pub(super) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_documents(&self, count: u64) {
        self.documents.fetch_add(count, Ordering::Relaxed);
    }
}
