//! Encodes an artefact's files.

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};

use super::error::ArtifactError;
use super::read::{build, parse_manifest};
use crate::model::manifest::Manifest;

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
