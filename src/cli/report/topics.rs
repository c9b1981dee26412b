//! The section on each topic: precision, recall, F1 and number of documents.

use maud::{Markup, html};
use plotters::element::{Rectangle, Text};
use plotters::style::Color as _;

use super::figure::{Anchor, Area, Figure, Ink, Outcome, fit, text, text_width};
use super::section::{Section, wide};
use crate::cli::output::{tenths, thousands};
use crate::model::evaluate::TopicReport;

const FONT: u32 = 13;
/// A topic's part of the height, its two bars and the space around them.
const ROW: i32 = 30;
const BAR: i32 = 11;
const TOP: i32 = 46;
const WIDTH: u32 = 500;
/// Names longer than this are cut.
const NAME_HALVES: u32 = 48;

/// `names` are the topics' names, as they are to be shown.
pub(super) fn section(names: &[String], topics: &[TopicReport]) -> anyhow::Result<Section> {
    let occurring: Vec<(&str, &TopicReport)> =
        names.iter().map(String::as_str).zip(topics).filter(|(_, topic)| topic.occurs()).collect();
    let absent: Vec<&str> = names
        .iter()
        .zip(topics)
        .filter(|(_, topic)| !topic.occurs())
        .map(|(name, _)| name.as_str())
        .collect();
    let content = html! {
        p {
            "Precision: of the documents that were called a topic, the share that is of it. "
            "Recall: of the documents of a topic, the share that was called so. F1 is the "
            "harmonic mean of the two. Expected: the sum of the topic’s probabilities over all "
            "documents; if they are calibrated, it is near the number of its documents."
        }
        div.columns { (bars(&occurring)?) (wide("Measures of each topic", &table(&occurring))) }
        @if !absent.is_empty() {
            p {
                "No document is of these " (absent.len())
                " topics of the model, and none was called so: "
                @for (place, name) in absent.iter().enumerate() {
                    @if place > 0 { ", " } bdi { (name) }
                }
                "."
            }
        }
    };
    Ok(Section { id: "topics", title: "Topics", content })
}

fn table(topics: &[(&str, &TopicReport)]) -> Markup {
    let share =
        |value: f64, of: u64| if of == 0 { "–".to_owned() } else { format!("{value:.3}") };
    html! {
        table {
            caption { "Measures of each topic" }
            thead {
                tr {
                    th scope="col" { "Topic" }
                    @for name in ["Precision", "Recall", "F1", "Documents", "Expected"] {
                        th.number scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for (name, topic) in topics {
                    tr {
                        th scope="row" { bdi { (name) } }
                        td.number { (share(topic.precision, topic.predicted)) }
                        td.number { (share(topic.recall, topic.support)) }
                        td.number { (format!("{:.3}", topic.f1)) }
                        td.number { (thousands(topic.support)) }
                        td.number { (tenths(topic.expected)) }
                    }
                }
            }
        }
    }
}

fn bars(topics: &[(&str, &TopicReport)]) -> anyhow::Result<Markup> {
    let labels: Vec<String> = topics.iter().map(|(name, _)| fit(name, NAME_HALVES)).collect();
    let left = labels.iter().map(|label| text_width(label, FONT)).max().unwrap_or(0) + 14;
    let by_f1 = |a: &&(&str, &TopicReport), b: &&(&str, &TopicReport)| a.1.f1.total_cmp(&b.1.f1);
    let description = match (topics.iter().max_by(by_f1), topics.iter().min_by(by_f1)) {
        (Some((best, highest)), Some((worst, lowest))) => format!(
            "Two bars for each of {} topics. The highest F1 is that of {best} ({:.3}), the lowest \
             that of {worst} ({:.3}). The table next to the figure has the numbers.",
            topics.len(),
            highest.f1,
            lowest.f1
        ),
        _ => String::new(),
    };
    let figure = Figure {
        id: "figure-topics",
        title: "Precision and recall of each topic",
        description: &description,
        caption: "Precision (upper bar) and recall (lower bar) of each topic.",
        size: (WIDTH, (TOP + ROW * topics.len() as i32 + 8) as u32),
        min_width: 360.max(left + 180),
    };
    figure.draw(|area| draw_bars(area, left as i32, &labels, topics))
}

fn draw_bars(
    area: &Area<'_>,
    left: i32,
    labels: &[String],
    topics: &[(&str, &TopicReport)],
) -> Outcome {
    let bottom = TOP + ROW * topics.len() as i32;
    let full = WIDTH as i32 - left - 24;
    let across = |share: f64| left + (share * f64::from(full)).round() as i32;
    let small = |anchor| text(FONT - 1, anchor, Ink::Text.opaque());
    let mut legend = left;
    for (name, ink) in [("precision", Ink::First), ("recall", Ink::Second)] {
        area.draw(&Rectangle::new([(legend, 6), (legend + BAR, 6 + BAR)], ink.opaque().filled()))?;
        area.draw(&Text::new(name, (legend + BAR + 6, 6 + BAR / 2), small(Anchor::Left)))?;
        legend += 100;
    }
    for quarter in 0..=4 {
        let x = across(f64::from(quarter) / 4.0);
        area.draw(&Rectangle::new([(x, TOP - 6), (x + 1, bottom)], Ink::Faint.opaque().filled()))?;
        area.draw(&Text::new(format!("{} %", 25 * quarter), (x, TOP - 16), small(Anchor::Middle)))?;
    }
    for ((label, (_, topic)), top) in labels.iter().zip(topics).zip((TOP..).step_by(ROW as usize)) {
        area.draw(&Text::new(
            label.clone(),
            (left - 8, top + ROW / 2),
            text(FONT, Anchor::Right, Ink::Text.opaque()),
        ))?;
        for (share, ink, y) in
            [(topic.precision, Ink::First, top + 3), (topic.recall, Ink::Second, top + 3 + BAR + 1)]
        {
            area.draw(&Rectangle::new(
                [(left, y), (across(share).max(left + 1), y + BAR)],
                ink.opaque().filled(),
            ))?;
        }
    }
    Ok(())
}
