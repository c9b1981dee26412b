//! Holds models, their estimator and their measurements to the numbers of scikit-learn: see
//! `tests/golden/make.py`.

mod numbers;

use linfa::Dataset;
use linfa::traits::{Fit as _, Predict as _};
use linfa_bayes::{MultinomialNb, NaiveBayes as _};
use ndarray::{Array1, Array2};
use safetensors::SafeTensors;
use slugline::article::{ArticleText, TopicName};
use slugline::model::evaluate::Evaluation;
use slugline::model::{Decision, Labels, LoadedModel, Scorer, log_tf, softmax};
use slugline::text::TermId;
use slugline::train::{Estimator, Trained};

use crate::training::{all_terms, line, loaded, trained};
use numbers::*;

/// The inverse document frequencies in the weights file.
fn stored_idf(trained: &Trained) -> Vec<f64> {
    let tensors = SafeTensors::deserialize(&trained.artifact.weights).expect("our own file");
    let bytes = tensors.tensor("idf").expect("an idf table").data();
    bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect()
}

/// The scores of a text.
fn scores(loaded: &LoadedModel, body: &str) -> Vec<f64> {
    let mut scorer = Scorer::default();
    let scores = scorer.score(&loaded.model, ArticleText { title: "", body });
    scores.scores.iter().map(|&score| score.into()).collect()
}

/// The values minus their mean.
fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}

fn first_of_greatest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, place| if values[place] > values[best] { place } else { best })
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}, value {place}: {found}, not {expected}"
        );
    }
}

fn array(rows: &Matrix) -> Array2<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), columns), rows.concat()).expect("rows of one length")
}

#[test]
fn terms_and_their_idf_are_those_of_tfidf_vectorizer() {
    let numbers: TrainedNumbers = golden("trained.json");
    let trained = numbers.train(Estimator::MULTINOMIAL);
    let loaded = loaded(&trained);
    assert_eq!(loaded.model.vocabulary().terms().collect::<Vec<_>>(), numbers.vocabulary);
    assert_close(&stored_idf(&trained), &numbers.idf, 1e-6, "idf");
}

#[test]
fn vectors_are_those_of_tfidf_vectorizer() {
    let numbers: VectorNumbers = golden("tfidf.json");
    // The topics do not matter to the vectors, but a model needs two.
    let lines: Vec<String> = (numbers.documents.iter().zip(["a", "b"].iter().cycle()))
        .map(|(document, topic)| line(document, &[topic]))
        .collect();
    let trained = trained(&lines, &all_terms(Estimator::MULTINOMIAL));
    let loaded = loaded(&trained);
    assert_eq!(loaded.model.vocabulary().terms().collect::<Vec<_>>(), numbers.vocabulary);
    let idf = stored_idf(&trained);
    assert_close(&idf, &numbers.idf, 1e-6, "idf");
    let mut scorer = Scorer::default();
    for (document, expected) in numbers.documents.iter().zip(&numbers.matrix) {
        let scores = scorer.score(&loaded.model, ArticleText { title: "", body: document });
        let mut vector = vec![0.0; idf.len()];
        for entry in &scores.bag.terms {
            let term = entry.term as usize;
            vector[term] = f64::from(log_tf(entry.count)) * idf[term] * f64::from(scores.scale);
        }
        assert_close(&vector, expected, 1e-6, document);
    }
}

#[test]
fn weights_are_those_of_multinomial_nb_and_complement_nb() {
    let numbers: TrainedNumbers = golden("trained.json");
    for estimator in [Estimator::MULTINOMIAL, Estimator::COMPLEMENT] {
        let trained = numbers.train(estimator);
        let loaded = loaded(&trained);
        let idf = stored_idf(&trained);
        let scale = loaded.manifest.recipe.scale;
        let topics: Vec<&str> = loaded.model.topics().iter().map(TopicName::as_str).collect();
        assert_eq!(topics, numbers.topics);
        for (term, text) in numbers.vocabulary.iter().enumerate() {
            let column: Vec<f64> = numbers
                .of(estimator)
                .feature_log_prob
                .iter()
                .map(|row| row[term] * numbers.length_factor)
                .collect();
            let expected = centred(&column);
            let found: Vec<f64> = loaded
                .model
                .term_weights(term as TermId)
                .iter()
                .map(|&weight| f64::from(weight) / idf[term] / scale)
                .collect();
            // Half precision rounds to 11 bits, each weight and then their mean.
            let greatest =
                expected.iter().fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
            assert_close(
                &found,
                &expected,
                greatest / 1_024.0 + 1e-6,
                &format!("{}: {text}", estimator.name()),
            );
        }
    }
}

#[test]
fn the_bias_is_the_centred_log_prior_and_complement_models_have_none() {
    let numbers: TrainedNumbers = golden("trained.json");
    let bias = |estimator| {
        let loaded = loaded(&numbers.train(estimator));
        let scale = loaded.manifest.recipe.scale;
        loaded.model.bias().iter().map(|&bias| f64::from(bias) / scale).collect::<Vec<f64>>()
    };
    assert_close(
        &bias(Estimator::MULTINOMIAL),
        &centred(&numbers.multinomial.class_log_prior),
        1e-6,
        "multinomial",
    );
    assert_eq!(bias(Estimator::COMPLEMENT), [0.0; 3]);
}

#[test]
fn scores_are_the_scaled_and_centred_joint_log_likelihoods() {
    let numbers: TrainedNumbers = golden("trained.json");
    for estimator in [Estimator::MULTINOMIAL, Estimator::COMPLEMENT] {
        let loaded = loaded(&numbers.train(estimator));
        let expected = &numbers.of(estimator).joint_log_proba;
        assert_eq!(expected.len(), numbers.texts().count());
        for (text, expected) in numbers.texts().zip(expected) {
            let found = scores(&loaded, text);
            assert_eq!(
                first_of_greatest(&found),
                first_of_greatest(expected),
                "{}: {text}",
                estimator.name()
            );
            let unscaled: Vec<f64> =
                found.iter().map(|score| score / loaded.manifest.recipe.scale).collect();
            // The weights were rounded to 11 bits, some of them up, some down.
            assert_close(&unscaled, &centred(expected), 0.005, text);
        }
    }
}

#[test]
fn a_model_of_sums_answers_as_linfa_does_on_whole_documents() {
    let numbers: TrainedNumbers = golden("trained.json");
    let topic =
        |document: &LabelledText| numbers.topics.iter().position(|topic| *topic == document.topic);
    let topics: Array1<usize> =
        numbers.documents.iter().map(|document| topic(document).expect("a known topic")).collect();
    let matrix = array(&numbers.matrix);
    let linfa = MultinomialNb::params()
        .alpha(numbers.multinomial.alpha)
        .fit(&Dataset::new(matrix.clone(), topics))
        .expect("a fit on every document");
    let predicted = linfa.predict(&matrix);
    let likelihoods = linfa.joint_log_likelihood(matrix.view());
    let ours = loaded(&numbers.train(Estimator::MULTINOMIAL));
    for (place, document) in numbers.documents.iter().enumerate() {
        let found = scores(&ours, &document.body);
        assert_eq!(first_of_greatest(&found), predicted[place], "{}", document.body);
        let expected: Vec<f64> =
            (0..numbers.topics.len()).map(|topic| likelihoods[&topic][place]).collect();
        let unscaled: Vec<f64> =
            found.iter().map(|score| score / ours.manifest.recipe.scale).collect();
        assert_close(&unscaled, &centred(&expected), 0.005, &document.body);
    }
}

/// The logarithm of each feature's probability in each class (a row), out of linfa: what a vector
/// with a single 1 adds to the prior.
fn feature_log_probabilities(records: &Matrix, classes: &[usize], alpha: f64) -> Matrix {
    let records = array(records);
    let features = records.ncols();
    let model = MultinomialNb::params()
        .alpha(alpha)
        .fit(&Dataset::new(records, Array1::from(classes.to_vec())))
        .expect("a fit on a few rows");
    let prior = model.joint_log_likelihood(Array2::zeros((1, features)).view());
    let each = model.joint_log_likelihood(Array2::eye(features).view());
    let class_count = 1 + classes.iter().max().expect("a class");
    (0..class_count)
        .map(|class| each[&class].iter().map(|sum| sum - prior[&class][0]).collect())
        .collect()
}

#[test]
fn linfa_estimates_the_same_from_one_row_a_topic_as_from_every_document() {
    let numbers: BayesNumbers = golden("naive_bayes.json");
    for expected in &numbers.multinomial {
        let of_documents =
            feature_log_probabilities(&numbers.documents, &numbers.document_topics, expected.alpha);
        let of_sums =
            feature_log_probabilities(&numbers.topic_term_sums, &[0, 1, 2], expected.alpha);
        for (topic, expected) in expected.feature_log_prob.iter().enumerate() {
            assert_close(&of_documents[topic], expected, 1e-12, "of documents");
            assert_close(&of_sums[topic], expected, 1e-12, "of sums");
        }
    }
}

#[test]
fn a_complement_is_linfas_fit_on_the_sums_over_all_other_topics_negated() {
    let numbers: BayesNumbers = golden("naive_bayes.json");
    let sums = &numbers.topic_term_sums;
    let others = |topic: usize, term: usize| -> f64 {
        (0..sums.len()).filter(|&other| other != topic).map(|other| sums[other][term]).sum()
    };
    let complements: Matrix = (0..sums.len())
        .map(|topic| (0..sums[topic].len()).map(|term| others(topic, term)).collect())
        .collect();
    let unnormalised = numbers.complement.iter().filter(|numbers| !numbers.norm);
    assert_eq!(unnormalised.clone().count(), 2);
    for expected in unnormalised {
        let found = feature_log_probabilities(&complements, &[0, 1, 2], expected.alpha);
        for (found, expected) in found.iter().zip(&expected.feature_log_prob) {
            let negated: Vec<f64> = found.iter().map(|value| -value).collect();
            assert_close(&negated, expected, 1e-12, "complement");
        }
    }
}

#[test]
fn softmax_of_the_sums_gives_the_probabilities_of_scikit_learn() {
    let numbers: BayesNumbers = golden("naive_bayes.json");
    let documents: Matrix = numbers.documents.iter().chain(&numbers.probes).cloned().collect();
    let mut probabilities = Vec::new();
    for expected in &numbers.complement {
        let sums = array(&documents).dot(&array(&expected.feature_log_prob).t());
        for (sums, expected) in sums.rows().into_iter().zip(&expected.predict_proba) {
            let scores: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
            softmax(&scores, &mut probabilities);
            assert_close(&probabilities, expected, 1e-6, "complement");
        }
    }
    for expected in numbers.multinomial.iter().flat_map(|expected| &expected.predict_log_proba) {
        let scores: Vec<f32> = centred(expected).iter().map(|&score| score as f32).collect();
        softmax(&scores, &mut probabilities);
        assert_close(
            &probabilities,
            &expected.iter().map(|log| log.exp()).collect::<Vec<_>>(),
            1e-6,
            "multinomial",
        );
    }
}

#[test]
fn measurements_are_those_of_scikit_learn() {
    let numbers: MetricNumbers = golden("metrics.json");
    let topics: Vec<TopicName> =
        numbers.topics.iter().map(|topic| TopicName::new(topic).expect("a name")).collect();
    let mut evaluation = Evaluation::new(&topics, Labels::Single);
    for (prediction, predicted) in numbers.predictions.iter().zip(&numbers.predicted) {
        assert_eq!(evaluation.label(&numbers.topics[prediction.topic]), prediction.topic);
        assert_eq!(
            evaluation.add(&prediction.probabilities, &[prediction.topic], Decision::Uncertain),
            *predicted
        );
    }
    let report = evaluation.finish();
    assert_eq!(report.documents, numbers.predictions.len() as u64);
    assert_eq!(report.calibration.len(), numbers.calibration_bins);
    assert_eq!(report.confusion_matrix, numbers.confusion);
    for (number, bin) in
        report.calibration.iter().enumerate().filter(|(_, bin)| bin.predictions > 0)
    {
        let edges = [number, number + 1].map(|edge| edge as f64 / numbers.calibration_bins as f64);
        let is_inside = edges[0] < bin.mean_probability && bin.mean_probability <= edges[1];
        assert!(is_inside, "bin {number} has {bin:?}");
    }
    let found = [
        report.accuracy,
        report.micro_f1,
        report.macro_f1,
        report.log_loss,
        report.brier,
        report.ece,
    ];
    let expected = [
        numbers.accuracy,
        numbers.micro_f1,
        numbers.macro_f1,
        numbers.log_loss,
        numbers.brier_score,
        numbers.expected_calibration_error,
    ];
    assert_close(
        &found,
        &expected,
        1e-12,
        "accuracy, micro-F1, macro-F1, log loss, Brier score, calibration error",
    );
    for ((found, expected), name) in
        report.topics.iter().zip(&numbers.per_topic).zip(&numbers.topics)
    {
        assert_eq!((&found.name, found.support), (name, expected.support));
        let found = [found.precision, found.recall, found.f1];
        assert_close(&found, &[expected.precision, expected.recall, expected.f1], 1e-12, name);
    }
}
