//! Legend below the panels: one entry for each loss, then the meaning of solid and dashed lines.
use plotters::style::RGBColor;

use super::Error;
use super::canvas::{Canvas, Font, Ink, Marker, Xy};
use super::panel::{self, Resolved};
use crate::measure::is_histogram;

const KEY: f64 = 46.0;
const GAP: f64 = 10.0;
const BETWEEN: f64 = 34.0;
const ROW: f64 = 30.0;
const NEUTRAL: RGBColor = RGBColor(0x55, 0x55, 0x55);

/// Key drawn beside a legend's text.
#[derive(Clone, Copy)]
enum Key {
    /// Line with its band.
    Ours(RGBColor, Option<Marker>),
    /// Dashed line in the paper's shade.
    Paper(RGBColor),
    /// Bar.
    Bar(RGBColor),
    /// Outline.
    Outline,
}

/// Legend's entries in rows.
pub struct Legend {
    rows: Vec<Vec<(Key, String)>>,
    width: f64,
    font: Font,
}

impl Legend {
    /// Lays out the legend of these panels, at most `width` wide.
    pub fn new(panels: &[Resolved], width: f64, font: &Font) -> Self {
        let (bars, lines): (Vec<&Resolved>, Vec<&Resolved>) =
            panels.iter().partition(|p| is_histogram(p.panel.measure));
        // Where there are lines too, their colours are those in the legend: the titles name the bars.
        let mut losses: Vec<(Key, String)> = Vec::new();
        for curve in if lines.is_empty() { &bars } else { &lines }.iter().flat_map(|p| &p.curves) {
            if !losses.iter().any(|(_, label)| *label == curve.label) {
                let key =
                    if lines.is_empty() { Key::Bar(curve.colour) } else { Key::Ours(curve.colour, Some(curve.marker)) };
                losses.push((key, curve.label.clone()));
            }
        }
        // Histograms of one colour are distinguished by their panels' titles: one entry stands for all.
        let colours = bars.iter().flat_map(|p| &p.curves).map(|c| c.colour);
        let one = colours.reduce(|a, b| if a == b { a } else { NEUTRAL }).filter(|c| *c != NEUTRAL);
        if one.is_some() && lines.is_empty() {
            losses.clear();
        }
        let has_paper = |panels: &[&Resolved]| panels.iter().flat_map(|p| &p.curves).any(|c| c.paper.is_some());
        let mut keys = Vec::new();
        if !bars.is_empty() {
            keys.push((Key::Bar(one.unwrap_or(NEUTRAL)), "ours: mean over seeds, 95 % interval darker".to_owned()));
        }
        if has_paper(&bars) {
            keys.push((Key::Outline, "the paper".to_owned()));
        }
        if !lines.is_empty() {
            keys.push((Key::Ours(NEUTRAL, None), "ours: mean over seeds, 95 % interval".to_owned()));
        }
        if has_paper(&lines) {
            keys.push((Key::Paper(NEUTRAL), "the paper".to_owned()));
        }
        let mut rows = fill(losses, width, font);
        rows.extend(fill(keys, width, font));
        Self { rows, width, font: font.clone() }
    }

    /// Height of all rows.
    pub fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW + 6.0
    }

    /// Draws the rows, each centred.
    pub fn draw(&self, canvas: &mut Canvas, corner: Xy) -> Result<(), Error> {
        for (i, row) in self.rows.iter().enumerate() {
            let y = corner.1 + (i as f64 + 0.5) * ROW;
            let mut x = corner.0 + (self.width - row_width(row, &self.font)) / 2.0;
            for (key, label) in row {
                draw_key(canvas, *key, (x, y))?;
                canvas.text(label, (x + KEY + GAP, y), &self.font)?;
                x += entry_width(label, &self.font) + BETWEEN;
            }
        }
        Ok(())
    }
}

fn draw_key(canvas: &mut Canvas, key: Key, (x, y): Xy) -> Result<(), Error> {
    let (from, to) = ((x, y), (x + KEY, y));
    match key {
        Key::Ours(colour, marker) => {
            let band = Ink::solid(colour).opacity(panel::BAND_OPACITY);
            canvas.rectangle((x, y - 7.0), (x + KEY, y + 7.0), band)?;
            canvas.line(&[from, to], Ink::solid(colour), panel::OURS_WIDTH)?;
            marker.map_or(Ok(()), |marker| canvas.marker(marker, (x + KEY / 2.0, y), Ink::solid(colour)))
        }
        Key::Paper(colour) => canvas.dashed(&[from, to], panel::papers(colour), panel::PAPER_WIDTH, panel::PAPER_DASH),
        Key::Bar(colour) => {
            let ink = Ink::solid(colour).opacity(panel::BAR_OPACITY);
            canvas.rectangle((x + 10.0, y - 8.0), (x + KEY - 10.0, y + 8.0), ink)?;
            canvas.rectangle((x + 10.0, y - 8.0), (x + KEY - 10.0, y - 5.0), ink)
        }
        Key::Outline => {
            let (a, b) = ((x + 10.0, y + 8.0), (x + KEY - 10.0, y - 8.0));
            canvas.line(&[a, (a.0, b.1), b, (b.0, a.1)], panel::PAPER_OUTLINE, panel::OUTLINE_WIDTH)
        }
    }
}

fn entry_width(label: &str, font: &Font) -> f64 {
    KEY + GAP + font.width(label)
}

fn row_width(row: &[(Key, String)], font: &Font) -> f64 {
    let entries: f64 = row.iter().map(|(_, label)| entry_width(label, font)).sum();
    entries + BETWEEN * row.len().saturating_sub(1) as f64
}

/// Fills rows from left to right.
fn fill(entries: Vec<(Key, String)>, width: f64, font: &Font) -> Vec<Vec<(Key, String)>> {
    let mut rows: Vec<Vec<(Key, String)>> = Vec::new();
    for entry in entries {
        let room = |row: &Vec<_>| row_width(row, font) + BETWEEN + entry_width(&entry.1, font) <= width;
        match rows.last_mut() {
            Some(row) if room(row) => row.push(entry),
            _ => rows.push(vec![entry]),
        }
    }
    rows
}
