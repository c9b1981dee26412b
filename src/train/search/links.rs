//! Finds the best link over the scores of held-out documents, and measures it.

use std::time::Instant;

use super::kinds::solvers;
use super::plan::{Linked, Plan, SelectedTerms, SolvedPart, Trial, record};
use crate::corpus::Progress;
use crate::model::{EstimateRecord, Labels, LinkTrialRecord};
use crate::train::calibrate::{calibrate, fit_scale};
use crate::train::error::TrainError;
use crate::train::estimate::{Estimate, Solver};
use crate::train::folds::{FOLDS, HeldOut, ScoreTable, Scored, Solved, Split, solve};
use crate::train::link::{Features, Link, Prior};
use crate::train::options::TrainOptions;

/// The most products of documents, inputs and topics for a link to be chosen on all folds instead
/// of one.
const MAX_ON_ALL_FOLDS: usize = 1 << 22;
/// The priors of the link that are tried, where topics exclude each other and where not.
const PRIORS: [Prior; 2] = [Prior::of(0.003), Prior::of(0.02)];
const MULTI_LABEL_PRIORS: [Prior; 1] = [Prior::of(0.3)];
/// The most documents that a candidate link is fitted to, and each of the two links that measure
/// the chosen one.
const MAX_CHOSEN_ON: usize = 12_288;
/// On small corpora and on others, where steps cost more and fewer came as near on newsroom.
const STEPS_SMALL: Steps = Steps { choosing: 20, chosen: 60, measuring: 30 };
const STEPS: Steps = Steps { choosing: 12, chosen: 40, measuring: 20 };

/// The most steps of the solver.
#[derive(Debug, Clone, Copy)]
struct Steps {
    /// For each link that is tried.
    choosing: u64,
    /// For the one that is chosen.
    chosen: u64,
    /// For the links that measure it; half as many, as these only say what it is worth.
    measuring: u64,
}

/// Looks for links.
pub(super) struct LinkSearch<'a> {
    pub(super) options: &'a TrainOptions,
    pub(super) progress: &'a Progress,
    pub(super) deadline: Option<Instant>,
    /// Whether the corpus is small.
    pub(super) is_small: bool,
    pub(super) trials: Vec<LinkTrialRecord>,
    /// Whether the deadline came before all was tried.
    pub(super) is_cut_short: bool,
}

/// The inputs of a link, and the quality of the best link over them.
pub(super) struct LinkCandidate {
    /// The mean log loss.
    pub(super) loss: f64,
    prior: Prior,
    terms: SelectedTerms,
    estimates: Vec<Estimate>,
    solved: Vec<SolvedPart>,
    /// A table per kind of score, each with the factor that brings it to the scale of logits.
    tables: Vec<(ScoreTable, f64)>,
}

impl LinkCandidate {
    fn records(&self) -> Vec<EstimateRecord> {
        let solved = self.solved.iter().map(|solved| solved.record.clone());
        self.estimates.iter().map(record).chain(solved).collect()
    }
}

impl LinkSearch<'_> {
    /// The line of estimates whose link does best, with each solver that lowers the log loss
    /// further. `scored` has a table per estimate, line by line. None if there is no time for any
    /// link.
    pub(super) fn find(
        &mut self,
        split: Split<'_>,
        lines: &[Vec<Estimate>],
        scored: &mut Scored,
        terms: SelectedTerms,
    ) -> Result<Option<LinkCandidate>, TrainError> {
        let documents = &scored.documents;
        let mut tables = std::mem::take(&mut scored.tables).into_iter();
        let mut best: Option<LinkCandidate> = None;
        for line in lines {
            let tables = tables.by_ref().take(line.len());
            let mut candidate = LinkCandidate {
                loss: f64::INFINITY,
                prior: priors(self.options.labels)[0],
                terms,
                estimates: line.clone(),
                solved: Vec::new(),
                tables: tables.map(|table| self.scaled(documents, table)).collect(),
            };
            self.improve(&mut candidate, documents)?;
            if candidate.loss < best.as_ref().map_or(f64::INFINITY, |best| best.loss) {
                best = Some(candidate);
            }
        }
        if let Some(best) = best.as_mut().filter(|_| !self.is_out_of_time()) {
            self.add_solved(split, scored, best)?;
        }
        Ok(best)
    }

    /// Adds to a candidate each solver that lowers its log loss.
    fn add_solved(
        &mut self,
        split: Split<'_>,
        scored: &Scored,
        candidate: &mut LinkCandidate,
    ) -> Result<(), TrainError> {
        self.progress.enter("fitting margins");
        let solvers: &[&dyn Solver] = solvers(self.options.labels);
        let solved = solve(split, scored, solvers)?;
        for (solver, Solved { held_out, linear }) in solvers.iter().zip(solved) {
            candidate.tables.push(self.scaled(&scored.documents, held_out));
            let record = EstimateRecord::new(solver.name(), solver.parameter());
            candidate.solved.push(SolvedPart { record, linear });
            if !self.improve(candidate, &scored.documents)? {
                candidate.tables.pop();
                candidate.solved.pop();
            }
        }
        Ok(())
    }

    /// A table with the factor that brings it to the scale of logits.
    fn scaled(&self, documents: &[HeldOut], table: ScoreTable) -> (ScoreTable, f64) {
        let scale = match self.options.labels {
            Labels::Single => fit_scale(documents, &table),
            Labels::Multiple => 2.0 / table.deviation(),
        };
        (table, scale)
    }

    /// Tries each prior with a link fitted to all folds but the one that measures it. Keeps the
    /// best prior if it beats the candidate's, and returns whether it does.
    fn improve(
        &mut self,
        candidate: &mut LinkCandidate,
        documents: &[HeldOut],
    ) -> Result<bool, TrainError> {
        self.progress.enter("cross-validating links");
        let features = features(self.options.labels, documents, &candidate.tables);
        let folds = if features.products() <= MAX_ON_ALL_FOLDS { FOLDS } else { 1 };
        let mut is_better = false;
        for &prior in priors(self.options.labels) {
            // Where documents have several topics, a link is all there is to try.
            let is_needed = self.options.labels == Labels::Multiple && candidate.loss.is_infinite();
            if !is_needed && self.is_out_of_time() {
                break;
            }
            let (mut loss, mut count) = (0.0, 0);
            for fold in 0..folds as u8 {
                let (seen, unseen): (Vec<usize>, Vec<usize>) =
                    (0..documents.len()).partition(|&place| documents[place].part != fold);
                let chosen = features.thinned(seen, MAX_CHOSEN_ON);
                let link = fit(&features, &chosen, prior, self.steps().choosing)?;
                loss += link.log_loss(&features, &unseen);
                count += unseen.len();
            }
            let log_loss = loss / count.max(1) as f64;
            self.trials.push(LinkTrialRecord {
                estimates: candidate.records(),
                link_variance: prior.variance,
                words_alone: candidate.terms.words_only,
                log_loss,
            });
            if log_loss < candidate.loss {
                (candidate.loss, candidate.prior, is_better) = (log_loss, prior, true);
            }
        }
        Ok(is_better)
    }

    /// Fits the link of a candidate to all documents, and measures it by two links, each of which
    /// did not see the folds it is measured on.
    pub(super) fn link(
        &self,
        candidate: LinkCandidate,
        documents: &[HeldOut],
    ) -> Result<Trial, TrainError> {
        let LinkCandidate { terms, estimates, solved, prior, tables, .. } = candidate;
        let labels = self.options.labels;
        let features = features(labels, documents, &tables);
        let steps = self.steps();
        let all = features.thinned((0..features.len()).collect(), usize::MAX);
        let link = fit(&features, &all, prior, steps.chosen)?;
        let [even, odd] = [0, 1].map(|half| {
            let seen =
                (0..features.len()).filter(|&place| documents[place].part % 2 != half).collect();
            fit(&features, &features.thinned(seen, MAX_CHOSEN_ON), prior, steps.measuring)
        });
        let links = [even?, odd?];
        let mut held_out = ScoreTable::new(tables[0].0.topic_count());
        for (place, document) in documents.iter().enumerate() {
            let logits = links[usize::from(document.part % 2)].logits(&features, place);
            held_out.push(logits);
        }
        let calibration = calibrate(documents, &held_out, labels, self.options.target_precision);
        let linked = Linked { estimates, solved, link, prior };
        Ok(Trial { plan: Plan::Linked(Box::new(linked)), calibration, terms })
    }

    fn steps(&self) -> Steps {
        if self.is_small { STEPS_SMALL } else { STEPS }
    }

    /// Whether the deadline has passed, which cuts the search short.
    pub(super) fn is_out_of_time(&mut self) -> bool {
        let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.is_cut_short |= is_over;
        is_over
    }
}

fn priors(labels: Labels) -> &'static [Prior] {
    match labels {
        Labels::Single => &PRIORS,
        Labels::Multiple => &MULTI_LABEL_PRIORS,
    }
}

fn fit(
    features: &Features<'_>,
    chosen: &[usize],
    prior: Prior,
    iterations: u64,
) -> Result<Link, TrainError> {
    Link::fit(features, chosen, prior, iterations)
        .map_err(|error| TrainError::Estimator(error.to_string()))
}

/// What a link looks at.
fn features<'a>(
    labels: Labels,
    documents: &'a [HeldOut],
    tables: &[(ScoreTable, f64)],
) -> Features<'a> {
    let tables: Vec<(&ScoreTable, f64)> =
        tables.iter().map(|(table, scale)| (table, *scale)).collect();
    let topics = documents.iter().map(|document| document.topics.as_slice()).collect();
    Features::new(labels, &tables, topics)
}
