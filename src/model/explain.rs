//! Explains a topic's score by its terms, which is exact because the model is linear.

use std::collections::BTreeMap;

use super::decision::Decision;
use super::score::Scores;
use super::term_weighting::log_tf;
use super::topic_model::TopicModel;
use crate::article::ArticleText;
use crate::text::{Occurrences, TermId, locate_terms};

/// The contribution of a term to a topic's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The term.
    pub term: TermId,
    /// What all its occurrences together add to the score.
    pub weight: f64,
    /// The number of its occurrences, those in the title times the title's weight.
    pub count: u32,
}

/// Why a topic has the score it has: `score = bias + sum of the contributions' weights + other`.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicEvidence {
    /// The score before any word is read; for an unknown text, that of the topic's training share.
    pub bias: f64,
    /// The terms that moved the score most, for or against, strongest first.
    pub contributions: Vec<Contribution>,
    /// The sum of the weights of all other terms.
    pub other: f64,
}

impl TopicModel {
    /// The evidence for each of `topics` (indices from 0), with at most `max_terms` terms each, and
    /// without terms for an unknown text. `scores` must be this model's.
    pub fn explain(
        &self,
        scores: &Scores<'_>,
        topics: &[usize],
        max_terms: usize,
    ) -> Vec<TopicEvidence> {
        let terms =
            if scores.decision == Decision::UnknownText { &[][..] } else { &scores.bag.terms };
        let rows: Vec<Vec<f32>> = terms.iter().map(|entry| self.term_weights(entry.term)).collect();
        let evidence_for = |topic: usize| {
            let mut contributions: Vec<Contribution> = (terms.iter().zip(&rows))
                .map(|(entry, row)| Contribution {
                    term: entry.term,
                    weight: f64::from(log_tf(entry.count))
                        * f64::from(row[topic])
                        * f64::from(scores.scale),
                    count: entry.count,
                })
                .collect();
            contributions.sort_by(|a, b| {
                b.weight.abs().total_cmp(&a.weight.abs()).then(a.term.cmp(&b.term))
            });
            contributions.truncate(max_terms);
            // The score of an unknown text has no other part.
            let is_unknown = scores.decision == Decision::UnknownText;
            let bias =
                f64::from(if is_unknown { scores.scores[topic] } else { self.bias()[topic] });
            let listed: f64 = contributions.iter().map(|contribution| contribution.weight).sum();
            // Derived from the score, not summed over the other terms: the parts then add up to the
            // score exactly, in spite of its rounding to single precision.
            let other = f64::from(scores.scores[topic]) - bias - listed;
            TopicEvidence { bias, contributions, other }
        };
        topics.iter().map(|&topic| evidence_for(topic)).collect()
    }

    /// Finds the occurrences of the evidence's terms in the article, at most `max_spans` per term.
    pub fn locate(
        &self,
        article: ArticleText<'_>,
        evidence: &[TopicEvidence],
        max_spans: usize,
    ) -> BTreeMap<TermId, Occurrences> {
        let wanted = evidence
            .iter()
            .flat_map(|topic| &topic.contributions)
            .map(|contribution| contribution.term);
        locate_terms(article, self.text_options(), self.vocabulary(), wanted, max_spans)
    }
}
