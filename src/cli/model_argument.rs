//! The model that an argument names.

use std::path::Path;

use anyhow::Context as _;

use crate::model::{LoadedModel, artifact};
use crate::service::embedded_model;

/// Reads the artefact in a directory. Where no file has that name, `news` and `news/2` name the
/// model in the binary.
pub(super) fn read_model(directory: &Path) -> anyhow::Result<LoadedModel> {
    if !directory.exists()
        && let Some(embedded) = directory.to_str().and_then(embedded_model)
    {
        return embedded.context("cannot load the model in the binary");
    }
    artifact::read(directory)
        .with_context(|| format!("cannot load the model in {}", directory.display()))
}
