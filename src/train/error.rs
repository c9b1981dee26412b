//! Why training failed.

use std::io;

use super::documents::DocumentsError;
use crate::corpus::CorpusError;
use crate::model::artifact::ArtifactError;

/// Why training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// An option out of its range.
    #[error("{0}")]
    Option(String),
    /// The corpus could not be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The corpus has no document.
    #[error("the corpus holds no document")]
    EmptyCorpus,
    /// No document has a topic.
    #[error(
        "no document of the corpus has a topic: there is nothing to learn from (--topics-field \
         names the field that holds topics)"
    )]
    NoTopic,
    /// The corpus has a single topic.
    #[error("the corpus has one topic only ({0:?}): a model needs at least two to tell apart")]
    OneTopic(String),
    /// No term occurs in this many documents.
    #[error("{}", no_terms(*.0))]
    NoTerms(u32),
    /// Training cannot resume from a model.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// A temporary file could not be written or read.
    #[error("cannot use a temporary file for the training's working data")]
    Spool(#[from] io::Error),
    /// The threads could not be started.
    #[error("cannot start the threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The estimator failed.
    #[error("the estimator failed: {0}")]
    Estimator(String),
    /// The artefact could not be assembled.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

fn no_terms(least: u32) -> String {
    match least {
        0 | 1 => "no document of the corpus holds a word".to_owned(),
        _ => {
            format!("no term occurs in {least} documents or more: add documents, or lower --min-df")
        }
    }
}
