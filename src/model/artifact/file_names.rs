//! The files in an artefact's directory, besides [`Manifest::FILE`].
//!
//! [`Manifest::FILE`]: crate::model::Manifest::FILE

/// The weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The training documents as counts, from which training continues; serving does not need it.
pub const DOCUMENTS_FILE: &str = "documents.bags";
/// What earlier versions wrote instead of [`DOCUMENTS_FILE`].
pub(super) const OLD_COUNTS_FILE: &str = "counts.safetensors";
