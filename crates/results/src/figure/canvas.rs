//! Drawing in logical units on plotters' SVG backend.
//!
//! The backend's coordinates are whole numbers; at one unit a pixel, slowly rising curves would be staircases. The canvas
//! therefore draws [`FINE`] times as large and declares the picture that much smaller: a quarter of a unit is resolved.
use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{Pos, VPos};
use plotters::style::{Color as _, FontTransform, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::Error;

/// Backend coordinates in a logical unit.
const FINE: f64 = 4.0;

/// Point or size in logical units.
pub type Xy = (f64, f64);

/// Alignment of a text relative to its position.
pub use plotters::style::text_anchor::HPos as Align;

/// SVG picture under construction.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Colour and opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Red, green, blue.
    pub colour: RGBColor,
    /// 0 to 1.
    pub opacity: f64,
}

impl Ink {
    /// Opaque ink.
    pub const fn solid(colour: RGBColor) -> Self {
        Self { colour, opacity: 1.0 }
    }

    /// Ink with this opacity.
    pub const fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    fn rgba(self) -> RGBAColor {
        self.colour.mix(self.opacity)
    }

    fn style(self, width: f64, filled: bool) -> ShapeStyle {
        ShapeStyle { color: self.rgba(), filled, stroke_width: (width * FINE).round().max(1.0) as u32 }
    }
}

/// Words that a picture offers to a reader who cannot see it.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Title, the `<title>` of the SVG.
    pub title: &'a str,
    /// Description, the `<desc>` of the SVG.
    pub description: &'a str,
}

/// Draws a picture of this size in logical units, on white.
///
/// # Errors
/// Returns the backend's error; drawing into a string does not fail.
pub fn draw(size: Xy, words: Words, content: impl FnOnce(&mut Canvas) -> Result<(), Error>) -> Result<String, Error> {
    let mut svg = String::new();
    let fine = ((size.0 * FINE) as u32, (size.1 * FINE) as u32);
    let mut canvas = Canvas { backend: SVGBackend::with_string(&mut svg, fine) };
    canvas.rectangle((0.0, 0.0), size, Ink::solid(RGBColor(255, 255, 255)))?;
    content(&mut canvas)?;
    canvas.backend.present().map_err(failed)?;
    drop(canvas);
    let declared = format!("width=\"{}\" height=\"{}\" viewBox", fine.0, fine.1);
    let wanted = format!("width=\"{}\" height=\"{}\" viewBox", size.0.round(), size.1.round());
    let svg = svg.replacen(&declared, &format!("role=\"img\" {wanted}"), 1);
    let tags = format!("<title>{}</title>\n<desc>{}</desc>\n", escaped(words.title), escaped(words.description));
    let head = svg.find("<svg").and_then(|start| Some(start + svg[start..].find('>')? + 1)).unwrap_or(0);
    Ok(format!("{}\n{tags}{}", &svg[..head], svg[head..].trim_start_matches('\n')))
}

/// Escapes a text for XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Canvas<'_> {
    /// Draws a line through points.
    pub fn line(&mut self, points: &[Xy], ink: Ink, width: f64) -> Result<(), Error> {
        if points.len() < 2 {
            return Ok(());
        }
        self.backend.draw_path(points.iter().map(fine), &ink.style(width, false)).map_err(failed)
    }

    /// Draws a dashed line through points: `dash` = (drawn, left out) in logical units.
    pub fn dashed(&mut self, points: &[Xy], ink: Ink, width: f64, dash: Xy) -> Result<(), Error> {
        for piece in dashes(points, dash) {
            self.line(&piece, ink, width)?;
        }
        Ok(())
    }

    /// Fills a polygon.
    pub fn polygon(&mut self, points: &[Xy], ink: Ink) -> Result<(), Error> {
        if points.len() < 3 {
            return Ok(());
        }
        self.backend.fill_polygon(points.iter().map(fine), &ink.style(0.0, true)).map_err(failed)
    }

    /// Fills a rectangle between two corners.
    pub fn rectangle(&mut self, a: Xy, b: Xy, ink: Ink) -> Result<(), Error> {
        let (from, to) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
        self.backend.draw_rect(fine(&from), fine(&to), &ink.style(0.0, true), true).map_err(failed)
    }

    /// Draws a disc, or a circle of line width 1.5.
    pub fn circle(&mut self, centre: Xy, radius: f64, ink: Ink, filled: bool) -> Result<(), Error> {
        let radius = (radius * FINE).round() as u32;
        self.backend.draw_circle(fine(&centre), radius, &ink.style(1.5, filled), filled).map_err(failed)
    }

    /// Draws a marker with a white edge.
    pub fn marker(&mut self, shape: Marker, (x, y): Xy, ink: Ink) -> Result<(), Error> {
        const WHITE: Ink = Ink::solid(RGBColor(255, 255, 255));
        for (radius, ink) in [(7.0, WHITE), (5.5, ink)] {
            match shape.corners() {
                None => self.circle((x, y), radius, ink, true)?,
                Some(corners) => {
                    let corners: Vec<Xy> = corners.iter().map(|c| (x + c.0 * radius, y + c.1 * radius)).collect();
                    self.polygon(&corners, ink)?;
                }
            }
        }
        Ok(())
    }

    /// Draws a text whose middle line passes through `at`.
    pub fn text(&mut self, text: &str, at: Xy, font: &Font) -> Result<(), Error> {
        // The backend divides sizes by 1.24 before writing them.
        let mut desc = ("sans-serif", font.size * FINE * 1.24).into_font();
        if font.bold {
            desc = desc.style(plotters::style::FontStyle::Bold);
        }
        if font.upward {
            desc = desc.transform(FontTransform::Rotate270);
        }
        let colour = font.ink.rgba();
        let style = TextStyle::from(desc).color(&colour).pos(Pos::new(font.align, VPos::Center));
        self.backend.draw_text(text, &style, fine(&at)).map_err(failed)
    }
}

/// Shape of a marker: distinguishes curves without their colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Disc.
    Disc,
    /// Square.
    Square,
    /// Triangle with its tip above.
    Up,
    /// Diamond.
    Diamond,
    /// Triangle with its tip below.
    Down,
    /// Upright cross.
    Cross,
}

impl Marker {
    /// Marker of the curve of this number.
    pub fn of(number: usize) -> Self {
        [Self::Disc, Self::Square, Self::Up, Self::Diamond, Self::Down, Self::Cross][number % 6]
    }

    /// Corners around (0, 0) at a distance of about 1; `None` for a disc.
    pub fn corners(self) -> Option<&'static [Xy]> {
        const ARM: f64 = 0.36;
        Some(match self {
            Self::Disc => return None,
            Self::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Self::Up => &[(0.0, -1.15), (1.05, 0.8), (-1.05, 0.8)],
            Self::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Self::Down => &[(0.0, 1.15), (1.05, -0.8), (-1.05, -0.8)],
            Self::Cross => &[
                (-ARM, -1.2),
                (ARM, -1.2),
                (ARM, -ARM),
                (1.2, -ARM),
                (1.2, ARM),
                (ARM, ARM),
                (ARM, 1.2),
                (-ARM, 1.2),
                (-ARM, ARM),
                (-1.2, ARM),
                (-1.2, -ARM),
                (-ARM, -ARM),
            ],
        })
    }
}

/// Size, colour and alignment of a text.
#[derive(Clone)]
pub struct Font {
    /// Size of an em.
    pub size: f64,
    /// Colour.
    pub ink: Ink,
    /// Alignment relative to the position.
    pub align: Align,
    /// Bold.
    pub bold: bool,
    /// Turned by 90 degrees, to be read from the right.
    pub upward: bool,
}

impl Font {
    /// Font of a size and colour, aligned left.
    pub fn new(size: f64, ink: Ink) -> Self {
        Self { size, ink, align: Align::Left, bold: false, upward: false }
    }

    /// Font with this alignment.
    pub fn aligned(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// Bold font.
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Font turned by 90 degrees, to be read from the right.
    pub fn upward(mut self) -> Self {
        self.upward = true;
        self
    }

    /// Estimates the width of a text, rather too wide than too narrow: the reader's font is unknown.
    pub fn width(&self, text: &str) -> f64 {
        text.chars().count() as f64 * self.size * if self.bold { 0.61 } else { 0.55 }
    }

    /// Font made smaller, down to three fifths, where a text would be wider than `width`.
    pub fn shrunk_to(mut self, text: &str, width: f64) -> Self {
        self.size *= (width / self.width(text).max(1.0)).clamp(0.6, 1.0);
        self
    }

    /// Text cut to a width, with an ellipsis at its end where characters are left out.
    pub fn cut(&self, text: &str, width: f64) -> String {
        let most = self.fitting(width);
        if text.chars().count() <= most {
            return text.to_owned();
        }
        let kept: String = text.chars().take(most.saturating_sub(1)).collect();
        format!("{}…", kept.trim_end())
    }

    /// Number of characters that fit into a width.
    pub fn fitting(&self, width: f64) -> usize {
        (width / self.width("x")) as usize
    }
}

fn fine(p: &Xy) -> (i32, i32) {
    ((p.0 * FINE).round() as i32, (p.1 * FINE).round() as i32)
}

fn failed(e: impl std::error::Error) -> Error {
    Error::Drawing(e.to_string())
}

/// Cuts a line into dashes.
fn dashes(points: &[Xy], (drawn, left_out): Xy) -> Vec<Vec<Xy>> {
    let mut pieces = Vec::new();
    let Some(&first) = points.first() else { return pieces };
    let (mut on, mut left, mut piece) = (true, drawn, vec![first]);
    for pair in points.windows(2) {
        let (mut p, q) = (pair[0], pair[1]);
        let mut length = (q.0 - p.0).hypot(q.1 - p.1);
        while length > left {
            let t = left / length;
            p = (p.0 + (q.0 - p.0) * t, p.1 + (q.1 - p.1) * t);
            length -= left;
            if on {
                piece.push(p);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![p];
            }
            on = !on;
            left = if on { drawn } else { left_out };
        }
        left -= length;
        if on {
            piece.push(q);
        }
    }
    if on && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_follow_the_line_around_a_corner() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 6.0)], (4.0, 2.0));
        assert_eq!(pieces, [vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
    }

    #[test]
    fn the_picture_is_declared_in_logical_units() {
        let svg = draw((300.0, 200.0), Words { title: "a < b", description: "nothing" }, |_| Ok(())).unwrap();
        assert!(svg.contains("role=\"img\" width=\"300\" height=\"200\" viewBox=\"0 0 1200 800\""), "{svg}");
        assert!(svg.contains(">\n<title>a &lt; b</title>\n<desc>nothing</desc>\n<rect"), "{svg}");
    }
}
