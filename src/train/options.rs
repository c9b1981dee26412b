//! What to train and how.

use std::path::PathBuf;
use std::time::Duration;

use super::error::TrainError;
use super::estimate::Estimator;
use crate::corpus;
use crate::model::{Labels, ModelId};
use crate::text::TextOptions;

/// The least pseudo-count. Below it the logarithm of what was never seen outweighs all that was.
const MIN_ALPHA: f64 = 1e-6;
/// The greatest. Beyond it nothing that was seen counts.
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
    /// The minimum document frequency of terms, at least 1. None leaves it to the search: 2, and 1
    /// for the words of a small corpus.
    pub min_document_frequency: Option<u32>,
    /// Besides the words, how many terms of the highest chi-square are kept; 0 keeps all. None
    /// leaves it to the search: 60,000, or 10,000 where documents have several topics.
    pub keep_terms: Option<usize>,
    /// The precision that confident answers are to have, in (0, 1).
    pub target_precision: f64,
    /// Decides which document falls into which fold.
    pub seed: u64,
    /// How to read the corpus; its number of threads holds for all of the training. What it follows
    /// is overridden by `from`.
    pub corpus: corpus::Options,
    /// The directory of a model whose documents come before those of the inputs, as if all were
    /// read at once. Text options, labels and language must be its own ([`super::Header::read`]).
    pub from: Option<PathBuf>,
    /// Whether to keep the documents, for a training that resumes from them
    /// ([`super::Trained::documents`]).
    pub keep_documents: bool,
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
            keep_terms: None,
            target_precision: 0.95,
            seed: 1,
            corpus: corpus::Options { threads: 1, ..corpus::Options::default() },
            from: None,
            keep_documents: true,
        }
    }

    /// Refuses what is out of its range.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |reason: &str| Err(TrainError::Option(reason.to_owned()));
        if self.alpha.is_some_and(|alpha| !(MIN_ALPHA..=MAX_ALPHA).contains(&alpha)) {
            return refuse(
                "alpha must be a number from 0.000001 to 1,000,000: with 0, one word never seen \
                 with a topic would rule the topic out, and with a huge one nothing that was seen \
                 counts",
            );
        }
        if self.labels == Labels::Multiple && (self.recipe != Recipe::Auto || self.alpha.is_some())
        {
            return refuse(
                "several topics per document have a recipe of their own: leave out --recipe and \
                 --alpha",
            );
        }
        if self.min_document_frequency == Some(0) {
            return refuse("the minimum document frequency must be at least 1");
        }
        if !(self.target_precision > 0.0 && self.target_precision < 1.0) {
            return refuse("the target precision must lie between 0 and 1");
        }
        Ok(())
    }
}

/// How the weights are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recipe {
    /// Cross-validation on the training corpus chooses: a single estimator, or several with a link
    /// over their scores.
    #[default]
    Auto,
    /// This estimator, with its default smoothing where none is given.
    Fixed(Estimator),
}
