//! Finds the best link over the scores of held-out documents, and measures it.

use std::ops::Range;
use std::time::Instant;

use super::plan::{Linked, Plan, SelectedTerms, SolvedPart, Trial, record};
use crate::corpus::Progress;
use crate::model::softmax;
use crate::model::{EstimateRecord, Labels, LinkTrialRecord};
use crate::train::calibrate::{calibrate, fit_scale};
use crate::train::error::TrainError;
use crate::train::estimate::{Estimate, Solver};
use crate::train::folds::{FOLDS, HeldOut, ScoreTable, Scored, Solved, Split, solve};
use crate::train::link::{Features, Link, Prior};
use crate::train::options::TrainOptions;

/// Up to so many products of documents, inputs and topics a link is chosen on all folds, and not on
/// one.
const MAX_ON_ALL_FOLDS: usize = 1 << 23;
/// The prior variances of the link's matrix that are tried.
const LINK_VARIANCES: [f64; 2] = [0.01, 0.1];
/// The most documents that smoothing and variance are chosen on (they are two numbers), and that
/// the links are fitted to by which a link is measured.
const MAX_CHOSEN_ON: usize = 12_288;
/// On a small corpus, and on others: there steps cost more, and on newsroom fewer came as near.
const STEPS_SMALL: Steps = Steps { choosing: 20, chosen: 60, measuring: 30 };
const STEPS: Steps = Steps { choosing: 12, chosen: 40, measuring: 20 };
/// Where documents have several topics, as measured on reuters21578: see docs/adr/0006.
const MULTI_LABEL_PRIOR: Prior = Prior { own: 0.3, cross: 0.03 };

/// The most steps of the solver.
#[derive(Debug, Clone, Copy)]
struct Steps {
    /// For each link that is tried.
    choosing: u64,
    /// For the one that is chosen.
    chosen: u64,
    /// For the links that it is measured by: half, for they only say what it is worth.
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

/// What a link may be made of, and how good the best link over it was.
pub(super) struct LinkCandidate {
    pub(super) loss: f64,
    terms: SelectedTerms,
    estimates: Vec<Estimate>,
    solved: Vec<SolvedPart>,
    prior: Prior,
    /// On how many folds the links were tried.
    folds: usize,
    documents: Vec<HeldOut>,
    /// A table per kind of score, and what brings it to the scale of logits.
    tables: Vec<(ScoreTable, f64)>,
}

/// Scores that a link may look at.
struct Inputs<'a> {
    records: Vec<EstimateRecord>,
    tables: &'a [(ScoreTable, f64)],
}

/// The best prior for some inputs.
struct Best {
    /// Which inputs.
    place: usize,
    prior: Prior,
    /// The mean log loss.
    loss: f64,
}

impl LinkSearch<'_> {
    /// The line of estimates, a table each, whose link does best; `scales` bring the tables to the
    /// scale of logits. None where there is no time for any.
    pub(super) fn best_line(
        &mut self,
        lines: &[Vec<Estimate>],
        scored: &mut Scored,
        scales: &[f64],
        terms: SelectedTerms,
    ) -> Result<Option<LinkCandidate>, TrainError> {
        let tables = std::mem::take(&mut scored.tables);
        let mut tables: Vec<(ScoreTable, f64)> =
            tables.into_iter().zip(scales.iter().copied()).collect();
        let mut ranges = Vec::with_capacity(lines.len());
        for line in lines {
            let start = ranges.last().map_or(0, |(_, range): &(_, Range<usize>)| range.end);
            ranges.push((line, start..start + line.len()));
        }
        let inputs: Vec<Inputs<'_>> = (ranges.iter())
            .map(|(line, range)| Inputs {
                records: line.iter().map(record).collect(),
                tables: &tables[range.clone()],
            })
            .collect();
        let products =
            inputs.first().map(|first| features(&scored.documents, first.tables).products());
        let folds = if products.unwrap_or(0) <= MAX_ON_ALL_FOLDS { FOLDS } else { 1 };
        let Some(best) = self.best(&inputs, &scored.documents, folds, terms)? else {
            return Ok(None);
        };
        let (line, range) = ranges[best.place].clone();
        Ok(Some(LinkCandidate {
            loss: best.loss,
            terms,
            estimates: line.clone(),
            solved: Vec::new(),
            prior: best.prior,
            folds,
            documents: scored.documents.clone(),
            tables: tables.drain(range).collect(),
        }))
    }

    /// Lets the link also look at what a solver makes of the corpus, where that lowers the log
    /// loss.
    pub(super) fn add(
        &mut self,
        split: Split<'_>,
        scored: &Scored,
        solver: &dyn Solver,
        candidate: &mut LinkCandidate,
    ) -> Result<(), TrainError> {
        if self.is_out_of_time() {
            return Ok(());
        }
        self.progress.enter("cross-validating the margin");
        let Some(Solved { held_out, linear }) = solve(split, scored, solver)? else {
            return Ok(());
        };
        let scale = fit_scale(&candidate.documents, &held_out);
        candidate.tables.push((held_out, scale));
        let added = EstimateRecord::new(solver.name(), solver.parameter());
        let known = candidate.solved.iter().map(|solved| solved.record.clone());
        let records = candidate.estimates.iter().map(record).chain(known);
        let inputs = [Inputs {
            records: records.chain([added.clone()]).collect(),
            tables: &candidate.tables,
        }];
        let (folds, terms) = (candidate.folds, candidate.terms);
        let best = self.best(&inputs, &candidate.documents, folds, terms)?;
        match best.filter(|best| best.loss < candidate.loss) {
            Some(Best { prior, loss, .. }) => {
                (candidate.prior, candidate.loss) = (prior, loss);
                candidate.solved.push(SolvedPart { record: added, linear });
            }
            None => drop(candidate.tables.pop()),
        }
        Ok(())
    }

    /// The inputs and the prior whose link does best on the documents of so many folds, each scored
    /// by a link that did not see its fold; None where there is no time for any.
    fn best(
        &mut self,
        inputs: &[Inputs<'_>],
        documents: &[HeldOut],
        folds: usize,
        terms: SelectedTerms,
    ) -> Result<Option<Best>, TrainError> {
        let mut best: Option<Best> = None;
        let (mut step, steps) = (0, inputs.len() * LINK_VARIANCES.len() * folds);
        for (place, Inputs { records, tables }) in inputs.iter().enumerate() {
            let features = features(documents, tables);
            for variance in LINK_VARIANCES {
                if self.is_out_of_time() {
                    break;
                }
                let prior = Prior { own: variance, cross: variance };
                let (mut loss, mut count) = (0.0, 0);
                for fold in 0..folds as u8 {
                    step += 1;
                    self.progress.step("cross-validating links", step, steps);
                    let (seen, unseen): (Vec<usize>, Vec<usize>) =
                        (0..documents.len()).partition(|&place| documents[place].part != fold);
                    let chosen = features.thinned(seen, MAX_CHOSEN_ON);
                    let link = fit(&features, &chosen, prior, self.steps().choosing)?;
                    let logits = link.logits(&features, unseen.iter().copied());
                    loss += log_loss(&logits, &unseen, documents);
                    count += unseen.len();
                }
                let log_loss = loss / count.max(1) as f64;
                self.trials.push(LinkTrialRecord {
                    estimates: records.clone(),
                    link_variance: variance,
                    words_alone: terms.words_only,
                    log_loss,
                });
                if best.as_ref().is_none_or(|best| log_loss < best.loss) {
                    best = Some(Best { place, prior, loss: log_loss });
                }
            }
        }
        Ok(best)
    }

    /// Fits and measures the link of a candidate.
    pub(super) fn link(&self, candidate: LinkCandidate) -> Result<Trial, TrainError> {
        let LinkCandidate { terms, estimates, solved, prior, documents, tables, .. } = candidate;
        let features = features(&documents, &tables);
        let linked = |link| Linked { estimates, solved, link, prior };
        self.linked(&features, &documents, prior, (linked, terms))
    }

    /// The link over the scores of an estimate where documents have several topics.
    pub(super) fn multi_label(
        &self,
        estimate: Estimate,
        scored: &Scored,
        terms: SelectedTerms,
    ) -> Result<Trial, TrainError> {
        let tables: Vec<(&ScoreTable, f64)> =
            scored.tables.iter().map(|table| (table, 2.0 / table.deviation())).collect();
        let topics = scored.documents.iter().map(|document| document.topics.as_slice()).collect();
        let features = Features::new(Labels::Multiple, &tables, topics);
        let prior = MULTI_LABEL_PRIOR;
        let linked = |link| Linked { estimates: vec![estimate], solved: Vec::new(), link, prior };
        self.linked(&features, &scored.documents, prior, (linked, terms))
    }

    /// Fits a link to all documents, and measures it by two links, each of which did not see the
    /// folds it is measured on.
    fn linked(
        &self,
        features: &Features<'_>,
        documents: &[HeldOut],
        prior: Prior,
        (linked, terms): (impl FnOnce(Link) -> Linked, SelectedTerms),
    ) -> Result<Trial, TrainError> {
        let steps = self.steps();
        let all = features.thinned((0..features.len()).collect(), usize::MAX);
        let link = fit(features, &all, prior, steps.chosen)?;
        let [even, odd] = [0, 1].map(|half| {
            let seen =
                (0..features.len()).filter(|&place| documents[place].part % 2 != half).collect();
            fit(features, &features.thinned(seen, MAX_CHOSEN_ON), prior, steps.measuring)
        });
        let links = [even?, odd?];
        let mut held_out = ScoreTable::new(links[0].topic_count());
        for (place, document) in documents.iter().enumerate() {
            let logits = links[usize::from(document.part % 2)].logits(features, [place]);
            held_out.push(logits.row(0).iter().copied());
        }
        let target = self.options.target_precision;
        let calibration = calibrate(documents, &held_out, features.labels(), target);
        Ok(Trial { plan: Plan::Linked(Box::new(linked(link))), calibration, terms })
    }

    fn steps(&self) -> Steps {
        if self.is_small { STEPS_SMALL } else { STEPS }
    }

    /// Whether there is no time for more; then the search is cut short.
    pub(super) fn is_out_of_time(&mut self) -> bool {
        let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.is_cut_short |= is_over;
        is_over
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

/// What a link looks at: tables of the documents, each with what brings it to the scale of logits.
fn features<'a>(documents: &'a [HeldOut], tables: &'a [(ScoreTable, f64)]) -> Features<'a> {
    let tables: Vec<(&ScoreTable, f64)> =
        tables.iter().map(|(table, scale)| (table, *scale)).collect();
    let topics = documents.iter().map(|document| document.topics.as_slice()).collect();
    Features::new(Labels::Single, &tables, topics)
}

/// The sum of the log losses of the documents at `places`, by their scores in that order.
fn log_loss(scores: &ScoreTable, places: &[usize], documents: &[HeldOut]) -> f64 {
    let mut probabilities = Vec::new();
    let loss = |(row, &place): (usize, &usize)| {
        softmax(scores.row(row), &mut probabilities);
        let right = documents[place].topics.iter().map(|&topic| probabilities[topic]);
        -libm::log(right.fold(0.0, f64::max).max(f64::MIN_POSITIVE))
    };
    places.iter().enumerate().map(loss).sum()
}
