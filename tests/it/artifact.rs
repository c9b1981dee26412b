//! The artefact on disk: what is written is read back, and nothing but a whole artefact is.

mod arbitrary;
mod refused;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use slugline::model::artifact::{
    ArtifactError, Draft, Encoded, WEIGHTS_FILE, encode, id_of_directory, parse, read, write,
};
use slugline::model::{Manifest, ModelIdError};

/// A manifest as it stands on disk, for the weights of [`tensors`].
fn manifest() -> Value {
    json!({
        "format_version": 5,
        "name": "mine",
        "version": 3,
        "language_code": "en",
        "recipe": {
            "kind": "multinomial",
            "estimates": [{"kind": "multinomial", "parameters": {"alpha": 0.03}}],
            "link_variance": null,
            "scale": 2.5, "seed": 1, "min_document_frequency": 2, "keep_terms": 60000
        },
        "trials": [],
        "link_trials": [],
        "labels": "single",
        "text": { "pairs": true, "numbers": "verbatim", "title_weight": 1 },
        "topics": [
            { "name": "business", "document_count": 3 },
            { "name": "sport", "document_count": 2 },
            { "name": "world", "document_count": 1 },
        ],
        "term_count": 2,
        "corpus": { "document_count": 6, "skipped_count": 0, "sha256": "00" },
        "metrics": null,
        "calibration": { "a": 1.0, "b": 1.0, "c": 0.0 },
        "decision": {
            "confident_probability": 0.9,
            "known_share": [{ "min_tokens": 1, "min_share": 0.25 }],
        },
        "weights": { "size_bytes": 0, "sha256": "" },
    })
}

/// Two terms and three topics.
fn draft() -> Draft {
    Draft {
        manifest: serde_json::from_value(manifest()).expect("a manifest"),
        terms: "goal\nlate goal\n".to_owned(),
        idf: vec![1.5, 2.0],
        weights: [-1.0, 2.0, -1.0, 0.25, 0.5, -0.75].map(f16::from_f32).to_vec(),
        bias: vec![0.5, -0.25, -0.25],
    }
}

fn encoded() -> Encoded {
    encode(draft()).expect("the tables fit")
}

/// A manifest that vouches for these weights, so that nothing but what is in them can be refused.
fn sealed(mut manifest: Value, weights: &[u8]) -> Vec<u8> {
    manifest["weights"] =
        json!({ "size_bytes": weights.len(), "sha256": hex::encode(Sha256::digest(weights)) });
    serde_json::to_vec(&manifest).expect("JSON")
}

/// A tensor: its type, its shape, its bytes.
type Tensor = (Dtype, Vec<usize>, Vec<u8>);

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn halves(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
}

/// The tensors of [`draft`], by name.
fn tensors() -> BTreeMap<&'static str, Tensor> {
    BTreeMap::from([
        ("terms", (Dtype::U8, vec![15], b"goal\nlate goal\n".to_vec())),
        ("idf", (Dtype::F32, vec![2], floats(&[1.5, 2.0]))),
        ("weights", (Dtype::F16, vec![2, 3], halves(&[-1.0, 2.0, -1.0, 0.25, 0.5, -0.75]))),
        ("bias", (Dtype::F32, vec![3], floats(&[0.5, -0.25, -0.25]))),
    ])
}

fn serialized(tensors: &BTreeMap<&'static str, Tensor>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).expect("bytes of that shape"))
    });
    safetensors::serialize(views, None).expect("tensors")
}

fn store(directory: &Path, encoded: &Encoded) -> Result<(), ArtifactError> {
    write(directory, &[(Manifest::FILE, &encoded.manifest), (WEIGHTS_FILE, &encoded.weights)])
}

/// What lies in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_back() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("models/mine/3");
    store(&directory, &encoded()).expect("a new directory, parents and all");
    let loaded = read(&directory).expect("a whole artefact");
    let mut expected = draft().manifest;
    expected.weights.clone_from(&loaded.manifest.weights);
    assert_eq!(loaded.manifest, expected);
    let model = &loaded.model;
    assert_eq!(
        model.topics().iter().map(|topic| topic.as_str()).collect::<Vec<_>>(),
        ["business", "sport", "world"]
    );
    assert_eq!(model.vocabulary().terms().collect::<Vec<_>>(), ["goal", "late goal"]);
    // Weight times idf.
    assert_eq!(model.term_weights(0), [-1.5, 3.0, -1.5]);
    assert_eq!(model.term_weights(1), [0.5, 1.0, -1.5]);
    assert_eq!(model.bias(), [0.5, -0.25, -0.25]);
    assert_eq!(model.text_options(), draft().manifest.text);
    assert_eq!(model.decision_rule(), &draft().manifest.decision);
}

#[test]
fn numbers_are_read_back_to_the_last_bit() {
    // The shortest decimal of each is the number's own, and takes a careful reader to come back to
    // it.
    for number in [0.999_231_360_491_929_3, 0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE] {
        let mut draft = draft();
        draft.manifest.decision.confident_probability = number;
        let Encoded { manifest, weights } = encode(draft).expect("the tables fit");
        let read = parse(&manifest, &weights)
            .expect("a whole artefact")
            .manifest
            .decision
            .confident_probability;
        assert_eq!(read.to_bits(), number.to_bits(), "{number} was read as {read}");
    }
}

#[test]
fn the_same_draft_gives_the_same_bytes() {
    assert_eq!(encoded(), encoded());
}

#[test]
fn a_file_of_weights_from_another_writer_is_read() {
    let weights = serialized(&tensors());
    assert!(parse(&sealed(manifest(), &weights), &weights).is_ok());
}

#[test]
fn a_draft_whose_tables_do_not_fit_is_not_encoded() {
    for draft in [
        Draft { idf: vec![1.0], ..draft() },
        Draft { weights: vec![f16::ONE; 5], ..draft() },
        Draft { bias: vec![0.0; 2], ..draft() },
        Draft { terms: "goal\n".to_owned(), ..draft() },
    ] {
        assert!(matches!(encode(draft), Err(ArtifactError::Weights { .. })));
    }
}

#[test]

fn a_directory_says_name_and_version_with_its_last_two_names() {
    for path in ["models/mine/1", "mine/1", "mine/1/", "./mine/1", "/mine/1", "a/../mine/1/."] {
        assert_eq!(
            id_of_directory(Path::new(path)).map(|id| id.to_string()).ok().as_deref(),
            Some("mine/1"),
            "{path}"
        );
    }
    for (path, expected) in [
        ("", ModelIdError::Name),
        ("/", ModelIdError::Name),
        ("1", ModelIdError::Name),
        ("/1", ModelIdError::Name),
        ("mine", ModelIdError::Name),
        ("Mine/1", ModelIdError::Name),
        ("my model/1", ModelIdError::Name),
        ("../1", ModelIdError::Name),
        ("models/mine", ModelIdError::Version),
        ("mine/0", ModelIdError::Version),
        ("mine/01", ModelIdError::Version),
        ("mine/v1", ModelIdError::Version),
        ("mine/1/..", ModelIdError::Version),
        ("mine/4294967296", ModelIdError::Version),
    ] {
        let error = id_of_directory(Path::new(path)).expect_err(path);
        let ArtifactError::Path { path: named, reason } = &error else {
            panic!("{path}: {error:?}")
        };
        assert_eq!((named.as_path(), *reason), (Path::new(path), expected));
        assert!(error.to_string().contains("such as models/mine/1"), "{error}");
    }
}
