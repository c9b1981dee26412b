//! How a linear model is estimated, and what its held-out scores taught.

use crate::model::{EstimateRecord, RecipeRecord};
use crate::train::calibrate::Calibration;
use crate::train::error::TrainError;
use crate::train::estimate::{Estimate, Linear, TopicCounts};
use crate::train::link::{Link, Prior};
use crate::train::options::TrainOptions;

/// How a linear model is estimated.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// One estimate.
    Single(Estimate),
    /// A link over the scores of several.
    Linked(Box<Linked>),
}

/// What a link looks at, and the link.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linked {
    pub(super) estimates: Vec<Estimate>,
    /// What was fitted to the documents one by one.
    pub(super) solved: Vec<SolvedPart>,
    pub(super) link: Link,
    pub(super) prior: Prior,
}

/// A model of a solver, with what the manifest says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SolvedPart {
    pub(super) record: EstimateRecord,
    pub(super) linear: Linear,
}

/// Which terms were selected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SelectedTerms {
    /// A place in [`super::choose::Choice::vocabularies`].
    pub(crate) vocabulary: usize,
    /// Whether they are the words alone, tried next to words and pairs.
    pub(crate) words_only: bool,
    pub(super) min_document_frequency: u32,
    /// The number of terms of the highest chi-square kept in addition to all words; None for all.
    pub(super) keep: Option<usize>,
}

/// A plan with what its held-out scores taught.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(super) plan: Plan,
    pub(crate) calibration: Calibration,
    pub(crate) terms: SelectedTerms,
}

impl Trial {
    /// Fits the plan to the whole corpus.
    pub(crate) fn fit(&self, counts: &TopicCounts) -> Result<Linear, TrainError> {
        match &self.plan {
            Plan::Single(estimate) => estimate.fit(counts),
            Plan::Linked(linked) => {
                let Linked { estimates, solved, link, .. } = &**linked;
                let fitted: Vec<Linear> = estimates
                    .iter()
                    .map(|estimate| estimate.fit(counts))
                    .collect::<Result<_, _>>()?;
                let solved = solved.iter().map(|solved| &solved.linear);
                Ok(link.fold(&fitted.iter().chain(solved).collect::<Vec<_>>()))
            }
        }
    }

    /// What the manifest says of the plan.
    pub(crate) fn recipe(&self, options: &TrainOptions) -> RecipeRecord {
        let (kind, estimates, link_variance) = match &self.plan {
            Plan::Single(estimate) => (estimate.estimator.name(), vec![record(estimate)], None),
            Plan::Linked(linked) => {
                let Linked { estimates, solved, prior, .. } = &**linked;
                let kind = match estimates[..] {
                    [only] if solved.is_empty() => only.estimator.name(),
                    _ => "linked",
                };
                let solved = solved.iter().map(|solved| solved.record.clone());
                let records = estimates.iter().map(record).chain(solved).collect();
                (kind, records, Some(prior.variance))
            }
        };
        RecipeRecord {
            kind: kind.to_owned(),
            estimates,
            link_variance,
            scale: self.calibration.scale,
            seed: options.seed,
            min_document_frequency: self.terms.min_document_frequency,
            keep_terms: self.terms.keep.unwrap_or(0),
            words_alone: self.terms.words_only,
        }
    }
}

/// What the manifest says of an estimate.
pub(super) fn record(estimate: &Estimate) -> EstimateRecord {
    let parameter = (estimate.smoothing_name(), estimate.smoothing);
    EstimateRecord::new(estimate.estimator.name(), parameter)
}
