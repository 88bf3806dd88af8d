//! Panels that a figure draws besides those of its file: the paired difference from the single scale, and cumulated histograms.
//!
//! Such panels are drawn where the table has their rows; a table without these rows gives the figure without these panels.
use experiment::file::{Axis, Experiment, Measure, Panel, PanelSeries};

use crate::measure::{CUMULATED, compared_panel, cumulate, difference_of, interpolate, is_histogram, pairs, parts};
use crate::series::{PaperSeries, Series};

/// Share of the range of values left free above and below it.
const FREE: f64 = 0.06;

/// Returns an experiment with the derived panels and the paper's curves with those derived from them, or the arguments unchanged where
/// `series` has no derived rows.
pub fn with_derived(
    experiment: &Experiment,
    series: &[Series],
    paper: &[PaperSeries],
) -> (Experiment, Vec<PaperSeries>) {
    let (mut experiment, mut paper) = (experiment.clone(), paper.to_vec());
    if let Some(panel) = compared_panel(&experiment).cloned() {
        let name = difference_of(&panel.panel);
        let drawn: Vec<&Series> = series.iter().filter(|s| s.panel == name && !s.points.is_empty()).collect();
        if !drawn.is_empty() {
            let papers = differences(&panel, &paper);
            experiment.panels.push(difference_panel(&panel, name, &drawn, &papers));
            paper.extend(papers);
        }
    }
    if series.iter().any(|s| s.panel == CUMULATED && !s.points.is_empty()) {
        let bars: Vec<&Panel> = experiment.panels.iter().filter(|panel| is_histogram(panel.measure)).collect();
        let papers: Vec<PaperSeries> = paper
            .iter()
            .filter(|curve| bars.iter().any(|panel| panel.panel == curve.panel))
            .map(|curve| PaperSeries { panel: CUMULATED.to_owned(), points: cumulate(&curve.points), ..curve.clone() })
            .collect();
        let panel = bars.first().map(|first| cumulated_panel(first, &bars));
        experiment.panels.extend(panel);
        paper.extend(papers);
    }
    (experiment, paper)
}

/// Returns whether a panel shows differences, around 0.
pub fn is_difference(experiment: &Experiment, panel: &Panel) -> bool {
    compared_panel(experiment).is_some_and(|compared| difference_of(&compared.panel) == panel.panel)
}

/// Differences of the paper's curves of a panel from its curve of the single scale, which is interpolated.
fn differences(panel: &Panel, paper: &[PaperSeries]) -> Vec<PaperSeries> {
    let of = |slug: &str| paper.iter().find(|curve| curve.panel == panel.panel && curve.series == slug);
    pairs(panel)
        .filter_map(|(slug, single)| {
            let (curve, single) = (of(slug)?, of(single)?);
            let minus = |&(x, y): &(f64, f64)| Some((x, y - interpolate(&single.points, x)?));
            let points = curve.points.iter().filter_map(minus).collect();
            Some(PaperSeries { panel: difference_of(&panel.panel), series: slug.to_owned(), points })
        })
        .collect()
}

fn difference_panel(panel: &Panel, name: String, drawn: &[&Series], papers: &[PaperSeries]) -> Panel {
    let visible = |x: f64| x >= panel.x.from && x <= panel.x.to;
    let ours = drawn.iter().flat_map(|s| &s.points).filter(|p| visible(p.x)).flat_map(|p| [p.low, p.high]);
    let paper = papers.iter().flat_map(|s| &s.points).filter(|p| visible(p.0)).map(|p| p.1);
    let (low, high) = ours.chain(paper).fold((0.0f64, 0.0f64), |(low, high), y| (low.min(y), high.max(y)));
    let free = FREE * (high - low).max(1e-3);
    let smoothing = if panel.smooth > 1 { format!(", mean over {} steps", panel.smooth) } else { String::new() };
    let compared = |series: &&PanelSeries| drawn.iter().any(|s| s.series == parts(series).0);
    Panel {
        panel: name,
        title: format!("{} minus single scale", panel.title),
        // The smoothing stands beside the axis, since the title has no space for it.
        smooth: 0,
        y: Axis { label: format!("{} − single's{smoothing}", panel.y.label), from: low - free, to: high + free },
        series: panel.series.iter().filter(compared).cloned().collect(),
        ..panel.clone()
    }
}

fn cumulated_panel(first: &Panel, bars: &[&Panel]) -> Panel {
    Panel {
        panel: CUMULATED.to_owned(),
        title: "Share of objects up to x".to_owned(),
        y: Axis { label: "share of objects".to_owned(), from: 0.0, to: 1.0 },
        // The measure may be any that is drawn as a curve.
        measure: Measure::MaxProbabilityBelow,
        smooth: 0,
        series: bars.iter().flat_map(|panel| panel.series.clone()).collect(),
        ..first.clone()
    }
}
