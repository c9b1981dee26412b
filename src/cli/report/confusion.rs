//! The section on confusions: the matrix as a heat map, and the pairs most often confused. Where
//! documents may have several topics, it counts what was assigned in place of what was missed.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::figure::fit;
use super::format::percent;
use super::heat_map::HeatMap;
use super::section::{Section, wide};
use crate::cli::output::{counted, thousands};
use crate::model::evaluate::Report;

/// The most topics to draw. With more, only the pairs are listed.
pub(in crate::cli) const DRAWN: usize = 120;
/// The most pairs to list.
const PAIRS: usize = 20;
/// The greatest width of a name, in halves of a square.
const NAME_HALVES: u32 = 56;
/// The last row and column where documents may have several topics.
pub(in crate::cli) const NONE: &str = "(none)";

/// What is counted, and what it is called.
struct Confusion<'a> {
    /// Of the rows and columns, as they are to be shown.
    names: Vec<String>,
    /// A row for what documents are, a column for what they were called.
    matrix: &'a [Vec<u64>],
    /// By row, what its fields are shares of.
    documents: Vec<u64>,
    words: &'static Wording,
}

/// How the counts are described.
struct Wording {
    title: &'static str,
    /// The name of the axis of the columns.
    called: &'static str,
    /// Of a pair, the row and the column.
    pair: [&'static str; 2],
    /// What the fields count.
    counted: &'static str,
    /// Whether the last row and column are [`NONE`].
    has_none: bool,
    /// What is to be known before one looks.
    introduction: &'static str,
    description: &'static str,
    caption: &'static str,
    /// Of the pairs listed.
    pairs: &'static str,
    no_pairs: &'static str,
}

/// Of one topic a document.
const CALLED: Wording = Wording {
    title: "Confusion matrix",
    called: "what it was called",
    pair: ["It is", "It was called"],
    counted: "document",
    has_none: false,
    introduction: "",
    description: "A row for each topic of the documents, a column for each topic they were called.",
    caption: "A row is what documents are, a column what they were called. A field’s colour is its \
              share of the row: blue for right answers, vermilion for wrong ones.",
    pairs: "The pairs most often confused",
    no_pairs: "No topic was taken for another.",
};
/// Of several.
const ASSIGNED: Wording = Wording {
    title: "What was assigned in place of what",
    called: "what was assigned",
    pair: ["Missed", "Assigned in its place"],
    counted: "decision",
    has_none: true,
    introduction: "A document may have several topics. A missed topic is counted with each topic \
                   that was wrongly assigned in its place. (none) stands for no topic: in the last \
                   column nothing was wrongly assigned, in the last row nothing was missed. The \
                   last field counts documents without a topic that got none.",
    description: "A row for each topic of the documents, a column for each topic assigned; (none) \
                  is the last of both.",
    caption: "On the diagonal, topics were assigned rightly. Elsewhere, the row’s topic was missed \
              and the column’s was wrongly assigned. A field’s colour is its share of the row’s \
              documents: blue for right answers, vermilion for wrong ones.",
    pairs: "What was missed, and what was assigned in its place",
    no_pairs: "No topic was missed, and none wrongly assigned.",
};

/// Of a report; `names` are its topics' names, as they are to be shown.
pub(super) fn section(names: &[String], report: &Report) -> anyhow::Result<Section> {
    let mut names = names.to_vec();
    let confusion = if report.assignment_matrix.is_empty() {
        let matrix = &report.confusion_matrix;
        Confusion {
            names,
            matrix,
            documents: matrix.iter().map(|row| row.iter().sum()).collect(),
            words: &CALLED,
        }
    } else {
        let matrix = &report.assignment_matrix;
        // A document stands in a row as often as something was assigned in place of the topic: it
        // is one document all the same.
        let rest = matrix.last().map_or(0, |row| row.iter().sum());
        let documents = report.topics.iter().map(|topic| topic.support).chain([rest]).collect();
        names.push(NONE.to_owned());
        Confusion { names, matrix, documents, words: &ASSIGNED }
    };
    confusion.section()
}

impl Confusion<'_> {
    /// The rows that are topics.
    fn topic_count(&self) -> usize {
        self.matrix.len() - usize::from(self.words.has_none)
    }

    fn section(&self) -> anyhow::Result<Section> {
        let Self { matrix, words, .. } = self;
        let drawn = occurring(matrix);
        let pairs = most_confused(matrix);
        let (topics, all) =
            (drawn.iter().filter(|&&row| row < self.topic_count()).count(), self.topic_count());
        let content = html! {
            @if !words.introduction.is_empty() { p { (words.introduction) } }
            @if drawn.len() > DRAWN {
                p {
                    "There are " (thousands(topics as u64))
                    " topics, too many for a matrix: here is what was confused most often."
                }
            } @else if topics < all {
                p { "Drawn are the " (topics) " topics that have documents, of " (all) "." }
            }
            div.columns {
                @if drawn.len() <= DRAWN { (self.heat_map(&drawn).figure()?) }
                @if pairs.is_empty() {
                    p { (words.no_pairs) }
                } @else {
                    (wide(words.pairs, &self.pair_table(&pairs)))
                }
            }
        };
        Ok(Section { id: "confusion", title: "Confusion", content })
    }

    fn pair_table(&self, pairs: &[(usize, usize)]) -> Markup {
        let Self { names, matrix, documents, words } = self;
        html! {
            table {
                caption { (words.pairs) }
                thead {
                    tr {
                        @for name in words.pair { th scope="col" { (name) } }
                        th.number scope="col" { "Documents" }
                        th.number scope="col" { "Of what it is" }
                    }
                }
                tbody {
                    @for &(truth, called) in pairs {
                        @let count = matrix[truth][called];
                        tr {
                            td { bdi { (names[truth]) } }
                            td { bdi { (names[called]) } }
                            td.number { (thousands(count)) }
                            // Where nothing was missed there is nothing that the wrong ones are a
                            // share of.
                            td.number {
                                @if truth < self.topic_count() {
                                    (percent(count as f64 / documents[truth] as f64))
                                } @else { "–" }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The rows and columns that have documents.
    fn heat_map<'h>(&'h self, drawn: &'h [usize]) -> HeatMap<'h> {
        let Self { names, matrix, documents, words } = self;
        let labels = drawn.iter().map(|&topic| fit(&names[topic], NAME_HALVES)).collect();
        let right: u64 = (0..matrix.len()).map(|topic| matrix[topic][topic]).sum();
        let all: u64 = matrix.iter().flatten().sum();
        HeatMap {
            title: words.title,
            description: format!(
                "{} {} of {} lie on the diagonal: they are right. The table next to the figure \
                 lists the pairs most often confused.",
                words.description,
                thousands(right),
                counted(all, words.counted)
            ),
            caption: words.caption,
            columns: words.called,
            labels,
            drawn,
            matrix,
            documents,
        }
    }
}

/// The topics that have documents, as truth or as prediction.
fn occurring(matrix: &[Vec<u64>]) -> Vec<usize> {
    let occurs = |topic: &usize| {
        matrix[*topic].iter().chain(matrix.iter().map(|row| &row[*topic])).any(|&count| count > 0)
    };
    (0..matrix.len()).filter(occurs).collect()
}

/// (truth, prediction) of the mistakes made most often, the most frequent first.
pub(in crate::cli) fn most_confused(matrix: &[Vec<u64>]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(Reverse<u64>, usize, usize)> = Vec::new();
    for (truth, row) in matrix.iter().enumerate() {
        let mistakes =
            row.iter().enumerate().filter(|&(called, &count)| called != truth && count > 0);
        pairs.extend(mistakes.map(|(called, &count)| (Reverse(count), truth, called)));
    }
    pairs.sort_unstable();
    pairs.truncate(PAIRS);
    pairs.into_iter().map(|(_, truth, called)| (truth, called)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::TopicName;
    use crate::model::Labels;
    use crate::model::evaluate::Evaluation;

    #[test]
    fn with_several_topics_per_document_missed_topics_are_paired_with_assigned_ones() {
        let names = ["grain".to_owned(), "ship".to_owned()];
        let topics = names.each_ref().map(|name| TopicName::new(name).expect("a name"));
        let mut evaluation = Evaluation::new(&topics, Labels::Multiple);
        for (assigned, truth, times) in
            [(&[0][..], &[0][..], 4), (&[1], &[0], 3), (&[], &[0], 1), (&[0, 1], &[0], 2)]
        {
            (0..times).for_each(|_| evaluation.add_assigned(assigned, truth));
        }
        let content = section(&names, &evaluation.finish())
            .expect("a section")
            .content
            .into_string()
            .replace('\u{a0}', " ");
        let row = |cells: [&str; 4]| {
            let [truth, called, count, share] = cells;
            let numbers =
                [count, share].map(|number| format!("<td class=\"number\">{number}</td>")).concat();
            format!("<tr><td><bdi>{truth}</bdi></td><td><bdi>{called}</bdi></td>{numbers}</tr>")
        };
        // Of ten documents of grain.
        let rows = [
            ["grain", "ship", "3", "30.0 %"],
            ["(none)", "ship", "2", "–"],
            ["grain", "(none)", "1", "10.0 %"],
        ]
        .map(row);
        assert!(content.contains(&rows.concat()), "{content}");
        assert!(
            content.contains("figure-confusion")
                && content.contains("6 of 12 decisions lie on the diagonal"),
            "{content}"
        );
    }

    #[test]
    fn the_most_confused_pairs_come_first() {
        let matrix = [vec![9, 2, 0], vec![5, 1, 2], vec![0, 0, 7]];
        assert_eq!(most_confused(&matrix), [(1, 0), (0, 1), (1, 2)]);
        assert!(most_confused(&[vec![1, 0], vec![0, 1]]).is_empty());
    }

    #[test]
    fn topics_without_documents_are_left_out() {
        // Documents that are of a topic or were called so: 12, 2, 8, and none.
        let matrix = [vec![9, 0, 0, 0], vec![1, 0, 0, 0], vec![2, 1, 5, 0], vec![0; 4]];
        assert_eq!(occurring(&matrix), [0, 1, 2]);
    }

    #[test]
    fn of_a_thousand_topics_there_are_the_worst_confusions_and_no_matrix() {
        let names: Vec<String> = (0..1_000).map(|number| format!("topic{number:03}")).collect();
        let topics: Vec<TopicName> =
            names.iter().map(|name| TopicName::new(name).expect("a name")).collect();
        let mut evaluation = Evaluation::new(&topics, Labels::Single);
        for topic in 0..1_000 {
            let mut probabilities = vec![0.0; 1_000];
            probabilities[topic / 2] = 1.0;
            evaluation.add(&probabilities, &[topic], crate::model::Decision::Confident);
        }
        let content =
            section(&names, &evaluation.finish()).expect("a section").content.into_string();
        assert!(content.contains("There are 1,000 topics, too many for a matrix"), "{content}");
        assert!(
            !content.contains("<svg") && content.matches("<tr>").count() == 1 + PAIRS,
            "{content}"
        );
    }
}
