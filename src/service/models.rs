//! The set of models that the server has, loaded and swapped as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::error::ServiceError;
use super::violation::FieldViolation;
use crate::model::{ArtifactError, LoadedModel, Manifest, ModelId, artifact};

/// The files of the model that is embedded in the binary.
struct EmbeddedModel {
    manifest: &'static [u8],
    weights: &'static [u8],
}

/// None in a binary built before the default model was first trained.
const EMBEDDED: Option<EmbeddedModel> = include!(concat!(env!("OUT_DIR"), "/embedded_model.rs"));

/// The model that is embedded in the binary, if `name` names it: "news", or "news/2".
pub fn embedded_model(name: &str) -> Option<Result<LoadedModel, ArtifactError>> {
    let EmbeddedModel { manifest, weights } = EMBEDDED?;
    match artifact::parse(manifest, weights) {
        Ok(loaded) if loaded.manifest.name == name || loaded.manifest.id().to_string() == name => {
            Some(Ok(loaded))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Where models come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSource {
    /// The directory that holds `NAME/VERSION/`; None for the embedded model alone.
    pub directory: Option<PathBuf>,
    /// "news" for the newest version of it, "news/1" for that version.
    pub default_model: String,
}

/// Why the models cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenModelsError {
    /// The directory could not be listed.
    #[error("cannot list the models in {}", path.display())]
    List {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The default model does not exist.
    #[error("default model {name:?} not found; available: {available}")]
    DefaultNotFound {
        /// The name asked for.
        name: String,
        /// The models found.
        available: String,
    },
    /// The default model has a directory, but no version in it.
    #[error(
        "default model {name:?} not found: {} has no version; expected {}, as training with \
         --output {} writes it",
        path.display(),
        path.join("1").join(Manifest::FILE).display(),
        path.join("1").display()
    )]
    NoVersion {
        /// The name asked for.
        name: String,
        /// The directory of its versions.
        path: PathBuf,
    },
    /// The default model could not be loaded.
    #[error("cannot load the default model {id}")]
    DefaultFailed {
        /// Its name and version.
        id: ModelId,
        /// Why.
        source: Arc<ArtifactError>,
    },
}

/// Whether a model can be used.
#[derive(Debug, Clone)]
pub enum ModelState {
    /// It can be used.
    Serving(Arc<LoadedModel>),
    /// It could not be loaded, for this reason.
    Failed(Arc<ArtifactError>),
}

/// A version of a model.
#[derive(Debug, Clone)]
pub struct ModelEntry {
    /// Its name and version.
    pub id: ModelId,
    /// Written "news/1", shared by all answers.
    pub label: Arc<str>,
    /// Whether it can be used.
    pub state: ModelState,
}

impl ModelEntry {
    /// The place of a topic among those of the model, counted from 0. `field` of the request names
    /// it.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a topic that the model does not have,
    /// [`ServiceError::ModelFailed`] if the model could not be loaded.
    pub(super) fn find_topic(&self, name: &str, field: &str) -> Result<usize, ServiceError> {
        let topics = self.loaded()?.model.topics();
        topics.binary_search_by(|topic| topic.as_str().cmp(name)).map_err(|_| {
            let description = format!(
                "model {} has no topic {name:?}; GetModel and `slugline model show` list its \
                 topics",
                self.label
            );
            let violation = FieldViolation::new(field, "UNKNOWN_TOPIC", description);
            FieldViolation { values: vec![("topic", name.to_owned())], ..violation }.into()
        })
    }

    /// The model itself.
    ///
    /// # Errors
    /// [`ServiceError::ModelFailed`] if it could not be loaded.
    pub(super) fn loaded(&self) -> Result<&LoadedModel, ServiceError> {
        match &self.state {
            ModelState::Serving(loaded) => Ok(loaded),
            ModelState::Failed(error) => Err(ServiceError::ModelFailed {
                name: self.label.to_string(),
                reason: error.to_string(),
            }),
        }
    }
}

/// All models at one moment.
#[derive(Debug)]
pub struct ModelSet {
    /// By name, then by descending version.
    entries: Vec<ModelEntry>,
    default: usize,
}

impl ModelSet {
    /// Loads every model in the source, and the embedded one unless the directory has one of its
    /// name.
    ///
    /// # Errors
    /// [`OpenModelsError`] if the directory cannot be listed, or the default model is missing or
    /// cannot be loaded. Any other model that cannot be loaded is part of the set, as failed.
    pub fn open(source: &ModelSource) -> Result<Self, OpenModelsError> {
        let mut found: BTreeMap<ModelId, ModelState> = BTreeMap::new();
        if let Some(directory) = &source.directory {
            for (id, path) in list(directory)
                .map_err(|error| OpenModelsError::List { path: directory.clone(), source: error })?
            {
                found.insert(id, state(artifact::read(&path)));
            }
        }
        if let Some(EmbeddedModel { manifest, weights }) = EMBEDDED {
            match artifact::parse(manifest, weights) {
                Ok(loaded) if found.keys().any(|id| id.name == loaded.manifest.name) => {}
                Ok(loaded) => {
                    found.insert(loaded.manifest.id(), ModelState::Serving(Arc::new(loaded)));
                }
                Err(error) => {
                    let id = ModelId { name: "embedded".to_owned(), version: 1 };
                    found.insert(id, ModelState::Failed(Arc::new(error)));
                }
            }
        }
        Self::of(found, &source.default_model).map_err(|error| match error {
            OpenModelsError::DefaultNotFound { name, .. }
                if let Some(path) = without_version(source, &name) =>
            {
                OpenModelsError::NoVersion { name, path }
            }
            error => error,
        })
    }

    fn of(
        found: BTreeMap<ModelId, ModelState>,
        default_model: &str,
    ) -> Result<Self, OpenModelsError> {
        let mut entries: Vec<ModelEntry> = found
            .into_iter()
            .map(|(id, state)| ModelEntry { label: id.to_string().into(), id, state })
            .collect();
        entries.sort_by(|a, b| a.id.name.cmp(&b.id.name).then(b.id.version.cmp(&a.id.version)));
        let Some(default) = position(&entries, default_model) else {
            let labels: Vec<&str> = entries.iter().map(|entry| &*entry.label).collect();
            let available = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
            return Err(OpenModelsError::DefaultNotFound {
                name: default_model.to_owned(),
                available,
            });
        };
        match &entries[default].state {
            ModelState::Failed(error) => Err(OpenModelsError::DefaultFailed {
                id: entries[default].id.clone(),
                source: Arc::clone(error),
            }),
            ModelState::Serving(_) => Ok(Self { entries, default }),
        }
    }

    /// All models, by name, the newest version first.
    pub fn entries(&self) -> &[ModelEntry] {
        &self.entries
    }

    /// The model for requests that name none.
    pub fn default_entry(&self) -> &ModelEntry {
        &self.entries[self.default]
    }

    /// How many models can be used.
    pub fn serving_count(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.state, ModelState::Serving(_))).count()
    }

    /// The model of a request's field: "" is the default, "news" the newest version that can be
    /// used (or else the newest), "news/1" that version.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a malformed name, [`ServiceError::ModelNotFound`] for a model
    /// that does not exist.
    pub fn find(&self, name: &str, field: &str) -> Result<&ModelEntry, ServiceError> {
        if name.is_empty() {
            return Ok(self.default_entry());
        }
        let well_formed = if name.contains('/') {
            name.parse::<ModelId>().map(|_| ())
        } else {
            ModelId::check_name(name)
        };
        if let Err(error) = well_formed {
            return Err(ServiceError::invalid(field, "INVALID_MODEL_NAME", error.to_string()));
        }
        position(&self.entries, name)
            .map(|index| &self.entries[index])
            .ok_or_else(|| ServiceError::ModelNotFound { name: name.to_owned() })
    }

    /// The model of a request's field `model`, if it can be used.
    ///
    /// # Errors
    /// As [`Self::find`]; [`ServiceError::ModelFailed`] if it could not be loaded.
    pub fn find_serving(&self, name: &str) -> Result<&ModelEntry, ServiceError> {
        let entry = self.find(name, "model")?;
        entry.loaded().map(|_| entry)
    }
}

fn position(entries: &[ModelEntry], name: &str) -> Option<usize> {
    if name.contains('/') {
        return entries.iter().position(|entry| &*entry.label == name);
    }
    let serving =
        |entry: &ModelEntry| entry.id.name == name && matches!(entry.state, ModelState::Serving(_));
    entries
        .iter()
        .position(serving)
        .or_else(|| entries.iter().position(|entry| entry.id.name == name))
}

fn state(outcome: Result<LoadedModel, ArtifactError>) -> ModelState {
    match outcome {
        Ok(loaded) => ModelState::Serving(Arc::new(loaded)),
        Err(error) => ModelState::Failed(Arc::new(error)),
    }
}

/// The directory of a model's versions that holds none.
fn without_version(source: &ModelSource, model: &str) -> Option<PathBuf> {
    let name = model.split('/').next()?;
    ModelId::check_name(name).ok()?;
    let directory = source.directory.as_ref()?;
    let has_version = list(directory).ok()?.iter().any(|(id, _)| id.name == name);
    let path = directory.join(name);
    (!has_version && path.is_dir()).then_some(path)
}

/// The directories `NAME/VERSION` that hold a manifest; any other name is ignored.
fn list(directory: &Path) -> io::Result<Vec<(ModelId, PathBuf)>> {
    let mut found = Vec::new();
    for name in fs::read_dir(directory)? {
        let name = name?.path();
        if !name.is_dir() {
            continue;
        }
        for version in fs::read_dir(&name)? {
            let path = version?.path();
            if let Ok(id) = artifact::id_of_directory(&path)
                && path.join(Manifest::FILE).is_file()
            {
                found.push((id, path));
            }
        }
    }
    Ok(found)
}

/// The server's current set of models: none until one is published, then swapped whole. A request
/// keeps the set it started with.
#[derive(Debug, Default)]
pub struct Models {
    current: ArcSwap<Option<ModelSet>>,
}

impl Models {
    /// Makes a set the current one.
    pub fn publish(&self, set: ModelSet) {
        self.current.store(Arc::new(Some(set)));
    }

    /// The current set; None while nothing is loaded.
    pub fn current(&self) -> Arc<Option<ModelSet>> {
        self.current.load_full()
    }

    /// Calls `use_set` with the current set.
    ///
    /// # Errors
    /// [`ServiceError::NotReady`] while nothing is loaded; else what `use_set` returns.
    pub fn with<T>(
        &self,
        use_set: impl FnOnce(&ModelSet) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        match &**self.current.load() {
            Some(set) => use_set(set),
            None => Err(ServiceError::NotReady),
        }
    }
}
