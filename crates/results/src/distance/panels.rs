//! Panels that a distance is taken over, on a scale common to all: shares of objects.
use experiment::file::{Experiment, Measure, Panel};

use super::{Score, score};
use crate::measure::{BINS, CUMULATED, cumulate, is_histogram, parts};
use crate::series::{PaperSeries, Series};

/// Panels with curves of the paper, each with these curves as [`comparable`] makes them. Series that the paper lacks are left out, and
/// panels that repeat another's curves (the close-up of figure 10). The axes of a histogram are those of its cumulated curve.
pub fn compared_panels(experiment: &Experiment, paper: &[PaperSeries]) -> Vec<(Panel, Vec<PaperSeries>)> {
    let mut compared: Vec<(Panel, Vec<PaperSeries>)> = Vec::new();
    for panel in &experiment.panels {
        let of_series = |slug: &str| paper.iter().find(|p| p.panel == panel.panel && p.series == slug);
        let mut own = panel.clone();
        own.series.retain(|series| of_series(parts(series).0).is_some());
        let same = |other: &Panel| {
            (other.measure, other.set, &other.at) == (own.measure, own.set, &own.at) && other.series == own.series
        };
        if own.series.is_empty() || compared.iter().any(|(other, _)| same(other)) {
            continue;
        }
        let curves = own.series.iter().filter_map(|series| of_series(parts(series).0));
        let paper =
            curves.map(|series| PaperSeries { points: comparable(panel.measure, &series.points), ..series.clone() });
        let paper = paper.collect();
        if is_histogram(own.measure) {
            own.y.label = format!("{}, cumulated", own.y.label);
            (own.y.from, own.y.to) = (0.0, 1.0);
        }
        compared.push((own, paper));
    }
    compared
}

/// Converts a curve to shares of objects, the scale of accuracies: a histogram, whose heights are densities a hundred times as large,
/// becomes the share of objects in its bins up to that at x.
pub fn comparable(measure: Measure, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if !is_histogram(measure) {
        return points.to_vec();
    }
    let shares = cumulate(points).into_iter().skip(1).map(|(_, share)| share);
    points.iter().map(|point| point.0).zip(shares).collect()
}

/// Distance of published curves from the paper's. The table of a figure has the rows of cumulated histograms, with their intervals, beside
/// the bars'. `paper_seeds` is the number of seeds behind the paper's curves.
pub fn of_published(experiment: &Experiment, table: &[Series], paper: &[PaperSeries], paper_seeds: u64) -> Score {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (panel, paper) in compared_panels(experiment, paper) {
        let rows = if is_histogram(panel.measure) { CUMULATED } else { panel.panel.as_str() };
        for curve in paper {
            let same = |series: &&Series| series.panel == rows && series.series == curve.series;
            ours.extend(table.iter().find(same).map(|series| on_panel(series, &panel)));
            theirs.push(curve);
        }
    }
    score(&ours, &theirs, paper_seeds)
}

/// A series of the table as the panel's own. Cumulated rows lie at the right edges of bins, the first at the left edge of all;
/// [`comparable`] puts a bin's share at its centre.
fn on_panel(series: &Series, panel: &Panel) -> Series {
    let mut series = Series { panel: panel.panel.clone(), ..series.clone() };
    if is_histogram(panel.measure) {
        series.points.drain(..series.points.len().min(1));
        for point in &mut series.points {
            point.x -= 0.5 / BINS as f64;
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::measure::{Selection, curve, derived, series};
    use crate::testing::{experiment, panel, runs};

    #[test]
    fn a_cumulated_histogram_ends_at_one() {
        let bars: Vec<_> =
            (0..BINS).map(|bin| ((bin as f64 + 0.5) / 100.0, if bin < 50 { 2.0 } else { 0.0 })).collect();
        let share = comparable(Measure::MaxProbability, &bars);
        assert!((share[49].1 - 1.0).abs() < 1e-12 && (share[24].1 - 0.5).abs() < 1e-12);
        assert_eq!(comparable(Measure::TopK, &[(1.0, 0.5), (2.0, 0.7)]), [(1.0, 0.5), (2.0, 0.7)]);
    }

    #[test]
    fn runs_are_at_no_distance_from_their_own_curves_and_a_shift_is_the_distance() {
        let e = experiment(
            json!([
                panel("left", "max-probability", &["single"]),
                panel("right", "test-accuracy", &["single"]),
                panel("bottom", "test-accuracy", &["single"])
            ]),
            json!([]),
        );
        let runs = runs();
        let mut table = series(&e, &runs);
        table.extend(derived(&e, &runs));
        let mean = |s: &Series| s.points.iter().map(|point| (point.x, point.mean)).collect::<Vec<_>>();
        let mut paper: Vec<_> = table
            .iter()
            .filter(|s| s.panel != CUMULATED)
            .map(|s| PaperSeries { panel: s.panel.clone(), series: s.series.clone(), points: mean(s) })
            .collect();
        let same = of_published(&e, &table, &paper, 10);
        // The panel at the bottom repeats the right one.
        let panels: Vec<_> = same.series.iter().map(|s| (s.panel.as_str(), s.points)).collect();
        assert_eq!((panels[0], panels.len()), (("left", BINS), 2), "{panels:?}");
        assert!(same.rms.unwrap() < 1e-9, "{same:?}");
        assert_eq!(same.fits(), Some(true));

        for point in paper.iter_mut().filter(|s| s.panel == "right").flat_map(|s| &mut s.points) {
            point.1 -= 0.1;
        }
        let shifted = of_published(&e, &table, &paper, 10);
        assert!((shifted.series[1].rms - 0.1).abs() < 1e-9 && (shifted.series[1].shift - 0.1).abs() < 1e-9);
        assert!((shifted.rms.unwrap() - 0.1 / 2f64.sqrt()).abs() < 1e-9, "{shifted:?}");
    }

    #[test]
    fn published_and_recorded_histograms_are_compared_at_the_same_shares() {
        let e = experiment(json!([panel("left", "max-probability", &["single"])]), json!([]));
        let runs = runs();
        let table = derived(&e, &runs);
        let ours = on_panel(table.iter().find(|s| s.panel == CUMULATED).unwrap(), &e.panels[0]);
        let (_, record) = runs.finished("single").next().unwrap();
        let one = curve(record, &Selection::of_panel(&e.panels[0], parts(&e.panels[0].series[0]).2));
        let recorded = comparable(Measure::MaxProbability, &one);
        assert_eq!(ours.points.len(), recorded.len());
        for (a, b) in ours.points.iter().zip(&recorded) {
            assert!((a.x - b.0).abs() < 1e-9);
        }
    }
}
