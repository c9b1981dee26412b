//! Shows an evaluation as one HTML page that needs nothing else: no script, no font, no image from
//! elsewhere.
//!
//! Each section has a file, which takes only what it shows. The page quotes headlines of the
//! corpus, so it is written only where the user asks for it.

mod calibration;
mod confusion;
mod coverage;
mod destination;
mod figure;
mod format;
mod groups;
mod heat_map;
mod levels;
mod mistakes;
mod overview;
mod recipe;
mod section;
mod terms;
mod topics;

pub(super) use confusion::{DRAWN, NONE, most_confused};
pub(super) use destination::Destination;
pub(super) use heat_map::NUMBERED;
pub(super) use overview::Subject;
pub(super) use terms::TopicTerms;

use maud::{DOCTYPE, PreEscaped, html};

use crate::model::TrialRecord;
use crate::model::evaluate::{Breakdown, LevelReport, Mistake, Report};
use format::shown;

const STYLE: &str = include_str!("style.css");

/// Everything that a page shows.
pub(super) struct Contents<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) report: &'a Report,
    /// Doubts about the documents, in sentences.
    pub(super) warnings: &'a [String],
    /// The trials of training, the best first.
    pub(super) trials: &'a [TrialRecord],
    /// The broader levels of the topics' names, the broadest first.
    pub(super) levels: &'a [LevelReport],
    /// The figures by group of documents.
    pub(super) breakdowns: &'a [Breakdown],
    /// By topic of the model.
    pub(super) terms: Vec<TopicTerms<'a>>,
    /// The worst first.
    pub(super) mistakes: &'a [Mistake],
}

/// The page, as HTML. The same contents give the same bytes.
pub(super) fn page(contents: &Contents<'_>) -> anyhow::Result<String> {
    let Contents { subject, report, warnings, trials, levels, breakdowns, terms, mistakes } =
        contents;
    let names: Vec<String> = report.topics.iter().map(|topic| shown(&topic.name)).collect();
    let mut sections = vec![
        overview::section(subject, report, warnings),
        topics::section(&names, &report.topics)?,
    ];
    sections.extend(levels::section(levels));
    sections.extend(groups::section(breakdowns, report.labels));
    sections.extend([
        confusion::section(&names, report)?,
        calibration::section(&report.calibration, report.ece, report.labels)?,
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
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(figure::palette())) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    nav aria-label="Sections" {
                        @for section in &sections {
                            a href={ "#" (section.id) } { (section.title) }
                        }
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

#[cfg(test)]
mod tests;
