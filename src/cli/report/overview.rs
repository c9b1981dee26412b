//! The page's first section: which model was measured on what, and the measures of the whole.

use maud::{Markup, html};

use super::format::{percent, shown};
use super::section::Section;
use crate::cli::output::thousands;
use crate::model::Labels;
use crate::model::evaluate::{DecisionCount, Report};

/// What was measured, and on what.
pub(in crate::cli) struct Subject<'a> {
    /// The model's name and version.
    pub(in crate::cli) model: String,
    /// How it was estimated.
    pub(in crate::cli) recipe: String,
    /// BCP-47 tag of what it was trained on; empty when not stated.
    pub(in crate::cli) language_code: &'a str,
    /// Documents that it learned from.
    pub(in crate::cli) trained_on: u64,
    pub(in crate::cli) topic_count: usize,
    pub(in crate::cli) term_count: usize,
    /// The corpus's files, as they were named.
    pub(in crate::cli) inputs: Vec<String>,
    /// SHA-256 over the decompressed files, in hexadecimal.
    pub(in crate::cli) fingerprint: String,
    /// Lines of them that were left out.
    pub(in crate::cli) skipped: u64,
    /// From this top probability on the model calls an answer confident.
    pub(in crate::cli) confident_probability: f64,
}

pub(super) fn section(subject: &Subject<'_>, report: &Report, warnings: &[String]) -> Section {
    let content = html! {
        (highlights(report))
        @if !warnings.is_empty() {
            p { "Before these figures are relied on:" }
            ul { @for warning in warnings { li { (shown(warning)) } } }
        }
        div.columns {
            (measures(report))
            (decisions(report, subject.confident_probability))
        }
        (provenance(subject, report))
    };
    Section { id: "overview", title: "Overview", content }
}

fn highlights(report: &Report) -> Markup {
    let confident = report.confident;
    let tiles = [
        ("documents", thousands(report.documents)),
        ("of them right", percent(report.accuracy)),
        ("answered with confidence", percent(confident.coverage(report.documents))),
        ("of these right", confident.precision().map_or("–".to_owned(), percent)),
    ];
    html! {
        dl.tiles { @for (name, value) in &tiles { div { dt { (name) } dd { (value) } } } }
    }
}

fn measures(report: &Report) -> Markup {
    let (squared_error, distance) = match report.labels {
        Labels::Single => (
            "mean squared error of the probabilities; 0 is best, 2 worst",
            "mean distance of probability and accuracy; 0 is best",
        ),
        Labels::Multiple => (
            "squared error of the probabilities, summed over a document’s topics; 0 is best",
            "mean distance of probability and accuracy, over all topics of all documents; 0 is \
             best",
        ),
    };
    let rows = [
        ("Accuracy", report.accuracy, "documents whose first topic is right"),
        ("Micro-F1", report.micro_f1, "F1 over all decisions together"),
        ("Macro-F1", report.macro_f1, "F1 averaged over the topics, each counting alike"),
        ("Log loss", report.log_loss, "mean −ln of the right topic’s probability; 0 is best"),
        ("Brier score", report.brier, squared_error),
        ("Calibration error", report.ece, distance),
    ];
    html! {
        table {
            caption { "Measures" }
            tbody {
                @for (name, value, meaning) in &rows {
                    tr {
                        th scope="row" { (name) span.note { (meaning) } }
                        td.number { (format!("{value:.4}")) }
                    }
                }
            }
        }
    }
}

fn decisions(report: &Report, confident_probability: f64) -> Markup {
    let row = |name: &str, meaning: &str, count: DecisionCount| {
        html! {
            tr {
                th scope="row" { (name) span.note { (meaning) } }
                td.number { (thousands(count.documents)) }
                td.number { (percent(count.coverage(report.documents))) }
                td.number { (count.precision().map_or("–".to_owned(), percent)) }
            }
        }
    };
    let threshold = format!("a top probability of {confident_probability:.4} or more");
    html! {
        table {
            caption { "Decisions" }
            thead {
                tr {
                    th scope="col" { "Decision" }
                    th.number scope="col" { "Documents" }
                    th.number scope="col" { "Share" }
                    th.number scope="col" { "Right" }
                }
            }
            tbody {
                (row("Confident", &threshold, report.confident))
                (row("Uncertain", "less", report.uncertain))
                (row("Unknown text", "too few words that the model knows", report.unknown_text))
            }
        }
    }
}

fn provenance(subject: &Subject<'_>, report: &Report) -> Markup {
    let foreign = report.topics.len() - subject.topic_count;
    let language =
        if subject.language_code.is_empty() { "not stated" } else { subject.language_code };
    html! {
        dl.facts {
            div { dt { "Model" } dd { (subject.model) ": " (subject.recipe) } }
            div {
                dt { "Trained on" }
                dd {
                    (thousands(subject.trained_on)) " documents, language " (language) "; "
                    (subject.topic_count) " topics, "
                    (thousands(subject.term_count as u64)) " terms"
                }
            }
            div {
                dt { "Measured on" }
                dd {
                    @for (place, input) in subject.inputs.iter().enumerate() {
                        @if place > 0 { ", " }
                        code { (shown(input)) }
                    }
                    ": " (thousands(report.documents)) " documents"
                    @if report.without_topic > 0 {
                        ", " (thousands(report.without_topic))
                        " of them without a topic: accuracy and log loss leave them out"
                    }
                    @if subject.skipped > 0 { ", " (thousands(subject.skipped)) " lines left out" }
                    @if foreign > 0 { "; " (foreign) " of their topics the model does not have" }
                }
            }
            div { dt { "SHA-256 of the text" } dd { code.hash { (subject.fingerprint) } } }
        }
    }
}
