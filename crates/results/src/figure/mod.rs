//! Figures as SVG, laid out as the paper lays them out: our mean over seeds with its 95 % band, and under it the paper's own
//! curve, dashed in a lighter shade of the same colour.
//!
//! A figure is drawn from [`Series`] and a [`Caption`] only, so it looks the same, byte for byte, whether these come from records or
//! from the published table.
mod axes;
mod canvas;
mod colour;
mod derived;
mod identical;
mod legend;
mod multiples;
mod panel;
mod verdicts;

pub use axes::Axes;
pub use canvas::{Marker, Xy};
pub use derived::with_derived;
pub use multiples::{Row, Small, SmallCurve, draw_multiples};
pub use panel::{Curve, Resolved, bars, resolve, steps};

use serde::{Deserialize, Serialize};

use crate::claims::{Judgement, wrap_words};
use crate::series::{PaperSeries, Series};
use canvas::{Align, Canvas, Font, Ink, Words};
use experiment::file::Experiment;
use plotters::style::RGBColor;

/// Reason why a figure cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unknown colour in the experiment file.
    #[error("`{0}` is not a known colour: use b, g, r, c, m, y, k, tab:blue, tab:orange, ... or #rrggbb")]
    Colour(String),
    /// Panel with a loss that the experiment lacks.
    #[error("series `{series}` of panel `{panel}` shows the loss `{loss}`, which is not among the experiment's losses")]
    Loss {
        /// Slug of the panel.
        panel: String,
        /// Slug of the series.
        series: String,
        /// Slug of the loss.
        loss: String,
    },
    /// Failure of the drawing backend.
    #[error("the figure could not be drawn: {0}")]
    Drawing(String),
}

/// Caption: what a figure states besides its curves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Caption {
    /// Line under the title: seeds, scale, data, assumptions.
    pub subtitle: String,
    /// Warnings on a red ground: stand-in data, fewer seeds or steps than the paper's.
    #[serde(default)]
    pub banners: Vec<String>,
    /// Notes below the panels: runs that diverged, losses without runs.
    #[serde(default)]
    pub notes: Vec<String>,
    /// True on stand-in data: the paper's curves belong to other data and are not drawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_paper: bool,
}

/// Width of a figure with panels side by side, in the units in which font sizes are given.
const WIDE: f64 = 1120.0;
/// Width of a figure with one panel.
const NARROW: f64 = 760.0;
const MARGIN: f64 = 24.0;
/// Height of a panel with its labels.
const PANEL: f64 = 470.0;

pub(crate) const BLACK: Ink = Ink::solid(RGBColor(0x22, 0x22, 0x22));
pub(crate) const GREY: Ink = Ink::solid(RGBColor(0x55, 0x55, 0x55));
const BANNER: Ink = Ink::solid(RGBColor(0xb3, 0x26, 0x1e));
const WHITE: Ink = Ink::solid(RGBColor(255, 255, 255));

/// Draws a figure. Series and paper curves are found by the slugs of panel and series; those the experiment does not draw are
/// left out. The paper's curves must be on our x axis already. The judged claims stand in a strip below the panels.
///
/// # Errors
/// Fails when the experiment names an unknown colour or loss.
pub fn draw(
    experiment: &Experiment,
    series: &[Series],
    paper: &[PaperSeries],
    caption: &Caption,
    claims: &[Judgement],
) -> Result<String, Error> {
    let (drawn, paper) = derived::with_derived(experiment, series, if caption.without_paper { &[] } else { paper });
    let panels = panel::resolve(&drawn, series, &paper)?;
    let width = if panels.len() == 1 { NARROW } else { WIDE };
    let inner = width - 2.0 * MARGIN;
    let fonts = Fonts::new();
    let heading = Heading::new(experiment, caption, inner, &fonts);
    let legend = legend::Legend::new(&panels, inner, &fonts.legend);
    let identical = identical::sentences(&panels, series);
    let remarks: Vec<String> = identical.iter().flat_map(|r| wrap_words(r, fonts.remark.fitting(inner))).collect();
    let of_paper = number_of(experiment).is_some();
    let strip = verdicts::Strip::new(claims, inner, of_paper, !caption.banners.is_empty());
    let notes: Vec<String> = caption.notes.iter().flat_map(|n| wrap_words(n, fonts.note.fitting(inner))).collect();

    let rows = panels.len().div_ceil(2);
    let top = MARGIN + heading.height(&fonts);
    let below = top + rows as f64 * PANEL;
    let remarked = below + legend.height();
    let strip_top = remarked + remarks.len() as f64 * line(&fonts.remark);
    let notes_top = strip_top + strip.height();
    let height = notes_top + notes.len() as f64 * line(&fonts.note) + MARGIN;

    let title = number_of(experiment).map_or_else(String::new, |number| format!("{number}: ")) + &experiment.title;
    let description = description(experiment, &panels, caption, claims, &identical);
    canvas::draw((width, height), Words { title: &title, description: &description }, |canvas| {
        heading.draw(canvas, width, &fonts)?;
        for (i, panel) in panels.iter().enumerate() {
            let column = (i % 2) as f64;
            let alone = i + 1 == panels.len() && i % 2 == 0;
            let cell = if alone { inner } else { inner / 2.0 };
            let corner = (MARGIN + column * cell, top + (i / 2) as f64 * PANEL);
            panel.draw(canvas, corner, (cell, PANEL))?;
        }
        legend.draw(canvas, (MARGIN, below))?;
        for (i, remark) in remarks.iter().enumerate() {
            canvas.text(remark, (width / 2.0, remarked + (i as f64 + 0.5) * line(&fonts.remark)), &fonts.remark)?;
        }
        strip.draw(canvas, (MARGIN, strip_top))?;
        let first = notes_top + line(&fonts.note) / 2.0;
        for (i, note) in notes.iter().enumerate() {
            canvas.text(note, (MARGIN, first + i as f64 * line(&fonts.note)), &fonts.note)?;
        }
        Ok(())
    })
}

/// Name of a figure of the paper, `Figure 13 of arXiv 2106.02676`; `None` for other experiments.
fn number_of(experiment: &Experiment) -> Option<String> {
    let number: u32 = experiment.figure.strip_prefix("fig")?.parse().ok()?;
    (1..=15).contains(&number).then(|| format!("Figure {number} of arXiv 2106.02676"))
}

/// Content of a figure in words: what is drawn, the last value of every curve, and the verdicts.
fn description(
    experiment: &Experiment,
    panels: &[panel::Resolved],
    caption: &Caption,
    claims: &[Judgement],
    identical: &[String],
) -> String {
    let mut text = format!("{}. {}.", experiment.shows.trim_end_matches('.'), caption.subtitle.trim_end_matches('.'));
    for resolved in panels {
        let panel = resolved.panel;
        text += &format!(" {}: {} over {}.", panel.title, panel.y.label, panel.x.label);
        for sentence in resolved.ends(true, true) {
            text += &format!(" {sentence}");
        }
    }
    for sentence in identical {
        text += &format!(" {sentence}");
    }
    if !claims.is_empty() {
        text += if number_of(experiment).is_some() { " The paper's claims:" } else { " Claims:" };
    }
    for claim in claims {
        text += &format!(" {}", verdicts::in_words(claim));
    }
    text
}

struct Fonts {
    title: Font,
    subtitle: Font,
    banner: Font,
    legend: Font,
    remark: Font,
    note: Font,
}

impl Fonts {
    fn new() -> Self {
        Self {
            title: Font::new(25.0, BLACK).bold().aligned(Align::Center),
            subtitle: Font::new(18.0, GREY).aligned(Align::Center),
            banner: Font::new(18.0, WHITE).bold().aligned(Align::Center),
            legend: Font::new(19.0, BLACK),
            remark: Font::new(17.0, GREY).aligned(Align::Center),
            note: Font::new(17.0, BANNER),
        }
    }
}

fn line(font: &Font) -> f64 {
    font.size * 1.4
}

/// Breaks a text at its dots (` · `), or at spaces where one segment is too long by itself.
fn wrap_segments(text: &str, width: usize) -> Vec<String> {
    const DOT: &str = " · ";
    let mut lines: Vec<String> = Vec::new();
    for segment in text.split(DOT) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + DOT.chars().count() + segment.chars().count() <= width => {
                line.push_str(DOT);
                line.push_str(segment);
            }
            _ => lines.push(segment.to_owned()),
        }
    }
    lines.iter().flat_map(|line| wrap_words(line, width)).collect()
}

/// Title, subtitle and banners, wrapped to the figure's width.
struct Heading {
    title: Vec<String>,
    number: Option<String>,
    subtitle: Vec<String>,
    banners: Vec<Vec<String>>,
}

const BANNER_PADDING: f64 = 8.0;
const BANNER_GAP: f64 = 6.0;

impl Heading {
    fn new(experiment: &Experiment, caption: &Caption, width: f64, fonts: &Fonts) -> Self {
        let banner = |text: &String| wrap_words(text, fonts.banner.fitting(width - 4.0 * BANNER_PADDING));
        Self {
            title: wrap_words(&experiment.title, fonts.title.fitting(width)),
            number: number_of(experiment),
            subtitle: wrap_segments(&caption.subtitle, fonts.subtitle.fitting(width)),
            banners: caption.banners.iter().map(banner).collect(),
        }
    }

    fn height(&self, fonts: &Fonts) -> f64 {
        let small = self.subtitle.len() + usize::from(self.number.is_some());
        let text = self.title.len() as f64 * line(&fonts.title) + small as f64 * line(&fonts.subtitle);
        text + self.banners.iter().map(|b| Self::banner(b, fonts) + BANNER_GAP).sum::<f64>() + 14.0
    }

    fn banner(lines: &[String], fonts: &Fonts) -> f64 {
        lines.len() as f64 * line(&fonts.banner) + BANNER_PADDING
    }

    fn draw(&self, canvas: &mut Canvas, width: f64, fonts: &Fonts) -> Result<(), Error> {
        let mut y = MARGIN;
        let number: Vec<String> = self.number.iter().cloned().collect();
        for (lines, font) in
            [(&number, &fonts.subtitle), (&self.title, &fonts.title), (&self.subtitle, &fonts.subtitle)]
        {
            for text in lines {
                canvas.text(text, (width / 2.0, y + line(font) / 2.0), font)?;
                y += line(font);
            }
        }
        for banner in &self.banners {
            y += BANNER_GAP;
            let height = Self::banner(banner, fonts);
            canvas.rectangle((MARGIN, y), (width - MARGIN, y + height), BANNER)?;
            for (i, text) in banner.iter().enumerate() {
                let middle = y + BANNER_PADDING / 2.0 + (i as f64 + 0.5) * line(&fonts.banner);
                canvas.text(text, (width / 2.0, middle), &fonts.banner)?;
            }
            y += height;
        }
        Ok(())
    }
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
