//! Small multiples: rows of small panels of the same kind, for comparison.
use super::axes::Axes;
use super::canvas::{Align, Canvas, Font, Ink, Words, Xy};
use super::colour::colour;
use super::panel::{BAND_OPACITY, papers};
use super::{BLACK, Error, GREY, MARGIN, line};
use crate::claims::wrap_words;
use crate::series::Point;
use experiment::file::Panel;
use plotters::style::RGBColor;

/// Row of panels with a heading above it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Heading of the row.
    pub title: String,
    /// Panels by column.
    pub panels: Vec<Small>,
}

/// Small panel.
#[derive(Clone, Debug)]
pub struct Small {
    /// Title, drawn above the first row only.
    pub title: String,
    /// Axes of the panel.
    pub panel: Panel,
    /// Curves of the panel.
    pub curves: Vec<SmallCurve>,
}

/// Curve of our runs beside the paper's.
#[derive(Clone, Debug)]
pub struct SmallCurve {
    /// Name in the legend.
    pub label: String,
    /// Colour, as an experiment file names it.
    pub colour: String,
    /// Our points; may be empty.
    pub ours: Vec<Point>,
    /// Points of the paper's curve, on the same x axis; may be empty.
    pub paper: Vec<Xy>,
}

/// Size of a panel's box.
const BOX: Xy = (230.0, 150.0);
/// Margins around the box: left, above, right, below.
const ROOM: (f64, f64, f64, f64) = (46.0, 8.0, 14.0, 26.0);
const WIDTH: f64 = 1.6;
const PAPER_WIDTH: f64 = 1.3;
const DASH: Xy = (5.0, 4.0);
const FRAME: Ink = Ink::solid(RGBColor(0x44, 0x44, 0x44));
const GRID: Ink = Ink::solid(RGBColor(0xe4, 0xe4, 0xe4));

/// Draws rows of panels as SVG; our curves solid with their 95 % band, the paper's dashed under them.
///
/// # Errors
/// Fails when a colour has no known name.
pub fn draw_multiples(title: &str, subtitles: &[String], rows: &[Row]) -> Result<String, Error> {
    let columns = rows.iter().map(|row| row.panels.len()).max().unwrap_or(0);
    let cell = (ROOM.0 + BOX.0 + ROOM.2, ROOM.1 + BOX.1 + ROOM.3);
    let width = 2.0 * MARGIN + (columns as f64 * cell.0).max(3.0 * cell.0);
    let inner = width - 2.0 * MARGIN;
    let heading = Font::new(20.0, BLACK).bold();
    let note = Font::new(14.0, GREY);
    let above_row = Font::new(14.0, BLACK).bold();
    let legend = legend(rows);
    let notes: Vec<String> = subtitles.iter().flat_map(|text| wrap_words(text, note.fitting(inner))).collect();
    let titles: Vec<Vec<String>> = rows.iter().map(|row| wrap_words(&row.title, above_row.fitting(inner))).collect();
    let top = MARGIN + line(&heading) + (notes.len() + 2) as f64 * line(&note);
    let height = top + titles.iter().map(|lines| lines.len() as f64 * line(&above_row) + cell.1).sum::<f64>() + MARGIN;

    let description = subtitles.join(" ");
    let words = Words { title, description: &description };
    super::canvas::draw((width, height), words, |canvas| {
        canvas.text(title, (MARGIN, MARGIN + line(&heading) / 2.0), &heading)?;
        let mut y = MARGIN + line(&heading) + line(&note) / 2.0;
        for text in &notes {
            canvas.text(text, (MARGIN, y), &note)?;
            y += line(&note);
        }
        let mut curves = rows.iter().flat_map(|row| &row.panels).flat_map(|panel| &panel.curves);
        let paper = curves.any(|curve| !curve.paper.is_empty());
        draw_legend(canvas, &legend, paper, (MARGIN, y), &note)?;
        if let Some(row) = rows.first() {
            for (column, panel) in row.panels.iter().enumerate() {
                let x = MARGIN + column as f64 * cell.0 + ROOM.0 + BOX.0 / 2.0;
                let font = note.clone().aligned(Align::Center).shrunk_to(&panel.title, BOX.0);
                canvas.text(&panel.title, (x, y + line(&note)), &font)?;
            }
        }
        let mut y = top;
        for (row, lines) in rows.iter().zip(&titles) {
            for text in lines {
                canvas.text(text, (MARGIN, y + line(&above_row) / 2.0), &above_row)?;
                y += line(&above_row);
            }
            for (column, panel) in row.panels.iter().enumerate() {
                let corner = (MARGIN + column as f64 * cell.0 + ROOM.0, y + ROOM.1);
                panel.draw(canvas, corner)?;
            }
            y += cell.1;
        }
        Ok(())
    })
}

/// Distinct labels with their colours.
fn legend(rows: &[Row]) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for curve in rows.iter().flat_map(|row| &row.panels).flat_map(|panel| &panel.curves) {
        let entry = (curve.label.clone(), curve.colour.clone());
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

fn draw_legend(
    canvas: &mut Canvas,
    entries: &[(String, String)],
    paper: bool,
    (left, y): Xy,
    font: &Font,
) -> Result<(), Error> {
    const SAMPLE: f64 = 22.0;
    let mut x = left;
    for (label, name) in entries {
        canvas.line(&[(x, y), (x + SAMPLE, y)], Ink::solid(colour(name)?), WIDTH)?;
        canvas.text(label, (x + SAMPLE + 5.0, y), font)?;
        x += SAMPLE + 5.0 + font.width(label) + 16.0;
    }
    if !paper {
        return Ok(());
    }
    canvas.dashed(&[(x, y), (x + SAMPLE, y)], papers(RGBColor(0x22, 0x22, 0x22)), PAPER_WIDTH, DASH)?;
    canvas.text("the paper", (x + SAMPLE + 5.0, y), font)
}

impl Small {
    fn draw(&self, canvas: &mut Canvas, corner: Xy) -> Result<(), Error> {
        let axes = Axes::new(&self.panel, corner, BOX);
        let (a, b) = (axes.corner, axes.opposite());
        let font = Font::new(11.0, GREY);
        for (x, label) in axes.x_ticks(5) {
            canvas.line(&[(axes.x(x), a.1), (axes.x(x), b.1)], GRID, 0.8)?;
            canvas.text(&label, (axes.x(x), b.1 + 10.0), &font.clone().aligned(Align::Center))?;
        }
        for (y, label) in axes.y_ticks(5) {
            canvas.line(&[(a.0, axes.y(y)), (b.0, axes.y(y))], GRID, 0.8)?;
            canvas.text(&label, (a.0 - 5.0, axes.y(y)), &font.clone().aligned(Align::Right))?;
        }
        canvas.line(&[a, (b.0, a.1), b, (a.0, b.1), a], FRAME, 0.8)?;
        for curve in &self.curves {
            let band: Vec<_> = curve.ours.iter().map(|p| (p.x, p.low, p.high)).collect();
            canvas.polygon(&axes.band(&band), Ink::solid(colour(&curve.colour)?).opacity(BAND_OPACITY))?;
        }
        for curve in &self.curves {
            for piece in axes.clip(&curve.paper) {
                canvas.dashed(&piece, papers(colour(&curve.colour)?), PAPER_WIDTH, DASH)?;
            }
        }
        for curve in &self.curves {
            let points: Vec<_> = curve.ours.iter().map(|p| (p.x, p.mean)).collect();
            for piece in axes.clip(&points) {
                canvas.line(&piece, Ink::solid(colour(&curve.colour)?), WIDTH)?;
            }
        }
        Ok(())
    }
}
