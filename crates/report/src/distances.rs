//! Distance of every published set of curves from the paper's: a row for each figure and set of assumptions.
use experiment::file::Experiment;
use results::distance::{SeriesScore, of_published};
use results::figure::resolve;
use serde::Serialize;

use crate::overview::{figure_numbers, figure_words};
use crate::section::joined;
use crate::{Error, Figure, Page, Shown, State};

/// Row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Distance as a share of objects.
    #[serde(skip)]
    pub rms: f64,
    /// True for the result under the file's own assumptions.
    #[serde(skip)]
    pub own: bool,
    /// Anchor of the figure.
    pub id: String,
    /// Name of the figure in words.
    pub figure: String,
    /// Set of assumptions.
    pub set: String,
    /// Part of the figure in choosing the assumptions.
    pub sample: &'static str,
    /// Distance in points.
    pub distance: String,
    /// Distance that seed noise alone would give, in points.
    pub noise: String,
    /// Whether the distance is within seed noise.
    pub within: &'static str,
    /// Curve that is farthest, with its distance.
    pub farthest: String,
}

/// Rows of all results that were published for the present plans.
pub fn of(page: &Page) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for figure in &page.figures {
        for shown in figure.all().filter(|shown| shown.state == State::Published) {
            rows.extend(row(figure, shown)?);
        }
    }
    Ok(rows)
}

/// Row of a result; none where the paper has no curve to compare with.
fn row(figure: &Figure, shown: &Shown) -> Result<Option<Row>, Error> {
    let Some(experiment) = &shown.experiment else { return Ok(None) };
    let score = of_published(experiment, &shown.ours, &shown.paper, experiment.seeds);
    let farthest = score.series.iter().max_by(|a, b| a.rms.total_cmp(&b.rms));
    let (Some(rms), Some(farthest)) = (score.rms, farthest) else { return Ok(None) };
    let name = &figure.own.document.figure;
    Ok(Some(Row {
        rms,
        own: *name == shown.document.figure,
        id: name.clone(),
        figure: figure_words(name),
        set: shown.document.set().to_owned(),
        sample: if shown.in_sample() { "in" } else { "out" },
        distance: points(rms),
        noise: score.noise.map_or_else(|| "–".to_owned(), points),
        within: match score.fits() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        },
        farthest: joined(&format!("{}: {}", words(experiment, shown, farthest)?, points(farthest.rms))),
    }))
}

/// Sentence on the results under the files' own assumptions: which are within seed noise, and how far the others are, by their part in
/// choosing the assumptions; empty without such a result.
pub fn sentence(rows: &[Row]) -> String {
    let named =
        |wanted: &dyn Fn(&Row) -> bool| -> Vec<&Row> { rows.iter().filter(|row| row.own && wanted(row)).collect() };
    let figures = |rows: &[&Row]| {
        let numbers = figure_numbers(rows.iter().map(|row| row.id.as_str()));
        format!("figure{} {numbers}", if rows.len() == 1 { "" } else { "s" })
    };
    let mut parts = Vec::new();
    let within = named(&|row| row.within == "yes");
    if !within.is_empty() {
        parts.push(format!("within seed noise of the paper's in {}", figures(&within)));
    }
    for (sample, words) in [("in", "which helped to choose the assumptions"), ("out", "which had no part in it")] {
        let beyond = named(&|row| row.sample == sample && row.within != "yes");
        let (least, most) = beyond.iter().fold((f64::MAX, 0.0f64), |(a, b), row| (a.min(row.rms), b.max(row.rms)));
        if !beyond.is_empty() {
            let (least, most) = (points(least), points(most));
            parts.push(format!("{least} to {most} points away in {}, {words}", figures(&beyond)));
        }
    }
    if parts.is_empty() { String::new() } else { format!("Our curves are {}.", parts.join("; ")) }
}

/// Share of objects in points.
fn points(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// Curve in words: its panel's title and its label.
fn words(experiment: &Experiment, shown: &Shown, series: &SeriesScore) -> Result<String, Error> {
    let panels = resolve(experiment, &shown.ours, &shown.paper)?;
    let panel = panels.iter().find(|panel| panel.panel.panel == series.panel);
    let words = panel.and_then(|panel| {
        let curve = panel.curves.iter().find(|curve| curve.paper.is_some_and(|paper| paper.series == series.series))?;
        let (title, label) = (&panel.panel.title, &curve.label);
        let told = title.to_lowercase().contains(&label.to_lowercase());
        Some(if told { title.clone() } else { format!("{title}, {label}") })
    });
    Ok(words.unwrap_or_else(|| series.series.clone()))
}
