//! Each topic against the documents without it: the log-odds of two multinomial estimates.
//!
//! Both are drawn to the distribution of the whole collection, which is kinder to rare topics than
//! a pseudo-count. (Jelinek and Mercer, "Interpolated estimation of Markov source parameters from
//! sparse data", 1980; Zhai and Lafferty, "A study of smoothing methods for language models applied
//! to information retrieval", TOIS 2004.)

use super::kind::{Estimator, Formula, Kind, log_all};
use super::sums::{TermSums, Totals};

/// Keeps the logarithm of what never occurs finite.
const LEAST_PROBABILITY: f32 = 1e-12;

struct OneAgainstRest;

impl Estimator {
    /// Each topic against the documents without it, for documents that may have several topics; the
    /// smoothing is the share of the collection's distribution, in (0, 1).
    pub const ONE_AGAINST_REST: Self = Self(&OneAgainstRest);
}

impl Kind for OneAgainstRest {
    fn name(&self) -> &'static str {
        "one-against-rest"
    }

    fn smoothing(&self) -> &'static str {
        "interpolation"
    }

    /// As measured on reuters21578: see docs/adr/0006.
    fn default_smoothing(&self) -> f64 {
        0.8
    }

    fn bias(&self, totals: &Totals) -> Vec<f64> {
        let count = totals.document_count as f64;
        let odds = |with: f64| libm::log((with + 0.5) / (count - with + 0.5));
        totals.documents.iter().map(|&with| odds(with as f64)).collect()
    }

    fn formula(&self, interpolation: f64, totals: &Totals, _: usize) -> Box<dyn Formula> {
        let collection = totals.collection.max(f64::MIN_POSITIVE);
        // What a sum, and that of the collection, are multiplied by. A topic without any is the
        // collection.
        let shares = |sum: f64| match sum > 0.0 {
            true => ((1.0 - interpolation) / sum, interpolation / collection),
            false => (0.0, 1.0 / collection),
        };
        let of_topic = |&sum: &f64| [shares(sum), shares(collection - sum)].map(narrowed);
        Box::new(LogOdds {
            factor: totals.length_factor() as f32,
            shares: totals.topics.iter().map(of_topic).collect(),
        })
    }
}

fn narrowed((own, collection): (f64, f64)) -> (f32, f32) {
    (own as f32, collection as f32)
}

struct LogOdds {
    factor: f32,
    /// By topic: the shares of its own distribution and of the collection's, and the same for all
    /// documents without it.
    shares: Vec<[(f32, f32); 2]>,
}

impl Formula for LogOdds {
    fn weights(&self, sums: TermSums<'_>, weights: &mut [f32]) {
        let collection = sums.collection;
        let probability = |sum: f64, (own, shared): (f32, f32)| {
            sum.max(0.0) as f32 * own + collection as f32 * shared + LEAST_PROBABILITY
        };
        for ((weight, &sum), [topic, rest]) in weights.iter_mut().zip(sums.topics).zip(&self.shares)
        {
            *weight = probability(sum, *topic) / probability(collection - sum, *rest);
        }
        weights[self.shares.len()..].fill(1.0);
        log_all(weights);
        weights.iter_mut().for_each(|weight| *weight *= self.factor);
    }
}
