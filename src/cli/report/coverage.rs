//! The section on what confidence is worth: the precision of the answers against their share.

use maud::{Markup, html};
use plotters::element::{Circle, PathElement, Text};
use plotters::style::Color as _;

use super::figure::{Anchor, Area, Figure, Frame, Ink, Outcome, text, text_width};
use super::format::percent;
use super::section::{Section, wide};
use crate::cli::output::thousands;
use crate::model::evaluate::{CoveragePoint, Report};

const SIZE: (u32, u32) = (520, 360);
const FONT: u32 = 12;
/// The table has a row for each of these equal steps of coverage at most.
const ROWS: f64 = 10.0;

/// The answers that the model calls confident, as a point of the curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confident {
    threshold: f64,
    coverage: f64,
    /// None where there is none.
    precision: Option<f64>,
}

impl Confident {
    /// The answers of a report whose model calls confident what has at least this top probability.
    pub(super) fn of(report: &Report, threshold: f64) -> Self {
        let coverage = report.confident.coverage(report.documents);
        Self { threshold, coverage, precision: report.confident.precision() }
    }

    fn in_words(self) -> String {
        match self.precision {
            Some(precision) => format!(
                "At the model’s own threshold, {:.4}, {} of the documents are answered with \
                 confidence, and {} of these answers are right.",
                self.threshold,
                percent(self.coverage),
                percent(precision)
            ),
            None => {
                format!("No document reaches the model’s own threshold, {:.4}.", self.threshold)
            }
        }
    }
}

/// `points` go from the highest threshold to the lowest.
pub(super) fn section(points: &[CoveragePoint], confident: Confident) -> anyhow::Result<Section> {
    let words = confident.in_words();
    let description = match points.last() {
        Some(last) => format!(
            "A curve of the precision of the answers given against their share of all documents. \
             {words} If every answer is taken, {} are answered, {} of them right. The table next \
             to the figure has the numbers.",
            percent(last.coverage),
            percent(last.precision)
        ),
        None => "No document was answered.".to_owned(),
    };
    let figure = Figure {
        id: "figure-coverage",
        title: "Precision and coverage",
        description: &description,
        caption: "Each point takes only answers from some top probability on: further left are \
                  fewer answers, of a higher probability. The ringed point is the model’s own \
                  threshold.",
        size: SIZE,
        min_width: 340,
    };
    let content = html! {
        p { (words) }
        div.columns {
            (figure.draw(|area| draw(area, points, confident))?)
            (wide("Precision and coverage by threshold", &table(points)))
        }
    };
    Ok(Section { id: "coverage", title: "Confidence", content })
}

fn table(points: &[CoveragePoint]) -> Markup {
    let step = |point: &CoveragePoint| (point.coverage * ROWS).floor() as u64;
    let is_first_of_step =
        |place: usize| place == 0 || step(&points[place]) > step(&points[place - 1]);
    let is_shown = |place: usize| is_first_of_step(place) || place + 1 == points.len();
    html! {
        table {
            caption { "Precision and coverage by threshold" }
            thead {
                tr {
                    th scope="col" { "Top probability of at least" }
                    @for name in ["Answers", "Share", "Right"] { th.number scope="col" { (name) } }
                }
            }
            tbody {
                @for (_, point) in points.iter().enumerate().filter(|(place, _)| is_shown(*place)) {
                    tr {
                        th scope="row" { (format!("{:.4}", point.threshold)) }
                        td.number { (thousands(point.answers)) }
                        td.number { (percent(point.coverage)) }
                        td.number { (percent(point.precision)) }
                    }
                }
            }
        }
    }
}

fn draw(area: &Area<'_>, points: &[CoveragePoint], confident: Confident) -> Outcome {
    let lowest =
        points.iter().map(|point| point.precision).chain(confident.precision).fold(0.9, f64::min);
    // To the next tenth below, and never so near that the curve touches the axis.
    let floor = (((lowest - 0.02) * 10.0).floor() / 10.0).max(0.0);
    let frame = Frame {
        font: FONT,
        top: 14,
        bottom: 46,
        floor,
        labels: 8,
        left: "precision: share of the answers that are right",
        below: Some("coverage: share of the documents answered"),
    };
    let mut chart = frame.draw(area)?;
    let curve: Vec<(f64, f64)> =
        points.iter().map(|point| (point.coverage, point.precision)).collect();
    match curve[..] {
        // There is no line through one point.
        [only] => drop(chart.draw_series([Circle::new(only, 3, Ink::First.opaque().filled())])?),
        _ => drop(
            chart.draw_series([PathElement::new(curve, Ink::First.opaque().stroke_width(3))])?,
        ),
    }
    let Some(precision) = confident.precision else { return Ok(()) };
    let mark = (confident.coverage, precision);
    chart.draw_series([Circle::new(mark, 6, Ink::Second.opaque().stroke_width(3))])?;
    let (x, y) = chart.plotting_area().map_coordinate(&mark);
    let lines = [
        format!("confident, from {:.4} on:", confident.threshold),
        format!("{} answered, {} right", percent(confident.coverage), percent(precision)),
    ];
    let width = lines.iter().map(|line| text_width(line, FONT)).max().unwrap_or(0) as i32;
    // Below the curve, which falls to the right: to the left of the mark if there is room for it.
    let (anchor, x) =
        if x - width - 12 > 70 { (Anchor::Right, x - 12) } else { (Anchor::Left, x + 12) };
    let bottom = SIZE.1 as i32 - 46 - 32;
    for (line, y) in lines.into_iter().zip([(y + 20).min(bottom), (y + 36).min(bottom + 16)]) {
        area.draw(&Text::new(line, (x, y), text(FONT, anchor, Ink::Text.opaque())))?;
    }
    Ok(())
}
