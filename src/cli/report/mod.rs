//! Shows an evaluation as one HTML page that needs nothing else: no script, no font, no image from
//! elsewhere.
//!
//! A file a section; each takes only what it shows, so that a kind of model can have sections of
//! its own. The page holds headlines of the corpus: it goes where its user asked for it, and
//! nowhere else.

mod calibration;
mod confusion;
mod coverage;
mod destination;
mod figure;
mod levels;
mod mistakes;
mod overview;
mod recipe;
mod terms;
mod topics;

pub(super) use confusion::{DRAWN, NONE, NUMBERED, most_confused};
pub(super) use destination::Destination;
pub(super) use overview::Subject;
pub(super) use terms::TopicTerms;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::output::printable;
use crate::model::TrialRecord;
use crate::model::evaluate::{LevelReport, Mistake, Report};

const STYLE: &str = include_str!("style.css");

/// All that a page shows.
pub(super) struct Contents<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) report: &'a Report,
    /// What is to be known of the documents, in sentences.
    pub(super) warnings: &'a [String],
    /// What training tried, the best first.
    pub(super) trials: &'a [TrialRecord],
    /// The broader levels of the topics' names, the broadest first.
    pub(super) levels: &'a [LevelReport],
    /// By topic of the model.
    pub(super) terms: Vec<TopicTerms<'a>>,
    /// The worst first.
    pub(super) mistakes: &'a [Mistake],
}

/// A part of the page.
struct Section {
    /// What a link to it ends in.
    id: &'static str,
    title: &'static str,
    content: Markup,
}

/// The page, as HTML. The same contents give the same bytes.
pub(super) fn page(contents: &Contents<'_>) -> anyhow::Result<String> {
    let Contents { subject, report, warnings, trials, levels, terms, mistakes } = contents;
    let names: Vec<String> = report.topics.iter().map(|topic| shown(&topic.name)).collect();
    let mut sections = vec![
        overview::section(subject, report, warnings),
        topics::section(&names, &report.topics)?,
    ];
    sections.extend(levels::section(levels));
    sections.extend([
        confusion::section(&names, report)?,
        calibration::section(&report.calibration, report.ece)?,
        coverage::section(
            &report.precision_coverage,
            coverage::Confident::of(report, subject.confident_probability),
        )?,
        terms::section(terms),
        mistakes::section(mistakes),
    ]);
    sections.extend(recipe::section(trials));
    let title = format!("Evaluation of {}", subject.model);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                // Nothing is loaded and nothing runs, whatever a corpus may hold.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(figure::palette())) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    nav aria-label="Sections" {
                        @for section in &sections { a href={ "#" (section.id) } { (section.title) } }
                    }
                }
                main {
                    @for section in &sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                            h2 id={ (section.id) "-heading" } { (section.title) }
                            (section.content)
                        }
                    }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// A table that scrolls by itself where it is wider than the page.
fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// A text of the corpus on one line, with what is no character to be seen made visible.
fn shown(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A share of 1, to a tenth of a per cent, in one piece.
fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}

/// A probability that is rounded neither to certainty nor to impossibility.
fn probability(probability: f64) -> String {
    match probability {
        0.999_5.. => "over 99.9\u{a0}%".to_owned(),
        ..0.000_5 => "under 0.1\u{a0}%".to_owned(),
        _ => percent(probability),
    }
}

#[cfg(test)]
mod tests;
