//! The section on the broader levels of the topics' names.

use maud::html;

use super::section::Section;
use crate::model::evaluate::LevelReport;

/// Of these levels, the broadest first; None where the names are flat.
pub(super) fn section(levels: &[LevelReport]) -> Option<Section> {
    if levels.is_empty() {
        return None;
    }
    let content = html! {
        p {
            "Topics with a common parent, such as sport/football and sport/tennis, are one topic "
            "at "
            "the parent’s level."
        }
        table {
            caption { "Levels" }
            thead {
                tr { th scope="col" { "Levels of the name" } th.number scope="col" { "Accuracy" }
                     th.number scope="col" { "Micro-F1" } th.number scope="col" { "Macro-F1" } }
            }
            tbody {
                @for level in levels {
                    tr {
                        th scope="row" { (level.depth) }
                        td.number { (format!("{:.4}", level.accuracy)) }
                        td.number { (format!("{:.4}", level.micro_f1)) }
                        td.number { (format!("{:.4}", level.macro_f1)) }
                    }
                }
            }
        }
    };
    Some(Section { id: "levels", title: "Levels", content })
}
