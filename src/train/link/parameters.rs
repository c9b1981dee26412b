//! The parameters of the link, and where they lie in the vector that the solver moves.

use super::features::Features;

/// How far the weight that all topics share may stray, and a bias: hardly held.
pub(super) const SHARED_VARIANCE: f64 = 100.0;
pub(super) const BIAS_VARIANCE: f64 = 10.0;

/// How far the parameters may stray from those of the prior: variances of normal distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// What a topic weighs its own scores more or less than all topics do.
    pub(crate) own: f64,
    /// What a topic takes from the scores of others and from the means.
    pub(crate) cross: f64,
}

/// What the logits are made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters {
    /// By kind and topic: what a topic's own score counts for it.
    pub(super) own: Vec<f64>,
    /// For each input of the matrix in turn what it adds to each topic.
    pub(super) cross: Vec<f64>,
    /// By topic.
    pub(super) bias: Vec<f64>,
}

impl Parameters {
    /// `logits[t] = sum over kinds of own[kind][t] * z[kind][t] + sum over inputs of
    /// cross[input][t] * g[input] + bias[t]`.
    pub(super) fn apply(&self, own: &[f64], cross: &[f64], logits: &mut [f64]) {
        let k = logits.len();
        logits.copy_from_slice(&self.bias);
        for (inputs, weights) in own.chunks_exact(k).zip(self.own.chunks_exact(k)) {
            for ((logit, input), weight) in logits.iter_mut().zip(inputs).zip(weights) {
                *logit += input * weight;
            }
        }
        for (&input, weights) in cross.iter().zip(self.cross.chunks_exact(k)) {
            for (logit, weight) in logits.iter_mut().zip(weights) {
                *logit += input * weight;
            }
        }
    }
}

/// Where the parameters lie in the vector that the solver moves: the weights shared by all topics
/// (one a kind), each topic's deviation from them, the matrix in its basis, the biases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) topic_count: usize,
    pub(super) kind_count: usize,
    pub(super) cross_count: usize,
}

impl Layout {
    pub(super) fn of(features: &Features<'_>) -> Self {
        Self {
            topic_count: features.topic_count,
            kind_count: features.kinds.len(),
            cross_count: features.cross_count(),
        }
    }

    pub(super) fn own_start(self) -> usize {
        self.kind_count
    }

    pub(super) fn cross_start(self) -> usize {
        self.own_start() + self.kind_count * self.topic_count
    }

    pub(super) fn bias_start(self) -> usize {
        self.cross_start() + self.cross_count * self.topic_count
    }

    pub(super) fn len(self) -> usize {
        self.bias_start() + self.topic_count
    }
}
