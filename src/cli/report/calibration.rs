//! The section on whether probabilities mean what they say: the reliability diagram.

use maud::{Markup, html};
use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::Color as _;

use super::figure::{Anchor, Area, Figure, Frame, Ink, Outcome, text, upwards};
use super::format::percent;
use super::section::{Section, wide};
use crate::cli::output::thousands;
use crate::model::Labels;
use crate::model::evaluate::Bin;

const SIZE: (u32, u32) = (520, 470);
/// The height of the upper part: accuracy. The lower one has the counts.
const UPPER: u32 = 330;
const FONT: u32 = 12;

/// What the predictions in the bins are called.
#[derive(Debug, Clone, Copy)]
struct Wording {
    /// The probability of a prediction.
    probability: &'static str,
    predictions: &'static str,
    /// The headings of the two in the table.
    headings: [&'static str; 2],
    /// What the calibration error is the error of.
    explanation: &'static str,
}

impl Wording {
    fn of(labels: Labels) -> Self {
        match labels {
            Labels::Single => Self {
                probability: "top probability",
                predictions: "answers",
                headings: ["Top probability, %", "Answers"],
                explanation: "the mean distance of probability and accuracy.",
            },
            Labels::Multiple => Self {
                probability: "probability of a topic",
                predictions: "predictions",
                headings: ["Probability of a topic, %", "Predictions"],
                explanation: "the mean distance of probability and accuracy, over the predictions \
                              of every topic of the model for every document. Most of these are \
                              near 0; the table of topics has the expected number of documents \
                              of each next to the number found.",
            },
        }
    }
}

/// `bins` divide the probabilities from 0 to 1 evenly; `ece` is the error over all of them.
pub(super) fn section(bins: &[Bin], ece: f64, labels: Labels) -> anyhow::Result<Section> {
    let wording = Wording::of(labels);
    let Wording { probability, predictions, explanation, .. } = wording;
    let all: u64 = bins.iter().map(|bin| bin.predictions).sum();
    let description = format!(
        "For {} bins of the {probability}, the share of right {predictions} against their mean \
         probability. On the dashed line the two are equal. Over {} {predictions} they differ by \
         {} on average. The table next to the figure has the numbers.",
        bins.len(),
        thousands(all),
        percent(ece)
    );
    let caption = format!(
        "Above: the share of right {predictions} against their mean probability; on the dashed \
         line probabilities are true, below it the model is overconfident. Below: the number of \
         {predictions}."
    );
    let figure = Figure {
        id: "figure-reliability",
        title: "Reliability diagram",
        description: &description,
        caption: &caption,
        size: SIZE,
        min_width: 340,
    };
    let content = html! {
        p {
            "The calibration error is " strong { (format!("{ece:.4}")) }
            ": " (explanation)
        }
        div.columns {
            (figure.draw(|area| draw(area, bins, wording))?)
            (wide("Calibration by bin", &table(bins, wording)))
        }
    };
    Ok(Section { id: "calibration", title: "Calibration", content })
}

fn table(bins: &[Bin], wording: Wording) -> Markup {
    let [range, count] = wording.headings;
    let edge = |number: usize| format!("{:.1}", 100.0 * number as f64 / bins.len() as f64);
    html! {
        table {
            caption { "Calibration by bin" }
            thead {
                tr {
                    th scope="col" { (range) }
                    @for name in ["Mean probability", "Right", count] {
                        th.number scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for (number, bin) in Bins(bins).filled() {
                    tr {
                        th scope="row" { (edge(number)) "–" (edge(number + 1)) }
                        td.number { (percent(bin.mean_probability)) }
                        td.number { (percent(bin.accuracy)) }
                        td.number { (thousands(bin.predictions)) }
                    }
                }
            }
        }
    }
}

/// A whole number in at most four characters.
fn short(number: u64) -> String {
    let scaled = |unit: f64, name: &str| {
        let value = number as f64 / unit;
        if value < 9.95 { format!("{value:.1}{name}") } else { format!("{value:.0}{name}") }
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..999_500 => scaled(1e3, "k"),
        _ => scaled(1e6, "M"),
    }
}

fn draw(area: &Area<'_>, bins: &[Bin], wording: Wording) -> Outcome {
    let (upper, lower) = area.split_vertically(UPPER);
    let bins = Bins(bins);
    bins.draw_accuracy(&upper)?;
    for (label, place) in bins.draw_counts(&lower, wording.probability)? {
        area.draw_text(&label, &text(10, Anchor::Middle, Ink::Text.opaque()), place)?;
    }
    let middle = (UPPER + (SIZE.1 - UPPER - 44) / 2) as i32;
    area.draw_text(
        wording.predictions,
        &upwards(FONT, Anchor::Middle, Ink::Text.opaque()),
        (14, middle),
    )
}

/// Bins that divide the probabilities from 0 to 1 evenly.
struct Bins<'a>(&'a [Bin]);

impl Bins<'_> {
    fn edge(&self, number: usize) -> f64 {
        number as f64 / self.0.len() as f64
    }

    fn filled(&self) -> impl Iterator<Item = (usize, &Bin)> {
        self.0.iter().enumerate().filter(|(_, bin)| bin.predictions > 0)
    }

    /// Draws the accuracy of each bin, and the diagonal to compare it with.
    fn draw_accuracy(&self, area: &Area<'_>) -> Outcome {
        // The axis is labelled below the counts.
        let frame = Frame {
            font: FONT,
            top: 12,
            bottom: 26,
            floor: 0.0,
            labels: 6,
            left: "right",
            below: None,
        };
        let mut chart = frame.draw(area)?;
        chart.draw_series(self.filled().map(|(number, bin)| {
            let corners = [(self.edge(number), 0.0), (self.edge(number + 1), bin.accuracy)];
            Rectangle::new(corners, Ink::First.at(0.25).filled())
        }))?;
        chart.draw_series((0..25).map(|dash| {
            let at = |place: f64| (place / 25.0, place / 25.0);
            let ends = [at(f64::from(dash)), at(f64::from(dash) + 0.5)];
            PathElement::new(ends, Ink::Text.at(0.6).stroke_width(2))
        }))?;
        let points: Vec<(f64, f64)> =
            self.filled().map(|(_, bin)| (bin.mean_probability, bin.accuracy)).collect();
        // One point makes no line.
        if points.len() > 1 {
            let line = PathElement::new(points.clone(), Ink::First.opaque().stroke_width(2));
            chart.draw_series([line])?;
        }
        let dot = |point| Circle::new(point, 5, Ink::First.opaque().filled());
        chart.draw_series(points.into_iter().map(dot))?;
        Ok(())
    }

    /// Draws how many predictions each bin has; returns the numbers, and where they go.
    fn draw_counts(
        &self,
        area: &Area<'_>,
        probability: &str,
    ) -> Outcome<Vec<(String, (i32, i32))>> {
        let label = text(FONT, Anchor::Middle, Ink::Text.opaque());
        let most = self.0.iter().map(|bin| bin.predictions).max().unwrap_or(0).max(1) as f64;
        let mut chart = ChartBuilder::on(area)
            .margin_top(4)
            .margin_left(8)
            .margin_right(20)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d(0.0..1.0, 0.0..1.25 * most)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(Ink::Faint.opaque())
            .x_labels(6)
            .y_labels(0)
            .x_label_formatter(&|x| format!("{:.0} %", 100.0 * x))
            .label_style(label.clone())
            .x_desc(probability)
            .axis_desc_style(label)
            .draw()?;
        chart.draw_series(self.filled().map(|(number, bin)| {
            let gap = 0.1 / self.0.len() as f64;
            let (left, right) = (self.edge(number) + gap, self.edge(number + 1) - gap);
            let corners = [(left, 0.0), (right, bin.predictions as f64)];
            Rectangle::new(corners, Ink::First.opaque().filled())
        }))?;
        let plane = chart.plotting_area();
        let labels = self.filled().map(|(number, bin)| {
            let middle = (self.edge(number) + self.edge(number + 1)) / 2.0;
            let (x, y) = plane.map_coordinate(&(middle, bin.predictions as f64));
            (short(bin.predictions), (x, y - 7))
        });
        Ok(labels.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        assert_eq!(
            [0, 999, 1_000, 1_949, 9_949, 9_950, 999_499, 999_500, 12_345_678].map(short),
            ["0", "999", "1.0k", "1.9k", "9.9k", "10k", "999k", "1.0M", "12M"]
        );
    }
}
