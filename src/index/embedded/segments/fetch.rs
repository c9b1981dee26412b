//! Fetches memory before it is needed.

/// Reads a byte of each cache line, so that the cache misses overlap instead of following each
/// other.
#[inline(always)]
pub(super) fn fetch(bytes: &[u8]) {
    const LINE_BYTES: usize = 64;
    std::hint::black_box(bytes.iter().step_by(LINE_BYTES).fold(0, |all, byte| all ^ byte));
}
