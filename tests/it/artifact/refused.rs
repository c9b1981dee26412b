//! Nothing but a whole artefact is read.

use std::fs::{self, File};
use std::panic::catch_unwind;

use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use slugline::article::ArticleText;
use slugline::model::artifact::{ArtifactError, Draft, Encoded, WEIGHTS_FILE, encode, parse, read};
use slugline::model::{Manifest, Scorer};

use super::{Tensor, draft, encoded, floats, halves, manifest, sealed, serialized, store, tensors};

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

#[test]
fn a_file_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let Encoded { manifest, weights } = encoded();
    for length in 0..weights.len() {
        let outcome = parse(&manifest, &weights[..length]);
        assert!(
            matches!(outcome, Err(ArtifactError::WeightsSize { .. })),
            "weights of {length} bytes: {outcome:?}"
        );
    }
    // All but the final line break: a manifest is whole without it.
    for length in 0..manifest.len() - 1 {
        let outcome = parse(&manifest[..length], &weights);
        assert!(
            matches!(outcome, Err(ArtifactError::Manifest { .. })),
            "a manifest of {length} bytes: {outcome:?}"
        );
    }
}

#[test]
fn weights_cut_short_before_they_were_vouched_for_are_refused() {
    let weights = encoded().weights;
    for length in 0..weights.len() {
        let cut = &weights[..length];
        assert_weights_refused(
            &parse(&sealed(manifest(), cut), cut).map(|_| ()),
            &format!("{length} bytes"),
        );
    }
}

#[test]
fn any_flipped_bit_of_the_weights_is_noticed() {
    let Encoded { manifest, mut weights } = encoded();
    for place in 0..weights.len() {
        for bit in [0, 3, 7] {
            weights[place] ^= 1 << bit;
            let outcome = parse(&manifest, &weights);
            assert!(
                matches!(outcome, Err(ArtifactError::WeightsChecksum)),
                "byte {place}, bit {bit}: {outcome:?}"
            );
            weights[place] ^= 1 << bit;
        }
    }
}

/// The manifest is a text for people, without a checksum of its own: another digit in it makes
/// another manifest. What must not be is that such a change goes unseen or brings the program down.
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
                let is_seen =
                    loaded.manifest != original || (is_blank(before) && is_blank(manifest[place]));
                assert!(is_seen, "byte {place}, bit {bit} of {before:?}");
            }
            manifest[place] = before;
        }
    }
}

#[test]
fn weights_of_another_model_are_refused() {
    let Encoded { manifest, .. } = encoded();
    let same_size =
        encode(Draft { bias: vec![0.0, 0.5, -0.5], ..draft() }).expect("the tables fit");
    assert!(matches!(parse(&manifest, &same_size.weights), Err(ArtifactError::WeightsChecksum)));
    let terms = "goal\nlater goal\n".to_owned();
    let longer = encode(Draft { terms, ..draft() }).expect("the tables fit");
    assert!(matches!(parse(&manifest, &longer.weights), Err(ArtifactError::WeightsSize { .. })));
}

#[test]
fn a_later_format_is_refused_with_what_to_do() {
    // Whatever else a later format may say.
    for manifest in [
        json!({ "format_version": 6, "shards": [] }),
        json!({ "format_version": 4_294_967_295u32 }),
    ] {
        let error = parse(manifest.to_string().as_bytes(), &[]).expect_err("a later format");
        assert!(matches!(error, ArtifactError::FutureVersion { supported: 5, .. }), "{error:?}");
        assert!(error.to_string().contains("use a newer slugline"), "{error}");
    }
}

#[test]
fn an_earlier_format_is_refused_with_what_to_do() {
    let error = parse(json!({ "format_version": 4, "shards": [] }).to_string().as_bytes(), &[])
        .expect_err("an earlier format");
    assert!(matches!(error, ArtifactError::PastVersion { found: 4, supported: 5 }), "{error:?}");
    assert!(error.to_string().contains("retrain the model"), "{error}");
}

#[test]
fn a_format_that_never_was_is_refused() {
    for version in
        [json!(0), json!(-1), json!(1.5), json!("1"), json!(null), json!(4_294_967_296u64)]
    {
        assert_manifest_refused(
            &with_field("/format_version", version.clone()),
            &version.to_string(),
        );
    }
}

#[test]
fn files_too_large_to_be_a_model_are_not_read() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    store(&directory, &encoded()).expect("an artefact");
    let grow = |name: &str, size: u64| {
        let file =
            File::options().write(true).open(directory.join(name)).expect("a file of the artefact");
        // A hole: it takes no room on the disk.
        file.set_len(size).expect("a larger file");
        read(&directory).map(|_| ())
    };
    #[cfg(unix)]
    {
        let outcome = grow(WEIGHTS_FILE, (4 << 30) + 1);
        assert!(
            matches!(outcome, Err(ArtifactError::Oversized { limit: 4_294_967_296, .. })),
            "{outcome:?}"
        );
    }
    let outcome = grow(Manifest::FILE, 17 << 20);
    assert!(
        matches!(outcome, Err(ArtifactError::Oversized { size: 17_825_792, .. })),
        "{outcome:?}"
    );
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
        assert!(
            matches!(&error, ArtifactError::Read { path: named, .. } if *named == path),
            "{error:?}"
        );
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
    // A row a topic and a column a term, above all: read as it is, every weight would go to another
    // term and topic.
    let weights = halves(&[-1.0, 0.25, 2.0, 0.5, -1.0, -0.75]);
    assert_weights_refused(
        &with_tensor("weights", Some((Dtype::F16, vec![3, 2], weights.clone()))),
        "a row a topic",
    );
    assert_weights_refused(
        &with_tensor("weights", Some((Dtype::F16, vec![6], weights))),
        "no rows",
    );
    assert_weights_refused(
        &with_tensor("idf", Some((Dtype::F32, vec![2, 1], floats(&[1.5, 2.0])))),
        "a column of idf",
    );
    assert_weights_refused(
        &with_tensor("bias", Some((Dtype::F32, vec![1, 3], floats(&[0.0; 3])))),
        "a row of biases",
    );
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
        (
            "weights",
            (
                Dtype::F16,
                vec![2, 3],
                halves(&[65_504.0, -65_504.0, -65_504.0, 65_504.0, -65_504.0, 0.0]),
            ),
        ),
    ] {
        let case = format!("{name}: {:?}", tensor.2);
        let mut tensors = tensors();
        tensors.insert(name, tensor);
        let weights = serialized(&tensors);
        // Refused is as good as answered.
        let Ok(loaded) = parse(&sealed(manifest(), &weights), &weights) else { continue };
        let mut scorer = Scorer::default();
        let scores = scorer
            .score(&loaded.model, ArticleText { title: "Late goal", body: "goal goal late goal" });
        assert!(scores.scores.iter().all(|score| score.is_finite()), "{case}: {:?}", scores.scores);
        let sum: f64 = scores.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{case}: {:?}", scores.probabilities);
    }
}

#[test]
fn terms_that_cannot_be_told_apart_or_read_are_refused() {
    for (terms, case) in
        [(&b"goal\ngoal\n"[..], "a term twice"), (b"goal\nlate \xff\n", "no UTF-8")]
    {
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
        let records: Vec<Value> =
            names.iter().map(|name| json!({ "name": name, "document_count": 1 })).collect();
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
        ("/decision/known_share/0/min_share", json!(-0.1)),
        (
            "/decision/known_share",
            json!([{ "min_tokens": 8, "min_share": 0.5 }, { "min_tokens": 8, "min_share": 0.6 }]),
        ),
        ("/labels", json!("many")),
        ("/labels", json!("multiple")),
        ("/topics", json!(null)),
        ("/recipe", json!({})),
    ] {
        assert_manifest_refused(&with_field(path, value.clone()), &format!("{path} {value}"));
    }
    let weights = serialized(&tensors());
    let mut with_threshold = manifest();
    with_threshold["topics"][0]["threshold"] = json!(0.5);
    let outcome = parse(&sealed(with_threshold, &weights), &weights).map(|_| ());
    assert_manifest_refused(&outcome, "a threshold where topics exclude each other");
    // What it does not know may change what the rest means.
    for path in ["", "/text", "/decision", "/topics/0"] {
        let weights = serialized(&tensors());
        let mut manifest = manifest();
        manifest.pointer_mut(path).expect("an object")["stemming"] = json!(true);
        let outcome = parse(&sealed(manifest, &weights), &weights).map(|_| ());
        assert_manifest_refused(&outcome, &format!("a field of its own in {path:?}"));
    }
}
