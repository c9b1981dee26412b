//! The mistakes that a model was surest of, with what it took for evidence.

use crate::article::ArticleText;
use crate::model::score::Scores;
use crate::model::topic_model::TopicModel;

/// How many characters of a document say which it is.
const HEADLINE_CHARS: usize = 200;

/// The terms of an evidence.
const EVIDENCE_TERMS: usize = 8;

/// A document that a model was asked about, and what it is.
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
    /// The document's title, or how its body begins where it has none; cut to 200 characters. As it
    /// stands in the corpus: it may hold anything.
    pub headline: String,
    /// The caller's name for the document; empty where there is none.
    pub document_id: String,
    /// What the model said.
    pub predicted: Suspect,
    /// What would have been right, as the corpus has it.
    pub truth: Vec<Suspect>,
}

/// A topic, and what spoke for and against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The topic's name.
    pub topic: String,
    /// Its probability and evidence; None for a topic that the model does not have.
    pub case: Option<Case>,
}

/// What a model makes of a topic in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The probability.
    pub probability: f64,
    /// The terms that moved the topic's score most, for or against, the strongest first: each with
    /// what all its occurrences add to the log-odds.
    pub evidence: Vec<(String, f64)>,
}

impl Mistake {
    /// A document that the model took for something else. `scores` must be the model's.
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

/// The few of many things that have the highest probability; equal ones by their place in the
/// corpus.
#[derive(Debug, Clone)]
pub struct MostProbable<T> {
    limit: usize,
    /// In order.
    kept: Vec<(f64, u64, T)>,
}

impl<T> MostProbable<T> {
    /// Keeps at most this many.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new() }
    }

    /// Takes a thing if it is among the most probable so far; it is made only then.
    pub fn offer(&mut self, probability: f64, place: u64, make: impl FnOnce() -> T) {
        let at = self.kept.partition_point(|(kept, kept_place, _)| {
            kept.total_cmp(&probability).reverse().then(kept_place.cmp(&place)).is_lt()
        });
        if at < self.limit {
            self.kept.insert(at, (probability, place, make()));
            self.kept.truncate(self.limit);
        }
    }

    /// What was kept, the most probable first.
    pub fn into_vec(self) -> Vec<T> {
        self.kept.into_iter().map(|(_, _, thing)| thing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scorer, topic_model::tests::two_terms};

    #[test]
    fn a_mistake_has_the_evidence_for_what_was_said_and_for_what_is_true() {
        let (model, mut scorer) = (two_terms(), Scorer::default());
        let article = ArticleText { title: " ", body: " x and more " };
        let scores = scorer.score(&model, article);
        let found = Mistake::new(
            &model,
            &scores,
            Labelled { id: "7", article, topics: &["second", "elsewhere"] },
        );
        assert_eq!((found.headline.as_str(), found.document_id.as_str()), ("x and more", "7"));
        // By hand: the scores are 1 and -1, for the only known term has all of the vector's length.
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
    fn the_most_probable_are_kept_in_order_whatever_order_they_come_in() {
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
    fn what_is_not_kept_is_not_made() {
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
