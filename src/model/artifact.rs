//! The artefact: a directory with `manifest.json` and `model.safetensors`, written all or nothing
//! and checked when read.

mod encode;
mod error;
mod file_names;
mod read;
mod store;

pub use encode::{Draft, Encoded, encode};
pub use error::ArtifactError;
pub use file_names::{DOCUMENTS_FILE, WEIGHTS_FILE};
pub use read::{LoadedModel, id_of_directory, parse, read};
pub use store::{WriteContent, check_replaceable, check_writable, write, write_with};
