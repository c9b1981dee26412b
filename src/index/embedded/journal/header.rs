//! The header of a journal.

use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 8] = *b"SLUGJNL4";
const SUM_BYTES: usize = 16;

/// Where the frames of a journal begin.
pub(in crate::index::embedded) const HEADER_BYTES: u64 = 40;

pub(super) fn header(number: u64, acknowledged_before: u64) -> Vec<u8> {
    let mut header = [MAGIC, number.to_le_bytes(), acknowledged_before.to_le_bytes()].concat();
    let sum = Sha256::digest(&header);
    header.extend_from_slice(&sum[..SUM_BYTES]);
    header
}

/// How much of the previous journal was acknowledged, in bytes, by the header of journal `number`;
/// None if the header is damaged.
pub(in crate::index::embedded) fn acknowledged_before(bytes: &[u8], number: u64) -> Option<u64> {
    let found = bytes.get(..HEADER_BYTES as usize)?;
    let before = u64::from_le_bytes(*found[16..].first_chunk()?);
    (found == header(number, before)).then_some(before)
}
