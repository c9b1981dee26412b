//! The most confident mistakes of a model, with their evidence.

use crate::article::ArticleText;
use crate::model::score::Scores;
use crate::model::topic_model::TopicModel;

/// The most characters of a headline or an id.
const HEADLINE_CHARS: usize = 200;

/// The most terms of evidence.
const EVIDENCE_TERMS: usize = 8;

/// A labelled document.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// The caller's id; empty if there is none.
    pub id: &'a str,
    /// The text.
    pub article: ArticleText<'a>,
    /// Its right topics.
    pub topics: &'a [&'a str],
}

/// A wrong answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The document's title or, without one, the beginning of its body; cut to 200 characters.
    /// Verbatim from the corpus, so that it may contain markup or control characters.
    pub headline: String,
    /// The caller's id of the document; empty if there is none.
    pub document_id: String,
    /// The topic that the model predicted.
    pub predicted: Suspect,
    /// The right topics, according to the corpus.
    pub truth: Vec<Suspect>,
}

/// A topic with the evidence for and against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The topic's name.
    pub topic: String,
    /// Its probability and evidence; None for a topic that the model does not have.
    pub case: Option<Case>,
}

/// A topic's probability and evidence in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The probability.
    pub probability: f64,
    /// The terms that moved the topic's score most, for or against, strongest first, each with what
    /// all its occurrences add to the log-odds.
    pub evidence: Vec<(String, f64)>,
}

impl Mistake {
    /// A mistake of `model` on a document. `scores` must be the model's.
    pub fn new(model: &TopicModel, scores: &Scores<'_>, document: Labelled<'_>) -> Self {
        let suspect = |topic: usize| Suspect {
            topic: model.topics()[topic].to_string(),
            case: Some(Case {
                probability: scores.probabilities[topic],
                evidence: model
                    .explain(scores, &[topic], EVIDENCE_TERMS)
                    .iter()
                    .flat_map(|evidence| &evidence.contributions)
                    .map(|part| (model.vocabulary().term(part.term).to_owned(), part.weight))
                    .collect(),
            }),
        };
        let named =
            |name: &str| match model.topics().binary_search_by(|topic| topic.as_str().cmp(name)) {
                Ok(topic) => suspect(topic),
                Err(_) => Suspect { topic: name.to_owned(), case: None },
            };
        let ArticleText { title, body } = document.article;
        let headline = if title.trim().is_empty() { body } else { title };
        Self {
            headline: cut(headline.trim(), HEADLINE_CHARS),
            document_id: cut(document.id, HEADLINE_CHARS),
            predicted: suspect(scores.first_topic()),
            truth: document.topics.iter().map(|name| named(name)).collect(),
        }
    }
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Collects the items with the highest probability; ties in the order of the corpus.
#[derive(Debug, Clone)]
pub struct MostProbable<T> {
    limit: usize,
    /// By descending probability.
    kept: Vec<(f64, u64, T)>,
}

impl<T> MostProbable<T> {
    /// Collects at most `limit` items.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new() }
    }

    /// Adds an item if it is among the most probable so far; `make` is called only then.
    pub fn offer(&mut self, probability: f64, place: u64, make: impl FnOnce() -> T) {
        let at = self.kept.partition_point(|(kept, kept_place, _)| {
            kept.total_cmp(&probability).reverse().then(kept_place.cmp(&place)).is_lt()
        });
        if at < self.limit {
            self.kept.insert(at, (probability, place, make()));
            self.kept.truncate(self.limit);
        }
    }

    /// The items, most probable first.
    pub fn into_vec(self) -> Vec<T> {
        self.kept.into_iter().map(|(_, _, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scorer, topic_model::tests::two_terms};

    #[test]
    fn a_mistake_has_the_evidence_of_the_predicted_and_of_the_right_topics() {
        let (model, mut scorer) = (two_terms(), Scorer::default());
        let article = ArticleText { title: " ", body: " x and more " };
        let scores = scorer.score(&model, article);
        let found = Mistake::new(
            &model,
            &scores,
            Labelled { id: "7", article, topics: &["second", "elsewhere"] },
        );
        assert_eq!((found.headline.as_str(), found.document_id.as_str()), ("x and more", "7"));
        // By hand: the scores are 1 and -1, because the only known term is the whole vector.
        let probability = 1.0 / (1.0 + (-2.0f64).exp());
        let case =
            |suspect: &Suspect| suspect.case.clone().map(|case| (case.probability, case.evidence));
        let (first, evidence) = case(&found.predicted).expect("a topic of the model");
        assert!((first - probability).abs() < 1e-12, "{first}");
        assert_eq!(
            (found.predicted.topic.as_str(), evidence),
            ("first", vec![("x".to_owned(), 1.0)])
        );
        let (second, evidence) = case(&found.truth[0]).expect("a topic of the model");
        assert!((second - (1.0 - probability)).abs() < 1e-12, "{second}");
        assert_eq!(evidence, [("x".to_owned(), -1.0)]);
        assert_eq!((found.truth[1].topic.as_str(), case(&found.truth[1])), ("elsewhere", None));
    }

    #[test]
    fn the_most_probable_are_collected_in_order_whatever_the_order_of_offers() {
        let things = [(0.5, 1), (0.9, 4), (0.9, 2), (0.1, 0), (0.7, 3)];
        for start in 0..things.len() {
            let mut kept = MostProbable::new(3);
            for (probability, place) in
                things.iter().cycle().skip(start).take(things.len()).copied()
            {
                kept.offer(probability, place, || place);
            }
            assert_eq!(kept.into_vec(), [2, 4, 3], "beginning with {start}");
        }
    }

    #[test]
    fn items_that_are_not_collected_are_not_made() {
        let mut kept = MostProbable::new(1);
        kept.offer(0.9, 1, || 1);
        kept.offer(0.9, 2, || panic!("an equal one stands before it"));
        kept.offer(0.8, 0, || panic!("it is less probable"));
        assert_eq!(kept.into_vec(), [1]);
        MostProbable::new(0).offer(1.0, 0, || panic!("there is no room"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("zażółć", 4), "zażó…");
        assert_eq!(cut("zażółć", 6), "zażółć");
    }
}
