//! Draws a matrix of counts as a heat map.

use maud::Markup;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::Color as _;

use super::figure::{Anchor, Area, Figure, Ink, Outcome, text, text_width, upwards};

/// With up to this many rows the fields carry their counts.
pub(in crate::cli) const NUMBERED: usize = 26;
/// Where there are no counts, a line every so many rows guides the eye.
const GUIDE: usize = 5;
/// From this opacity of a field on, its text is light.
const STRONG: f64 = 0.75;
/// The name of the axis of the rows.
const TRUTH: &str = "what it is";

/// A matrix whose row is what documents are, and whose column is what they were called.
pub(super) struct HeatMap<'a> {
    pub(super) title: &'a str,
    pub(super) description: String,
    pub(super) caption: &'a str,
    /// The name of the axis of the columns.
    pub(super) columns: &'a str,
    /// The names of the rows and columns drawn.
    pub(super) labels: Vec<String>,
    /// The rows and columns drawn, by their places in the matrix.
    pub(super) drawn: &'a [usize],
    pub(super) matrix: &'a [Vec<u64>],
    /// By row, what its fields are shares of.
    pub(super) documents: &'a [u64],
}

impl HeatMap<'_> {
    /// Draws it.
    ///
    /// # Errors
    /// As [`Figure::draw`].
    pub(super) fn figure(&self) -> anyhow::Result<Markup> {
        let greatest = self.matrix.iter().flatten().copied().max().unwrap_or(0);
        let layout = Layout::new(&self.labels, greatest);
        let (width, height) = layout.size(self.labels.len());
        let figure = Figure {
            id: "figure-confusion",
            title: self.title,
            description: &self.description,
            caption: self.caption,
            size: (width, height),
            min_width: if layout.numbered { width.min(width * 3 / 4 + 60) } else { width.min(900) },
        };
        figure.draw(|area| {
            self.draw_names(area, &layout)?;
            self.draw_grid(area, &layout)?;
            self.draw_fields(area, &layout)?;
            let (_, bottom) = layout.corner(self.labels.len(), self.labels.len());
            draw_legend(area, (layout.left, bottom + 16))
        })
    }

    fn draw_names(&self, area: &Area<'_>, layout: &Layout) -> Outcome {
        let (width, height) = layout.field;
        let name = |anchor| text(layout.font, anchor, Ink::Text.opaque());
        let axis = upwards(12, Anchor::Right, Ink::Text.opaque());
        area.draw(&Text::new(TRUTH, (10, layout.top), axis))?;
        let axis = text(12, Anchor::Left, Ink::Text.opaque());
        area.draw(&Text::new(self.columns, (layout.left, 10), axis))?;
        for (place, label) in self.labels.iter().enumerate() {
            let (x, _) = layout.corner(0, place);
            let (_, y) = layout.corner(place, 0);
            let left = (layout.left - 6, y + height / 2);
            area.draw(&Text::new(label.clone(), left, name(Anchor::Right)))?;
            let above = (x + width / 2, layout.top - 6);
            let turned = upwards(layout.font, Anchor::Left, Ink::Text.opaque());
            area.draw(&Text::new(label.clone(), above, turned))?;
        }
        Ok(())
    }

    fn draw_grid(&self, area: &Area<'_>, layout: &Layout) -> Outcome {
        let end = layout.corner(self.labels.len(), self.labels.len());
        if !layout.numbered {
            for place in (GUIDE..self.labels.len()).step_by(GUIDE) {
                let (x, y) = layout.corner(place, place);
                let faint = Ink::Faint.at(0.6).stroke_width(1);
                area.draw(&PathElement::new([(x, layout.top), (x, end.1)], faint))?;
                area.draw(&PathElement::new([(layout.left, y), (end.0, y)], faint))?;
            }
        }
        let frame = Ink::Faint.opaque().stroke_width(1);
        area.draw(&Rectangle::new([(layout.left, layout.top), end], frame))
    }

    fn draw_fields(&self, area: &Area<'_>, layout: &Layout) -> Outcome {
        let (width, height) = layout.field;
        for (row, &truth) in self.drawn.iter().enumerate() {
            for (column, &called) in self.drawn.iter().enumerate() {
                let count = self.matrix[truth][called];
                if count == 0 {
                    continue;
                }
                let opacity = opacity(count as f64 / self.documents[truth] as f64);
                let ink = if truth == called { Ink::Right } else { Ink::Wrong };
                let (x, y) = layout.corner(row, column);
                let corners = [(x, y), (x + width, y + height)];
                area.draw(&Rectangle::new(corners, ink.at(opacity).filled()))?;
                if layout.numbered {
                    let ink = if opacity >= STRONG { Ink::OnStrong } else { Ink::Text };
                    let style = text(12, Anchor::Middle, ink.opaque());
                    let middle = (x + width / 2, y + height / 2);
                    area.draw(&Text::new(count.to_string(), middle, style))?;
                }
            }
        }
        Ok(())
    }
}

/// Draws what the colours of some shares are.
fn draw_legend(area: &Area<'_>, (mut x, y): (i32, i32)) -> Outcome {
    for share in [0.01, 0.1, 0.25, 0.5, 1.0] {
        for (ink, left) in [(Ink::Right, x), (Ink::Wrong, x + 20)] {
            let corners = [(left, y), (left + 20, y + 10)];
            area.draw(&Rectangle::new(corners, ink.at(opacity(share)).filled()))?;
        }
        let label = format!("{} %", (100.0 * share) as u32);
        let style = text(10, Anchor::Middle, Ink::Text.opaque());
        area.draw(&Text::new(label, (x + 20, y + 19), style))?;
        x += 46;
    }
    Ok(())
}

/// Where the parts of the heat map are, in pixels.
struct Layout {
    font: u32,
    left: i32,
    top: i32,
    field: (i32, i32),
    numbered: bool,
}

impl Layout {
    fn new(labels: &[String], greatest: u64) -> Self {
        let count = labels.len() as i32;
        let numbered = labels.len() <= NUMBERED;
        let font = if numbered { 12 } else { 9 };
        let field = if numbered {
            let digits = greatest.to_string().len() as i32;
            ((8 * digits + 8).max(28).max(220 / count), 28)
        } else {
            let side = (1000 / count).clamp(9, 24);
            (side, side)
        };
        let longest = labels.iter().map(|label| text_width(label, font)).max().unwrap_or(0) as i32;
        Self { font, left: longest + 34, top: longest + 34, field, numbered }
    }

    fn size(&self, count: usize) -> (u32, u32) {
        let legend = 44;
        let width = (self.left + self.field.0 * count as i32 + 8).max(self.left + 230);
        (width as u32, (self.top + self.field.1 * count as i32 + legend) as u32)
    }

    /// The upper left corner of a field, by its place in the matrix.
    fn corner(&self, row: usize, column: usize) -> (i32, i32) {
        (self.left + column as i32 * self.field.0, self.top + row as i32 * self.field.1)
    }
}

/// A field's opacity: the square root of its share, so that a mistake in a hundred can still be
/// seen.
fn opacity(share: f64) -> f64 {
    share.sqrt().max(0.05)
}
