//! The header of a file of documents, and the errors of reading one.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::corpus::{End, Ordinal, Summary};
use crate::model::{CorpusRecord, Labels};
use crate::text::TextOptions;

/// How a file of documents begins, in any version.
pub(super) const MAGIC: [u8; 8] = *b"slugbags";
/// The version of the format that this program reads and writes.
pub(super) const VERSION: u32 = 4;

/// Describes the documents of a file and how they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// How text became terms.
    pub text: TextOptions,
    /// The number of topics per document.
    pub labels: Labels,
    /// BCP-47 tag of the documents' language; empty if not stated.
    pub language_code: String,
    /// The corpus that was read.
    pub corpus: CorpusRecord,
    /// Where documents that follow are numbered from as the corpus is read; a multiple of 2^32.
    pub(super) end_ordinal: Ordinal,
}

impl Header {
    /// The header of an empty file.
    pub(crate) fn new(text: TextOptions, labels: Labels, language_code: String) -> Self {
        let corpus = CorpusRecord { document_count: 0, skipped_count: 0, sha256: String::new() };
        Self { text, labels, language_code, corpus, end_ordinal: 0 }
    }

    /// Whether the documents of both are counted in the same way.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        (self.text, self.labels) == (other.text, other.labels)
            && self.language_code == other.language_code
    }

    /// Adds documents that were read after these.
    pub(crate) fn extend(&mut self, read: &Summary) {
        self.corpus.document_count += read.documents;
        self.corpus.skipped_count = self.corpus.skipped_count.saturating_add(read.skipped);
        self.corpus.sha256 = hex::encode(read.end.fingerprint);
        self.end_ordinal = read.end.ordinal;
    }

    /// Where the documents end, and later ones begin.
    pub(super) fn end(&self) -> io::Result<End> {
        let mut end = End { ordinal: self.end_ordinal, fingerprint: [0; 32] };
        hex::decode_to_slice(&self.corpus.sha256, &mut end.fingerprint)
            .map_err(|_| invalid("the corpus has no SHA-256"))?;
        if !end.ordinal.is_multiple_of(1 << 32) || end.ordinal >> 63 != 0 {
            return Err(invalid(format!("documents cannot end at {}", end.ordinal)));
        }
        Ok(end)
    }
}

/// The error of a damaged file.
pub(super) fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Why training cannot continue from a model. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The file does not exist.
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
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file has the format of another version.
    #[error(
        "{} has format version {found}, and this program reads version {VERSION}: use the slugline \
         that wrote it or a newer one, or retrain on all files, without --from",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u32,
    },
    /// The content is invalid.
    #[error("{} is damaged ({reason}): restore it, or retrain on all files, without \
             --from", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl DocumentsError {
    /// The error of an open file: one of the operating system, or invalid content.
    pub(super) fn new(path: PathBuf, source: io::Error) -> Self {
        if source.raw_os_error().is_some() {
            return Self::Read { path, source };
        }
        let is_short = source.kind() == io::ErrorKind::UnexpectedEof;
        let reason = if is_short { "it is truncated".to_owned() } else { source.to_string() };
        Self::Damaged { path, reason }
    }
}
