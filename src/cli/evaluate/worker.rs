//! Measures a model on one document after another.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::{Duration, Instant};

use super::breakdown::{Breakdowns, Request};
use crate::corpus::{Document, Ordinal};
use crate::model::doubts::Copies;
use crate::model::evaluate::{
    Answer, Evaluation, Labelled, LevelEvaluations, Mistake, MostProbable,
};
use crate::model::{Decision, Scorer, TopicModel};

/// The measurements so far.
pub(super) struct Worker {
    scorer: Scorer,
    pub(super) copies: Copies,
    pub(super) evaluation: Evaluation,
    pub(super) levels: LevelEvaluations,
    pub(super) breakdowns: Breakdowns,
    pub(super) mistakes: MostProbable<Mistake>,
    /// Time spent on classification alone.
    pub(super) spent: Duration,
    pub(super) bytes: usize,
}

impl Worker {
    /// Keeps at most `mistakes` mistakes.
    pub(super) fn new(model: &TopicModel, mistakes: usize, breakdowns: &Request) -> Self {
        Self {
            copies: Copies::default(),
            scorer: Scorer::default(),
            evaluation: Evaluation::new(model.topics(), model.labels()),
            levels: LevelEvaluations::new(model.topics(), model.labels()),
            breakdowns: Breakdowns::new(breakdowns, model),
            mistakes: MostProbable::new(mistakes),
            spent: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Classifies a document, and compares the answer with its topics.
    pub(super) fn measure(
        &mut self,
        model: &TopicModel,
        ordinal: Ordinal,
        document: &Document<'_>,
    ) {
        let started = Instant::now();
        let scores = self.scorer.score(model, document.text());
        self.spent += started.elapsed();
        self.bytes += document.text().size_bytes();
        // A topic named twice counts once.
        let mut truth: Vec<usize> = Vec::with_capacity(document.topics.len());
        for topic in &document.topics {
            let label = self.evaluation.label(topic);
            if !truth.contains(&label) {
                truth.push(label);
            }
        }
        self.copies.add(fingerprint(&document.text()), fingerprint(&sorted(&truth)));
        let predicted = self.evaluation.add(scores.probabilities, &truth, scores.decision);
        let assigned = scores.assigned(model);
        self.evaluation.add_assigned(&assigned, &truth);
        self.levels.add(scores.probabilities, &assigned, document.topics.iter().map(AsRef::as_ref));
        let answer = Answer {
            probabilities: scores.probabilities,
            assigned: &assigned,
            decision: scores.decision,
        };
        self.breakdowns.add(document, scores.bag.token_count, &answer, &truth);
        if scores.decision != Decision::UnknownText && !truth.contains(&predicted) {
            self.mistakes.offer(scores.probabilities[predicted], ordinal, || {
                let topics: Vec<&str> = document.topics.iter().map(AsRef::as_ref).collect();
                Mistake::new(
                    model,
                    &scores,
                    Labelled { id: &document.id, article: document.text(), topics: &topics },
                )
            });
        }
    }
}

fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn sorted(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}
