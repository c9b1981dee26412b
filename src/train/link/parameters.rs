//! The parameters of the link, as one vector.

use std::ops::Range;

use super::features::Features;

/// How far the weight that all topics share may stray from the prior, and a bias: hardly held.
pub(super) const SHARED_VARIANCE: f64 = 100.0;
pub(super) const BIAS_VARIANCE: f64 = 10.0;

/// How far a topic's parameters may stray: what it weighs its own scores more or less than all
/// topics do, and what it takes from the scores of others and from the means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// Of a normal distribution.
    pub(crate) variance: f64,
}

impl Prior {
    pub(crate) const fn of(variance: f64) -> Self {
        Self { variance }
    }
}

/// Where the parameters lie in the vector: the weights that all topics share, one per kind of
/// score; each topic's deviations from them, by kind and topic; the matrix, by input and topic; the
/// biases, by topic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) kinds: usize,
    pub(super) topics: usize,
    pub(super) inputs: usize,
}

impl Layout {
    pub(super) fn of(features: &Features<'_>) -> Self {
        let (kinds, topics) = (features.normalisers.len(), features.topic_count);
        Self { kinds, topics, inputs: features.input_count() }
    }

    pub(super) fn shared(self) -> Range<usize> {
        0..self.kinds
    }

    pub(super) fn own(self) -> Range<usize> {
        self.kinds..self.kinds * (1 + self.topics)
    }

    pub(super) fn cross(self) -> Range<usize> {
        let start = self.own().end;
        start..start + self.inputs * self.topics
    }

    pub(super) fn bias(self) -> Range<usize> {
        let start = self.cross().end;
        start..start + self.topics
    }

    pub(super) fn len(self) -> usize {
        self.bias().end
    }

    /// Adds the shared weights to each topic's own.
    pub(super) fn add_shared(self, parameters: &mut [f64]) {
        let (shared, rest) = parameters.split_at_mut(self.kinds);
        for (own, shared) in rest.chunks_exact_mut(self.topics).zip(shared) {
            own.iter_mut().for_each(|own| *own += *shared);
        }
    }

    /// Sets `logits` to `sum over kinds of own * score + sum over inputs of cross * input + bias`;
    /// the shared weights are part of the topics' own.
    #[inline(always)]
    pub(super) fn apply(self, parameters: &[f64], row: &[f32], logits: &mut [f64]) {
        logits.copy_from_slice(&parameters[self.bias()]);
        let own = parameters[self.own()].chunks_exact(self.topics);
        for (scores, weights) in row.chunks_exact(self.topics + 1).zip(own) {
            add_products(logits, weights, scores);
        }
        let cross = parameters[self.cross()].chunks_exact(self.topics);
        for (&input, weights) in row.iter().zip(cross) {
            add_scaled(logits, weights, input);
        }
    }

    /// Adds to `gradient`, by the same parameters, what a document's residuals, by topic, add.
    #[inline(always)]
    pub(super) fn add_gradient(self, row: &[f32], residuals: &[f64], gradient: &mut [f64]) {
        let own = gradient[self.own()].chunks_exact_mut(self.topics);
        for (scores, gradient) in row.chunks_exact(self.topics + 1).zip(own) {
            add_products(gradient, residuals, scores);
        }
        let cross = gradient[self.cross()].chunks_exact_mut(self.topics);
        for (&input, gradient) in row.iter().zip(cross) {
            add_scaled(gradient, residuals, input);
        }
        add_scaled(&mut gradient[self.bias()], residuals, 1.0);
    }
}

#[inline(always)]
fn add_scaled(sums: &mut [f64], values: &[f64], by: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(by) * value;
    }
}

#[inline(always)]
fn add_products(sums: &mut [f64], values: &[f64], by: &[f32]) {
    for ((sum, value), &by) in sums.iter_mut().zip(values).zip(by) {
        *sum += f64::from(by) * value;
    }
}
