//! The artefact: a directory with `manifest.json` and `model.safetensors`, written whole or not at
//! all, checked when read.

mod store;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest as _, Sha256};

use super::manifest::{Labels, Manifest, ModelIdError, TopicRecord};
use super::{AnswerRule, ModelId, ModelShapeError, TopicModel};
use crate::article::{TopicName, TopicNameError};
use crate::text::{Vocabulary, VocabularyError};

pub use store::{WriteContent, check_replaceable, check_writable, write, write_with};

/// The file of weights in an artefact's directory.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The file that learning goes on from: the documents as counts, which serving does not need.
pub const DOCUMENTS_FILE: &str = "documents.bags";
/// What earlier versions wrote in its place; it may be replaced.
const OLD_COUNTS_FILE: &str = "counts.safetensors";
/// The largest manifest that is read, in bytes.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// The largest file of weights that is read, in bytes.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// A model with what it says of itself.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    /// The manifest.
    pub manifest: Manifest,
    /// The model.
    pub model: TopicModel,
}

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
    #[error("{} does not end in a model's name and version, such as models/mine/1: {reason}", path.display())]
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

/// Takes name and version from a directory's last two components.
///
/// # Errors
/// [`ArtifactError::Path`] if they are none.
pub fn id_of_directory(directory: &Path) -> Result<ModelId, ArtifactError> {
    let last = |path: Option<&Path>| {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("").to_owned()
    };
    ModelId::new(&last(directory.parent()), &last(Some(directory)))
        .map_err(|reason| ArtifactError::Path { path: directory.to_owned(), reason })
}

/// Reads the artefact in a directory.
///
/// # Errors
/// [`ArtifactError`] for anything but a whole artefact of a format this program knows.
pub fn read(directory: &Path) -> Result<LoadedModel, ArtifactError> {
    let manifest =
        read_limited(&directory.join(Manifest::FILE), "the manifest", MAX_MANIFEST_BYTES)?;
    // The manifest first: it may say better what is wrong than the weights can.
    let manifest = parse_manifest(&manifest)?;
    let weights =
        read_limited(&directory.join(WEIGHTS_FILE), "the file of weights", MAX_WEIGHTS_BYTES)?;
    assemble(manifest, &weights)
}

/// Reads an artefact from memory.
///
/// # Errors
/// [`ArtifactError`] for anything but a whole artefact of a format this program knows; no bytes
/// make it panic.
pub fn parse(manifest: &[u8], weights: &[u8]) -> Result<LoadedModel, ArtifactError> {
    assemble(parse_manifest(manifest)?, weights)
}

fn read_limited(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let failed = |source| ArtifactError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > limit {
        return Err(ArtifactError::Oversized { what, size, limit });
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, ArtifactError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        format_version: u32,
    }
    let damaged = |error: serde_json::Error| ArtifactError::Manifest { reason: error.to_string() };
    let Versioned { format_version: found } = serde_json::from_slice(bytes).map_err(damaged)?;
    if found > Manifest::FORMAT_VERSION {
        return Err(ArtifactError::FutureVersion { found, known: Manifest::FORMAT_VERSION });
    }
    if found == 0 {
        return Err(ArtifactError::Manifest {
            reason: format!("there is no format version {found}"),
        });
    }
    if found < Manifest::FORMAT_VERSION {
        return Err(ArtifactError::PastVersion { found, known: Manifest::FORMAT_VERSION });
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(damaged)?;
    ModelId::new(&manifest.name, &manifest.version.to_string())
        .map_err(|error| ArtifactError::Manifest { reason: error.to_string() })?;
    let rule = &manifest.decision;
    let mut shares =
        rule.known_share.iter().map(|step| step.min_share).chain([rule.confident_probability]);
    if !shares.all(|share| (0.0..=1.0).contains(&share)) {
        return Err(ArtifactError::Manifest {
            reason: "the decision's thresholds are not in [0, 1]".to_owned(),
        });
    }
    if !rule.known_share.is_sorted_by(|a, b| a.min_tokens < b.min_tokens) {
        return Err(ArtifactError::Manifest {
            reason: "the decision's steps are not ascending".to_owned(),
        });
    }
    for topic in &manifest.topics {
        let fits = match (manifest.labels, topic.threshold) {
            (Labels::Single, threshold) => threshold.is_none(),
            (Labels::Multiple, threshold) => {
                threshold.is_some_and(|threshold| (0.0..=1.0).contains(&threshold))
            }
        };
        if !fits {
            let reason = format!(
                "the threshold of the topic {:?} does not fit a model of such labels",
                topic.name
            );
            return Err(ArtifactError::Manifest { reason });
        }
    }
    Ok(manifest)
}

fn assemble(manifest: Manifest, weights: &[u8]) -> Result<LoadedModel, ArtifactError> {
    let found = weights.len() as u64;
    if found != manifest.weights.size_bytes {
        return Err(ArtifactError::WeightsSize { found, expected: manifest.weights.size_bytes });
    }
    if hex::encode(Sha256::digest(weights)) != manifest.weights.sha256 {
        return Err(ArtifactError::WeightsChecksum);
    }
    build(manifest, weights)
}

/// The model of weights that are those of the manifest.
fn build(manifest: Manifest, weights: &[u8]) -> Result<LoadedModel, ArtifactError> {
    let tensors = SafeTensors::deserialize(weights)
        .map_err(|error| ArtifactError::Weights { reason: error.to_string() })?;
    let (term_count, topic_count) = (manifest.term_count, manifest.topics.len());
    let terms = tensor(&tensors, "terms", Dtype::U8, None)?;
    let terms = std::str::from_utf8(terms)
        .map_err(|error| ArtifactError::Weights { reason: format!("terms: {error}") })?;
    let vocabulary = Vocabulary::new(terms.split_terminator('\n'))?;
    if vocabulary.len() != term_count {
        let reason = format!("{} terms where the manifest says {term_count}", vocabulary.len());
        return Err(ArtifactError::Weights { reason });
    }
    let idf = floats(tensor(&tensors, "idf", Dtype::F32, Some(&[term_count]))?);
    let bias = floats(tensor(&tensors, "bias", Dtype::F32, Some(&[topic_count]))?);
    let weights: Vec<f16> =
        tensor(&tensors, "weights", Dtype::F16, Some(&[term_count, topic_count]))?
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&bytes| f16::from_le_bytes(bytes))
            .collect();
    let topics = manifest
        .topics
        .iter()
        .map(|topic| TopicName::new(&topic.name))
        .collect::<Result<_, _>>()?;
    let rule = AnswerRule {
        calibration: manifest.calibration,
        decision: manifest.decision.clone(),
        thresholds: manifest.topics.iter().filter_map(|topic| topic.threshold).collect(),
        shares: shares(&manifest),
    };
    let model = TopicModel::new(manifest.text, topics, vocabulary, idf, &weights, &bias, rule)?;
    Ok(LoadedModel { manifest, model })
}

/// The share of documents that carry each topic; half a document more, and half a one without it,
/// keep it above 0 and below 1.
fn shares(manifest: &Manifest) -> Vec<f64> {
    let all = manifest.corpus.document_count as f64 + 1.0;
    // A manifest may say anything.
    let count =
        |topic: &TopicRecord| topic.document_count.min(manifest.corpus.document_count) as f64;
    manifest
        .topics
        .iter()
        .map(|topic| ((count(topic) + 0.5) / all).clamp(1e-9, 1.0 - 1e-9))
        .collect()
}

/// The bytes of a tensor; a shape of None may be any.
fn tensor<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    shape: Option<&[usize]>,
) -> Result<&'a [u8], ArtifactError> {
    let view = tensors
        .tensor(name)
        .map_err(|error| ArtifactError::Weights { reason: error.to_string() })?;
    if view.dtype() != dtype {
        return Err(ArtifactError::Weights {
            reason: format!("{name} is of type {:?}, not {dtype:?}", view.dtype()),
        });
    }
    if let Some(shape) = shape.filter(|shape| view.shape() != *shape) {
        return Err(ArtifactError::Weights {
            reason: format!("{name} has the shape {:?}, not {shape:?}", view.shape()),
        });
    }
    Ok(view.data())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// The parts of an artefact, before its manifest can say what the weights' checksum is.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The manifest, but for [`Manifest::weights`].
    pub manifest: Manifest,
    /// The terms, in the order of their rows, each with a line feed behind it.
    pub terms: String,
    /// Inverse document frequency by term.
    pub idf: Vec<f32>,
    /// A row a term, a column a topic.
    pub weights: Vec<f16>,
    /// By topic.
    pub bias: Vec<f32>,
}

/// What [`encode`] makes: the bytes of the two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Of `manifest.json`.
    pub manifest: Vec<u8>,
    /// Of `model.safetensors`.
    pub weights: Vec<u8>,
}

/// Encodes an artefact. The same draft gives the same bytes.
///
/// # Errors
/// [`ArtifactError::Weights`] if the sizes of the tables do not fit each other.
pub fn encode(mut draft: Draft) -> Result<Encoded, ArtifactError> {
    let idf = little_endian(&draft.idf, |value| value.to_le_bytes());
    let bias = little_endian(&draft.bias, |value| value.to_le_bytes());
    let weights = little_endian(&draft.weights, |value| value.to_le_bytes());
    let is_ended = draft.terms.is_empty() || draft.terms.ends_with('\n');
    let term_count =
        draft.terms.bytes().filter(|&byte| byte == b'\n').count() + usize::from(!is_ended);
    let topic_count = draft.bias.len();
    let view = |dtype, shape: Vec<usize>, data| {
        TensorView::new(dtype, shape, data)
            .map_err(|error| ArtifactError::Weights { reason: error.to_string() })
    };
    let tensors = [
        ("terms", view(Dtype::U8, vec![draft.terms.len()], draft.terms.as_bytes())?),
        ("idf", view(Dtype::F32, vec![term_count], &idf)?),
        ("weights", view(Dtype::F16, vec![term_count, topic_count], &weights)?),
        ("bias", view(Dtype::F32, vec![topic_count], &bias)?),
    ];
    let weights = safetensors::serialize(tensors, None)
        .map_err(|error| ArtifactError::Weights { reason: error.to_string() })?;
    draft.manifest.weights.size_bytes = weights.len() as u64;
    draft.manifest.weights.sha256 = hex::encode(Sha256::digest(&weights));
    let mut manifest = serde_json::to_vec_pretty(&draft.manifest)
        .map_err(|error| ArtifactError::Manifest { reason: error.to_string() })?;
    manifest.push(b'\n');
    Ok(Encoded { manifest, weights })
}

impl Encoded {
    /// The manifest as it will be read.
    ///
    /// # Errors
    /// If it is not what it should be.
    pub fn read_manifest(&self) -> Result<Manifest, ArtifactError> {
        parse_manifest(&self.manifest)
    }

    /// Whether these bytes can be read: so that no model is stored that cannot be used. (But for
    /// the checksum, which [`encode`] took of them.)
    ///
    /// # Errors
    /// As those of [`parse`].
    pub fn check(&self) -> Result<(), ArtifactError> {
        build(self.read_manifest()?, &self.weights).map(|_| ())
    }
}

/// The bytes of numbers, one behind the other.
fn little_endian<T: Copy, const N: usize>(
    numbers: &[T],
    bytes_of: impl Fn(T) -> [u8; N],
) -> Vec<u8> {
    let mut bytes = vec![0; numbers.len() * N];
    bytes
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(numbers)
        .for_each(|(bytes, &number)| *bytes = bytes_of(number));
    bytes
}
