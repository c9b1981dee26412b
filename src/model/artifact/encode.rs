//! Encodes an artefact's files.

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};

use super::error::ArtifactError;
use super::read::{build, parse_manifest};
use crate::model::manifest::Manifest;

/// The parts of an artefact before the checksum of its weights is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The manifest without [`Manifest::weights`], which [`encode`] fills in.
    pub manifest: Manifest,
    /// The terms in the order of their rows, each followed by a line feed.
    pub terms: String,
    /// Inverse document frequency by term.
    pub idf: Vec<f32>,
    /// One row per term, one column per topic.
    pub weights: Vec<f16>,
    /// By topic.
    pub bias: Vec<f32>,
}

/// The bytes of an artefact's two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `manifest.json`.
    pub manifest: Vec<u8>,
    /// `model.safetensors`.
    pub weights: Vec<u8>,
}

/// Encodes an artefact. The same draft gives the same bytes.
///
/// # Errors
/// [`ArtifactError::Weights`] if the sizes of the tables do not match.
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
    /// Parses the manifest.
    ///
    /// # Errors
    /// As [`parse`](super::read::parse) for a manifest.
    pub fn read_manifest(&self) -> Result<Manifest, ArtifactError> {
        parse_manifest(&self.manifest)
    }

    /// Checks that these bytes can be read, so that only usable models are stored. The checksum is
    /// skipped: [`encode`] has just computed it.
    ///
    /// # Errors
    /// As [`parse`](super::read::parse).
    pub fn check(&self) -> Result<(), ArtifactError> {
        build(self.read_manifest()?, &self.weights).map(|_| ())
    }
}

/// The bytes of the numbers, concatenated.
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
