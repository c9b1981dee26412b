//! What the file of documents says of them, and why it is refused.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::corpus::{End, Ordinal};
use crate::model::{CorpusRecord, Labels};
use crate::text::TextOptions;

/// The version of the format that this program reads and writes.
pub(super) const VERSION: u32 = 3;

/// The first value of the file, which tells what the others are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    magic: [u8; 8],
    pub(super) version: u32,
}

impl Stamp {
    pub(super) const CURRENT: Self = Self { magic: *b"slugbags", version: VERSION };

    /// Whether a file that begins so is one of documents, of whatever version.
    pub(super) fn is_ours(&self) -> bool {
        self.magic == Self::CURRENT.magic
    }
}

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
    pub(super) end_ordinal: Ordinal,
}

impl Header {
    pub(crate) fn new(
        text: TextOptions,
        labels: Labels,
        language_code: String,
        corpus: CorpusRecord,
        end: &End,
    ) -> Self {
        debug_assert_eq!(corpus.sha256, hex::encode(end.fingerprint));
        Self { text, labels, language_code, corpus, end_ordinal: end.ordinal }
    }

    /// Where the documents end, and those that follow begin.
    pub(super) fn end(&self) -> Result<End, String> {
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

/// Why training cannot continue from a model. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// There is no such file.
    #[error(
        "{} not found: training can continue only from a model that is there and was stored with \
         its documents (without --no-documents); otherwise retrain on all files, without --from",
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
        "{} has format version {found}, and this program reads version {VERSION}: use the slugline \
         that wrote it or a newer one, or retrain on all files, without --from",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// Not what it should be.
    #[error("{} is damaged ({reason}): restore it, or retrain on all files, without \
             --from", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}
