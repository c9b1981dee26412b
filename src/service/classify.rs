//! Classifies articles.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::classification::{
    BroadTopicResult, Classification, LevelResult, ModelWarning, TopicResult,
};
use super::error::ServiceError;
use super::explain::explain;
use super::fields::check_text;
use super::models::ModelEntry;
use super::options::ClassifyOptions;
use super::parallel::Parallelism;
use super::query::ClassifyQuery;
use crate::article::Limits;
use crate::model::{Labels, Level, LoadedModel, Scorer, Scores, TopicModel};

/// Buffers that held an article of more words are freed: some megabytes on each of hundreds of
/// threads add up.
const MAX_REUSED_WORDS: u32 = 1 << 16;

thread_local! {
    /// Its buffers are reused by every classification on the thread.
    static SCORER: RefCell<Scorer> = RefCell::default();
}

/// Classifies one article. `path` is its place in the request, for errors: "article".
///
/// # Errors
/// [`ServiceError::Invalid`] for an empty or oversized article, a malformed language code or a
/// topic to explain against that the model does not have, [`ServiceError::ModelFailed`] for a model
/// that could not be loaded.
pub fn classify(
    entry: &ModelEntry,
    query: &ClassifyQuery<'_>,
    limits: &Limits,
    path: &str,
) -> Result<Classification, ServiceError> {
    check_text(query.text, query.language_code, limits, path)?;
    let loaded = entry.loaded()?;
    SCORER.with_borrow_mut(|scorer| {
        let scores = scorer.score(&loaded.model, query.text);
        let listed = listed(&scores, query.options);
        let mut classification = Classification {
            topics: topics(&loaded.model, &scores, &listed),
            levels: levels(&loaded.model, &scores, query.options),
            decision: scores.decision,
            model: Arc::clone(&entry.label),
            token_count: scores.bag.token_count,
            known_token_count: scores.bag.known_token_count,
            contrast: None,
            warnings: warnings(loaded, &scores, query.language_code),
        };
        if query.options.explain {
            let explanations = explain(entry, &scores, &listed, query, limits)?;
            classification.contrast = explanations.contrast;
            for (topic, explanation) in classification.topics.iter_mut().zip(explanations.topics) {
                topic.explanation = Some(explanation);
            }
        }
        if classification.token_count > MAX_REUSED_WORDS {
            *scorer = Scorer::default();
        }
        Ok(classification)
    })
}

/// Classifies many articles, each as [`classify`] does, in the order of the queries. In errors
/// the articles are `articles[{first}]` and up, since a batch may be classified in parts.
///
/// # Errors
/// [`ServiceError::DeadlineExceeded`] when cancelled.
pub fn classify_batch(
    entry: &ModelEntry,
    queries: &[ClassifyQuery<'_>],
    first: usize,
    limits: &Limits,
    parallelism: Parallelism<'_>,
) -> Result<Vec<Result<Classification, ServiceError>>, ServiceError> {
    parallelism.map(queries.len(), |index| {
        classify(entry, &queries[index], limits, &format!("articles[{}]", first + index))
    })
}

/// The topics that the options ask for, the most probable first.
fn listed(scores: &Scores<'_>, options: &ClassifyOptions) -> Vec<usize> {
    let mut topics = scores.ranking();
    topics.truncate(options.max_topics.map_or(usize::MAX, NonZeroUsize::get));
    topics.retain(|&topic| scores.probabilities[topic] >= options.min_probability);
    topics
}

fn topics(model: &TopicModel, scores: &Scores<'_>, listed: &[usize]) -> Vec<TopicResult> {
    let has_several = model.labels() == Labels::Multiple;
    let assigned = scores.assigned(model);
    let result = |&topic: &usize| TopicResult {
        name: model.topics()[topic].to_string(),
        probability: scores.probabilities[topic],
        log_odds: f64::from(scores.scores[topic]),
        explanation: None,
        assigned: has_several.then(|| assigned.contains(&topic)),
    };
    listed.iter().map(result).collect()
}

/// The options hold for each level separately.
fn levels(model: &TopicModel, scores: &Scores<'_>, options: &ClassifyOptions) -> Vec<LevelResult> {
    let has_several = model.labels() == Labels::Multiple;
    let assigned = scores.assigned(model);
    let of_level = |level: &Level| {
        let broad_assigned = level.broader(&assigned);
        let topic = |(index, (name, probability)): (usize, (&String, f64))| BroadTopicResult {
            name: name.clone(),
            probability,
            assigned: has_several.then(|| broad_assigned.contains(&index)),
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
