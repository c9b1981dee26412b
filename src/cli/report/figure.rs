//! Draws figures as SVG that stands inside the page, with a name and a description for those who do
//! not see them.

use std::io;

use maud::{Markup, PreEscaped, html};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, DrawingArea, IntoDrawingArea as _, RGBColor, SVGBackend, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontFamily, FontTransform, RGBAColor};

pub(super) type Backend<'a> = SVGBackend<'a>;
pub(super) type Area<'a> = DrawingArea<Backend<'a>, Shift>;
pub(super) type Outcome<T = ()> = Result<T, plotters::drawing::DrawingAreaErrorKind<io::Error>>;
/// What is drawn on with numbers for coordinates.
pub(super) type Chart<'a, 'b> =
    ChartContext<'a, Backend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A colour of the figures. The page's style replaces it by what suits a light or a dark screen:
/// see [`palette`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Text.
    Text,
    /// Text on a strong colour.
    OnStrong,
    /// Lines that are there to compare with.
    Faint,
    /// What the figure is about: blue.
    First,
    /// What stands beside it: vermilion, which differs from the blue for every kind of colour
    /// vision (Okabe and Ito, 2008).
    Second,
    /// The strongest blue of a field of the heat map.
    Right,
    /// The strongest vermilion.
    Wrong,
}

impl Ink {
    const ALL: [Self; 7] = [
        Self::Text,
        Self::OnStrong,
        Self::Faint,
        Self::First,
        Self::Second,
        Self::Right,
        Self::Wrong,
    ];

    /// As it stands in the SVG: on light paper, where no style is applied.
    fn rgb(self) -> (u8, u8, u8) {
        match self {
            Self::Text => (0x1B, 0x1F, 0x24),
            Self::OnStrong => (0xFF, 0xFF, 0xFE),
            Self::Faint => (0xC4, 0xCA, 0xD1),
            Self::First => (0x00, 0x72, 0xB2),
            Self::Second => (0xC2, 0x4E, 0x00),
            Self::Right => (0x0B, 0x62, 0xA8),
            Self::Wrong => (0xB8, 0x4A, 0x00),
        }
    }

    /// The variable of the style sheet that stands for it.
    fn variable(self) -> &'static str {
        match self {
            Self::Text => "--text",
            Self::OnStrong => "--on-strong",
            Self::Faint => "--faint",
            Self::First => "--first",
            Self::Second => "--second",
            Self::Right => "--right",
            Self::Wrong => "--wrong",
        }
    }

    pub(super) fn opaque(self) -> RGBAColor {
        self.at(1.0)
    }

    /// With this opacity, to a hundredth.
    pub(super) fn at(self, opacity: f64) -> RGBAColor {
        let (red, green, blue) = self.rgb();
        RGBColor(red, green, blue).mix((opacity * 100.0).round() / 100.0)
    }
}

/// The rules that give the figures' colours to the style sheet's variables.
pub(super) fn palette() -> String {
    let rule = |ink: Ink| {
        let ((red, green, blue), variable) = (ink.rgb(), ink.variable());
        let colour = format!("#{red:02X}{green:02X}{blue:02X}");
        format!(
            "figure svg [fill=\"{colour}\"]{{fill:var({variable})}}\
             figure svg [stroke=\"{colour}\"]{{stroke:var({variable})}}\n"
        )
    };
    Ink::ALL.map(rule).concat()
}

/// What is said of a figure.
pub(super) struct Figure<'a> {
    /// Of the element; each figure has its own.
    pub(super) id: &'static str,
    /// What it is.
    pub(super) title: &'a str,
    /// What is to be seen in it, in words.
    pub(super) description: &'a str,
    /// How it is to be read; stands below it.
    pub(super) caption: &'a str,
    /// In pixels, where there is room for it.
    pub(super) size: (u32, u32),
    /// It is not drawn narrower than this: where there is less room, it scrolls.
    pub(super) min_width: u32,
}

impl Figure<'_> {
    /// Draws it.
    ///
    /// # Errors
    /// What the plotting crate says; it has no reason to.
    pub(super) fn draw(&self, draw: impl FnOnce(&Area<'_>) -> Outcome) -> anyhow::Result<Markup> {
        let Self { id, title, description, caption, size: (width, height), min_width } = self;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (*width, *height)).into_drawing_area();
            let failed = |error| anyhow::anyhow!("cannot draw the figure {id}: {error}");
            draw(&area).map_err(failed)?;
            area.present().map_err(failed)?;
        }
        // The element is ours, with what the crate knows nothing of; its content is the crate's,
        // which escapes text.
        let content = svg
            .split_once('>')
            .and_then(|(_, rest)| rest.rsplit_once("</svg>"))
            .map_or("", |(content, _)| content);
        Ok(html! {
            // As wide as it is drawn, but where it has to share a line or the page is narrower.
            figure id=(id) style={ "flex-basis:" (width) "px" } {
                div.wide role="region" aria-label=(title) tabindex="0" {
                    svg role="img" aria-labelledby={ (id) "-title " (id) "-desc" }
                        xmlns="http://www.w3.org/2000/svg"
                        viewBox={ "0 0 " (width) " " (height) }
                        style={ "max-width:" (width) "px;min-width:" (min_width) "px" } {
                        title id={ (id) "-title" } { (title) }
                        desc id={ (id) "-desc" } { (description) }
                        (PreEscaped(content))
                    }
                }
                figcaption { (caption) }
            }
        })
    }
}

/// The frame of a figure that shows one share against another: both axes in per cent, lines across
/// at the height of the labels.
pub(super) struct Frame<'a> {
    /// The size of its text, in pixels.
    pub(super) font: u32,
    /// Room above, in pixels.
    pub(super) top: u32,
    /// Room for what stands below the lower axis, in pixels.
    pub(super) bottom: u32,
    /// Where the axis on the left begins; it ends at 1, as the lower one does, which begins at 0.
    pub(super) floor: f64,
    /// About how many labels the axis on the left has.
    pub(super) labels: usize,
    /// What the axis on the left shows.
    pub(super) left: &'a str,
    /// What the lower one shows, where that is not said elsewhere.
    pub(super) below: Option<&'a str>,
}

impl Frame<'_> {
    /// Draws it.
    pub(super) fn draw<'a, 'b>(&self, area: &'a Area<'b>) -> Outcome<Chart<'a, 'b>> {
        let label = text(self.font, Anchor::Middle, Ink::Text.opaque());
        let per_cent = |share: &f64| format!("{:.0} %", 100.0 * share);
        let mut chart = ChartBuilder::on(area)
            .margin_top(self.top)
            .margin_left(8)
            .margin_right(20)
            .x_label_area_size(self.bottom)
            .y_label_area_size(62)
            .build_cartesian_2d(0.0..1.0, self.floor..1.0)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .light_line_style(Ink::Faint.at(0.0))
            .bold_line_style(Ink::Faint.opaque())
            .axis_style(Ink::Faint.opaque())
            .x_labels(6)
            .y_labels(self.labels)
            .x_label_formatter(&per_cent)
            .y_label_formatter(&per_cent)
            .label_style(label.clone())
            .y_desc(self.left)
            .axis_desc_style(label);
        if let Some(below) = self.below {
            mesh.x_desc(below);
        }
        mesh.draw()?;
        Ok(chart)
    }
}

/// Where a text stands to the point that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// Text of this size in pixels, in the middle of its line's height.
pub(super) fn text(pixels: u32, anchor: Anchor, colour: RGBAColor) -> TextStyle<'static> {
    /// What the crate divides a size by before it writes it down.
    const CRATES_SCALE: f64 = 1.24;
    let across = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let style = TextStyle::from((FontFamily::SansSerif, f64::from(pixels) * CRATES_SCALE));
    TextStyle { color: colour.to_backend_color(), ..style }.pos(Pos::new(across, VPos::Center))
}

/// The same, reading upwards.
pub(super) fn upwards(pixels: u32, anchor: Anchor, colour: RGBAColor) -> TextStyle<'static> {
    text(pixels, anchor, colour).transform(FontTransform::Rotate270)
}

/// How wide a text is at most, in pixels, in the usual fonts.
pub(super) fn text_width(text: &str, pixels: u32) -> u32 {
    let halves: u32 = text.chars().map(half_widths).sum();
    (halves * pixels * 32).div_ceil(100)
}

/// A name cut in its middle so that it is no wider than this many halves of a square: its ends tell
/// most.
pub(super) fn fit(name: &str, most_halves: u32) -> String {
    if name.chars().map(half_widths).sum::<u32>() <= most_halves {
        return name.to_owned();
    }
    let take = |characters: &mut dyn Iterator<Item = char>, limit: u32| {
        let mut used = 0;
        let mut taken: Vec<char> = Vec::new();
        for character in characters {
            used += half_widths(character);
            if used > limit {
                break;
            }
            taken.push(character);
        }
        taken
    };
    let room = most_halves.saturating_sub(half_widths('…'));
    let head = take(&mut name.chars(), room.div_ceil(2));
    let tail = take(&mut name.chars().rev(), room / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

/// A character's width in halves of a square; a letter takes about 0.32 of its size a half.
fn half_widths(character: char) -> u32 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '/' | ' ' | 'I' => 1,
        'm' | 'w' | 'A'..='Z' | '@' | '%' | '&' | '<' | '>' | '=' | '+' | '…' => 3,
        // East Asian scripts, and pictures.
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{ffdc}' | '\u{1f000}'.. => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(fit("sport/football/premier", 20), "spor…mier");
        assert_eq!(fit("sport", 20), "sport");
        assert_eq!(fit("日本と米国", 11), "日…国");
        assert_eq!(fit("abc", 0), "…");
    }
}
