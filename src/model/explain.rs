//! Explains a score by its terms, which is exact because the model is linear.

use std::collections::BTreeMap;

use super::decision::Decision;
use super::score::Scores;
use super::term_weighting::log_tf;
use super::topic_model::TopicModel;
use crate::article::ArticleText;
use crate::text::{Occurrences, TermCount, TermId, locate_terms};

/// The contribution of a term to a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The term.
    pub term: TermId,
    /// What all its occurrences together add to the score.
    pub weight: f64,
    /// The number of its occurrences, those in the title times the title's weight.
    pub count: u32,
}

/// Why a score is what it is: `score = bias + sum of the contributions' weights + other`. The score
/// is that of a topic, or the difference of two topics' scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The score itself.
    pub score: f64,
    /// The score before any word is read; for an unknown text, all of it.
    pub bias: f64,
    /// The terms that moved the score most, for or against, strongest first.
    pub contributions: Vec<Contribution>,
    /// The sum of the weights of all other terms.
    pub other: f64,
    /// The share of the contributions in the weights of all terms, each taken without its sign; in
    /// [0, 1], and 0 without any term.
    pub explained_share: f64,
}

impl TopicModel {
    /// Explains the scores of `topics` (indices from 0), with at most `max_terms` terms each, and
    /// without terms for an unknown text. `scores` must be this model's.
    pub fn explain(
        &self,
        scores: &Scores<'_>,
        topics: &[usize],
        max_terms: usize,
    ) -> Vec<Explanation> {
        let parts = ScoreParts::of(self, scores);
        let of_topic =
            |&topic: &usize| parts.explanation(max_terms, |by_topic| f64::from(by_topic[topic]));
        topics.iter().map(of_topic).collect()
    }

    /// Explains why `topic` and not `other`, with at most `max_terms` terms: the difference of
    /// their scores. Where topics exclude each other, that is the natural logarithm of the odds of
    /// the one against the other, before calibration. `scores` must be this model's.
    pub fn contrast(
        &self,
        scores: &Scores<'_>,
        topic: usize,
        other: usize,
        max_terms: usize,
    ) -> Explanation {
        ScoreParts::of(self, scores).explanation(max_terms, |by_topic| {
            f64::from(by_topic[topic]) - f64::from(by_topic[other])
        })
    }

    /// Finds the occurrences of the explanations' terms in the article, at most `max_spans` per
    /// term.
    pub fn locate<'a>(
        &self,
        article: ArticleText<'_>,
        explanations: impl IntoIterator<Item = &'a Explanation>,
        max_spans: usize,
    ) -> BTreeMap<TermId, Occurrences> {
        let contributions = explanations.into_iter().flat_map(|part| &part.contributions);
        let wanted = contributions.map(|contribution| contribution.term);
        locate_terms(article, self.text_options(), self.vocabulary(), wanted, max_spans)
    }
}

/// The parts that an article's scores are the sums of. Each slice of numbers is by topic.
struct ScoreParts<'a> {
    scores: &'a [f32],
    bias: &'a [f32],
    terms: &'a [TermCount],
    /// By term.
    weights: Vec<Vec<f32>>,
    scale: f32,
}

impl<'a> ScoreParts<'a> {
    fn of(model: &'a TopicModel, scores: &Scores<'a>) -> Self {
        let (bias, terms) = match scores.decision {
            Decision::UnknownText => (scores.scores, &[][..]),
            Decision::Confident | Decision::Uncertain => (model.bias(), &*scores.bag.terms),
        };
        let weights = terms.iter().map(|entry| model.term_weights(entry.term)).collect();
        Self { scores: scores.scores, bias, terms, weights, scale: scores.scale }
    }

    /// Explains the score that `of` takes from numbers by topic. It must be linear in them: the
    /// number of one topic, or the difference of two.
    fn explanation(&self, max_terms: usize, of: impl Fn(&[f32]) -> f64) -> Explanation {
        let parts = self.terms.iter().zip(&self.weights);
        let mut contributions: Vec<Contribution> = parts
            .map(|(&TermCount { term, count }, weights)| Contribution {
                term,
                weight: f64::from(log_tf(count)) * of(weights) * f64::from(self.scale),
                count,
            })
            .collect();
        contributions
            .sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then(a.term.cmp(&b.term)));
        let all = total_strength(&contributions);
        contributions.truncate(max_terms);
        let explained_share = if all > 0.0 { total_strength(&contributions) / all } else { 0.0 };
        let (score, bias) = (of(self.scores), of(self.bias));
        let listed: f64 = contributions.iter().map(|contribution| contribution.weight).sum();
        // Derived from the score, not summed over the other terms: the parts then add up to the
        // score exactly, in spite of its rounding to single precision.
        let other = score - bias - listed;
        Explanation { score, bias, contributions, other, explained_share }
    }
}

/// The sum of the weights, each taken without its sign.
fn total_strength(contributions: &[Contribution]) -> f64 {
    contributions.iter().map(|contribution| contribution.weight.abs()).sum()
}

#[cfg(test)]
mod tests;
