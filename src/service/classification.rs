//! What a classification says of an article.

use std::sync::Arc;

use crate::article::TextSpan;
use crate::model::Decision;

/// What an article is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The topics, the most probable first.
    pub topics: Vec<TopicResult>,
    /// The topics at each broader level of their names, the broadest first; empty where names are
    /// flat.
    pub levels: Vec<LevelResult>,
    /// How reliable the first topic is.
    pub decision: Decision,
    /// The model that answered, "news/1".
    pub model: Arc<str>,
    /// Words of the article, not counting [numbers](crate::text::is_number).
    pub token_count: u32,
    /// Words in the model's vocabulary.
    pub known_token_count: u32,
    /// Why the most probable topic and not another; None without `explain`, and for a multi-label
    /// model unless the request names a topic.
    pub contrast: Option<ContrastResult>,
    /// What the caller should know.
    pub warnings: Vec<ModelWarning>,
}

/// What an article is about, at one level of the topics' names.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelResult {
    /// The number of levels that names are cut to.
    pub depth: usize,
    /// The topics, the most probable first, ties in the order of their names.
    pub topics: Vec<BroadTopicResult>,
}

/// A topic of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadTopicResult {
    /// Its name, cut to the depth.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// Whether any of the topics below it is assigned; None for a model of one topic per article.
    pub assigned: Option<bool>,
}

/// A topic of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicResult {
    /// Its name.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// Its score: the natural logarithm of its odds against the geometric mean of all topics.
    pub log_odds: f64,
    /// Why it has this score; None without `explain`.
    pub explanation: Option<ExplanationResult>,
    /// Whether it is assigned to the article; None for a model of one topic per article.
    pub assigned: Option<bool>,
}

/// Why a score, or the difference of two, is what it is: the sum of these parts.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplanationResult {
    /// The part that no word contributes.
    pub bias: f64,
    /// The terms that contribute most, the strongest first.
    pub evidence: Vec<EvidenceTerm>,
    /// What all other terms contribute.
    pub other_evidence_weight: f64,
}

/// Why the most probable topic and not another.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastResult {
    /// The most probable topic.
    pub topic: String,
    /// The topic it is explained against.
    pub other_topic: String,
    /// The difference of their log-odds.
    pub log_odds: f64,
    /// What the difference is the sum of.
    pub explanation: ExplanationResult,
    /// The share of the listed evidence in the weights of all terms, each taken without its sign.
    pub explained_share: f64,
}

/// A term that speaks for or against a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceTerm {
    /// The term.
    pub term: String,
    /// What it contributes to the log-odds.
    pub weight: f64,
    /// Its number of occurrences in the text; 0 for the article's form.
    pub count: u32,
    /// Its first occurrences, up to [`Limits::evidence_spans`](crate::article::Limits).
    pub spans: Vec<TextSpan>,
}

/// Something that the caller should know of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelWarning {
    /// The article is not in the model's language.
    LanguageMismatch {
        /// The article's language code.
        article: String,
        /// The model's language code.
        model: String,
    },
    /// Less than half of the words are in the model's vocabulary.
    MostlyUnknownWords {
        /// Words in the vocabulary.
        known: u32,
        /// All words.
        all: u32,
    },
}
