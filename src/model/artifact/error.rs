//! Why an artefact cannot be read or written.

use std::io;
use std::path::PathBuf;

use crate::article::TopicNameError;
use crate::model::model_id::ModelIdError;
use crate::model::topic_model::ModelShapeError;
use crate::text::VocabularyError;

/// Why an artefact was refused or could not be written, with what to do about it where something
/// can be done.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file exceeds the size limit.
    #[error(
        "{what} has {size} bytes, more than the limit of {limit}: it was not written by slugline; \
         restore the artefact or retrain the model"
    )]
    Oversized {
        /// Which file.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Written by a later version.
    #[error(
        "the model has format version {found}, but this slugline reads version {supported}: use a \
         newer slugline, or retrain the model with this one"
    )]
    FutureVersion {
        /// What the manifest says.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// Written by an earlier version.
    #[error(
        "the model has format version {found}, but this slugline reads version {supported}: \
         retrain the model with this one"
    )]
    PastVersion {
        /// What the manifest says.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The manifest is malformed or inconsistent.
    #[error("the manifest is invalid ({reason}): restore the artefact or retrain the model")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// The weights file is shorter or longer than the manifest says.
    #[error(
        "the weights file has {found} bytes, but the manifest says {expected}: it was truncated or \
         belongs to another model; restore the artefact or retrain the model"
    )]
    WeightsSize {
        /// Its size.
        found: u64,
        /// The size in the manifest.
        expected: u64,
    },
    /// The weights file is not the one that the manifest describes.
    #[error(
        "the weights file does not match the SHA-256 in the manifest: it was altered or belongs to \
         another model; restore the artefact or retrain the model"
    )]
    WeightsChecksum,
    /// The weights file does not hold a valid model.
    #[error("the weights file is invalid ({reason}): restore the artefact or retrain the model")]
    Weights {
        /// What is wrong.
        reason: String,
    },
    /// The output directory holds a file that is not part of an artefact and would be lost.
    #[error(
        "{} contains {found:?}, which is not part of a model: name a new directory, or a model to \
         replace",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The name of the file.
        found: String,
    },
    /// The directory is not of the form `.../<name>/<version>`.
    #[error(
        "{} does not end in a model's name and version, such as models/mine/1: {reason}",
        path.display()
    )]
    Path {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: ModelIdError,
    },
}

impl From<ModelShapeError> for ArtifactError {
    fn from(error: ModelShapeError) -> Self {
        Self::Weights { reason: error.to_string() }
    }
}

impl From<VocabularyError> for ArtifactError {
    fn from(error: VocabularyError) -> Self {
        Self::Weights { reason: error.to_string() }
    }
}

impl From<TopicNameError> for ArtifactError {
    fn from(error: TopicNameError) -> Self {
        Self::Manifest { reason: error.to_string() }
    }
}
