//! Classifies articles: one, or many side by side.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::models::{ModelEntry, ModelState};
use super::{FieldViolation, ModelSet, ServiceError};
use crate::article::{ArticleText, Limits, TextSpan, is_language_code};
use crate::model::{
    Contribution, Decision, Labels, Level, LoadedModel, Scorer, Scores, TopicModel,
};
use crate::text::{Occurrences, TermId};

/// How to classify.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClassifyOptions {
    /// The most topics to return; None returns all.
    pub max_topics: Option<NonZeroUsize>,
    /// Topics below this probability are left out; in [0, 1].
    pub min_probability: f64,
    /// Whether topics come with their evidence.
    pub explain: bool,
    /// The most terms of a topic's evidence, as far as the limits have so many; None for all that
    /// they have.
    pub max_evidence_terms: Option<NonZeroUsize>,
    /// The same of the spans of a term.
    pub max_evidence_spans: Option<usize>,
}

/// How to classify, as a request says it: the fields are those of every request that classifies.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestedOptions {
    /// The most topics; 0 for all.
    pub max_topics: i32,
    /// Topics below this probability are left out.
    pub min_probability: f64,
    /// Whether topics come with their evidence.
    pub explain: bool,
    /// The most terms of a topic's evidence; 0 for as many as the limits have.
    pub max_evidence_terms: i32,
    /// The most spans of a term; None for as many as the limits have.
    pub max_evidence_spans: Option<i32>,
}

impl RequestedOptions {
    /// Checks them.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] names the fields that are out of range.
    pub fn checked(self) -> Result<ClassifyOptions, ServiceError> {
        let mut violations = Vec::new();
        let mut count = |field: &'static str, reason, value: i32| {
            usize::try_from(value).unwrap_or_else(|_| {
                violations.push(FieldViolation::new(
                    field,
                    reason,
                    format!("must not be negative, but is {value}"),
                ));
                0
            })
        };
        let max_topics = count("max_topics", "NEGATIVE_MAX_TOPICS", self.max_topics);
        let terms =
            count("max_evidence_terms", "NEGATIVE_MAX_EVIDENCE_TERMS", self.max_evidence_terms);
        let spans = self
            .max_evidence_spans
            .map(|most| count("max_evidence_spans", "NEGATIVE_MAX_EVIDENCE_SPANS", most));
        if !(0.0..=1.0).contains(&self.min_probability) {
            let description = format!("must lie in [0, 1], but is {}", self.min_probability);
            violations.push(FieldViolation::new(
                "min_probability",
                "PROBABILITY_OUT_OF_RANGE",
                description,
            ));
        }
        ServiceError::of(violations)?;
        Ok(ClassifyOptions {
            max_topics: NonZeroUsize::new(max_topics),
            min_probability: self.min_probability,
            explain: self.explain,
            max_evidence_terms: NonZeroUsize::new(terms),
            max_evidence_spans: spans,
        })
    }
}

/// An article to classify.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyQuery<'a> {
    /// The text.
    pub text: ArticleText<'a>,
    /// The language the caller says it is in; empty when not stated.
    pub language_code: &'a str,
    /// How to classify it.
    pub options: ClassifyOptions,
}

/// What an article is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The topics, the most probable first.
    pub topics: Vec<TopicResult>,
    /// The same at each broader level of the topics' names, the broadest first; none where the
    /// names are flat.
    pub levels: Vec<LevelResult>,
    /// How far the first one can be relied on.
    pub decision: Decision,
    /// The model that answered, "news/1".
    pub model: Arc<str>,
    /// Words of the article; [numbers](crate::text::is_number) are none.
    pub token_count: u32,
    /// Those the model knows.
    pub known_token_count: u32,
    /// What the caller should know.
    pub warnings: Vec<ModelWarning>,
}

/// What an article is about at one level of the topics' names.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelResult {
    /// How many levels of the names are kept.
    pub depth: usize,
    /// The most probable first, equal ones in the order of their names.
    pub topics: Vec<BroadTopicResult>,
}

/// A topic of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadTopicResult {
    /// Its name, cut to the depth.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// Whether any of the topics that it stands for is assigned; None where an article has one
    /// topic.
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
    /// What it has before any word is read; 0 without `explain`.
    pub bias: f64,
    /// The terms that moved it most; empty without `explain`.
    pub evidence: Vec<EvidenceTerm>,
    /// What all other terms add; 0 without `explain`.
    pub other_evidence_weight: f64,
    /// Whether it is assigned to the article; None where an article has one topic.
    pub assigned: Option<bool>,
}

/// A term that speaks for or against a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceTerm {
    /// The term.
    pub term: String,
    /// What it adds to the log-odds.
    pub weight: f64,
    /// How often it occurs.
    pub count: u32,
    /// Where it occurs, the first [`Limits::evidence_spans`] places.
    pub spans: Vec<TextSpan>,
}

/// Something a caller should know of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelWarning {
    /// The article is said to be in another language than the model's.
    LanguageMismatch {
        /// What the article says.
        article: String,
        /// What the model says.
        model: String,
    },
    /// Less than half of the words are known.
    MostlyUnknownWords {
        /// Known words.
        known: u32,
        /// All words.
        all: u32,
    },
}

/// The memory of an article of more words than these is given back: some megabytes on each of
/// hundreds of threads are many.
const KEPT_WORDS: u32 = 1 << 16;

thread_local! {
    /// Its memory is reused by every classification on the thread.
    static SCORER: RefCell<Scorer> = RefCell::default();
}

/// Classifies one article. `path` is where the article stands in the request, for errors:
/// "article".
///
/// # Errors
/// [`ServiceError::Invalid`] for an empty or oversized article or a malformed language code,
/// [`ServiceError::ModelFailed`] for a model that could not be loaded.
pub fn classify(
    entry: &ModelEntry,
    query: &ClassifyQuery<'_>,
    limits: &Limits,
    path: &str,
) -> Result<Classification, ServiceError> {
    check_text(query.text, query.language_code, limits, path)?;
    let loaded = loaded(entry)?;
    SCORER.with_borrow_mut(|scorer| {
        let scores = scorer.score(&loaded.model, query.text);
        let classification = Classification {
            topics: topics(loaded, &scores, query, limits),
            levels: levels(&loaded.model, &scores, query.options),
            decision: scores.decision,
            model: Arc::clone(&entry.label),
            token_count: scores.bag.token_count,
            known_token_count: scores.bag.known_token_count,
            warnings: warnings(loaded, &scores, query.language_code),
        };
        if classification.token_count > KEPT_WORDS {
            *scorer = Scorer::default();
        }
        Ok(classification)
    })
}

/// Classifies many articles on up to `threads` threads, each as [`classify`] does; the answers are
/// in the order of the queries. Articles are named `articles[{first}]` and so on in errors: a batch
/// may be classified in parts. When `cancelled` is set from outside, the rest is left undone.
///
/// # Errors
/// [`ServiceError::DeadlineExceeded`] when cancelled.
pub fn classify_batch(
    entry: &ModelEntry,
    queries: &[ClassifyQuery<'_>],
    first: usize,
    limits: &Limits,
    threads: usize,
    cancelled: &AtomicBool,
) -> Result<Vec<Result<Classification, ServiceError>>, ServiceError> {
    /// Below this many articles a thread a further one costs more than it gives.
    const ARTICLES_A_THREAD: usize = 16;
    let threads = threads.min(queries.len().div_ceil(ARTICLES_A_THREAD)).max(1);
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(queries.len()));
    let work = || {
        let mut own = Vec::new();
        while !cancelled.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(query) = queries.get(place) else { break };
            own.push((
                place,
                classify(entry, query, limits, &format!("articles[{}]", first + place)),
            ));
        }
        answers.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    if answers.len() < queries.len() {
        return Err(ServiceError::DeadlineExceeded);
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

impl ModelSet {
    /// The model of a request's `model` field.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] or [`ServiceError::ModelNotFound`]; [`ServiceError::ModelFailed`]
    /// if it did not load.
    pub fn find_serving(&self, name: &str) -> Result<&ModelEntry, ServiceError> {
        let entry = self.find(name, "model")?;
        loaded(entry).map(|_| entry)
    }
}

fn loaded(entry: &ModelEntry) -> Result<&LoadedModel, ServiceError> {
    match &entry.state {
        ModelState::Serving(loaded) => Ok(loaded),
        ModelState::Failed(error) => Err(ServiceError::ModelFailed {
            name: entry.label.to_string(),
            reason: error.to_string(),
        }),
    }
}

/// Checks a text of a request; `path` is where it stands there.
///
/// # Errors
/// [`ServiceError::Invalid`] names the field that is wrong, and [`ServiceError::InvalidFields`]
/// both.
pub fn check_text(
    text: ArticleText<'_>,
    language_code: &str,
    limits: &Limits,
    path: &str,
) -> Result<(), ServiceError> {
    let mut violations = Vec::new();
    if text.size_bytes() > limits.article_bytes {
        let (size, most) = (text.size_bytes(), limits.article_bytes);
        let what = "bytes of title and body together";
        violations.push(FieldViolation::over_limit(path, "ARTICLE_TOO_LARGE", what, size, most));
    } else if text.is_blank() {
        let description = "a title or a body is required: both are empty or white space";
        violations.push(FieldViolation::new(path, "EMPTY_ARTICLE", description));
    }
    let field = || format!("{path}.language_code");
    if language_code.len() > Limits::LANGUAGE_CODE_BYTES {
        let (size, most) = (language_code.len(), Limits::LANGUAGE_CODE_BYTES);
        violations.push(FieldViolation::over_limit(field(), "VALUE_TOO_LONG", "bytes", size, most));
    } else if !language_code.is_empty() && !is_language_code(language_code) {
        let description = "must be a BCP-47 tag such as \"en\" or \"pt-BR\", or empty";
        violations.push(FieldViolation::new(field(), "INVALID_LANGUAGE_CODE", description));
    }
    ServiceError::of(violations)
}

fn topics(
    loaded: &LoadedModel,
    scores: &Scores<'_>,
    query: &ClassifyQuery<'_>,
    limits: &Limits,
) -> Vec<TopicResult> {
    let (model, options) = (&loaded.model, query.options);
    let has_several = model.labels() == Labels::Multiple;
    let assigned = scores.assigned(model);
    let most = options.max_topics.map_or(usize::MAX, NonZeroUsize::get);
    let mut ranking = scores.ranking();
    ranking.truncate(most);
    ranking.retain(|&topic| scores.probabilities[topic] >= options.min_probability);
    let mut results: Vec<TopicResult> = ranking
        .iter()
        .map(|&topic| TopicResult {
            name: model.topics()[topic].to_string(),
            probability: scores.probabilities[topic],
            log_odds: f64::from(scores.scores[topic]),
            bias: 0.0,
            evidence: Vec::new(),
            other_evidence_weight: 0.0,
            assigned: has_several.then(|| assigned.contains(&topic)),
        })
        .collect();
    if options.explain {
        let terms = options
            .max_evidence_terms
            .map_or(limits.evidence_terms, |most| limits.evidence_terms.min(most.get()));
        let spans = options
            .max_evidence_spans
            .map_or(limits.evidence_spans, |most| limits.evidence_spans.min(most));
        let evidence = model.explain(scores, &ranking, terms);
        let places = model.locate(query.text, &evidence, spans);
        for (result, evidence) in results.iter_mut().zip(evidence) {
            result.bias = evidence.bias;
            result.other_evidence_weight = evidence.other;
            result.evidence = evidence
                .contributions
                .into_iter()
                .map(|part| evidence_term(model, part, &places))
                .collect();
        }
    }
    results
}

fn evidence_term(
    model: &TopicModel,
    part: Contribution,
    places: &BTreeMap<TermId, Occurrences>,
) -> EvidenceTerm {
    let Occurrences { count, spans } = places.get(&part.term).cloned().unwrap_or_default();
    EvidenceTerm {
        term: model.vocabulary().term(part.term).to_owned(),
        weight: part.weight,
        count,
        spans,
    }
}

/// The most and the least that is asked for hold for each level by itself.
fn levels(model: &TopicModel, scores: &Scores<'_>, options: ClassifyOptions) -> Vec<LevelResult> {
    let has_several = model.labels() == Labels::Multiple;
    let assigned = scores.assigned(model);
    let of_level = |level: &Level| {
        let broad_assigned = level.broader(&assigned);
        let topic = |(place, (name, probability)): (usize, (&String, f64))| BroadTopicResult {
            name: name.clone(),
            probability,
            assigned: has_several.then(|| broad_assigned.contains(&place)),
        };
        let mut topics: Vec<BroadTopicResult> = level
            .names()
            .iter()
            .zip(level.probabilities(scores.probabilities))
            .enumerate()
            .map(topic)
            .collect();
        topics.retain(|topic| topic.probability >= options.min_probability);
        topics.sort_by(|a, b| {
            b.probability.total_cmp(&a.probability).then_with(|| a.name.cmp(&b.name))
        });
        topics.truncate(options.max_topics.map_or(usize::MAX, NonZeroUsize::get));
        LevelResult { depth: level.depth(), topics }
    };
    model.hierarchy().levels().iter().map(of_level).collect()
}

fn warnings(loaded: &LoadedModel, scores: &Scores<'_>, language_code: &str) -> Vec<ModelWarning> {
    let mut warnings = Vec::new();
    let primary = |tag: &str| tag.split('-').next().unwrap_or("").to_ascii_lowercase();
    let trained = &loaded.manifest.language_code;
    if !language_code.is_empty()
        && !trained.is_empty()
        && primary(language_code) != primary(trained)
    {
        warnings.push(ModelWarning::LanguageMismatch {
            article: language_code.to_owned(),
            model: trained.clone(),
        });
    }
    let (known, all) = (scores.bag.known_token_count, scores.bag.token_count);
    if known < all.div_ceil(2) {
        warnings.push(ModelWarning::MostlyUnknownWords { known, all });
    }
    warnings
}
