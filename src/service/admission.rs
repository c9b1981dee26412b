//! Limits the work in flight: work over the limit is refused at once, not queued.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ServiceError;

/// An in-flight limit on one kind of work.
#[derive(Debug, Clone)]
pub struct Admission {
    what: &'static str,
    limit: usize,
    permits: Arc<Semaphore>,
}

/// The right to work; released when dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held to be dropped")] OwnedSemaphorePermit);

impl Admission {
    /// Admits `limit` of `what` (plural) at a time.
    pub fn new(what: &'static str, limit: usize) -> Self {
        let permits = Semaphore::new(limit.min(Semaphore::MAX_PERMITS));
        Self { what, limit, permits: Arc::new(permits) }
    }

    /// Admits one more.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] at the limit.
    pub fn enter(&self) -> Result<Permit, ServiceError> {
        Arc::clone(&self.permits)
            .try_acquire_owned()
            .map(Permit)
            .map_err(|_| ServiceError::Busy { what: self.what, limit: self.limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_run_out_and_are_released() {
        let admission = Admission::new("batches", 2);
        let first = admission.enter().expect("one of two");
        let _second = admission.enter().expect("two of two");
        assert_eq!(
            admission.enter().expect_err("at the limit"),
            ServiceError::Busy { what: "batches", limit: 2 }
        );
        drop(first);
        assert!(admission.enter().is_ok());
    }
}
