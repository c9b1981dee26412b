//! Trains a model from a corpus, in memory bounded by the vocabulary and not by the corpus.
//!
//! ```text
//! corpus -> intern (words become numbers) -> postings by partition -> inverted (rare terms pruned) -> selection (chi-square)
//!        -> counts (a row a topic) -> linfa estimators -> cross-validated choice, link, scale and thresholds -> freeze -> artefact
//! ```
//!
//! The text is read and tokenised once; what later passes need of it are its postings, term by
//! term. Sums are taken in fixed point, so that neither the order of the documents nor the number
//! of threads changes a bit of the result, and what one fold adds to a sum can be taken away again
//! exactly.

mod calibrate;
mod choose;
mod chunks;
mod counts;
mod cross_validate;
mod documents;
mod estimate;
mod folds;
mod freeze;
mod intern;
mod inverted;
mod large;
mod link;
mod margin;
mod postings;
mod rank;
mod select;
mod threads;
mod topic_counts;
mod topics;
mod word_table;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use documents::{Documents, DocumentsError, Header};
pub use estimate::Estimator;

use super::artifact::{ArtifactError, Encoded, hexadecimal};
use super::doubts::{self, Copies};
use super::manifest::{CorpusRecord, Labels, Manifest, ModelId};
use crate::corpus::{self, CorpusError, Input, Progress};
use crate::text::TextOptions;
use documents::BagWriter;
use intern::Interner;
use inverted::{Inverted, LeastFrequencies};
use postings::PostingStreams;
use topics::DocumentTopics;

/// Terms in fewer documents are left out where nothing else is asked for: a word or pair of one
/// document is often a slip.
const DEFAULT_MIN_DOCUMENT_FREQUENCY: u32 = 2;
/// The least pseudo-count. Below it the logarithm of what was never seen outweighs all that was.
const MIN_ALPHA: f64 = 1e-6;
/// The greatest. Beyond it what was seen is lost beside it.
const MAX_ALPHA: f64 = 1e6;

/// What to train and how. [`TrainOptions::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The model's name and version.
    pub id: ModelId,
    /// How the weights are estimated.
    pub recipe: Recipe,
    /// The pseudo-count that is added to every term of every topic; from 1e-6 to 1e6. None leaves
    /// it to the recipe.
    pub alpha: Option<f64>,
    /// How many topics a document has.
    pub labels: Labels,
    /// After how long the search for a recipe starts nothing more; None for no bound. With one, the
    /// same corpus may give another model on another machine.
    pub budget: Option<Duration>,
    /// How text becomes terms.
    pub text: TextOptions,
    /// BCP-47 tag of the corpus's language; empty when not stated.
    pub language_code: String,
    /// Terms in fewer documents are left out; at least 1. None leaves it to the search: 2, and 1
    /// for the words of a small corpus.
    pub min_document_frequency: Option<u32>,
    /// Beside the words, how many terms of the highest chi-square are kept; None keeps all.
    pub keep_terms: Option<usize>,
    /// The precision that confident answers are to have, in (0, 1).
    pub target_precision: f64,
    /// Decides which document falls into which fold.
    pub seed: u64,
    /// How to read the corpus; its number of threads holds for all of the training. What it follows
    /// is overridden by `from`.
    pub corpus: corpus::Options,
    /// The directory of a model whose documents come before those of the inputs, as if all were
    /// read at once. Text options, labels and language must be its own ([`Header::read`]).
    pub from: Option<PathBuf>,
    /// In which directory [`Trained::documents`] is made: in the one that the model's will be in,
    /// it need not be copied. None: nowhere.
    pub documents: Option<PathBuf>,
}

impl TrainOptions {
    /// The defaults for a model.
    pub fn new(id: ModelId) -> Self {
        Self {
            id,
            recipe: Recipe::Auto,
            alpha: None,
            labels: Labels::Single,
            budget: None,
            text: TextOptions::default(),
            language_code: String::new(),
            min_document_frequency: None,
            keep_terms: Some(60_000),
            target_precision: 0.95,
            seed: 1,
            corpus: corpus::Options { threads: 1, ..corpus::Options::default() },
            from: None,
            documents: Some(std::env::temp_dir()),
        }
    }
}

/// How the weights are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recipe {
    /// Cross-validation on the training corpus chooses: either estimator, or both with a link over
    /// their scores.
    #[default]
    Auto,
    /// This estimator, with its default alpha where none is given.
    Fixed(Estimator),
}

/// What training made.
#[derive(Debug)]
pub struct Trained {
    /// The two files of the artefact. ([`Encoded::check`] reads them as those who use the model
    /// will.)
    pub artifact: Encoded,
    /// The file that learning goes on from, where it was asked for.
    pub documents: Option<Documents>,
    /// The manifest, as it stands in the artefact.
    pub manifest: Manifest,
    /// What was read from the inputs; without the documents of the model that learning went on
    /// from.
    pub corpus: corpus::Summary,
    /// What the one who trains should know, in sentences.
    pub warnings: Vec<String>,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// An option out of its range.
    #[error("{0}")]
    Option(String),
    /// The corpus could not be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// No document in it.
    #[error("the corpus holds no document")]
    EmptyCorpus,
    /// No document has a topic.
    #[error(
        "no document of the corpus has a topic: there is nothing to learn from (--topics-field names the field that holds topics)"
    )]
    NoTopic,
    /// Nothing to tell apart.
    #[error("the corpus has one topic only ({0:?}): a model needs at least two to tell apart")]
    OneTopic(String),
    /// Every term was pruned.
    #[error("{}", no_terms(*.0))]
    NoTerms(u32),
    /// Learning cannot go on from a model.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// The postings between the passes could not be written or read.
    #[error("cannot use a temporary file for the training's working data")]
    Spool(#[from] io::Error),
    /// The file that learning goes on from could not be made or written.
    #[error("cannot write the documents of the model in {}", directory.display())]
    Store {
        /// [`TrainOptions::documents`].
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The estimator failed.
    #[error("the estimator failed: {0}")]
    Estimator(String),
    /// The artefact could not be put together.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

fn no_terms(least: u32) -> String {
    match least {
        0 | 1 => "no document of the corpus holds a word".to_owned(),
        _ => {
            format!("no term occurs in {least} documents or more: add documents, or lower --min-df")
        }
    }
}

/// Trains a model. The same corpus, options and seed give the same bytes, with any number of
/// threads.
///
/// # Errors
/// [`TrainError`]; a corpus that is empty, has no topic or one only, or no term that survives
/// pruning is one.
pub fn train(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Trained, TrainError> {
    check(options)?;
    let mut options = options.clone();
    options.corpus.threads = options.corpus.workers();
    let options = &options;
    let cannot_store = |source| {
        let directory = options.documents.clone().unwrap_or_default();
        TrainError::Store { directory, source }
    };
    // Where it cannot be made, that is said now, and not after the work is done.
    let file =
        options.documents.as_ref().map(tempfile::tempfile_in).transpose().map_err(cannot_store)?;
    let (mut workers, summary, record) = read_corpus(inputs, options, progress)?;
    let bags: Vec<_> = workers.iter_mut().filter_map(|worker| worker.bags.take()).collect();
    let postings = workers.iter_mut().map(|worker| std::mem::take(&mut worker.postings)).collect();
    let header = Header::new(
        options.text,
        options.labels,
        options.language_code.clone(),
        record.clone(),
        &summary.end,
    );
    // Both let go of the workers as soon as they can: their memory is large.
    let workers = Arc::new(workers);
    let documents_to_write = file.map(|file| (file, Arc::clone(&workers)));
    let write = move || {
        documents_to_write
            .map(|(file, workers)| documents::write(file, &workers, bags, &header))
            .transpose()
    };
    // Here and there learning leaves a thread idle: the documents can wait for it.
    let learn = || learn(workers, postings, record, options, progress);
    let (documents, learned) = threads::join(options.corpus.threads, write, learn);
    let Learned { artifact, manifest, warnings } = learned?;
    Ok(Trained {
        artifact,
        documents: documents.map_err(cannot_store)?,
        manifest,
        corpus: summary,
        warnings,
    })
}

/// A model, and what is to be said of it.
struct Learned {
    artifact: Encoded,
    manifest: Manifest,
    warnings: Vec<String>,
}

/// Learns a model from what the workers took in, and their postings.
fn learn(
    workers: Arc<Vec<Interner>>,
    mut postings: Vec<PostingStreams>,
    record: CorpusRecord,
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Learned, TrainError> {
    progress.enter("counting terms");
    postings.iter_mut().try_for_each(PostingStreams::finish)?;
    let least = choose::least_frequencies(options, record.document_count);
    let mut corpus = Inverted::new(&workers, &postings, least, options.keep_terms.is_some())?;
    let copies = copies(&workers, &corpus.document_topics);
    drop((workers, postings));
    check_corpus(&corpus, least)?;
    let mut choice = choose::choose(&mut corpus, options, progress)?;
    let best = choice.trials.first().ok_or(TrainError::NoTerms(least.pairs))?;
    let choose::Vocabulary { terms, counts } =
        choice.vocabularies.swap_remove(best.kept.vocabulary);
    progress.enter("estimating the weights");
    let linear = best.fit(&counts, options.corpus.threads)?;
    let mut warnings = warnings(&corpus, copies, options.labels);
    if choice.is_cut_short {
        warnings.push("the budget ended the search for a recipe before all was tried".to_owned());
    }
    progress.enter("putting the model together");
    let draft = freeze::draft(
        options,
        record,
        &corpus.topics,
        terms,
        linear,
        best,
        choice.records(options),
    );
    let artifact = super::artifact::encode(draft)?;
    let manifest = artifact.read_manifest()?;
    Ok(Learned { artifact, manifest, warnings })
}

/// Whether there is something to learn.
fn check_corpus(corpus: &Inverted, least: LeastFrequencies) -> Result<(), TrainError> {
    if corpus.document_count() == 0 {
        return Err(TrainError::EmptyCorpus);
    }
    match &corpus.topics[..] {
        [] => return Err(TrainError::NoTopic),
        [only] => return Err(TrainError::OneTopic(only.name.to_string())),
        _ => {}
    }
    if corpus.terms().next().is_none() {
        return Err(TrainError::NoTerms(least.words));
    }
    Ok(())
}

/// The documents of `options.from` and those of the inputs behind them, dealt to the workers; and
/// what they are in all.
fn read_corpus(
    inputs: &[Input],
    options: &TrainOptions,
    progress: &Progress,
) -> Result<(Vec<Interner>, corpus::Summary, CorpusRecord), TrainError> {
    let worker_count = options.corpus.workers();
    let bags = || options.documents.is_some().then(|| BagWriter::new(worker_count));
    let worker = || Interner::new(options.text, options.labels, bags());
    let mut workers: Vec<Interner> = (0..worker_count).map(|_| worker()).collect();
    let mut record = CorpusRecord { document_count: 0, skipped_count: 0, sha256: String::new() };
    let mut corpus_options = options.corpus.clone();
    if let Some(directory) = &options.from {
        let reader = documents::Reader::open(directory)?;
        let before = reader.header();
        if (before.text, before.labels, before.language_code.as_str())
            != (options.text, options.labels, options.language_code.as_str())
        {
            let reason = format!(
                "{} was trained with other text options, labels or language",
                directory.display()
            );
            return Err(TrainError::Option(reason));
        }
        record = before.corpus.clone();
        corpus_options.after = Some(reader.read_into(&mut workers)?);
    }
    let workers = RefCell::new(workers);
    let (workers, summary) = corpus::for_each_document(
        inputs,
        &corpus_options,
        progress,
        || workers.borrow_mut().pop().unwrap_or_else(worker),
        |interner, ordinal, document| interner.add(ordinal, &document),
    )?;
    record.document_count += summary.documents;
    record.skipped_count = record.skipped_count.saturating_add(summary.skipped);
    record.sha256 = hexadecimal(&summary.end.fingerprint);
    Ok((workers, summary, record))
}

fn check(options: &TrainOptions) -> Result<(), TrainError> {
    let refuse = |reason: &str| Err(TrainError::Option(reason.to_owned()));
    if options.alpha.is_some_and(|alpha| !(MIN_ALPHA..=MAX_ALPHA).contains(&alpha)) {
        return refuse(
            "alpha must be a number from 0.000001 to 1,000,000: with 0, one word never seen with a topic would rule the topic \
             out, and beside a huge one nothing that was seen counts",
        );
    }
    if options.labels == Labels::Multiple
        && (options.recipe != Recipe::Auto || options.alpha.is_some())
    {
        return refuse(
            "several topics a document have a recipe of their own: leave out --recipe and --alpha",
        );
    }
    if options.min_document_frequency == Some(0) {
        return refuse("the minimum document frequency must be at least 1");
    }
    if !(options.target_precision > 0.0 && options.target_precision < 1.0) {
        return refuse("the target precision must lie between 0 and 1");
    }
    Ok(())
}

/// The documents by their terms and topics. Those without a word repeat nothing.
fn copies(workers: &[Interner], topics: &DocumentTopics) -> Copies {
    let fingerprints = workers.iter().flat_map(|worker| &worker.fingerprints);
    let mut copies = Copies::default();
    for (document, &fingerprint) in
        (0..).zip(fingerprints).filter(|(_, fingerprint)| **fingerprint != 0)
    {
        let mut of_document = topics.of(document).to_vec();
        of_document.sort_unstable();
        of_document.dedup();
        // FNV-1a (Fowler, Noll, Vo) over the numbers: it has to tell sets of a few topics apart.
        let set = of_document.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &topic| {
            (hash ^ u64::from(topic)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        copies.add(fingerprint, set);
    }
    copies
}

fn warnings(corpus: &Inverted, copies: Copies, labels: Labels) -> Vec<String> {
    let mut warnings = Vec::new();
    let several = corpus.document_topics.several_count();
    if several > 0 && labels == Labels::Single {
        let documents = if several == 1 { "document" } else { "documents" };
        warnings.push(format!(
            "{several} {documents} with several topics: each counts for every one of its topics (--multi-label trains a yes or no a \
             topic)"
        ));
    }
    let rare: Vec<&str> = corpus
        .topics
        .iter()
        .filter(|topic| topic.document_count == 1)
        .map(|topic| topic.name.as_str())
        .collect();
    if !rare.is_empty() {
        let rare = doubts::listed(&rare, ", ");
        warnings.push(format!("topics of one document, of which little can be learned: {rare}"));
    }
    warnings
        .extend(doubts::of_names(corpus.topics.iter().map(|topic| topic.name.as_str()), labels));
    warnings.extend(copies.doubt(
        "held out, a copy is known from the other one, which flatters the held-out figures",
    ));
    let counts = corpus.topics.iter().map(|topic| (topic.name.as_str(), topic.document_count));
    // Those of one document are named above.
    let counts = counts.filter(|(_, count)| *count > 1);
    warnings.extend(doubts::of_few("the held-out figures", corpus.document_count() as u64, counts));
    warnings
}
