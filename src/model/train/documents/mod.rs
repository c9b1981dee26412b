//! The file that learning goes on from: every document of the corpus as counts of its terms.
//!
//! Documents and not sums, because the weights of terms, the lengths of documents, the terms
//! selected and the cross-validated link all depend on every document (ADR 7). zstd, in one frame
//! or more:
//!
//! ```text
//! "slugbags"  version: u32  header's length: u32  header: JSON, see Header           (fixed numbers are little-endian)
//! a document, in the order of the ordinals:
//!     its ordinal less the one before (from 1 on; the first less 0)                   (from here on numbers are LEB128)
//!     count of topics; each by its number, a new one by the next free number, length and name
//!     count of words; each by number * 2 + flag, a new one by the next free number, then length and text; [count]
//!     count of pairs; each by (its first word's place less that of the pair before) * 2 + flag, its second word's place, [count]
//! 0  SHA-256 of all that came before
//! ```
//!
//! Topics and words are numbered from 0 on as they first come; a flag of 0 stands for a count of 1,
//! which is then left out. Within a document words stand in the order of their hashes, and pairs,
//! which go by the places of their words among them, in the order of those: the order of the text
//! is not in the file.

mod bags;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::corpus::{End, Ordinal};
use crate::model::artifact::hexadecimal;
use crate::model::manifest::{CorpusRecord, Labels};
use crate::text::TextOptions;

pub(super) use bags::BagWriter;
pub(super) use read::Reader;
pub use write::Documents;
pub(super) use write::write;

const MAGIC: [u8; 8] = *b"slugbags";
/// The version of the format that this program reads and writes.
const VERSION: u32 = 2;
/// The longest header that is read, in bytes.
const MAX_HEADER_BYTES: u32 = 1 << 16;

/// What the file says of the documents, and of how they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// How text became terms.
    pub text: TextOptions,
    /// How many topics a document has.
    pub labels: Labels,
    /// BCP-47 tag of the documents' language; empty when not stated.
    pub language_code: String,
    /// What was read.
    pub corpus: CorpusRecord,
    /// Above the ordinals of all documents; a multiple of 2^32.
    end_ordinal: Ordinal,
}

impl Header {
    pub(super) fn new(
        text: TextOptions,
        labels: Labels,
        language_code: String,
        corpus: CorpusRecord,
        end: &End,
    ) -> Self {
        debug_assert_eq!(corpus.sha256, hexadecimal(&end.fingerprint));
        Self { text, labels, language_code, corpus, end_ordinal: end.ordinal }
    }

    /// Reads the header of the documents of the model in a directory.
    ///
    /// # Errors
    /// [`DocumentsError`], each with what to do; what follows the header is not looked at.
    pub fn read(directory: &Path) -> Result<Self, DocumentsError> {
        Reader::open(directory).map(|reader| reader.header().clone())
    }

    /// Where the documents end, and those that follow begin.
    fn end(&self) -> Result<End, String> {
        let digits = self.corpus.sha256.as_bytes();
        let mut fingerprint = [0u8; 32];
        if digits.len() != 64 {
            return Err("the corpus has no SHA-256".to_owned());
        }
        for (byte, pair) in fingerprint.iter_mut().zip(digits.chunks_exact(2)) {
            let pair =
                std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = pair.ok_or("the corpus has no SHA-256")?;
        }
        if !self.end_ordinal.is_multiple_of(1 << 32) || self.end_ordinal >> 63 != 0 {
            return Err(format!("documents cannot end at {}", self.end_ordinal));
        }
        Ok(End { ordinal: self.end_ordinal, fingerprint })
    }
}

/// Why learning cannot go on from a model. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// There is no such file.
    #[error(
        "{} is not there: learning goes on only from a model that was stored with its documents (by train, without --no-documents); train anew on all the files, without --from",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Written by another version.
    #[error(
        "{} has format version {found}, and this program reads version {VERSION}: use the slugline that wrote it or a newer one, or train anew on all the files, without --from",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// Not what it should be.
    #[error("{} is damaged ({reason}): restore it, or train anew on all the files, without --from", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}
