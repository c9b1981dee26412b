//! Fits the link, applies it, and folds it into the linear model.

use argmin::core::{Error, Executor, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{Array1, Array2, ArrayView1};

use super::basis::Basis;
use super::features::{Features, Normaliser};
use super::objective::{Objective, residuals};
use super::parameters::{Layout, Prior};
use crate::model::Labels;
use crate::train::estimate::Linear;

/// Where the search ends.
const GRADIENT_TOLERANCE: f64 = 3e-5;
const COST_TOLERANCE: f64 = 1e-7;

/// The fitted link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    labels: Labels,
    normalisers: Vec<Normaliser>,
    layout: Layout,
    /// The shared weights are part of the topics' own.
    parameters: Vec<f64>,
}

impl Link {
    /// Fits the link to the chosen documents (indices in `features`) in at most `iterations` steps.
    /// It stops long before the last digits converge, as half precision would lose them.
    pub(crate) fn fit(
        features: &Features<'_>,
        chosen: &[usize],
        prior: Prior,
        iterations: u64,
    ) -> Result<Self, Error> {
        let basis = Basis::new(features, chosen, prior)?;
        let objective = Objective::new(features, chosen, prior, &basis);
        let start = objective.start();
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10)
            .with_tolerance_grad(GRADIENT_TOLERANCE)?
            .with_tolerance_cost(COST_TOLERANCE)?;
        let outcome = Executor::new(objective, solver)
            .configure(|state| state.param(start.clone()).max_iters(iterations))
            .run()?;
        let layout = Layout::of(features);
        let mut parameters =
            basis.parameters(outcome.state().get_best_param().unwrap_or(&start))?;
        layout.add_shared(&mut parameters);
        let normalisers = features.normalisers.clone();
        Ok(Self { labels: features.labels, normalisers, layout, parameters })
    }

    /// The logits of a document by topic.
    pub(crate) fn logits(&self, features: &Features<'_>, document: usize) -> Vec<f32> {
        let mut logits = vec![0.0; self.layout.topics];
        self.layout.apply(&self.parameters, features.row(document), &mut logits);
        logits.into_iter().map(|logit| logit as f32).collect()
    }

    /// The sum over documents of the negative log-likelihood of their topics.
    pub(crate) fn log_loss(&self, features: &Features<'_>, documents: &[usize]) -> f64 {
        let mut logits = vec![0.0; self.layout.topics];
        let loss = |&document: &usize| {
            self.layout.apply(&self.parameters, features.row(document), &mut logits);
            residuals(self.labels, &mut logits, features.topics[document])
        };
        documents.iter().map(loss).sum()
    }

    /// The linear model that gives these logits directly; `kinds` in the order of the features.
    pub(crate) fn fold(&self, kinds: &[&Linear]) -> Linear {
        let topic_count = self.layout.topics;
        let mut parameters = self.parameters.clone();
        let mut row = Vec::new();
        let mut logits = vec![0.0; topic_count];
        let biases: Vec<Array1<f64>> =
            kinds.iter().map(|kind| Array1::from(kind.bias.clone())).collect();
        self.set_row(self.normalisers.iter().copied(), biases.iter().map(Array1::view), &mut row);
        self.layout.apply(&parameters, &row, &mut logits);
        let bias = logits.clone();
        // The offsets, of the means and of the bias, are now part of the bias.
        parameters[self.layout.bias()].fill(0.0);
        let term_count = kinds.first().map_or(0, |kind| kind.weights.ncols());
        let mut weights = Array2::zeros((topic_count, term_count));
        for term in 0..term_count {
            let columns = kinds.iter().map(|kind| kind.weights.column(term));
            self.set_row(self.normalisers.iter().map(|n| n.linear()), columns, &mut row);
            self.layout.apply(&parameters, &row, &mut logits);
            weights.column_mut(term).iter_mut().zip(&logits).for_each(|(out, logit)| *out = *logit);
        }
        Linear { weights, bias }
    }

    fn set_row<'k>(
        &self,
        normalisers: impl Iterator<Item = Normaliser>,
        kinds: impl Iterator<Item = ArrayView1<'k, f64>>,
        row: &mut Vec<f32>,
    ) {
        row.clear();
        for (normaliser, scores) in normalisers.zip(kinds) {
            normaliser.append(self.labels, scores.iter(), row);
        }
    }
}

#[cfg(test)]
mod tests;
