//! What limits a record of any format.

/// The longest record, in bytes: anything longer is not an article, and must not exhaust memory.
pub(super) const MAX_RECORD_BYTES: usize = 32 << 20;

/// Says that a record, or the line it is on, exceeds [`MAX_RECORD_BYTES`].
pub(super) fn too_long(what: &str) -> String {
    format!("{what} is longer than {} MiB", MAX_RECORD_BYTES >> 20)
}
