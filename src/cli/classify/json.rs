//! An answer as a line of JSON.

use serde::Serialize;

use super::field;
use crate::cli::decision;
use crate::grpc::pb;

#[derive(Serialize)]
pub(super) struct Answer<'a> {
    id: &'a str,
    model: &'a str,
    decision: &'static str,
    topics: Vec<Topic<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    levels: Vec<Level<'a>>,
    /// None without explanations, and for a multi-label model without --against.
    #[serde(skip_serializing_if = "Option::is_none")]
    contrast: Option<Contrast<'a>>,
    token_count: i32,
    known_token_count: i32,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    probability: f64,
    log_odds: f64,
    /// None unless documents may have several topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation<'a>>,
}

#[derive(Serialize)]
struct Level<'a> {
    depth: i32,
    topics: Vec<BroadTopic<'a>>,
}

#[derive(Serialize)]
struct BroadTopic<'a> {
    name: &'a str,
    probability: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<bool>,
}

impl<'a> From<&'a pb::TopicLevel> for Level<'a> {
    fn from(level: &'a pb::TopicLevel) -> Self {
        let topics = level.topics.iter().map(|topic| BroadTopic {
            name: &topic.name,
            probability: topic.probability,
            assigned: topic.assigned,
        });
        Self { depth: level.depth, topics: topics.collect() }
    }
}

#[derive(Serialize)]
struct Explanation<'a> {
    bias: f64,
    evidence: Vec<Term<'a>>,
    other_evidence_weight: f64,
}

#[derive(Serialize)]
struct Contrast<'a> {
    topic: &'a str,
    other_topic: &'a str,
    log_odds: f64,
    explained_share: f64,
    explanation: Explanation<'a>,
}

#[derive(Serialize)]
struct Term<'a> {
    term: &'a str,
    weight: f64,
    count: i32,
    spans: Vec<Span>,
}

/// A place in the article's title or body, counted in code points.
#[derive(Serialize)]
struct Span {
    field: &'static str,
    start: i32,
    end: i32,
}

impl From<&pb::TextSpan> for Span {
    fn from(span: &pb::TextSpan) -> Self {
        Self { field: field::name(span.field()), start: span.start, end: span.end }
    }
}

impl<'a> Topic<'a> {
    fn of(topic: &'a pb::TopicScore, explanation: Option<Explanation<'a>>) -> Self {
        Self {
            name: &topic.name,
            probability: topic.probability,
            log_odds: topic.log_odds,
            assigned: topic.assigned,
            explanation,
        }
    }
}

impl<'a> From<&'a pb::Evidence> for Term<'a> {
    fn from(part: &'a pb::Evidence) -> Self {
        Self {
            term: &part.term,
            weight: part.weight,
            count: part.count,
            spans: part.spans.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a pb::TopicScore> for Explanation<'a> {
    fn from(topic: &'a pb::TopicScore) -> Self {
        Self {
            bias: topic.bias,
            evidence: topic.evidence.iter().map(Into::into).collect(),
            other_evidence_weight: topic.other_evidence_weight,
        }
    }
}

impl<'a> From<&'a pb::Contrast> for Contrast<'a> {
    fn from(contrast: &'a pb::Contrast) -> Self {
        Self {
            topic: &contrast.topic,
            other_topic: &contrast.other_topic,
            log_odds: contrast.log_odds,
            explained_share: contrast.explained_share,
            explanation: Explanation {
                bias: contrast.bias,
                evidence: contrast.evidence.iter().map(Into::into).collect(),
                other_evidence_weight: contrast.other_evidence_weight,
            },
        }
    }
}

impl<'a> Answer<'a> {
    /// The answer without explanations.
    pub(super) fn plain(id: &'a str, answer: &'a pb::ClassifyResponse) -> Self {
        let topics = answer.topics.iter().map(|topic| Topic::of(topic, None));
        Self::new(id, answer, topics.collect())
    }

    /// The answer with an explanation of each topic.
    pub(super) fn explained(id: &'a str, answer: &'a pb::ClassifyResponse) -> Self {
        let topics = answer.topics.iter().map(|topic| Topic::of(topic, Some(topic.into())));
        Self::new(id, answer, topics.collect())
    }

    fn new(id: &'a str, answer: &'a pb::ClassifyResponse, topics: Vec<Topic<'a>>) -> Self {
        Self {
            id,
            model: &answer.model,
            decision: decision::name(answer.decision()),
            topics,
            levels: answer.levels.iter().map(Into::into).collect(),
            contrast: answer.contrast.as_ref().map(Into::into),
            token_count: answer.token_count,
            known_token_count: answer.known_token_count,
            warnings: answer.warnings.iter().map(|warning| warning.message.as_str()).collect(),
        }
    }
}
