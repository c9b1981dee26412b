//! From a corpus to a model, step by step.

use super::calibrate::Calibration;
use super::collection::Collection;
use super::dictionary::TextCounter;
use super::documents::{Documents, Header, Reader};
use super::error::TrainError;
use super::estimate::Linear;
use super::folds::{Copies, Folds};
use super::freeze::{self, Origin};
use super::options::TrainOptions;
use super::terms::LeastFrequencies;
use super::{search, warnings};
use crate::corpus::{self, Input, Progress};
use crate::model::artifact::{self, Encoded};
use crate::model::{CorpusRecord, Labels, Manifest, logistic, softmax};

/// What training made.
#[derive(Debug)]
pub struct Trained {
    /// The two files of the artefact. ([`Encoded::check`] reads them as those who use the model
    /// will.)
    pub artifact: Encoded,
    /// The documents that training can resume from, where they were asked for.
    pub documents: Option<Documents>,
    /// The manifest, as it stands in the artefact.
    pub manifest: Manifest,
    /// What was read from the inputs; without the documents of the model that training resumed
    /// from.
    pub corpus: corpus::Summary,
    /// What the one who trains should know, in sentences.
    pub warnings: Vec<String>,
}

/// Trains a model. The same corpus, options and seed give the same bytes, with any number of
/// threads.
///
/// # Errors
/// [`TrainError`]; a corpus that is empty, has no topic or one only, or no term in enough documents
/// is one.
pub fn train(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Trained, TrainError> {
    options.check()?;
    // Where there are no threads, that is said now, and not after the work is done.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(options.corpus.workers()).build()?;
    let (mut documents, corpus, record) = read(inputs, options, progress)?;
    documents.seal(Header::new(
        options.text,
        options.labels,
        options.language_code.clone(),
        record.clone(),
        &corpus.end,
    ));
    let learned = threads.install(|| learn(&documents, record, options, progress))?;
    let Learned { artifact, manifest, warnings } = learned;
    let documents = options.keep_documents.then_some(documents);
    Ok(Trained { artifact, documents, manifest, corpus, warnings })
}

/// The documents of `options.from` with those of the inputs behind them; and what they are in all.
fn read(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<(Documents, corpus::Summary, CorpusRecord), TrainError> {
    let mut record = CorpusRecord { document_count: 0, skipped_count: 0, sha256: String::new() };
    let mut corpus_options = options.corpus.clone();
    let mut documents = Documents::default();
    if let Some(directory) = &options.from {
        let reader = Reader::open(directory)?;
        let before = reader.header();
        let is_same = before.text == options.text
            && before.labels == options.labels
            && before.language_code == options.language_code;
        if !is_same {
            return Err(TrainError::Option(format!(
                "{} was trained with other text options, labels or language",
                directory.display()
            )));
        }
        record = before.corpus.clone();
        let (before, end) = reader.read()?;
        documents = before;
        corpus_options.after = Some(end);
    }
    let mut outcome = Ok(());
    let summary = corpus::map_documents_in_order(
        inputs,
        &corpus_options,
        progress,
        |counter: &mut TextCounter, document| {
            if document.topics.is_empty() && options.labels == Labels::Single {
                return Err(document.no_topic("learn"));
            }
            counter.count(&document, options.text)
        },
        |ordinal, counted| {
            if outcome.is_ok() {
                outcome = documents.push(ordinal, counted);
            }
        },
    )?;
    outcome?;
    record.document_count += summary.documents;
    record.skipped_count = record.skipped_count.saturating_add(summary.skipped);
    record.sha256 = hex::encode(summary.end.fingerprint);
    Ok((documents, summary, record))
}

/// A model, and what is to be said of it.
struct Learned {
    artifact: Encoded,
    manifest: Manifest,
    warnings: Vec<String>,
}

/// Learns a model from the documents.
fn learn(
    documents: &Documents,
    corpus: CorpusRecord,
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Learned, TrainError> {
    progress.enter("counting terms");
    let least = search::least_frequencies(options, corpus.document_count);
    let mut collection = Collection::of(documents, least)?;
    check(&collection, least)?;
    let copies = Copies::of(documents);
    let folds = Folds::deal(&collection, &copies, options.seed);
    let mut choice = search::choose(&mut collection, &folds, options, progress)?;
    let best = choice.trials.first_mut().ok_or(TrainError::NoTerms(least.pairs))?;
    let counts = &choice.vocabularies[best.terms.vocabulary];
    progress.enter("estimating the weights");
    let linear = best.fit(counts)?;
    let without_evidence = without_evidence(&linear, &best.calibration, options.labels);
    best.calibration.set_without_evidence(without_evidence);
    let mut warnings = warnings::of_corpus(&collection, &copies, options.labels);
    if choice.is_cut_short {
        warnings.push(
            "the budget ended the search for a recipe before everything was tried".to_owned(),
        );
    }
    if let Some(limit) = best.calibration.limit {
        warnings.push(warnings::of_limit(limit, options.target_precision));
    }
    progress.enter("putting the model together");
    let (trials, link_trials) = choice.records(options);
    let best = &choice.trials[0];
    let origin = Origin { corpus, trials, link_trials };
    let draft = freeze::draft(options, &collection, (best, counts), &linear, origin);
    let artifact = artifact::encode(draft)?;
    let manifest = artifact.read_manifest()?;
    Ok(Learned { artifact, manifest, warnings })
}

/// The probability of the topic that a text without any known word would get.
fn without_evidence(linear: &Linear, calibration: &Calibration, labels: Labels) -> f64 {
    let scaled = linear.bias.iter().map(|bias| (bias * calibration.scale) as f32);
    let (scores, mut probabilities): (Vec<f32>, _) = (scaled.collect(), Vec::new());
    match labels {
        Labels::Single => {
            softmax(&scores, &mut probabilities);
            calibration.beta.apply(&mut probabilities);
        }
        Labels::Multiple => logistic(&scores, &mut probabilities),
    }
    probabilities.into_iter().fold(0.0, f64::max)
}

/// Whether there is something to learn.
fn check(collection: &Collection<'_>, least: LeastFrequencies) -> Result<(), TrainError> {
    if collection.document_count() == 0 {
        return Err(TrainError::EmptyCorpus);
    }
    match &collection.topics[..] {
        [] => return Err(TrainError::NoTopic),
        [only] => return Err(TrainError::OneTopic(only.name.to_string())),
        _ => {}
    }
    if collection.documents.dictionary.len() == 0 {
        return Err(TrainError::NoTerms(0));
    }
    if collection.vocabulary.terms.is_empty() {
        return Err(TrainError::NoTerms(least.words));
    }
    Ok(())
}
