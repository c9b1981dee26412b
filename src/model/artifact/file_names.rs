//! The files in an artefact's directory, besides [`Manifest::FILE`].
//!
//! [`Manifest::FILE`]: crate::model::Manifest::FILE

/// The file of weights in an artefact's directory.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The file that learning goes on from: the documents as counts, which serving does not need.
pub const DOCUMENTS_FILE: &str = "documents.bags";
/// What earlier versions wrote in its place; it may be replaced.
pub(super) const OLD_COUNTS_FILE: &str = "counts.safetensors";
