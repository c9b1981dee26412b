//! The section on how the model was chosen: what cross-validation tried.

use maud::html;

use super::section::{Section, wide};
use crate::model::TrialRecord;

/// Of a model with these trials, the best one first; None where there was nothing to choose.
pub(super) fn section(trials: &[TrialRecord]) -> Option<Section> {
    if trials.len() < 2 {
        return None;
    }
    let table = html! {
        table {
            caption { "Tried by cross-validation, the best first" }
            thead {
                tr {
                    th scope="col" { "Recipe" }
                    @for name in ["Accuracy", "Macro-F1", "Log loss", "Calibration error"] {
                        th.number scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for trial in trials {
                    tr {
                        th scope="row" { (trial.recipe.to_string()) }
                        td.number { (format!("{:.4}", trial.metrics.accuracy)) }
                        td.number { (format!("{:.4}", trial.metrics.macro_f1)) }
                        td.number { (format!("{:.4}", trial.metrics.log_loss)) }
                        td.number { (format!("{:.4}", trial.metrics.expected_calibration_error)) }
                    }
                }
            }
        }
    };
    let content = html! {
        p {
            "What training measured on its own documents, each held out once. The first recipe "
            "became the model."
        }
        (wide("Recipes", &table))
    };
    Some(Section { id: "recipe", title: "Recipe", content })
}
