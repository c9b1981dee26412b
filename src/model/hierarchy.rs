//! Reads hierarchical topics at broader levels: "sport/football" and "sport/tennis" are both
//! "sport".

use super::manifest::Labels;
use crate::article::{TopicName, topic_to_depth};

/// The broader levels of a model's topics: none for flat names, otherwise one for each depth below
/// that of the deepest name.
///
/// At depth `d` each name is cut to its first `d` levels, and a name that is not deeper stands for
/// itself, so that every level covers every article, as the topics do. A name that is both a topic
/// and a parent ("sport" next to "sport/football") stands for all of them at its own depth, and for
/// itself alone at greater depths.
///
/// ```
/// use slugline::article::TopicName;
/// use slugline::model::{Hierarchy, Labels};
///
/// let topics = ["sport", "sport/football", "weather"];
/// let topics = topics.map(|name| TopicName::new(name).expect("a name"));
/// let hierarchy = Hierarchy::of(&topics, Labels::Single);
/// let [level] = hierarchy.levels() else { panic!("depth 1 alone is broader than the topics") };
/// assert_eq!(level.names(), ["sport", "weather"]);
/// assert_eq!(level.probabilities(&[0.25, 0.5, 0.25]), [0.75, 0.25]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchy {
    levels: Vec<Level>,
}

/// The topics at one depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    depth: usize,
    labels: Labels,
    /// Ascending and distinct.
    names: Vec<String>,
    /// By topic of the model, the index into `names`.
    places: Vec<usize>,
}

impl Hierarchy {
    /// The broader levels of these topics.
    pub fn of(topics: &[TopicName], labels: Labels) -> Self {
        let deepest = topics.iter().map(TopicName::depth).max().unwrap_or(0);
        Self { levels: (1..deepest).map(|depth| Level::of(topics, depth, labels)).collect() }
    }

    /// The levels, from the broadest (depth 1) on.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }
}

impl Level {
    fn of(topics: &[TopicName], depth: usize, labels: Labels) -> Self {
        let cut: Vec<&str> =
            topics.iter().map(|topic| topic_to_depth(topic.as_str(), depth)).collect();
        let mut names = cut.clone();
        names.sort_unstable();
        names.dedup();
        let places = cut.iter().map(|name| names.partition_point(|other| other < name)).collect();
        Self { depth, labels, names: names.into_iter().map(str::to_owned).collect(), places }
    }

    /// How many levels of the names are kept.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The names, ascending.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that stand for any of these topics of the model, as ascending and distinct indices
    /// into [`Self::names`].
    ///
    /// ```
    /// use slugline::article::TopicName;
    /// use slugline::model::{Hierarchy, Labels};
    ///
    /// let topics = ["sport/football", "sport/tennis", "weather"];
    /// let topics = topics.map(|name| TopicName::new(name).expect("a name"));
    /// let hierarchy = Hierarchy::of(&topics, Labels::Multiple);
    /// assert_eq!(hierarchy.levels()[0].broader(&[0, 1]), [0]);
    /// ```
    pub fn broader(&self, topics: &[usize]) -> Vec<usize> {
        let mut places: Vec<usize> = topics.iter().map(|&topic| self.places[topic]).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The probability of each name, in [0, 1], from the probabilities of the model's topics. Where
    /// topics exclude each other, it is the sum over the topics that the name stands for. Where an
    /// article may have several, it is their maximum: the article has the broader topic if it has
    /// any of the narrower ones, so at least with the probability of the most probable one.
    pub fn probabilities(&self, topics: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.names.len()];
        for (&place, &probability) in self.places.iter().zip(topics) {
            sums[place] = match self.labels {
                Labels::Single => sums[place] + probability,
                Labels::Multiple => probability.max(sums[place]),
            };
        }
        // Rounding may push a sum above 1.
        sums.into_iter().map(|sum: f64| sum.min(1.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(names: &[&str]) -> Hierarchy {
        let topics: Vec<TopicName> =
            names.iter().map(|name| TopicName::new(name).expect("a name")).collect();
        Hierarchy::of(&topics, Labels::Single)
    }

    #[test]
    fn the_most_probable_of_topics_that_do_not_exclude_each_other_counts() {
        let topics = ["sport/football", "sport/tennis", "weather"]
            .map(|name| TopicName::new(name).expect("a name"));
        let hierarchy = Hierarchy::of(&topics, Labels::Multiple);
        assert_eq!(hierarchy.levels()[0].probabilities(&[0.75, 0.5, 0.25]), [0.75, 0.25]);
    }

    #[test]
    fn flat_names_have_no_broader_level() {
        assert_eq!(hierarchy(&["sport", "weather"]).levels(), []);
    }

    #[test]
    fn each_depth_but_the_deepest_is_a_level() {
        let hierarchy =
            hierarchy(&["arts", "sport/football/cup", "sport/football/league", "sport/tennis"]);
        let levels: Vec<_> =
            hierarchy.levels().iter().map(|level| (level.depth(), level.names())).collect();
        let expected = [vec!["arts", "sport"], vec!["arts", "sport/football", "sport/tennis"]]
            .map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(levels, [(1, &expected[0][..]), (2, &expected[1][..])]);
    }

    #[test]
    fn the_probability_of_a_parent_is_the_sum_of_its_topics() {
        let hierarchy =
            hierarchy(&["arts", "sport/football/cup", "sport/football/league", "sport/tennis"]);
        let of = |level: usize| hierarchy.levels()[level].probabilities(&[0.125, 0.25, 0.5, 0.125]);
        assert_eq!(of(0), [0.125, 0.875]);
        assert_eq!(of(1), [0.125, 0.75, 0.125]);
    }

    #[test]
    fn a_topic_that_is_also_a_parent_counts_among_its_children() {
        let hierarchy = hierarchy(&["sport", "sport/football"]);
        assert_eq!(hierarchy.levels()[0].probabilities(&[0.25, 0.75]), [1.0]);
    }

    #[test]
    fn a_name_with_a_common_prefix_is_another_topic() {
        // '-' sorts before '/': the names of one parent need not be adjacent.
        let hierarchy = hierarchy(&["sport", "sport-business", "sport/football"]);
        assert_eq!(hierarchy.levels()[0].names(), ["sport", "sport-business"]);
        assert_eq!(hierarchy.levels()[0].probabilities(&[0.125, 0.5, 0.375]), [0.5, 0.5]);
    }
}
