//! Where a document stands in its corpus.

use sha2::{Digest as _, Sha256};

/// A document's place in its corpus. Ordinals ascend in the order of the inputs and their lines.
pub type Ordinal = u64;

/// Where some inputs end, so that others can follow as if all had been read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Above every ordinal so far; a multiple of 2^32.
    pub ordinal: Ordinal,
    /// The fingerprint of the inputs, see [`Summary::end`](super::Summary::end).
    pub fingerprint: [u8; 32],
}

impl End {
    /// The fingerprint after the next input: the first input's own, and from then on the SHA-256 of
    /// both.
    pub(super) fn followed_by(before: Option<[u8; 32]>, next: [u8; 32]) -> [u8; 32] {
        match before {
            None => next,
            Some(before) => Sha256::new().chain_update(before).chain_update(next).finalize().into(),
        }
    }
}
