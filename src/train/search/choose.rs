//! Tries what the options leave open, and says what did best.

use std::time::Instant;

use rayon::prelude::*;

use super::kinds::{LINES, MULTI_LABEL, SMALL_LINES, SOLVERS};
use super::links::{LinkCandidate, LinkSearch};
use super::plan::{Plan, SelectedTerms, Trial};
use super::rank::rank;
use crate::corpus::Progress;
use crate::model::{Labels, LinkTrialRecord, TrialRecord};
use crate::train::calibrate::calibrate;
use crate::train::collection::Collection;
use crate::train::error::TrainError;
use crate::train::estimate::{Estimate, TopicCounts};
use crate::train::folds::{Folds, Lengths, ScoreTable, Scored, Split, score};
use crate::train::options::{Recipe, TrainOptions};
use crate::train::terms::{LeastFrequencies, Selection, Status, keep_best, words_only};

/// Terms must occur in so many documents where nothing else is asked for: a word or pair of one
/// document is often a slip.
const DEFAULT_MIN_DOCUMENT_FREQUENCY: u32 = 2;
/// Up to so many documents a corpus is small.
const SMALL: u64 = 16_384;

/// What was tried.
#[derive(Debug)]
pub(crate) struct Choice {
    /// The best one first.
    pub(crate) trials: Vec<Trial>,
    /// Of each selection of terms the counts.
    pub(crate) vocabularies: Vec<TopicCounts>,
    link_trials: Vec<LinkTrialRecord>,
    /// Whether the budget ended before all was tried.
    pub(crate) is_cut_short: bool,
}

impl Choice {
    /// What the manifest says of it.
    pub(crate) fn records(
        &self,
        options: &TrainOptions,
    ) -> (Vec<TrialRecord>, Vec<LinkTrialRecord>) {
        let record = |trial: &Trial| TrialRecord {
            recipe: trial.recipe(options),
            metrics: trial.calibration.metrics.clone(),
        };
        (self.trials.iter().map(record).collect(), self.link_trials.clone())
    }
}

/// The minimum document frequencies of terms for what is tried.
///
/// On a small corpus words only are tried besides words and pairs, words of a single document among
/// them. Counts, and all that is chosen on them, depend on the terms: to try others costs the whole
/// search again, which a small corpus can afford. It is also where it matters: see docs/adr/0004.
pub(crate) fn least_frequencies(options: &TrainOptions, document_count: u64) -> LeastFrequencies {
    let least = options.min_document_frequency.unwrap_or(DEFAULT_MIN_DOCUMENT_FREQUENCY);
    let of_words = options.min_document_frequency.unwrap_or(1);
    LeastFrequencies {
        words: if tries_words_only(options, document_count) { of_words } else { least },
        pairs: least,
    }
}

fn tries_words_only(options: &TrainOptions, document_count: u64) -> bool {
    let is_searched =
        options.recipe == Recipe::Auto && options.labels == Labels::Single && options.text.pairs;
    is_searched && document_count <= SMALL
}

/// Tries what the options leave open, with each selection of terms; the first one in any case.
pub(crate) fn choose(
    collection: &mut Collection<'_>,
    folds: &Folds,
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Choice, TrainError> {
    let document_count = collection.document_count() as u64;
    let mut search = Search {
        links: LinkSearch {
            options,
            progress,
            // A deadline beyond the clock's range never comes.
            deadline: options.budget.and_then(|budget| Instant::now().checked_add(budget)),
            is_small: document_count <= SMALL,
            trials: Vec::new(),
            is_cut_short: false,
        },
        trials: Vec::new(),
        vocabularies: Vec::new(),
        best: None,
    };
    search.try_terms(collection, folds, false)?;
    // Something has to be tried, however short the time.
    let is_next = search.trials.is_empty() || !search.links.is_out_of_time();
    if tries_words_only(options, document_count) && is_next {
        search.try_terms(collection, folds, true)?;
    }
    let Search { links, mut trials, vocabularies, best } = search;
    if let Some(best) = best {
        progress.enter("fitting the link");
        trials.insert(0, links.link(best)?);
    }
    rank(&mut trials, |trial| &trial.calibration.metrics);
    let LinkSearch { trials: link_trials, is_cut_short, .. } = links;
    Ok(Choice { trials, vocabularies, link_trials, is_cut_short })
}

struct Search<'a> {
    links: LinkSearch<'a>,
    trials: Vec<Trial>,
    vocabularies: Vec<TopicCounts>,
    /// What the best link so far is made of.
    best: Option<LinkCandidate>,
}

impl Search<'_> {
    /// Tries everything with one selection of terms: words and pairs, or words only.
    fn try_terms(
        &mut self,
        collection: &mut Collection<'_>,
        folds: &Folds,
        is_words_only: bool,
    ) -> Result<(), TrainError> {
        let (options, progress) = (self.links.options, self.links.progress);
        let (selecting, scoring) = if is_words_only {
            ("choosing words only", "cross-validating words only")
        } else {
            ("choosing terms", "cross-validating")
        };
        progress.enter(selecting);
        let selection = select(collection, options, is_words_only)?;
        // In a few short documents each term may occur once: then there are only the words.
        if collection.vocabulary.terms.iter().all(|term| term.status < Status::Selected) {
            return Ok(());
        }
        progress.enter(scoring);
        let lengths = Lengths::of(collection, folds)?;
        let split = Split { collection, folds, lengths: &lengths, selection: &selection };
        let terms = SelectedTerms {
            vocabulary: self.vocabularies.len(),
            words_only: is_words_only,
            min_document_frequency: selection.min_document_frequency,
        };
        let counts = match (options.labels, options.recipe) {
            (Labels::Multiple, _) => self.try_multi_label(split, terms)?,
            (Labels::Single, Recipe::Fixed(estimator)) => {
                let smoothing = options.alpha.unwrap_or(estimator.default_smoothing());
                let estimate = Estimate { estimator, smoothing };
                let scored = score(split, &[estimate])?;
                self.trials.extend(singles(&[estimate], &scored, terms, options));
                scored.counts
            }
            (Labels::Single, Recipe::Auto) => self.try_all(split, terms)?,
        };
        self.vocabularies.push(counts);
        Ok(())
    }

    fn try_multi_label(
        &mut self,
        split: Split<'_>,
        terms: SelectedTerms,
    ) -> Result<TopicCounts, TrainError> {
        let estimate =
            Estimate { estimator: MULTI_LABEL, smoothing: MULTI_LABEL.default_smoothing() };
        let scored = score(split, &[estimate])?;
        self.trials.push(self.links.multi_label(estimate, &scored, terms)?);
        Ok(scored.counts)
    }

    /// Measures each estimate by itself, and finds out over which of them a link is best.
    fn try_all(
        &mut self,
        split: Split<'_>,
        terms: SelectedTerms,
    ) -> Result<TopicCounts, TrainError> {
        let lines = self.lines();
        let estimates = lines.concat();
        let mut scored = score(split, &estimates)?;
        let trials = singles(&estimates, &scored, terms, self.links.options);
        let scales: Vec<f64> = trials.iter().map(|trial| trial.calibration.scale).collect();
        for trial in trials {
            // Two lines may have an estimate in common: it was tried once.
            let is_same = |other: &Trial| other.plan == trial.plan && other.terms == trial.terms;
            if !self.trials.iter().any(is_same) {
                self.trials.push(trial);
            }
        }
        if let Some(mut candidate) = self.links.best_line(&lines, &mut scored, &scales, terms)? {
            if self.links.is_small {
                for solver in SOLVERS {
                    self.links.add(split, &scored, solver, &mut candidate)?;
                }
            }
            // Of equals the first.
            if self.best.as_ref().is_none_or(|best| candidate.loss < best.loss) {
                self.best = Some(candidate);
            }
        }
        Ok(scored.counts)
    }

    /// The estimates that are tried, line by line.
    fn lines(&self) -> Vec<Vec<Estimate>> {
        if let Some(alpha) = self.links.options.alpha {
            let same = |estimate: Estimate| Estimate { smoothing: alpha, ..estimate };
            return vec![LINES[0].map(same).to_vec()];
        }
        let small = if self.links.is_small { &SMALL_LINES[..] } else { &[] };
        LINES.iter().chain(small).map(|line| line.to_vec()).collect()
    }
}

/// Selects terms.
fn select(
    collection: &mut Collection<'_>,
    options: &TrainOptions,
    is_words_only: bool,
) -> Result<Selection, TrainError> {
    let least = least_frequencies(options, collection.document_count() as u64);
    if is_words_only {
        return Ok(words_only(&mut collection.vocabulary, least.words));
    }
    if options.keep_terms.is_some() {
        collection.compute_statistics()?;
    }
    Ok(keep_best(&mut collection.vocabulary, options.keep_terms, least.pairs))
}

/// Measures estimates by themselves.
fn singles(
    estimates: &[Estimate],
    scored: &Scored,
    terms: SelectedTerms,
    options: &TrainOptions,
) -> Vec<Trial> {
    let scored_by: Vec<_> = estimates.iter().zip(&scored.tables).collect();
    let measure = |(estimate, table): (&Estimate, &ScoreTable)| {
        let target = options.target_precision;
        let calibration = calibrate(&scored.documents, table, Labels::Single, target);
        Trial { plan: Plan::Single(*estimate), calibration, terms }
    };
    scored_by.into_par_iter().map(measure).collect()
}
