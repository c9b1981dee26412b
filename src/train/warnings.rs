//! Warnings for the user about the corpus and the model.

use super::calibrate::Limit;
use super::collection::Collection;
use super::folds::Copies;
use crate::model::Labels;
use crate::model::doubts;

/// What makes the corpus doubtful, and with it the model.
pub(super) fn of_corpus(
    collection: &Collection<'_>,
    copies: &Copies,
    labels: Labels,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let several = collection.document_topics.iter().filter(|topics| topics.len() > 1).count();
    if several > 0 && labels == Labels::Single {
        let documents = if several == 1 { "document" } else { "documents" };
        warnings.push(format!(
            "{several} {documents} with several topics: each counts for every one of its topics \
             (--multi-label trains a yes or no per topic)"
        ));
    }
    let topics = &collection.topics;
    let rare: Vec<&str> = (topics.iter().filter(|topic| topic.document_count == 1))
        .map(|topic| topic.name.as_str())
        .collect();
    if !rare.is_empty() {
        let rare = doubts::listed(&rare, ", ");
        warnings.push(format!("topics of one document, of which little can be learned: {rare}"));
    }
    warnings.extend(doubts::of_names(topics.iter().map(|topic| topic.name.as_str()), labels));
    warnings.extend(of_copies(collection, copies));
    // Topics of one document are named above.
    let counts = topics.iter().map(|topic| (topic.name.as_str(), topic.document_count));
    let counts = counts.filter(|(_, count)| *count > 1);
    let document_count = collection.document_count() as u64;
    warnings.extend(doubts::of_few("the held-out figures", document_count, counts));
    warnings
}

fn of_copies(collection: &Collection<'_>, copies: &Copies) -> Option<String> {
    let topics = |document: usize| {
        let mut topics = collection.document_topics.get(document).to_vec();
        topics.sort_unstable();
        topics
    };
    let is_other = |document: &usize| topics(*document) != topics(copies.first(*document));
    let others = (0..collection.document_count()).filter(is_other).count();
    let subject = match copies.count() {
        0 => return None,
        1 => "1 document has".to_owned(),
        count => format!("{count} documents have"),
    };
    let others = if others == 0 { String::new() } else { format!(" ({others} with other topics)") };
    Some(format!(
        "{subject} the same text, title or body as an earlier one{others}: cross-validation holds \
         copies out together, and each still counts in training"
    ))
}

/// The search ran out of time.
pub(super) fn of_budget() -> String {
    "the budget ended the search for a recipe before everything was tried".to_owned()
}

/// What limits the share of confident answers.
pub(super) fn of_limit(limit: Limit, target_precision: f64) -> String {
    match limit {
        Limit::NoEvidence => "the confidence threshold was raised: less probable answers were \
                              right often enough, too, but text without evidence could score as \
                              high"
            .to_owned(),
        Limit::TooFewDocuments => format!(
            "no answer will be confident: too few held-out documents to show a precision of \
             {target_precision}"
        ),
    }
}
