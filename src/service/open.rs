//! Opens what a server works on: its models, its archive.

use std::path::PathBuf;
use std::sync::Arc;

use super::models::{ModelSet, ModelSource, OpenModelsError};
use crate::index::{
    ArchiveOptions, EmbeddedArchive, MemoryIndex, OpenArchiveError, SimilarityIndex,
};

/// Where the archive of articles lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveLocation {
    /// In memory: it ends with the process.
    Memory,
    /// In this directory.
    Directory(PathBuf),
}

impl ArchiveLocation {
    fn open(&self) -> Result<Arc<dyn SimilarityIndex>, OpenArchiveError> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryIndex::default())),
            Self::Directory(path) => {
                Ok(Arc::new(EmbeddedArchive::open(path, ArchiveOptions::default())?))
            }
        }
    }
}

/// Where a server finds what it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// Where the models lie.
    pub models: ModelSource,
    /// Where the archive lies.
    pub archive: ArchiveLocation,
}

/// What a server works on.
#[derive(Debug)]
pub struct Opened {
    /// The models.
    pub models: ModelSet,
    /// The archive.
    pub index: Arc<dyn SimilarityIndex>,
}

/// Why a server has nothing to work on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The models cannot be opened.
    #[error(transparent)]
    Models(#[from] OpenModelsError),
    /// The archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] OpenArchiveError),
}

impl Sources {
    /// Loads the models and opens the archive, which may take seconds.
    ///
    /// # Errors
    /// [`OpenError`] says which of them cannot be opened.
    pub fn open(&self) -> Result<Opened, OpenError> {
        Ok(Opened { models: ModelSet::open(&self.models)?, index: self.archive.open()? })
    }
}
