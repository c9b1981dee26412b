//! Chooses how to estimate, by cross-validation on the training corpus alone.

use super::counts::TopicCounts;
use super::cross_validate::{Calibration, FOLDS, Folds, HeldOut, calibrate, score_held_out};
use super::estimate::{Candidate, Estimator, Linear};
use super::link::{self, Features, Link};
use super::spool::SpooledCorpus;
use super::{Recipe, TrainError, TrainOptions, TrialRecord};
use crate::model::manifest::RecipeRecord;
use crate::model::softmax;

/// The pseudo-counts that `auto` tries.
const MULTINOMIAL_ALPHAS: [f64; 3] = [0.01, 0.03, 0.1];
const COMPLEMENT_ALPHAS: [f64; 3] = [0.1, 0.3, 1.0];
/// How far the link may stray from the diagonal: what is tried, the closest first.
const LINK_VARIANCES: [f64; 3] = [0.001, 0.01, 0.1];
/// The most documents that a link is fitted to: it has few parameters, and each evaluation looks at all of them. On newsroom
/// (80,000 documents) all of them gave an accuracy of 0.8101 by cross-validation in 30 s; see docs/adr/0004.
const MAX_LINKED: usize = 32_768;
/// The most documents that the variance is chosen on: it is one number.
const MAX_CHOSEN_ON: usize = 16_384;

/// A way to a linear model.
#[derive(Debug, Clone, PartialEq)]
enum Plan {
    /// One estimator.
    Plain(Candidate),
    /// Both, with a link over their scores.
    Linked { multinomial: Candidate, complement: Candidate, link: Box<Link>, variance: f64 },
}

/// A plan with what its held-out scores taught.
#[derive(Debug)]
pub(super) struct Trial {
    plan: Plan,
    pub(super) calibration: Calibration,
}

/// Tries what the options leave open. The trials, the best one first.
pub(super) fn choose(
    corpus: &mut SpooledCorpus,
    idf: &[f32],
    totals: &TopicCounts,
    folds: &Folds,
    options: &TrainOptions,
) -> Result<Vec<Trial>, TrainError> {
    let mut search = Search { corpus, idf, totals, folds, options };
    let mut trials = match options.recipe {
        Recipe::Fixed(estimator) => {
            let alpha = options.alpha.unwrap_or(estimator.default_alpha());
            search.plain(&[Candidate { estimator, alpha }])?.into_iter().map(|(trial, _)| trial).collect()
        }
        Recipe::Auto => search.auto()?,
    };
    // A stable sort: of equals the first tried comes first.
    trials.sort_by(|a, b| {
        let (a, b) = (&a.calibration.metrics, &b.calibration.metrics);
        b.accuracy.total_cmp(&a.accuracy).then(a.log_loss.total_cmp(&b.log_loss))
    });
    Ok(trials)
}

struct Search<'a> {
    corpus: &'a mut SpooledCorpus,
    idf: &'a [f32],
    totals: &'a TopicCounts,
    folds: &'a Folds,
    options: &'a TrainOptions,
}

impl Search<'_> {
    fn auto(&mut self) -> Result<Vec<Trial>, TrainError> {
        let [multinomial, complement] = self.best_alphas()?;
        let mut plain = self.plain(&[multinomial, complement])?.into_iter();
        let (Some((first, first_scores)), Some((second, second_scores))) = (plain.next(), plain.next()) else {
            return Ok(Vec::new());
        };
        let mut trials = Vec::with_capacity(3);
        if link::is_feasible(self.corpus.topics().len()) {
            let scales = [first.calibration.scale, second.calibration.scale];
            let features = Features::new(&first_scores, &second_scores, scales);
            trials.push(self.linked(multinomial, complement, &features, &first_scores)?);
        }
        trials.extend([first, second]);
        Ok(trials)
    }

    /// For each estimator the pseudo-count that does best on one fold: enough to tell them apart, at a fifth of the cost.
    fn best_alphas(&mut self) -> Result<[Candidate; 2], TrainError> {
        let estimators = [Estimator::Multinomial, Estimator::Complement];
        if let Some(alpha) = self.options.alpha {
            return Ok(estimators.map(|estimator| Candidate { estimator, alpha }));
        }
        let grids = [MULTINOMIAL_ALPHAS, COMPLEMENT_ALPHAS];
        let candidates: Vec<Candidate> = estimators
            .into_iter()
            .zip(grids)
            .flat_map(|(estimator, grid)| grid.map(|alpha| Candidate { estimator, alpha }))
            .collect();
        let held_out = score_held_out(self.corpus, self.idf, self.totals, self.folds, &candidates, 0..1)?;
        let accuracies: Vec<f64> = held_out.iter().map(|held_out| self.calibrate(held_out).metrics.accuracy).collect();
        let mut best = estimators.map(|estimator| Candidate { estimator, alpha: estimator.default_alpha() });
        for best in &mut best {
            let mut highest = f64::NEG_INFINITY;
            for (candidate, &accuracy) in candidates.iter().zip(&accuracies) {
                if candidate.estimator == best.estimator && accuracy > highest {
                    (*best, highest) = (*candidate, accuracy);
                }
            }
        }
        Ok(best)
    }

    fn plain(&mut self, candidates: &[Candidate]) -> Result<Vec<(Trial, Vec<HeldOut>)>, TrainError> {
        let held_out = score_held_out(self.corpus, self.idf, self.totals, self.folds, candidates, 0..FOLDS)?;
        Ok(candidates
            .iter()
            .zip(held_out)
            .map(|(&candidate, held_out)| {
                (Trial { plan: Plan::Plain(candidate), calibration: self.calibrate(&held_out) }, held_out)
            })
            .collect())
    }

    /// A link over both. It is measured by two links, each of which did not see the folds it is measured on.
    fn linked(
        &mut self,
        multinomial: Candidate,
        complement: Candidate,
        features: &Features,
        scores: &[HeldOut],
    ) -> Result<Trial, TrainError> {
        let threads = self.options.corpus.threads;
        let failed = |error: argmin::core::Error| TrainError::Estimator(error.to_string());
        let fold_of = |document: usize| self.folds.of(scores[document].ordinal).unwrap_or_default();
        let places = 0..features.len();
        let variance = {
            let (seen, unseen): (Vec<usize>, Vec<usize>) = places.clone().partition(|&document| fold_of(document) != 0);
            let seen = thinned(seen, MAX_CHOSEN_ON);
            let mut best = (LINK_VARIANCES[0], f64::INFINITY);
            let mut link = Link::diagonal(features);
            for variance in LINK_VARIANCES {
                link = Link::fit(features, &seen, variance, &link, threads).map_err(failed)?;
                let loss = log_loss(&link, features, &unseen, scores);
                if loss < best.1 {
                    best = (variance, loss);
                }
            }
            best.0
        };
        let all = thinned(places.clone().collect(), MAX_LINKED);
        let link = Link::fit(features, &all, variance, &Link::diagonal(features), threads).map_err(failed)?;
        let mut held_out = scores.to_vec();
        for half in 0..2 {
            let (unseen, seen): (Vec<usize>, Vec<usize>) = places.clone().partition(|&document| fold_of(document) % 2 == half);
            // The objective has one minimum: where the search starts only decides how soon it is there.
            let without = Link::fit(features, &thinned(seen, MAX_LINKED), variance, &link, threads).map_err(failed)?;
            for document in unseen {
                held_out[document].scores = without.logits(features, document);
            }
        }
        let plan = Plan::Linked { multinomial, complement, link: Box::new(link), variance };
        Ok(Trial { plan, calibration: self.calibrate(&held_out) })
    }

    fn calibrate(&self, held_out: &[HeldOut]) -> Calibration {
        calibrate(held_out, self.corpus.topics().len(), self.options.target_precision)
    }
}

/// At most about `most` of the documents, evenly spread.
fn thinned(documents: Vec<usize>, most: usize) -> Vec<usize> {
    let step = documents.len().div_ceil(most).max(1);
    documents.into_iter().step_by(step).collect()
}

fn log_loss(link: &Link, features: &Features, documents: &[usize], scores: &[HeldOut]) -> f64 {
    let mut probabilities = Vec::new();
    documents
        .iter()
        .map(|&document| {
            softmax(&link.logits(features, document), &mut probabilities);
            let right = scores[document].topics.iter().map(|&topic| probabilities[topic]).fold(0.0, f64::max);
            -libm::log(right.max(f64::MIN_POSITIVE))
        })
        .sum()
}

impl Trial {
    /// Fits the plan to the whole corpus.
    pub(super) fn fit(&self, totals: &TopicCounts) -> Result<Linear, TrainError> {
        match &self.plan {
            Plan::Plain(candidate) => Linear::fit(*candidate, totals),
            Plan::Linked { multinomial, complement, link, .. } => {
                Ok(link.fold(&Linear::fit(*multinomial, totals)?, &Linear::fit(*complement, totals)?))
            }
        }
    }

    /// What the manifest says of the plan.
    pub(super) fn recipe(&self, options: &TrainOptions) -> RecipeRecord {
        let mut record = RecipeRecord {
            kind: String::new(),
            multinomial_alpha: None,
            complement_alpha: None,
            link_variance: None,
            scale: self.calibration.scale,
            seed: options.seed,
            min_document_frequency: options.min_document_frequency,
            keep_terms: options.keep_terms.unwrap_or(0),
        };
        match &self.plan {
            Plan::Plain(Candidate { estimator, alpha }) => {
                record.kind = estimator.name().to_owned();
                match estimator {
                    Estimator::Multinomial => record.multinomial_alpha = Some(*alpha),
                    Estimator::Complement => record.complement_alpha = Some(*alpha),
                }
            }
            Plan::Linked { multinomial, complement, variance, .. } => {
                record.kind = "linked".to_owned();
                record.multinomial_alpha = Some(multinomial.alpha);
                record.complement_alpha = Some(complement.alpha);
                record.link_variance = Some(*variance);
            }
        }
        record
    }

    /// What the report says of the trial.
    pub(super) fn record(&self, options: &TrainOptions) -> TrialRecord {
        TrialRecord { recipe: self.recipe(options), metrics: self.calibration.metrics.clone() }
    }
}
