//! The section on groups of documents, such as those of one source or of one length.

use maud::{Markup, html};

use super::format::{percent, shown};
use super::section::{Section, wide};
use crate::cli::output::thousands;
use crate::model::Labels;
use crate::model::evaluate::{Breakdown, GroupKind, GroupReport, GroupedBy};

/// A table per breakdown; None without one.
pub(super) fn section(breakdowns: &[Breakdown], labels: Labels) -> Option<Section> {
    if breakdowns.is_empty() {
        return None;
    }
    let content = html! {
        p {
            "The measures of the whole, for each group of documents. In small groups they are "
            "rough."
        }
        @for breakdown in breakdowns {
            @let (caption, heading) = titles(&breakdown.by);
            (wide(&caption, &table(&caption, &heading, &breakdown.groups, labels)))
        }
    };
    Some(Section { id: "groups", title: "Groups", content })
}

/// The caption of a breakdown's table, and the heading of its first column.
fn titles(by: &GroupedBy) -> (String, String) {
    match by {
        GroupedBy::Field(name) => (format!("Measures by {}", shown(name)), shown(name)),
        GroupedBy::Length => ("Measures by length".to_owned(), "Words".to_owned()),
    }
}

fn table(caption: &str, heading: &str, groups: &[GroupReport], labels: Labels) -> Markup {
    let right = match labels {
        Labels::Single => "Accuracy",
        Labels::Multiple => "Micro-F1",
    };
    let columns =
        ["Documents", right, "Macro-F1", "Calibration error", "Confident", "Right of these"];
    html! {
        table {
            caption { bdi { (caption) } }
            thead {
                tr {
                    th scope="col" { bdi { (heading) } }
                    @for name in columns { th.number scope="col" { (name) } }
                }
            }
            tbody { @for group in groups { (row(group)) } }
        }
    }
}

fn row(group: &GroupReport) -> Markup {
    html! {
        tr {
            th scope="row" {
                bdi { (shown(&group.name)) }
                @match group.kind {
                    GroupKind::Value => {}
                    GroupKind::Other => span.note { "groups too small or too many to show" }
                    GroupKind::Missing => span.note { "documents without a value" }
                }
            }
            td.number { (thousands(group.documents)) }
            // With one topic per document, micro-F1 is the accuracy.
            td.number { (format!("{:.4}", group.micro_f1)) }
            td.number { (format!("{:.4}", group.macro_f1)) }
            td.number { (format!("{:.4}", group.ece)) }
            td.number { (percent(group.confident.coverage(group.documents))) }
            td.number { (group.confident.precision().map_or("–".to_owned(), percent)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evaluate::DecisionCount;

    #[test]
    fn a_table_shows_each_group() {
        assert!(section(&[], Labels::Single).is_none());
        let group = |name: &str, kind, precision: u64| GroupReport {
            name: name.to_owned(),
            kind,
            documents: 1_200,
            accuracy: 0.75,
            micro_f1: 0.75,
            macro_f1: 0.625,
            ece: 0.0125,
            confident: DecisionCount { documents: 4 * precision, right: 3 * precision },
        };
        let field = GroupedBy::Field("the <source>".to_owned());
        let groups = vec![
            group("The <Daily>", GroupKind::Value, 150),
            group("(other)", GroupKind::Other, 0),
        ];
        let breakdowns = [Breakdown { by: field, groups }];
        let page = section(&breakdowns, Labels::Single).expect("a section").content.into_string();
        let page = page.replace('\u{a0}', " ");
        // By hand: 600 of 1,200 are confident, 450 of them right.
        for text in [
            "Measures by the &lt;source&gt;",
            "The &lt;Daily&gt;",
            "groups too small or too many",
            "1,200",
            "0.7500",
            "0.6250",
            "0.0125",
            "50.0 %",
            "75.0 %",
            "Accuracy",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert!(page.contains("0.0 %") && page.contains(">–<"), "{page}");
        let page = section(&breakdowns, Labels::Multiple).expect("a section").content;
        assert!(page.into_string().contains("Micro-F1"));
    }
}
