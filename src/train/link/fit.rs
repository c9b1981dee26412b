//! Fits the link, applies it, and folds it into the linear model.

use argmin::core::{Error, Executor, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::Array2;

use super::basis::Basis;
use super::features::{Features, MAX_KINDS, Normaliser, fill_cross};
use super::objective::Objective;
use super::parameters::{Layout, Parameters, Prior};
use crate::model::Labels;
use crate::train::estimate::Linear;
use crate::train::folds::ScoreTable;

/// Where the search ends.
const GRADIENT_TOLERANCE: f64 = 3e-5;
const COST_TOLERANCE: f64 = 1e-7;
/// The fitted link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    labels: Labels,
    topic_count: usize,
    normalisers: Vec<Normaliser>,
    parameters: Parameters,
}

impl Link {
    pub(crate) fn topic_count(&self) -> usize {
        self.topic_count
    }

    /// Fits the link to the documents chosen (places in `features`), in at most so many steps of
    /// the solver. It is stopped long before the last digits: what they would change is lost in
    /// half precision.
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
        let best = outcome.state().get_best_param().unwrap_or(&start);
        let layout = Layout::of(features);
        let mut parameters = basis.read(layout, best);
        parameters.cross = basis.back(&parameters.cross);
        let normalisers = features.kinds.iter().map(|kind| kind.normaliser).collect();
        Ok(Self {
            labels: features.labels,
            topic_count: features.topic_count,
            normalisers,
            parameters,
        })
    }

    /// The logits of all documents.
    pub(crate) fn logits(
        &self,
        features: &Features<'_>,
        documents: impl IntoIterator<Item = usize>,
    ) -> ScoreTable {
        let mut table = ScoreTable::new(self.topic_count);
        let (mut own, mut cross) =
            (vec![0.0; features.own_count()], vec![0.0; features.cross_count()]);
        let mut logits = vec![0.0; self.topic_count];
        for document in documents {
            features.row(document, &mut own, &mut cross);
            self.parameters.apply(&own, &cross, &mut logits);
            table.push(logits.iter().map(|&logit| logit as f32));
        }
        table
    }

    /// The linear model that gives these logits without a detour over the scores: `kinds` in the
    /// order of the features.
    pub(crate) fn fold(&self, kinds: &[&Linear]) -> Linear {
        let k = self.topic_count;
        let terms = kinds.first().map_or(0, |kind| kind.weights.ncols());
        let crossed = self.parameters.cross.len() >= kinds.len() * k * k;
        let mut weights = Array2::zeros((k, terms));
        let (mut own, mut cross) =
            (vec![0.0; kinds.len() * k], vec![0.0; self.parameters.cross.len() / k]);
        let mut outputs = vec![0.0; k];
        // What is linear, alone: the offsets (the means' means, the bias) belong to the bias.
        let linear = Parameters { bias: vec![0.0; k], ..self.parameters.clone() };
        for term in 0..terms {
            let mut means = [0.0; MAX_KINDS];
            for (((kind, normaliser), own), mean) in
                kinds.iter().zip(&self.normalisers).zip(own.chunks_exact_mut(k)).zip(&mut means)
            {
                let column = kind.weights.column(term);
                let column_mean = column.sum() / k as f64;
                *mean = normaliser.linear().apply(
                    self.labels,
                    column.iter().copied(),
                    column_mean,
                    own,
                );
            }
            fill_cross(self.labels, crossed, &own, &means[..kinds.len()], &mut cross);
            linear.apply(&own, &cross, &mut outputs);
            for (weight, output) in weights.column_mut(term).iter_mut().zip(&outputs) {
                *weight = *output;
            }
        }
        let mut means = [0.0; MAX_KINDS];
        for (((kind, normaliser), own), mean) in
            kinds.iter().zip(&self.normalisers).zip(own.chunks_exact_mut(k)).zip(&mut means)
        {
            let bias_mean = kind.bias.iter().sum::<f64>() / k as f64;
            *mean = normaliser.apply(self.labels, kind.bias.iter().copied(), bias_mean, own);
        }
        fill_cross(self.labels, crossed, &own, &means[..kinds.len()], &mut cross);
        self.parameters.apply(&own, &cross, &mut outputs);
        Linear { weights, bias: outputs }
    }
}

#[cfg(test)]
mod tests;
