//! Tries what the options leave open, and says what did best.

use std::time::Instant;

use rayon::prelude::*;

use super::kinds::{LINES, MULTI_LABEL, SMALL_LINES};
use super::links::{LinkCandidate, LinkSearch};
use super::plan::{Plan, SelectedTerms, Trial};
use super::rank::rank;
use super::term_sets::{SMALL, TermSet};
use crate::corpus::Progress;
use crate::model::{Labels, LinkTrialRecord, TrialRecord};
use crate::train::calibrate::calibrate;
use crate::train::collection::Collection;
use crate::train::error::TrainError;
use crate::train::estimate::{Estimate, TopicCounts};
use crate::train::folds::{Folds, HeldOut, Lengths, ScoreTable, Scored, Split, score};
use crate::train::options::{Recipe, TrainOptions};
use crate::train::terms::{Status, Term};

/// What was tried.
#[derive(Debug)]
pub(crate) struct Choice {
    /// The best one first.
    pub(crate) trials: Vec<Trial>,
    /// The counts of each selection of terms.
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

/// Tries what the options leave open, with each set of terms; the first one in any case.
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
    for set in TermSet::all(options, document_count) {
        // Something has to be tried, however short the time.
        if search.vocabularies.is_empty() || !search.links.is_out_of_time() {
            search.try_terms(collection, folds, set)?;
        }
    }
    let Search { links, mut trials, vocabularies, best } = search;
    if let Some((candidate, documents)) = best {
        progress.enter("fitting the link");
        trials.insert(0, links.link(candidate, &documents)?);
    }
    rank(&mut trials, |trial| &trial.calibration.metrics);
    let LinkSearch { trials: link_trials, is_cut_short, .. } = links;
    Ok(Choice { trials, vocabularies, link_trials, is_cut_short })
}

struct Search<'a> {
    links: LinkSearch<'a>,
    trials: Vec<Trial>,
    vocabularies: Vec<TopicCounts>,
    /// What the best link so far looks at, and the documents that it is fitted to.
    best: Option<(LinkCandidate, Vec<HeldOut>)>,
}

impl Search<'_> {
    /// Tries everything with one set of terms: each estimate by itself, and which of them a link is
    /// best over.
    fn try_terms(
        &mut self,
        collection: &mut Collection<'_>,
        folds: &Folds,
        set: TermSet,
    ) -> Result<(), TrainError> {
        let (options, progress) = (self.links.options, self.links.progress);
        progress.enter("choosing terms");
        let selection = set.select(collection, options)?;
        // In a few short documents each word may occur once.
        let is_word = |term: &Term| {
            let is_selected = term.status == Status::Selected;
            is_selected && collection.vocabulary.is_counted_word(collection.documents, term)
        };
        if !collection.vocabulary.terms.iter().any(is_word) {
            return Ok(());
        }
        progress.enter("cross-validating");
        let lengths = Lengths::of(collection, folds)?;
        let split = Split { collection, folds, lengths: &lengths, selection: &selection };
        let terms = SelectedTerms {
            vocabulary: self.vocabularies.len(),
            words_only: set == TermSet::Words,
            min_document_frequency: selection.min_document_frequency,
            keep: set.keep(),
        };
        let lines = self.lines();
        let estimates = lines.concat();
        let mut scored = score(split, &estimates)?;
        if options.labels == Labels::Single {
            for trial in singles(&estimates, &scored, terms, options) {
                // Two lines may have an estimate in common: it was tried once.
                let is_same =
                    |other: &Trial| other.plan == trial.plan && other.terms == trial.terms;
                if !self.trials.iter().any(is_same) {
                    self.trials.push(trial);
                }
            }
        }
        if options.recipe == Recipe::Auto
            && let Some(candidate) = self.links.find(split, &lines, &mut scored, terms)?
            && self.best.as_ref().is_none_or(|(best, _)| candidate.loss < best.loss)
        {
            self.best = Some((candidate, scored.documents));
        }
        self.vocabularies.push(scored.counts);
        Ok(())
    }

    /// The estimates that are tried, line by line.
    fn lines(&self) -> Vec<Vec<Estimate>> {
        let options = self.links.options;
        match (options.labels, options.recipe, options.alpha) {
            (Labels::Multiple, ..) => vec![vec![MULTI_LABEL]],
            (_, Recipe::Fixed(estimator), alpha) => {
                let smoothing = alpha.unwrap_or(estimator.default_smoothing());
                vec![vec![Estimate { estimator, smoothing }]]
            }
            (_, Recipe::Auto, Some(smoothing)) => {
                vec![LINES[0].map(|estimate| Estimate { smoothing, ..estimate }).to_vec()]
            }
            (_, Recipe::Auto, None) => {
                let small = if self.links.is_small { &SMALL_LINES[..] } else { &[] };
                LINES.iter().chain(small).map(|line| line.to_vec()).collect()
            }
        }
    }
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
