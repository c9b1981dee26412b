//! Converts requests to classify, and classifications, between the wire and the use cases.

use crate::article::{ArticleField, TextSpan};
use crate::grpc::answer_size::Remedy;
use crate::grpc::pb;
use crate::model::Decision;
use crate::service::{
    BroadTopicResult, Classification, ClassifyOptions, ClassifyQuery, ContrastResult, EvidenceTerm,
    ExplanationResult, LevelResult, ModelWarning, RequestedOptions, TopicResult,
};

/// Requests that carry the options of a classification.
pub(super) trait Options {
    /// The options as requested.
    fn options(&self) -> RequestedOptions;

    /// Whether the answer comes with explanations.
    fn explains(&self) -> bool;

    /// What makes the answer to one article smaller.
    fn remedy(&self) -> Remedy {
        if self.explains() {
            let action = "lower max_evidence_terms, max_evidence_spans or max_topics";
            Remedy { field: "max_evidence_terms", action }
        } else {
            Remedy { field: "max_topics", action: "lower max_topics" }
        }
    }

    /// What makes the answer to a batch smaller.
    fn batch_remedy(&self) -> Remedy {
        if self.explains() {
            let action = "lower max_evidence_terms, max_evidence_spans or max_topics, or send \
                          fewer articles";
            Remedy { field: "max_evidence_terms", action }
        } else {
            Remedy { field: "max_topics", action: "lower max_topics, or send fewer articles" }
        }
    }
}

macro_rules! impl_options {
    ($($message:ident),*) => {$(
        impl Options for pb::$message {
            fn options(&self) -> RequestedOptions {
                RequestedOptions {
                    max_topics: self.max_topics,
                    min_probability: self.min_probability,
                    explain: self.explain,
                    max_evidence_terms: self.max_evidence_terms,
                    max_evidence_spans: self.max_evidence_spans,
                    explain_against: self.explain_against.clone(),
                }
            }

            fn explains(&self) -> bool {
                self.explain
            }
        }
    )*};
}

impl_options!(ClassifyRequest, BatchClassifyRequest);

/// An article to classify with these options.
pub(super) fn query<'a>(
    article: &'a pb::Article,
    options: &'a ClassifyOptions,
) -> ClassifyQuery<'a> {
    ClassifyQuery { text: article.into(), language_code: &article.language_code, options }
}

/// Counts fit: the limit on articles bounds them.
fn count(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl From<Classification> for pb::ClassifyResponse {
    fn from(classification: Classification) -> Self {
        let decision = match classification.decision {
            Decision::Confident => pb::Decision::Confident,
            Decision::Uncertain => pb::Decision::Uncertain,
            Decision::UnknownText => pb::Decision::UnknownText,
        };
        Self {
            topics: classification.topics.into_iter().map(Into::into).collect(),
            decision: decision.into(),
            model: classification.model.to_string(),
            token_count: count(classification.token_count),
            known_token_count: count(classification.known_token_count),
            warnings: classification.warnings.into_iter().map(Into::into).collect(),
            levels: classification.levels.into_iter().map(Into::into).collect(),
            contrast: classification.contrast.map(Into::into),
        }
    }
}

impl From<TopicResult> for pb::TopicScore {
    fn from(topic: TopicResult) -> Self {
        let score = Self {
            name: topic.name,
            probability: topic.probability,
            log_odds: topic.log_odds,
            assigned: topic.assigned,
            ..Self::default()
        };
        let Some(ExplanationResult { bias, evidence, other_evidence_weight }) = topic.explanation
        else {
            return score;
        };
        let evidence = evidence.into_iter().map(Into::into).collect();
        Self { bias, evidence, other_evidence_weight, ..score }
    }
}

impl From<ContrastResult> for pb::Contrast {
    fn from(contrast: ContrastResult) -> Self {
        let ExplanationResult { bias, evidence, other_evidence_weight } = contrast.explanation;
        Self {
            topic: contrast.topic,
            other_topic: contrast.other_topic,
            log_odds: contrast.log_odds,
            bias,
            evidence: evidence.into_iter().map(Into::into).collect(),
            other_evidence_weight,
            explained_share: contrast.explained_share,
        }
    }
}

impl From<LevelResult> for pb::TopicLevel {
    fn from(LevelResult { depth, topics }: LevelResult) -> Self {
        let topics = topics.into_iter().map(|BroadTopicResult { name, probability, assigned }| {
            pb::BroadTopic { name, probability, assigned }
        });
        // It fits: the limit on names bounds it.
        Self { depth: i32::try_from(depth).unwrap_or(i32::MAX), topics: topics.collect() }
    }
}

impl From<EvidenceTerm> for pb::Evidence {
    fn from(EvidenceTerm { term, weight, count: times, spans }: EvidenceTerm) -> Self {
        Self {
            term,
            weight,
            count: count(times),
            spans: spans.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<TextSpan> for pb::TextSpan {
    fn from(TextSpan { field, start, end }: TextSpan) -> Self {
        let field = match field {
            ArticleField::Title => pb::ArticleField::Title,
            ArticleField::Body => pb::ArticleField::Body,
        };
        Self { field: field.into(), start: count(start), end: count(end) }
    }
}

impl From<ModelWarning> for pb::Warning {
    fn from(warning: ModelWarning) -> Self {
        let (code, message) = match warning {
            ModelWarning::LanguageMismatch { article, model } => (
                pb::WarningCode::LanguageMismatch,
                format!("the article is in {article:?}, but the model was trained on {model:?}"),
            ),
            ModelWarning::MostlyUnknownWords { known, all } => (
                pb::WarningCode::MostlyUnknownWords,
                format!("only {known} of {all} words are in the model's vocabulary"),
            ),
        };
        Self { code: code.into(), message }
    }
}
