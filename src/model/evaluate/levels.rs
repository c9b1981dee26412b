//! Measures a model at each broader level of its topics.

use serde::Serialize;

use super::evaluation::Evaluation;
use super::report::Report;
use crate::article::{TopicName, topic_to_depth};
use crate::model::decision::Decision;
use crate::model::hierarchy::{Hierarchy, Level};
use crate::model::manifest::Labels;

/// Collects answers and the truth at each level of a [`Hierarchy`], one document at a time.
///
/// The prediction at a level is its most probable topic, which need not be the parent of the
/// model's most probable topic. Right topics are cut to the level's depth, as the model's are.
/// Where a document may have several topics, F1 is measured on the assigned ones: a broader topic
/// is assigned if any of its narrower ones is.
#[derive(Debug, Clone)]
pub struct LevelEvaluations {
    levels: Vec<(Level, Evaluation)>,
    /// The depth of the model's deepest name.
    deepest: usize,
}

/// The quality of a model at one depth of its topics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelReport {
    /// The number of levels that names are cut to.
    pub depth: usize,
    /// The share of the documents whose most probable topic at this depth is right.
    pub accuracy: f64,
    /// F1 over all decisions together, as in [`Report::micro_f1`].
    pub micro_f1: f64,
    /// F1 averaged over the topics at this depth, as in [`Report::macro_f1`].
    pub macro_f1: f64,
}

impl LevelEvaluations {
    /// An evaluation of a model with these topics; empty where their names are flat.
    pub fn new(topics: &[TopicName], labels: Labels) -> Self {
        let hierarchy = Hierarchy::of(topics, labels);
        let evaluation =
            |level: &Level| (level.clone(), Evaluation::with_names(level.names().to_vec(), labels));
        let deepest = topics.iter().map(TopicName::depth).max().unwrap_or(1);
        Self { levels: hierarchy.levels().iter().map(evaluation).collect(), deepest }
    }

    /// Adds a document: the probabilities of the model's topics, the topics assigned to it (by
    /// models of several topics per document), and its right topics.
    pub fn add<'a>(
        &mut self,
        probabilities: &[f64],
        assigned: &[usize],
        topics: impl Iterator<Item = &'a str> + Clone,
    ) {
        for (level, evaluation) in &mut self.levels {
            let mut truth: Vec<usize> = topics
                .clone()
                .map(|topic| evaluation.label(topic_to_depth(topic, level.depth())))
                .collect();
            // Football and tennis count once as sport.
            truth.sort_unstable();
            truth.dedup();
            evaluation.add_assigned(&level.broader(assigned), &truth);
            // Decisions are about the topics themselves; they are not measured by level.
            evaluation.add(&level.probabilities(probabilities), &truth, Decision::Uncertain);
        }
    }

    /// One report per depth, broadest first, with `topics` for the deepest. Empty where the names
    /// are flat.
    pub fn finish(self, topics: &Report) -> Vec<LevelReport> {
        if self.levels.is_empty() {
            return Vec::new();
        }
        let of = |depth: usize, report: &Report| LevelReport {
            depth,
            accuracy: report.accuracy,
            micro_f1: report.micro_f1,
            macro_f1: report.macro_f1,
        };
        let mut reports: Vec<LevelReport> = self
            .levels
            .into_iter()
            .map(|(level, evaluation)| of(level.depth(), &evaluation.finish()))
            .collect();
        reports.push(of(self.deepest, topics));
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluations(names: &[&str]) -> (LevelEvaluations, Evaluation) {
        let topics: Vec<TopicName> =
            names.iter().map(|name| TopicName::new(name).expect("a name")).collect();
        (LevelEvaluations::new(&topics, Labels::Single), Evaluation::new(&topics, Labels::Single))
    }

    fn measured(names: &[&str], documents: &[(&[f64], &[&str])]) -> Vec<LevelReport> {
        let (mut levels, mut evaluation) = evaluations(names);
        for (probabilities, topics) in documents {
            levels.add(probabilities, &[], topics.iter().copied());
            let truth: Vec<usize> = topics.iter().map(|topic| evaluation.label(topic)).collect();
            evaluation.add(probabilities, &truth, Decision::Confident);
        }
        levels.finish(&evaluation.finish())
    }

    #[test]
    fn flat_names_have_no_levels_to_measure() {
        assert_eq!(measured(&["sport", "weather"], &[(&[0.9, 0.1], &["sport"])]), []);
    }

    #[test]
    fn each_depth_is_measured_by_its_own_most_probable_topic() {
        let names = ["sport/football", "sport/tennis", "weather"];
        let found = measured(
            &names,
            &[
                // Weather is the most probable topic, and sport the most probable broad topic.
                (&[0.3, 0.3, 0.4], &["sport/tennis"]),
                (&[0.8, 0.1, 0.1], &["sport/tennis"]),
                (&[0.8, 0.1, 0.1], &["sport/football"]),
                (&[0.7, 0.2, 0.1], &["weather"]),
            ],
        );
        // By hand. Depth 1: called sport, sport, sport, sport; F1 of sport 2*3/(3+4), of weather 0.
        // Depth 2: called weather, football, football, football; F1 of football 2*1/(1+3), of
        // tennis 0, of weather 0.
        let expected = [(1, 0.75, 6.0 / 7.0 / 2.0), (2, 0.25, 0.5 / 3.0)];
        for (report, (depth, accuracy, macro_f1)) in found.iter().zip(expected) {
            assert_eq!((report.depth, report.accuracy), (depth, accuracy));
            assert!((report.macro_f1 - macro_f1).abs() < 1e-12, "{report:?}");
        }
        assert_eq!(found.len(), expected.len());
    }

    #[test]
    fn a_broader_topic_is_assigned_if_any_of_its_narrower_ones_is() {
        let topics = ["sport/football", "sport/tennis", "weather"]
            .map(|name| TopicName::new(name).expect("a name"));
        let mut levels = LevelEvaluations::new(&topics, Labels::Multiple);
        // Football is assigned instead of tennis, which is right as sport. Both together count
        // once.
        levels.add(&[0.6, 0.4, 0.1], &[0], ["sport/tennis"].into_iter());
        levels.add(
            &[0.9, 0.8, 0.1],
            &[0, 1],
            ["sport/football", "sport/tennis", "weather"].into_iter(),
        );
        levels.add(&[0.1, 0.1, 0.7], &[2], [].into_iter());
        let found = levels.finish(&Evaluation::new(&topics, Labels::Multiple).finish());
        // By hand, at depth 1. Sport: two right, none else: 1. Weather: one missed, one wrong: 0.
        // Together 2*2/(3+3).
        assert_eq!((found[0].depth, found[0].micro_f1, found[0].macro_f1), (1, 2.0 / 3.0, 0.5));
    }

    #[test]
    fn a_narrower_topic_than_the_model_has_is_right_at_the_broader_depth() {
        let found = measured(&["sport/football", "weather"], &[(&[0.9, 0.1], &["sport/tennis"])]);
        assert_eq!(found.iter().map(|report| report.accuracy).collect::<Vec<_>>(), [1.0, 0.0]);
    }
}
