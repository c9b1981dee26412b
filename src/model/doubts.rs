//! Finds what casts doubt on a corpus, such as copies, ambiguous topic names or too few documents.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::Labels;
use crate::text::spelling_key;

/// The most names, or groups of names, that a message lists.
const NAMED: usize = 10;
/// Figures from fewer documents may be off by five points by chance alone: two standard errors are
/// at most 1 / sqrt(n).
const FEW_DOCUMENTS: u64 = 400;
/// The figures of a topic with fewer documents mean little.
const FEW_OF_A_TOPIC: u64 = 10;
/// The separators of a list of names.
const SEPARATORS: [char; 3] = [',', ';', '|'];

/// Counts the documents that repeat another one.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    /// Fingerprints of the text and of the topics of each document.
    documents: Vec<(u64, u64)>,
}

impl Copies {
    /// Adds a document: fingerprints of its text and of the set of its topics.
    pub fn add(&mut self, text: u64, topics: u64) {
        self.documents.push((text, topics));
    }

    /// Counts the documents that repeat the text of another one, and those of them whose topics no
    /// earlier document with the text had.
    fn count(mut self) -> (usize, usize) {
        self.documents.sort_unstable();
        let (mut copies, mut differing) = (0, 0);
        for same in self.documents.chunk_by(|one, other| one.0 == other.0) {
            copies += same.len() - 1;
            differing += same.chunk_by(|one, other| one.1 == other.1).count() - 1;
        }
        (copies, differing)
    }

    /// The message about copies, if there are any. `consequence` says what they do to the figures.
    pub fn doubt(self, consequence: &str) -> Option<String> {
        let (copies, differing) = self.count();
        let subject = if copies == 1 { "document repeats" } else { "documents repeat" };
        let differing = match differing {
            0 => String::new(),
            count => format!(" ({count} of them with other topics)"),
        };
        (copies > 0).then(|| {
            format!("{copies} {subject} the text of another one{differing}: {consequence}")
        })
    }
}

/// The messages about names of topics.
pub fn of_names<'a>(names: impl Iterator<Item = &'a str> + Clone, labels: Labels) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut by_key: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names.clone() {
        by_key.entry(spelling_key(name)).or_default().push(name);
    }
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" and ")
    };
    let alike: Vec<String> =
        by_key.values().filter(|names| names.len() > 1).map(|names| quoted(names)).collect();
    if !alike.is_empty() {
        let alike = listed(&alike, "; ");
        doubts.push(format!(
            "topics that differ in case, blanks or invisible characters only: {alike}"
        ));
    }
    let lists: Vec<String> = lists(names, &by_key.keys().map(String::as_str).collect(), labels);
    if !lists.is_empty() {
        let advice = match labels {
            Labels::Single => {
                "each is one topic here; give several as a list, and train with --multi-label"
            }
            Labels::Multiple => "each is one topic here; give several as a list",
        };
        doubts.push(format!(
            "topics that look like lists of topics: {}: {advice}",
            listed(&lists, ", ")
        ));
    }
    doubts
}

/// The message for documents none of which has a topic of the model. Topics come with their
/// document counts; the first `count` of them are the model's.
pub fn of_foreign<'a>(
    topics: impl Iterator<Item = (&'a str, u64)>,
    count: usize,
) -> Option<String> {
    let topics: Vec<(&str, u64)> = topics.collect();
    let (own, foreign) = topics.split_at(count);
    if foreign.is_empty() || own.iter().any(|(_, documents)| *documents > 0) {
        return None;
    }
    let quoted = |topics: &[(&str, u64)]| {
        listed(&topics.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>(), ", ")
    };
    Some(format!(
        "no document has a topic that the model knows, so that no answer can be right: \
         the documents have {}; the model has {}",
        quoted(foreign),
        quoted(own)
    ))
}

/// The names that look like lists, because their parts are topics. With one topic per document,
/// also names that share a part with another such name, or are separated as no name would be.
fn lists<'a>(
    names: impl Iterator<Item = &'a str>,
    keys: &BTreeSet<&str>,
    labels: Labels,
) -> Vec<String> {
    let parted: Vec<(&str, Vec<String>)> = names
        .map(|name| (name, parts(name)))
        .filter(|(name, parts)| parts.len() > 1 || is_bracketed(name))
        .collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for part in parted
        .iter()
        .flat_map(|(_, parts)| parts.iter().map(String::as_str).collect::<BTreeSet<_>>())
    {
        *uses.entry(part).or_default() += 1;
    }
    let is_topic = |part: &String| keys.contains(part.as_str());
    let is_list = |name: &str, parts: &[String]| match labels {
        _ if is_bracketed(name) => true,
        Labels::Multiple => parts.iter().all(is_topic),
        // "Arts, Culture" may be a name, but nobody writes one as "arts,culture".
        Labels::Single => {
            let is_tight = name.contains([';', '|'])
                || name.split(',').skip(1).any(|part| !part.starts_with(' '));
            is_tight || parts.iter().any(|part| is_topic(part) || uses[part.as_str()] > 1)
        }
    };
    parted
        .iter()
        .filter(|(name, parts)| is_list(name, parts))
        .map(|(name, _)| format!("{name:?}"))
        .collect()
}

/// The parts of a name, read as a list.
fn parts(name: &str) -> Vec<String> {
    let name = name.trim();
    let inside = if is_bracketed(name) { &name[1..name.len() - 1] } else { name };
    let part = |part: &str| spelling_key(part.trim().trim_matches(['\'', '"']));
    inside.split(SEPARATORS).map(part).filter(|part| !part.is_empty()).collect()
}

/// Whether a name looks like a list printed by a program: `['a', 'b']`.
fn is_bracketed(name: &str) -> bool {
    let name = name.trim();
    [('[', ']'), ('(', ')'), ('{', '}')]
        .iter()
        .any(|&(open, close)| name.starts_with(open) && name.ends_with(close))
}

/// The messages about figures from few documents. `figures` names them, such as "the held-out
/// figures". Topics come with their document counts.
pub fn of_few<'a>(
    figures: &str,
    documents: u64,
    topics: impl Iterator<Item = (&'a str, u64)>,
) -> Vec<String> {
    let mut doubts = Vec::new();
    if documents < FEW_DOCUMENTS {
        let noun = if documents == 1 { "document" } else { "documents" };
        let margin = (100.0 / (documents.max(1) as f64).sqrt()).round();
        doubts.push(format!(
            "{figures} rest on {documents} {noun}: by chance alone they may be off by {margin} \
             points"
        ));
    }
    let few: Vec<String> = topics
        .filter(|(_, count)| (1..FEW_OF_A_TOPIC).contains(count))
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    if !few.is_empty() {
        doubts.push(format!(
            "topics of fewer than {FEW_OF_A_TOPIC} documents, whose figures say little: {}",
            listed(&few, ", ")
        ));
    }
    doubts
}

/// Lists the first names, and says how many more there are.
pub(crate) fn listed(names: &[impl AsRef<str>], separator: &str) -> String {
    let first = names.iter().take(NAMED).map(AsRef::as_ref).collect::<Vec<_>>().join(separator);
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first}{separator}and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], labels: Labels) -> Vec<String> {
        of_names(names.iter().copied(), labels)
    }

    #[test]
    fn copies_are_counted_and_those_of_other_topics_apart() {
        let mut copies = Copies::default();
        // Text 1 has two sets of topics, text 2 one, and text 3 is not repeated.
        for (text, topics) in [(1, 7), (2, 7), (1, 8), (3, 7), (1, 7), (2, 7)] {
            copies.add(text, topics);
        }
        assert_eq!(copies.clone().count(), (3, 1));
        let doubt = copies.doubt("so what").expect("something to say");
        assert_eq!(
            doubt,
            "3 documents repeat the text of another one (1 of them with other topics): so what"
        );
        assert_eq!(Copies::default().doubt("so what"), None);
    }

    #[test]
    fn names_that_look_the_same_are_named() {
        for (one, other) in [
            ("Sport", "sport"),
            ("world news", "world  news"),
            ("worldnews", "world news"),
            ("sport", "sp\u{200b}ort"),
            ("sport", "sport\u{feff}"),
            ("world news", "world\u{a0}news"),
            ("café", "cafe\u{301}"),
            ("STRASSE", "straße"),
        ] {
            let doubts = of(&[one, "other", other], Labels::Single);
            assert!(
                matches!(&doubts[..], [doubt] if doubt.contains(&format!("{one:?} and {other:?}"))),
                "{doubts:?}"
            );
        }
        assert_eq!(
            of(&["sport", "sports", "spórt", "world_news", "world-news"], Labels::Single),
            Vec::<String>::new()
        );
    }

    #[test]
    fn names_that_are_lists_are_named() {
        fn lists<'a>(names: &[&'a str], labels: Labels) -> Vec<&'a str> {
            match &of(names, labels)[..] {
                [] => Vec::new(),
                [doubt] => names
                    .iter()
                    .copied()
                    .filter(|name| doubt.contains(&format!("{name:?}")))
                    .collect(),
                more => panic!("{more:?}"),
            }
        }
        for labels in [Labels::Single, Labels::Multiple] {
            assert_eq!(lists(&["a", "b", "a,b"], labels), ["a,b"]);
            assert_eq!(lists(&["a", "b", "c", "A; b; c"], labels), ["A; b; c"]);
            assert_eq!(lists(&["a", "b", "a | b"], labels), ["a | b"]);
            assert!(lists(&["Arts, Culture", "Sport"], labels).is_empty());
            assert!(lists(&["Arts,", "Sport"], labels).is_empty());
        }
        for labels in [Labels::Single, Labels::Multiple] {
            for name in ["['a', 'b']", "[\"a\"]", "[a]", "('a',)", "{'a', 'b'}"] {
                assert_eq!(lists(&[name, "c"], labels), [name]);
            }
            assert!(lists(&["[a", "a]", "a (b)", "(a) b"], labels).is_empty());
        }
        assert_eq!(lists(&["a,b", "c"], Labels::Single), ["a,b"]);
        assert_eq!(lists(&["a, b", "b, c", "d"], Labels::Single), ["a, b", "b, c"]);
        assert_eq!(lists(&["a, b", "a"], Labels::Single), ["a, b"]);
        assert!(lists(&["a,b", "a"], Labels::Multiple).is_empty());
    }

    #[test]
    fn topics_of_which_the_model_knows_none_are_named() {
        let doubt = |topics: &[(&'static str, u64)]| of_foreign(topics.iter().copied(), 2);
        assert_eq!(
            doubt(&[("a", 0), ("b", 0), ("A1", 3), ("B1", 1)]).expect("all are foreign"),
            "no document has a topic that the model knows, so that no answer can be right: the \
             documents have \"A1\", \"B1\"; the model has \"a\", \"b\""
        );
        assert_eq!(doubt(&[("a", 1), ("b", 0), ("c", 3)]), None);
        assert_eq!(doubt(&[("a", 0), ("b", 0)]), None);
    }

    #[test]
    fn few_documents_and_topics_of_few_are_named() {
        let topics = [("a", 396), ("b", 3), ("c", 0)];
        let doubts = of_few("the figures", 399, topics.into_iter());
        assert_eq!(
            doubts,
            [
                "the figures rest on 399 documents: by chance alone they may be off by 5 points",
                "topics of fewer than 10 documents, whose figures say little: b (3)",
            ]
        );
        assert!(of_few("the figures", 400, [("a", 400)].into_iter()).is_empty());
    }

    #[test]
    fn of_many_names_the_first_are_given() {
        let names: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names, ", "), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, and 2 more");
    }
}
