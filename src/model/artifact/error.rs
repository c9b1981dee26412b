//! What can be wrong with an artefact.

use std::io;
use std::path::PathBuf;

use crate::article::TopicNameError;
use crate::model::model_id::ModelIdError;
use crate::model::topic_model::ModelShapeError;
use crate::text::VocabularyError;

/// Why an artefact was refused or could not be written. Each says what to do where there is
/// something to do.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file larger than any that is read.
    #[error(
        "{what} has {size} bytes, more than the {limit} that are read: it is no model of this \
         program"
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
        "the model has format version {found}, and this program reads version {known}: use a newer \
         slugline, or train the model again with this one"
    )]
    FutureVersion {
        /// What the manifest says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// Written by an earlier version.
    #[error(
        "the model has format version {found}, and this program reads version {known}: train the \
         model again with this one"
    )]
    PastVersion {
        /// What the manifest says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// The manifest is not what it should be.
    #[error("the manifest is damaged ({reason}): restore the artefact or train the model again")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// The weights are shorter or longer than the manifest says.
    #[error(
        "the file of weights has {found} bytes where the manifest says {expected}: it was cut \
         short or belongs to another manifest; restore the artefact or train the model again"
    )]
    WeightsSize {
        /// Its size.
        found: u64,
        /// The size in the manifest.
        expected: u64,
    },
    /// The weights are not those the manifest names.
    #[error(
        "the file of weights does not have the SHA-256 that the manifest says: it was altered or \
         belongs to another manifest; restore the artefact or train the model again"
    )]
    WeightsChecksum,
    /// The weights have the right checksum and yet make no model.
    #[error(
        "the file of weights holds no model ({reason}): restore the artefact or train the model \
         again"
    )]
    Weights {
        /// What is wrong.
        reason: String,
    },
    /// The output directory holds what is no artefact, and would be lost.
    #[error("{} holds {found:?}, which is no file of a model: name a directory that is free, or a \
             model to replace", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The output directory is not of the form `.../<name>/<version>`.
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
