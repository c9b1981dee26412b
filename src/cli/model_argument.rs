//! The model that an argument names.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::model::{LoadedModel, Manifest, artifact};
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
        .map_err(|error| match advice(directory) {
            Some(advice) => anyhow!("{error:#}; {advice}"),
            None => error,
        })
}

/// What to name instead of a directory without a manifest.
fn advice(directory: &Path) -> Option<String> {
    if !directory.is_dir() || directory.join(Manifest::FILE).exists() {
        return None;
    }
    let versions: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(Manifest::FILE).is_file())
        .collect();
    // The newest version.
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    Some(
        match versions.iter().filter(|path| number(path).is_some()).max_by_key(|path| number(path))
        {
            Some(newest) => format!("name a version, such as {}", newest.display()),
            None => "expected the directory of a version, such as models/mine/1".to_owned(),
        },
    )
}
