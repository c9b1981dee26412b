//! The positions of a segment's articles in the journals.

use tantivy::columnar::Column;
use tantivy::{SegmentReader, TantivyError};

use super::fields::{EXTENT, JOURNAL};
use crate::index::embedded::journal::Extent;

/// The positions of a segment's articles in the journals.
pub(super) struct Extents {
    journals: Column<u64>,
    extents: Column<u64>,
}

impl Extents {
    pub(super) fn of(reader: &SegmentReader) -> Result<Self, TantivyError> {
        let fast = reader.fast_fields();
        Ok(Self { journals: fast.u64(JOURNAL)?, extents: fast.u64(EXTENT)? })
    }

    pub(super) fn at(&self, document: u32) -> Option<Extent> {
        let (journal, extent) = (self.journals.first(document)?, self.extents.first(document)?);
        Some(Extent { journal, offset: (extent >> 32) as u32, size: extent as u32 })
    }
}

/// The offset and the size of an extent, as its column stores them.
pub(super) fn packed(extent: Extent) -> u64 {
    u64::from(extent.offset) << 32 | u64::from(extent.size)
}
