//! Brings memory near before it is read.

/// Reads a byte of each line of these: their misses wait together, where reading in order would
/// wait for one after the other.
#[inline(always)]
pub(super) fn fetch(bytes: &[u8]) {
    const LINE_BYTES: usize = 64;
    std::hint::black_box(bytes.iter().step_by(LINE_BYTES).fold(0, |all, byte| all ^ byte));
}
