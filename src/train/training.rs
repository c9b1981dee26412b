//! From a corpus to a model, step by step.

use super::calibrate::Calibration;
use super::collection::Collection;
use super::dictionary::TextCounter;
use super::documents::{Documents, Header, Reader};
use super::error::TrainError;
use super::estimate::Linear;
use super::folds::{Copies, Folds};
use super::options::TrainOptions;
use super::terms::LeastFrequencies;
use super::{freeze, search, warnings};
use crate::corpus::{self, Input, Progress};
use crate::model::artifact::{self, Encoded};
use crate::model::{CorpusRecord, Labels, Manifest, logistic, softmax};

/// The result of training.
#[derive(Debug)]
pub struct Trained {
    /// The two files of the artefact. ([`Encoded::check`] reads them as the users of the model do.)
    pub artifact: Encoded,
    /// The documents that training can resume from, if the options keep them.
    pub documents: Option<Documents>,
    /// The manifest in the artefact.
    pub manifest: Manifest,
    /// What was read from the inputs, without the documents that training resumed from.
    pub corpus: corpus::Summary,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// Trains a model. The same corpus, options and seed give the same bytes, with any number of
/// threads.
///
/// # Errors
/// [`TrainError`], also where the corpus is empty, has fewer than two topics, or no term in enough
/// documents.
pub fn train(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Trained, TrainError> {
    options.check()?;
    // Before anything is read, so that a lack of threads is reported at once.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(options.corpus.workers()).build()?;
    let (documents, record, corpus) = read(inputs, options, progress)?;
    let (artifact, warnings) = threads.install(|| learn(&documents, record, options, progress))?;
    let manifest = artifact.read_manifest()?;
    let documents = options.keep_documents.then_some(documents);
    Ok(Trained { artifact, documents, manifest, corpus, warnings })
}

/// Reads the documents of `options.from`, followed by those of the inputs. Returns them with the
/// record of all and the summary of the inputs.
fn read(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<(Documents, CorpusRecord, corpus::Summary), TrainError> {
    let mut header = Header::new(options.text, options.labels, options.language_code.clone());
    let mut corpus_options = options.corpus.clone();
    let mut documents = Documents::default();
    if let Some(directory) = &options.from {
        let reader = Reader::open(directory)?;
        if !reader.header().counts_as(&header) {
            return Err(TrainError::Option(format!(
                "{} was trained with other text options, labels or language",
                directory.display()
            )));
        }
        header = reader.header().clone();
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
        |_, counted| {
            if outcome.is_ok() {
                outcome = documents.push(counted);
            }
        },
    )?;
    outcome?;
    header.extend(&summary);
    let record = header.corpus.clone();
    documents.seal(header)?;
    Ok((documents, record, summary))
}

/// Learns a model from the documents. Returns it with warnings.
fn learn(
    documents: &Documents,
    corpus: CorpusRecord,
    options: &TrainOptions,
    progress: &Progress,
) -> Result<(Encoded, Vec<String>), TrainError> {
    progress.enter("counting terms");
    let least = search::least_frequencies(options, corpus.document_count);
    let mut collection = Collection::of(documents, least)?;
    check(&collection, least)?;
    let copies = Copies::of(documents);
    let folds = Folds::deal(&collection, &copies, options.seed);
    let mut choice = search::choose(&mut collection, &folds, options, progress)?;
    let best = choice.trials.first_mut().ok_or(TrainError::NoTerms(least.pairs))?;
    progress.enter("estimating the weights");
    let linear = best.fit(&choice.vocabularies[best.terms.vocabulary])?;
    let without_evidence = without_evidence(&linear, &best.calibration, options.labels);
    best.calibration.set_without_evidence(without_evidence);
    let limit = best.calibration.limit;
    let mut warnings = warnings::of_corpus(&collection, &copies, options.labels);
    warnings.extend(choice.is_cut_short.then(warnings::of_budget));
    warnings.extend(limit.map(|limit| warnings::of_limit(limit, options.target_precision)));
    progress.enter("putting the model together");
    let draft = freeze::draft(options, &collection, &choice, &linear, corpus);
    Ok((artifact::encode(draft)?, warnings))
}

/// The probability of the top topic of a text without any known word.
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

/// Refuses a corpus that no model can be learned from.
fn check(collection: &Collection<'_>, least: LeastFrequencies) -> Result<(), TrainError> {
    match &collection.topics[..] {
        _ if collection.document_count() == 0 => Err(TrainError::EmptyCorpus),
        [] => Err(TrainError::NoTopic),
        [only] => Err(TrainError::OneTopic(only.name.to_string())),
        _ if collection.documents.dictionary.len() == 0 => Err(TrainError::NoTerms(0)),
        _ if !collection.has_word() => Err(TrainError::NoTerms(least.words)),
        _ => Ok(()),
    }
}
