//! Says which terms made a topic's score, exactly: the model is linear.

use std::collections::BTreeMap;

use super::decision::Decision;
use super::score::Scores;
use super::term_weighting::log_tf;
use super::topic_model::TopicModel;
use crate::article::ArticleText;
use crate::text::{Occurrences, TermId, locate_terms};

/// One term's part in a topic's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The term.
    pub term: TermId,
    /// What it adds to the score, all its occurrences together.
    pub weight: f64,
    /// Its occurrences, those in the title multiplied by the title's weight.
    pub count: u32,
}

/// Why a topic has the score it has: `score = bias + sum of the contributions' weights + other`.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicEvidence {
    /// What the topic has before any word is read; of an unknown text, its share in training.
    pub bias: f64,
    /// The terms that moved the score most, for or against, the strongest first.
    pub contributions: Vec<Contribution>,
    /// The sum of the weights of all other terms.
    pub other: f64,
}

impl TopicModel {
    /// The evidence for each of `topics` (they count from 0), with at most `max_terms` terms each;
    /// none of a text that is unknown.
    /// `scores` must be this model's.
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
            // Of an unknown text the score is all there is.
            let is_unknown = scores.decision == Decision::UnknownText;
            let bias =
                f64::from(if is_unknown { scores.scores[topic] } else { self.bias()[topic] });
            let listed: f64 = contributions.iter().map(|contribution| contribution.weight).sum();
            // The rest of the score, not the sum over the rest of the terms: so that what a caller
            // adds up is the score itself, and not the score less the rounding of its sum in single
            // precision.
            let other = f64::from(scores.scores[topic]) - bias - listed;
            TopicEvidence { bias, contributions, other }
        };
        topics.iter().map(|&topic| evidence_for(topic)).collect()
    }

    /// Finds where the terms of these pieces of evidence stand in the article, with at most
    /// `max_spans` places a term.
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
