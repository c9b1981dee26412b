//! Reads an artefact and checks every part of it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors};
use sha2::{Digest as _, Sha256};

use super::error::ArtifactError;
use super::file_names::WEIGHTS_FILE;
use crate::article::TopicName;
use crate::model::manifest::{Labels, Manifest, TopicRecord};
use crate::model::model_id::ModelId;
use crate::model::topic_model::{AnswerRule, ModelParts, TopicModel};
use crate::text::Vocabulary;

/// The size limit of a manifest, in bytes.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// The size limit of a weights file, in bytes.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// A model with its manifest.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    /// The manifest.
    pub manifest: Manifest,
    /// The model.
    pub model: TopicModel,
}

/// Takes name and version from a directory's last two components.
///
/// # Errors
/// [`ArtifactError::Path`] if they are not a name and a version.
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
/// [`ArtifactError`] for anything but a complete artefact in the format this program reads.
pub fn read(directory: &Path) -> Result<LoadedModel, ArtifactError> {
    let manifest =
        read_limited(&directory.join(Manifest::FILE), "the manifest", MAX_MANIFEST_BYTES)?;
    // First, because its errors are more precise than those of the weights.
    let manifest = parse_manifest(&manifest)?;
    let weights =
        read_limited(&directory.join(WEIGHTS_FILE), "the weights file", MAX_WEIGHTS_BYTES)?;
    assemble(manifest, &weights)
}

/// Reads an artefact from memory.
///
/// # Errors
/// [`ArtifactError`] for anything but a complete artefact in the format this program reads. No
/// bytes cause a panic.
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

pub(super) fn parse_manifest(bytes: &[u8]) -> Result<Manifest, ArtifactError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        format_version: u32,
    }
    let damaged = |error: serde_json::Error| ArtifactError::Manifest { reason: error.to_string() };
    let Versioned { format_version: found } = serde_json::from_slice(bytes).map_err(damaged)?;
    if found > Manifest::FORMAT_VERSION {
        return Err(ArtifactError::FutureVersion { found, supported: Manifest::FORMAT_VERSION });
    }
    if found == 0 {
        return Err(ArtifactError::Manifest {
            reason: "format_version must be at least 1, but is 0".to_owned(),
        });
    }
    if found < Manifest::FORMAT_VERSION {
        return Err(ArtifactError::PastVersion { found, supported: Manifest::FORMAT_VERSION });
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(damaged)?;
    ModelId::new(&manifest.name, &manifest.version.to_string())
        .map_err(|error| ArtifactError::Manifest { reason: error.to_string() })?;
    let rule = &manifest.decision;
    let mut shares =
        rule.known_share.iter().map(|step| step.min_share).chain([rule.confident_probability]);
    if !shares.all(|share| (0.0..=1.0).contains(&share)) {
        return Err(ArtifactError::Manifest {
            reason: "the thresholds of the decision are not all in [0, 1]".to_owned(),
        });
    }
    if !rule.known_share.is_sorted_by(|a, b| a.min_tokens < b.min_tokens) {
        return Err(ArtifactError::Manifest {
            reason: "known_share is not in ascending order of min_tokens".to_owned(),
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

/// Builds the model from weights that the manifest describes.
pub(super) fn build(manifest: Manifest, weights: &[u8]) -> Result<LoadedModel, ArtifactError> {
    let tensors = SafeTensors::deserialize(weights)
        .map_err(|error| ArtifactError::Weights { reason: error.to_string() })?;
    let (term_count, topic_count) = (manifest.term_count, manifest.topics.len());
    let terms = tensor(&tensors, "terms", Dtype::U8, None)?;
    let terms = std::str::from_utf8(terms).map_err(|error| ArtifactError::Weights {
        reason: format!("the terms are not valid UTF-8: {error}"),
    })?;
    let vocabulary = Vocabulary::new(terms.split_terminator('\n'))?;
    if vocabulary.len() != term_count {
        let reason =
            format!("it has {} terms, but the manifest says {term_count}", vocabulary.len());
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
    let model = TopicModel::new(ModelParts {
        text: manifest.text,
        topics,
        vocabulary,
        idf,
        weights: &weights,
        bias: &bias,
        rule,
    })?;
    Ok(LoadedModel { manifest, model })
}

/// The share of documents with each topic. Half a document with the topic and half a document
/// without it are added, so that shares lie above 0 and below 1.
fn shares(manifest: &Manifest) -> Vec<f64> {
    let all = manifest.corpus.document_count as f64 + 1.0;
    // A manifest may claim more documents with a topic than there are.
    let count =
        |topic: &TopicRecord| topic.document_count.min(manifest.corpus.document_count) as f64;
    manifest
        .topics
        .iter()
        .map(|topic| ((count(topic) + 0.5) / all).clamp(1e-9, 1.0 - 1e-9))
        .collect()
}

/// The bytes of a tensor. Without `shape`, any shape is accepted.
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
            reason: format!("tensor {name} has type {:?}, not {dtype:?}", view.dtype()),
        });
    }
    if let Some(shape) = shape.filter(|shape| view.shape() != *shape) {
        return Err(ArtifactError::Weights {
            reason: format!("tensor {name} has shape {:?}, not {shape:?}", view.shape()),
        });
    }
    Ok(view.data())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
