//! What the adapters share: work off the async workers, and its end when the call is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::Call;
use crate::service::{FieldViolation, ServiceError};

/// Tells the work of a call that the call is gone.
#[derive(Default)]
pub(super) struct CancelOnDrop(Arc<AtomicBool>);

impl CancelOnDrop {
    /// Set once the call is gone.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does work where it may take long. It goes on when the call is gone, and what the call holds of the budget is held until then.
pub(super) async fn off_the_workers<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
    let call = Call::current();
    let work = move || {
        let _call = call;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| ServiceError::Internal(error.to_string()))
}

pub(super) fn missing(field: &'static str) -> ServiceError {
    ServiceError::Invalid(FieldViolation::new(field, "FIELD_REQUIRED", "is required"))
}

/// As many whole characters of a text as fit into so many bytes.
pub(super) fn start_of(mut text: String, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(
            ["aéz", "aé", "aé", "a", "a", ""],
            [9, 3, 3, 2, 1, 0].map(|bytes| start_of("aéz".to_owned(), bytes).leak() as &str)
        );
    }
}
