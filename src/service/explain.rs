//! Explains a classification: the terms that decided, with their places in the article.

use std::collections::BTreeMap;

use super::classification::{ContrastResult, EvidenceTerm, ExplanationResult};
use super::error::ServiceError;
use super::models::ModelEntry;
use super::options::{ClassifyOptions, EXPLAIN_AGAINST};
use super::query::ClassifyQuery;
use crate::article::Limits;
use crate::model::{Contribution, Explanation, Labels, Scores, TopicModel};
use crate::text::{Occurrences, TermId};

/// What explains an answer.
#[derive(Debug)]
pub(super) struct Explanations {
    /// Why each listed topic has its score, in their order.
    pub(super) topics: Vec<ExplanationResult>,
    /// Why the most probable topic and not another.
    pub(super) contrast: Option<ContrastResult>,
}

/// Explains the `listed` topics of an article, and the most probable one against another.
///
/// # Errors
/// [`ServiceError::Invalid`] for a topic to explain against that the model does not have.
pub(super) fn explain(
    entry: &ModelEntry,
    scores: &Scores<'_>,
    listed: &[usize],
    query: &ClassifyQuery<'_>,
    limits: &Limits,
) -> Result<Explanations, ServiceError> {
    let (model, options) = (&entry.loaded()?.model, query.options);
    let max_terms = options
        .max_evidence_terms
        .map_or(limits.evidence_terms, |limit| limits.evidence_terms.min(limit.get()));
    let max_spans = options
        .max_evidence_spans
        .map_or(limits.evidence_spans, |limit| limits.evidence_spans.min(limit));
    let contrasted = contrasted(entry, model, scores, options)?;
    let topics = model.explain(scores, listed, max_terms);
    let contrast = contrasted
        .map(|(topic, other)| (topic, other, model.contrast(scores, topic, other, max_terms)));
    let of_contrast = contrast.iter().map(|(_, _, explanation)| explanation);
    let places = model.locate(query.text, topics.iter().chain(of_contrast), max_spans);
    let located = |explanation| located(model, explanation, &places);
    Ok(Explanations {
        topics: topics.into_iter().map(located).collect(),
        contrast: contrast.map(|(topic, other, explanation)| ContrastResult {
            topic: model.topics()[topic].to_string(),
            other_topic: model.topics()[other].to_string(),
            log_odds: explanation.score,
            explained_share: explanation.explained_share,
            explanation: located(explanation),
        }),
    })
}

/// The most probable topic, and the one that it is explained against: the topic that the options
/// name, or else the runner-up. Topics of a multi-label model do not compete, so there the options
/// must name one.
fn contrasted(
    entry: &ModelEntry,
    model: &TopicModel,
    scores: &Scores<'_>,
    options: &ClassifyOptions,
) -> Result<Option<(usize, usize)>, ServiceError> {
    let named = options.explain_against.as_deref();
    let named = named.map(|name| entry.find_topic(name, EXPLAIN_AGAINST)).transpose()?;
    if named.is_none() && model.labels() == Labels::Multiple {
        return Ok(None);
    }
    // [`TopicModel::new`] refuses fewer than two topics.
    let ranking = scores.ranking();
    let (first, runner_up) = (ranking[0], ranking[1]);
    let other = named.filter(|&topic| topic != first).unwrap_or(runner_up);
    Ok(Some((first, other)))
}

fn located(
    model: &TopicModel,
    explanation: Explanation,
    places: &BTreeMap<TermId, Occurrences>,
) -> ExplanationResult {
    let evidence = |Contribution { term, weight, .. }: Contribution| {
        let Occurrences { count, spans } = places.get(&term).cloned().unwrap_or_default();
        EvidenceTerm { term: model.vocabulary().term(term).to_owned(), weight, count, spans }
    };
    ExplanationResult {
        bias: explanation.bias,
        evidence: explanation.contributions.into_iter().map(evidence).collect(),
        other_evidence_weight: explanation.other,
    }
}
