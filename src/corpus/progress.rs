//! How far a corpus has been read, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is being done with a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// What it is called: "reading".
    pub name: &'static str,
    /// Which step of how many, from 1 on; None where there are none to count.
    pub step: Option<(usize, usize)>,
}

impl Phase {
    /// The first one, which [`Progress::bytes`] and [`Progress::documents`] tell more of.
    pub const READING: Self = Self { name: "reading", step: None };
}

impl Default for Phase {
    fn default() -> Self {
        Self::READING
    }
}

/// How far a corpus has been read, and what is done with it since, for whoever shows it.
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

    /// What is being done now.
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
