//! The mistakes that a model was surest of, with their evidence.

use super::super::{Scores, TopicModel};
use crate::article::ArticleText;

/// The length at which headlines are cut.
const HEADLINE_CHARS: usize = 200;

/// The number of terms in the evidence for a topic.
const EVIDENCE_TERMS: usize = 8;

/// A document with its right topics.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// The caller's name for it; empty where there is none.
    pub id: &'a str,
    /// What the model read.
    pub article: ArticleText<'a>,
    /// Its right topics.
    pub topics: &'a [&'a str],
}

/// A wrong answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The document's title, or the beginning of its body if it has none; cut to 200 characters.
    /// It is as in the corpus, and may hold anything.
    pub headline: String,
    /// The caller's name for the document; empty where there is none.
    pub document_id: String,
    /// The topic that the model found most probable.
    pub predicted: Suspect,
    /// The right topics, according to the corpus.
    pub truth: Vec<Suspect>,
}

/// A topic, and what speaks for and against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The topic's name.
    pub topic: String,
    /// Its probability and evidence; None for a topic that the model does not have.
    pub case: Option<Case>,
}

/// What a model says of a topic in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The probability.
    pub probability: f64,
    /// The terms with the largest effect on the topic's score, for or against, the strongest
    /// first: each with what all its occurrences add to the log-odds.
    pub evidence: Vec<(String, f64)>,
}

impl Mistake {
    /// Describes a wrong answer; `scores` must be the model's.
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

/// The most probable of many items; equally probable ones are in the order of their places in the
/// corpus.
#[derive(Debug, Clone)]
pub struct MostProbable<T> {
    limit: usize,
    /// Probability, place and item, in order.
    items: Vec<(f64, u64, T)>,
}

impl<T> MostProbable<T> {
    /// Keeps at most `limit` items.
    pub fn new(limit: usize) -> Self {
        Self { limit, items: Vec::new() }
    }

    /// Makes and keeps an item if it is among the most probable so far.
    pub fn offer(&mut self, probability: f64, place: u64, make: impl FnOnce() -> T) {
        let at = self.items.partition_point(|(other, other_place, _)| {
            other.total_cmp(&probability).reverse().then(other_place.cmp(&place)).is_lt()
        });
        if at < self.limit {
            self.items.insert(at, (probability, place, make()));
            self.items.truncate(self.limit);
        }
    }

    /// The items, the most probable first.
    pub fn into_vec(self) -> Vec<T> {
        self.items.into_iter().map(|(_, _, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scorer, tests::two_terms};

    #[test]
    fn a_mistake_has_the_evidence_for_the_predicted_and_the_right_topics() {
        let (model, mut scorer) = (two_terms(), Scorer::default());
        let article = ArticleText { title: " ", body: " x and more " };
        let scores = scorer.score(&model, article);
        let found = Mistake::new(
            &model,
            &scores,
            Labelled { id: "7", article, topics: &["second", "elsewhere"] },
        );
        assert_eq!((found.headline.as_str(), found.document_id.as_str()), ("x and more", "7"));
        // By hand: the scores are 1 and -1, since the only known term has the vector's whole length.
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
    fn the_most_probable_are_kept_in_order_regardless_of_arrival() {
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
    fn an_item_that_is_not_kept_is_not_made() {
        let mut kept = MostProbable::new(1);
        kept.offer(0.9, 1, || 1);
        kept.offer(0.9, 2, || panic!("an equally probable one comes first"));
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
