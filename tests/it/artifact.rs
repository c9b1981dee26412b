//! The artefact on disk: what is written is read back, and nothing but a whole artefact is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use half::f16;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use slugline::article::ArticleText;
use slugline::model::artifact::{
    ArtifactError, Draft, Encoded, WEIGHTS_FILE, encode, hexadecimal, id_of_directory, parse, read, write,
};
use slugline::model::{Manifest, ModelIdError, Scorer};

/// A manifest as it stands on disk, for the weights of [`tensors`].
fn manifest() -> Value {
    json!({
        "format_version": 1,
        "name": "mine",
        "version": 3,
        "language_code": "en",
        "recipe": {
            "kind": "multinomial", "multinomial_alpha": 0.03, "complement_alpha": null, "link_variance": null,
            "scale": 2.5, "seed": 1, "min_document_frequency": 2, "keep_terms": 60000
        },
        "text": { "pairs": true, "numbers": "verbatim", "title_weight": 1 },
        "topics": [
            { "name": "business", "document_count": 3 },
            { "name": "sport", "document_count": 2 },
            { "name": "world", "document_count": 1 },
        ],
        "term_count": 2,
        "corpus": { "document_count": 6, "skipped_count": 0, "sha256": "00" },
        "metrics": null,
        "decision": { "confident_probability": 0.9, "min_known_share": 0.25 },
        "weights": { "size_bytes": 0, "sha256": "" },
    })
}

/// Two terms and three topics.
fn draft() -> Draft {
    Draft {
        manifest: serde_json::from_value(manifest()).expect("a manifest"),
        terms: vec!["goal".to_owned(), "late goal".to_owned()],
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
    manifest["weights"] = json!({ "size_bytes": weights.len(), "sha256": hexadecimal(&Sha256::digest(weights)) });
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

/// What is said of the weights when one tensor is another one (or, for None, is not there).
fn with_tensor(name: &'static str, tensor: Option<Tensor>) -> Result<(), ArtifactError> {
    let mut tensors = tensors();
    tensors.remove(name).expect("a tensor of the model");
    tensors.extend(tensor.map(|tensor| (name, tensor)));
    let weights = serialized(&tensors);
    parse(&sealed(manifest(), &weights), &weights).map(|_| ())
}

/// What is said of a manifest that another value stands in, at a path such as "/topics/0/name".
fn with_field(path: &str, value: Value) -> Result<(), ArtifactError> {
    let weights = serialized(&tensors());
    let mut manifest = manifest();
    *manifest.pointer_mut(path).expect("a field of the manifest") = value;
    parse(&sealed(manifest, &weights), &weights).map(|_| ())
}

#[track_caller]
fn assert_weights_refused(outcome: &Result<(), ArtifactError>, case: &str) {
    assert!(matches!(outcome, Err(ArtifactError::Weights { .. })), "{case}: {outcome:?}");
}

#[track_caller]
fn assert_manifest_refused(outcome: &Result<(), ArtifactError>, case: &str) {
    assert!(matches!(outcome, Err(ArtifactError::Manifest { .. })), "{case}: {outcome:?}");
}

fn store(directory: &Path, encoded: &Encoded) -> Result<(), ArtifactError> {
    write(directory, &[(Manifest::FILE, &encoded.manifest), (WEIGHTS_FILE, &encoded.weights)])
}

/// What lies in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned()).collect();
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
    assert_eq!(model.topics().iter().map(|topic| topic.as_str()).collect::<Vec<_>>(), ["business", "sport", "world"]);
    assert_eq!(model.vocabulary().terms().collect::<Vec<_>>(), ["goal", "late goal"]);
    // Weight times idf.
    assert_eq!(model.term_weights(0), [-1.5, 3.0, -1.5]);
    assert_eq!(model.term_weights(1), [0.5, 1.0, -1.5]);
    assert_eq!(model.bias(), [0.5, -0.25, -0.25]);
    assert_eq!(model.text_options(), draft().manifest.text);
    assert_eq!(model.decision_rule(), draft().manifest.decision);
}

#[test]
fn numbers_are_read_back_to_the_last_bit() {
    // The shortest decimal of each is the number's own, and takes a careful reader to come back to it.
    for number in [0.999_231_360_491_929_3, 0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE] {
        let mut draft = draft();
        draft.manifest.decision.confident_probability = number;
        let Encoded { manifest, weights } = encode(draft).expect("the tables fit");
        let read = parse(&manifest, &weights).expect("a whole artefact").manifest.decision.confident_probability;
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
        Draft { terms: vec!["goal".to_owned()], ..draft() },
    ] {
        assert!(matches!(encode(draft), Err(ArtifactError::Weights { .. })));
    }
}

#[test]
fn a_file_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let Encoded { manifest, weights } = encoded();
    for length in 0..weights.len() {
        let outcome = parse(&manifest, &weights[..length]);
        assert!(matches!(outcome, Err(ArtifactError::WeightsSize { .. })), "weights of {length} bytes: {outcome:?}");
    }
    // All but the final line break: a manifest is whole without it.
    for length in 0..manifest.len() - 1 {
        let outcome = parse(&manifest[..length], &weights);
        assert!(matches!(outcome, Err(ArtifactError::Manifest { .. })), "a manifest of {length} bytes: {outcome:?}");
    }
}

#[test]
fn weights_cut_short_before_they_were_vouched_for_are_refused() {
    let weights = encoded().weights;
    for length in 0..weights.len() {
        let cut = &weights[..length];
        assert_weights_refused(&parse(&sealed(manifest(), cut), cut).map(|_| ()), &format!("{length} bytes"));
    }
}

#[test]
fn any_flipped_bit_of_the_weights_is_noticed() {
    let Encoded { manifest, mut weights } = encoded();
    for place in 0..weights.len() {
        for bit in [0, 3, 7] {
            weights[place] ^= 1 << bit;
            let outcome = parse(&manifest, &weights);
            assert!(matches!(outcome, Err(ArtifactError::WeightsChecksum)), "byte {place}, bit {bit}: {outcome:?}");
            weights[place] ^= 1 << bit;
        }
    }
}

/// The manifest is a text for people, without a checksum of its own: another digit in it makes another manifest. What must not
/// be is that such a change goes unseen or brings the program down.
#[test]
fn a_flipped_bit_of_the_manifest_is_refused_or_seen_and_never_panics() {
    let Encoded { mut manifest, weights } = encoded();
    let original = parse(&manifest, &weights).expect("a whole artefact").manifest;
    let is_blank = |byte: u8| byte.is_ascii_whitespace();
    for place in 0..manifest.len() {
        for bit in 0..8 {
            let before = manifest[place];
            manifest[place] ^= 1 << bit;
            let outcome = catch_unwind(|| parse(&manifest, &weights)).expect("no panic");
            if let Ok(loaded) = outcome {
                let is_seen = loaded.manifest != original || (is_blank(before) && is_blank(manifest[place]));
                assert!(is_seen, "byte {place}, bit {bit} of {before:?}");
            }
            manifest[place] = before;
        }
    }
}

#[test]
fn weights_of_another_model_are_refused() {
    let Encoded { manifest, .. } = encoded();
    let same_size = encode(Draft { bias: vec![0.0, 0.5, -0.5], ..draft() }).expect("the tables fit");
    assert!(matches!(parse(&manifest, &same_size.weights), Err(ArtifactError::WeightsChecksum)));
    let terms = vec!["goal".to_owned(), "later goal".to_owned()];
    let longer = encode(Draft { terms, ..draft() }).expect("the tables fit");
    assert!(matches!(parse(&manifest, &longer.weights), Err(ArtifactError::WeightsSize { .. })));
}

#[test]
fn a_later_format_is_refused_with_what_to_do() {
    // Whatever else a later format may say.
    for manifest in [json!({ "format_version": 2, "shards": [] }), json!({ "format_version": 4_294_967_295u32 })] {
        let error = parse(manifest.to_string().as_bytes(), &[]).expect_err("a later format");
        assert!(matches!(error, ArtifactError::FutureVersion { known: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("use a newer slugline"), "{error}");
    }
}

#[test]
fn a_format_that_never_was_is_refused() {
    for version in [json!(0), json!(-1), json!(1.5), json!("1"), json!(null), json!(4_294_967_296u64)] {
        assert_manifest_refused(&with_field("/format_version", version.clone()), &version.to_string());
    }
}

#[test]
fn files_too_large_to_be_a_model_are_not_read() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    store(&directory, &encoded()).expect("an artefact");
    let grow = |name: &str, size: u64| {
        let file = File::options().write(true).open(directory.join(name)).expect("a file of the artefact");
        // A hole: it takes no room on the disk.
        file.set_len(size).expect("a larger file");
        read(&directory).map(|_| ())
    };
    #[cfg(unix)]
    {
        let outcome = grow(WEIGHTS_FILE, (4 << 30) + 1);
        assert!(matches!(outcome, Err(ArtifactError::Oversized { limit: 4_294_967_296, .. })), "{outcome:?}");
    }
    let outcome = grow(Manifest::FILE, 17 << 20);
    assert!(matches!(outcome, Err(ArtifactError::Oversized { size: 17_825_792, .. })), "{outcome:?}");
    assert!(outcome.expect_err("too large").to_string().contains("17825792 bytes"));
}

#[test]
fn a_missing_file_is_named() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    for name in [Manifest::FILE, WEIGHTS_FILE] {
        store(&directory, &encoded()).expect("an artefact");
        let path = directory.join(name);
        fs::remove_file(&path).expect("a file of the artefact");
        let error = read(&directory).expect_err("a file is missing");
        assert!(matches!(&error, ArtifactError::Read { path: named, .. } if *named == path), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn missing_tensors_and_those_of_another_type_are_refused() {
    for (name, (_, shape, _)) in tensors() {
        assert_weights_refused(&with_tensor(name, None), &format!("no {name}"));
        let count: usize = shape.iter().product();
        let other = (Dtype::F64, shape, vec![0; 8 * count]);
        assert_weights_refused(&with_tensor(name, Some(other)), &format!("{name} of doubles"));
    }
    // The right number of bytes, of another type.
    let bits = (Dtype::BF16, vec![2, 3], halves(&[0.0; 6]));
    assert_weights_refused(&with_tensor("weights", Some(bits)), "weights in bfloat16");
}

#[test]
fn tensors_of_the_wrong_length_are_refused() {
    for (name, tensor) in [
        ("idf", (Dtype::F32, vec![1], floats(&[1.0]))),
        ("idf", (Dtype::F32, vec![3], floats(&[1.0; 3]))),
        ("idf", (Dtype::F32, vec![0], Vec::new())),
        ("bias", (Dtype::F32, vec![2], floats(&[0.0; 2]))),
        ("bias", (Dtype::F32, vec![4], floats(&[0.0; 4]))),
        ("weights", (Dtype::F16, vec![2, 2], halves(&[0.0; 4]))),
        ("weights", (Dtype::F16, vec![3, 3], halves(&[0.0; 9]))),
        ("terms", (Dtype::U8, vec![5], b"goal\n".to_vec())),
        ("terms", (Dtype::U8, vec![0], Vec::new())),
    ] {
        let case = format!("{name} of shape {:?}", tensor.1);
        assert_weights_refused(&with_tensor(name, Some(tensor)), &case);
    }
}

#[test]
fn tensors_of_another_shape_are_refused_though_their_length_is_right() {
    // A row a topic and a column a term, above all: read as it is, every weight would go to another term and topic.
    let weights = halves(&[-1.0, 0.25, 2.0, 0.5, -1.0, -0.75]);
    assert_weights_refused(&with_tensor("weights", Some((Dtype::F16, vec![3, 2], weights.clone()))), "a row a topic");
    assert_weights_refused(&with_tensor("weights", Some((Dtype::F16, vec![6], weights))), "no rows");
    assert_weights_refused(&with_tensor("idf", Some((Dtype::F32, vec![2, 1], floats(&[1.5, 2.0])))), "a column of idf");
    assert_weights_refused(&with_tensor("bias", Some((Dtype::F32, vec![1, 3], floats(&[0.0; 3])))), "a row of biases");
}

#[test]
fn values_that_are_no_finite_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let idf = (Dtype::F32, vec![2], floats(&[1.5, value]));
        assert_weights_refused(&with_tensor("idf", Some(idf)), &format!("idf {value}"));
        let bias = (Dtype::F32, vec![3], floats(&[0.0, value, 0.0]));
        assert_weights_refused(&with_tensor("bias", Some(bias)), &format!("bias {value}"));
        let weights = (Dtype::F16, vec![2, 3], halves(&[0.0, 0.0, 0.0, 0.0, 0.0, value]));
        assert_weights_refused(&with_tensor("weights", Some(weights)), &format!("weight {value}"));
    }
    for value in [0.0, -1.0] {
        let idf = (Dtype::F32, vec![2], floats(&[1.5, value]));
        assert_weights_refused(&with_tensor("idf", Some(idf)), &format!("idf {value}"));
    }
}

#[test]
fn a_model_that_is_read_gives_probabilities_however_large_its_values() {
    let huge = f32::MAX;
    for (name, tensor) in [
        ("idf", (Dtype::F32, vec![2], floats(&[huge, huge]))),
        ("idf", (Dtype::F32, vec![2], floats(&[1.6e38, 1.6e38]))),
        ("idf", (Dtype::F32, vec![2], floats(&[1e30, 1e30]))),
        ("idf", (Dtype::F32, vec![2], floats(&[f32::MIN_POSITIVE, 1e-40]))),
        ("bias", (Dtype::F32, vec![3], floats(&[huge, -huge, -huge]))),
        ("bias", (Dtype::F32, vec![3], floats(&[huge, huge, huge]))),
        ("weights", (Dtype::F16, vec![2, 3], halves(&[65_504.0, -65_504.0, -65_504.0, 65_504.0, -65_504.0, 0.0]))),
    ] {
        let case = format!("{name}: {:?}", tensor.2);
        let mut tensors = tensors();
        tensors.insert(name, tensor);
        let weights = serialized(&tensors);
        // Refused is as good as answered.
        let Ok(loaded) = parse(&sealed(manifest(), &weights), &weights) else { continue };
        let mut scorer = Scorer::default();
        let scores = scorer.score(&loaded.model, ArticleText { title: "Late goal", body: "goal goal late goal" });
        assert!(scores.scores.iter().all(|score| score.is_finite()), "{case}: {:?}", scores.scores);
        let sum: f64 = scores.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{case}: {:?}", scores.probabilities);
    }
}

#[test]
fn terms_that_cannot_be_told_apart_or_read_are_refused() {
    for (terms, case) in [(&b"goal\ngoal\n"[..], "a term twice"), (b"goal\nlate \xff\n", "no UTF-8")] {
        let tensor = (Dtype::U8, vec![terms.len()], terms.to_vec());
        assert_weights_refused(&with_tensor("terms", Some(tensor)), case);
    }
}

#[test]
fn a_model_without_terms_is_refused() {
    let mut tensors = tensors();
    tensors.insert("terms", (Dtype::U8, vec![0], Vec::new()));
    tensors.insert("idf", (Dtype::F32, vec![0], Vec::new()));
    tensors.insert("weights", (Dtype::F16, vec![0, 3], Vec::new()));
    let weights = serialized(&tensors);
    let mut manifest = manifest();
    manifest["term_count"] = json!(0);
    assert_weights_refused(&parse(&sealed(manifest, &weights), &weights).map(|_| ()), "no terms");
}

#[test]
fn topics_that_are_no_ascending_names_are_refused() {
    let topics = |names: &[&str]| {
        let records: Vec<Value> = names.iter().map(|name| json!({ "name": name, "document_count": 1 })).collect();
        with_field("/topics", json!(records))
    };
    assert!(topics(&["a", "b", "c"]).is_ok());
    for names in [&["a", "c", "b"][..], &["a", "b", "b"], &["a", "b"], &["a", "b", "c", "d"], &[]] {
        assert_weights_refused(&topics(names), &format!("{names:?}"));
    }
    for name in ["", " c", "c\n", &"c".repeat(201)] {
        assert_manifest_refused(&topics(&["a", "b", name]), name);
    }
}

#[test]
fn a_model_of_fewer_than_two_topics_is_refused() {
    for count in [0, 1] {
        let mut tensors = tensors();
        tensors.insert("weights", (Dtype::F16, vec![2, count], halves(&vec![0.0; 2 * count])));
        tensors.insert("bias", (Dtype::F32, vec![count], floats(&vec![0.0; count])));
        let weights = serialized(&tensors);
        let mut manifest = manifest();
        manifest["topics"] = json!(vec![json!({ "name": "sport", "document_count": 6 }); count]);
        let outcome = parse(&sealed(manifest, &weights), &weights).map(|_| ());
        assert_weights_refused(&outcome, &format!("{count} topics"));
    }
}

#[test]
fn a_manifest_that_makes_no_sense_is_refused() {
    assert_weights_refused(&with_field("/term_count", json!(3)), "another number of terms");
    for (path, value) in [
        ("/name", json!("../mine")),
        ("/name", json!("")),
        ("/version", json!(0)),
        ("/version", json!("3")),
        ("/term_count", json!(-1)),
        ("/text/title_weight", json!(0)),
        ("/text/title_weight", json!(256)),
        ("/text/numbers", json!("roman")),
        ("/decision/confident_probability", json!(1.5)),
        ("/decision/min_known_share", json!(-0.1)),
        ("/topics", json!(null)),
        ("/recipe", json!({})),
    ] {
        assert_manifest_refused(&with_field(path, value.clone()), &format!("{path} {value}"));
    }
    // What it does not know may change what the rest means.
    for path in ["", "/text", "/decision", "/topics/0"] {
        let weights = serialized(&tensors());
        let mut manifest = manifest();
        manifest.pointer_mut(path).expect("an object")["stemming"] = json!(true);
        let outcome = parse(&sealed(manifest, &weights), &weights).map(|_| ());
        assert_manifest_refused(&outcome, &format!("a field of its own in {path:?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(manifest in any::<Vec<u8>>(), weights in any::<Vec<u8>>()) {
        prop_assert!(parse(&manifest, &weights).is_err());
    }

    #[test]
    fn no_weights_that_are_vouched_for_make_it_panic(weights in any::<Vec<u8>>()) {
        prop_assert!(parse(&sealed(manifest(), &weights), &weights).is_err());
    }

    /// The header of safetensors is a length and JSON: bytes at random seldom get past the length.
    #[test]
    fn no_header_of_tensors_makes_it_panic(header in any::<String>(), tables in any::<Vec<u8>>()) {
        let weights = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &tables].concat();
        prop_assert!(parse(&sealed(manifest(), &weights), &weights).is_err());
    }

    #[test]
    fn no_change_of_vouched_weights_makes_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut weights = encoded().weights;
        for (place, byte) in changes {
            let place = place.index(weights.len());
            weights[place] = byte;
        }
        // Some changes make another model, which is none of this test's business.
        let _ = parse(&sealed(manifest(), &weights), &weights);
    }
}

#[test]
fn a_new_artefact_replaces_the_old_one_whole() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    let old = encoded();
    let files: [(&str, &[u8]); 3] =
        [(Manifest::FILE, &old.manifest), (WEIGHTS_FILE, &old.weights), ("counts.safetensors", b"of the old one")];
    write(&directory, &files).expect("the old artefact");
    let new = encode(Draft { bias: vec![1.0, 0.0, -1.0], ..draft() }).expect("the tables fit");
    store(&directory, &new).expect("the new artefact");
    assert_eq!(read(&directory).expect("a whole artefact").model.bias(), [1.0, 0.0, -1.0]);
    assert_eq!(names(&directory), [Manifest::FILE, WEIGHTS_FILE], "what was the old one's alone is gone");
    assert_eq!(names(&root.path().join("mine")), ["3"], "nothing is left beside it");
}

#[test]
fn a_write_that_fails_leaves_the_old_artefact_and_nothing_else() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    let old = encoded();
    store(&directory, &old).expect("the old artefact");
    // The first file can be written, the second cannot.
    let files: [(&str, &[u8]); 2] = [(Manifest::FILE, b"new"), ("no/such/directory", b"new")];
    let error = write(&directory, &files).expect_err("a file that cannot be written");
    assert!(matches!(error, ArtifactError::Write { .. }), "{error:?}");
    assert_eq!(fs::read(directory.join(Manifest::FILE)).expect("the old manifest"), old.manifest);
    assert!(read(&directory).is_ok());
    assert_eq!(names(&root.path().join("mine")), ["3"]);
}

#[test]
fn a_parent_that_is_a_file_stays_one() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let parent = root.path().join("mine");
    fs::write(&parent, "a file").expect("a file");
    let error = store(&parent.join("3"), &encoded()).expect_err("no directory can be there");
    assert!(error.to_string().contains(&parent.display().to_string()), "{error}");
    assert_eq!(fs::read(&parent).expect("the file"), b"a file");
    assert_eq!(names(root.path()), ["mine"]);
}

#[cfg(unix)]
#[test]
fn a_parent_that_may_not_be_written_keeps_the_old_artefact() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().expect("a temporary directory");
    let parent = root.path().join("mine");
    let directory = parent.join("3");
    let old = encoded();
    store(&directory, &old).expect("the old artefact");
    let allow = |mode| fs::set_permissions(&parent, fs::Permissions::from_mode(mode)).expect("our own directory");
    allow(0o555);
    let outcome = store(&directory, &encode(Draft { bias: vec![0.0; 3], ..draft() }).expect("the tables fit"));
    // Root may write all the same.
    let is_written = outcome.is_ok();
    allow(0o755);
    let kept = fs::read(directory.join(WEIGHTS_FILE)).expect("an artefact") == old.weights;
    assert_ne!(is_written, kept);
    assert!(read(&directory).is_ok());
    assert_eq!(names(&parent), ["3"]);
}

#[test]
fn a_directory_says_name_and_version_with_its_last_two_names() {
    for path in ["models/mine/1", "mine/1", "mine/1/", "./mine/1", "/mine/1", "a/../mine/1/."] {
        assert_eq!(id_of_directory(Path::new(path)).map(|id| id.to_string()).ok().as_deref(), Some("mine/1"), "{path}");
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
        assert!(
            matches!(&error, ArtifactError::Path { path: named, reason } if named == &PathBuf::from(path) && *reason == expected),
            "{path}: {error:?}"
        );
        assert!(error.to_string().contains("such as models/mine/1"), "{error}");
    }
}
