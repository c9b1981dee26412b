//! Lets only so much work in at a time: what is over the bound is refused at once, not queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ServiceError;

/// A bound on the work of one kind.
#[derive(Debug, Clone)]
pub struct Admission {
    what: &'static str,
    limit: usize,
    taken: Arc<AtomicUsize>,
}

/// The right to work; given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl Admission {
    /// At most `limit` of `what` (plural) at a time.
    pub fn new(what: &'static str, limit: usize) -> Self {
        Self { what, limit, taken: Arc::default() }
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] when there is none left.
    pub fn enter(&self) -> Result<Permit, ServiceError> {
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < self.limit).then_some(taken + 1)
            })
            .map(|_| Permit(Arc::clone(&self.taken)))
            .map_err(|_| ServiceError::Busy { what: self.what, limit: self.limit })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_run_out_and_come_back() {
        let admission = Admission::new("batches", 2);
        let first = admission.enter().expect("one of two");
        let _second = admission.enter().expect("two of two");
        assert_eq!(
            admission.enter().expect_err("none left"),
            ServiceError::Busy { what: "batches", limit: 2 }
        );
        drop(first);
        assert!(admission.enter().is_ok());
    }
}
