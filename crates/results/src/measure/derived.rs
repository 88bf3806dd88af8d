//! Series that a figure draws besides those of its panels: the paired difference from the single scale, and cumulated histograms.
//!
//! Derived series have rows of their own in the published table, under the slugs of panels that no experiment file has, because neither their
//! intervals nor their pairing can be had from the rows of the losses.
use super::{BINS, Runs, Selection, average, curve, is_histogram, parts};
use crate::series::Series;
use experiment::file::{Experiment, Measure, Panel};

/// Slug of the loss that others are compared with.
pub const SINGLE: &str = "single";
/// Slug of the panel of cumulated histograms.
pub const CUMULATED: &str = "cumulated";

/// Slug of the panel of differences from the single scale in the panel `panel`.
pub fn difference_of(panel: &str) -> String {
    format!("{panel}-difference")
}

/// Computes the derived series of an experiment, in the order of its panels: the differences of [`compared_panel`], then the
/// cumulated histograms. A series without runs has no points.
pub fn derived(experiment: &Experiment, runs: &Runs) -> Vec<Series> {
    let mut all = Vec::new();
    if let Some(panel) = compared_panel(experiment) {
        all.extend(differences(panel, runs));
    }
    for panel in experiment.panels.iter().filter(|panel| is_histogram(panel.measure)) {
        all.extend(cumulated(panel, runs));
    }
    all
}

/// First panel of accuracies that shows the single scale beside another loss; none where there is no such panel.
pub fn compared_panel(experiment: &Experiment) -> Option<&Panel> {
    let accuracy = |measure| {
        matches!(
            measure,
            Measure::BatchAccuracy
                | Measure::TestAccuracy
                | Measure::CloseEnough
                | Measure::SuperclassCloseEnough
                | Measure::TopK
        )
    };
    experiment.panels.iter().find(|panel| accuracy(panel.measure) && pairs(panel).next().is_some())
}

/// Slugs of the series that are compared in a panel, each with the slug of the single scale's series of the same set.
pub fn pairs(panel: &Panel) -> impl Iterator<Item = (&str, &str)> {
    panel.series.iter().map(parts).filter_map(|(slug, loss, set)| {
        let single = panel.series.iter().map(parts).find(|other| other.1 == SINGLE && other.2 == set)?;
        (loss != SINGLE).then_some((slug, single.0))
    })
}

/// Averages y(loss) − y(single) over the seeds that finished both, at equal x.
fn differences(panel: &Panel, runs: &Runs) -> Vec<Series> {
    let compared: Vec<&str> = pairs(panel).map(|(slug, _)| slug).collect();
    let series = panel.series.iter().map(parts).filter(|(slug, _, _)| compared.contains(slug));
    series
        .map(|(slug, loss, set)| {
            let selection = Selection::of_panel(panel, set);
            let of_seed = |(seed, record)| {
                let single = runs.of_seed(SINGLE, seed)?;
                Some(minus(&curve(record, &selection), &curve(single, &selection)))
            };
            let curves: Vec<_> = runs.finished(loss).filter_map(of_seed).collect();
            Series {
                panel: difference_of(&panel.panel),
                series: slug.to_owned(),
                points: average(&curves),
                diverged: runs.diverged(loss).len(),
            }
        })
        .collect()
}

/// Subtracts two curves at the x that both have.
fn minus(a: &[(f64, f64)], b: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut rest = b.iter().peekable();
    a.iter()
        .filter_map(|&(x, y)| {
            while rest.next_if(|point| point.0 < x).is_some() {}
            rest.next_if(|point| point.0 == x).map(|point| (x, y - point.1))
        })
        .collect()
}

/// Averages the cumulated histograms of the seeds.
fn cumulated(panel: &Panel, runs: &Runs) -> Vec<Series> {
    let one = |series| {
        let (slug, loss, set) = parts(series);
        let selection = Selection::of_panel(panel, set);
        let curves: Vec<_> = runs.finished(loss).map(|(_, record)| cumulate(&curve(record, &selection))).collect();
        Series {
            panel: CUMULATED.to_owned(),
            series: slug.to_owned(),
            points: average(&curves),
            diverged: runs.diverged(loss).len(),
        }
    };
    panel.series.iter().map(one).collect()
}

/// Sums a histogram's densities, (centre, density) by increasing centre: the share of objects up to the right edge of each bin, and 0 at
/// the left edge of the first.
pub fn cumulate(bars: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let width = 1.0 / BINS as f64;
    let Some(first) = bars.first() else { return Vec::new() };
    let mut sum = 0.0;
    let edges = bars.iter().map(|&(centre, density)| {
        sum += density * width;
        (centre + width / 2.0, sum)
    });
    std::iter::once((first.0 - width / 2.0, 0.0)).chain(edges).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::testing::{experiment, panel, record, runs};

    #[test]
    fn differences_are_paired_by_seed() {
        let e = experiment(json!([panel("left", "batch-accuracy", &["two-scale-0.01", "single"])]), json!([]));
        let mut runs = runs();
        // A seed without its pair does not count.
        runs.insert("two-scale-0.01", Arc::new(record(4, 0.5)));
        let all = derived(&e, &runs);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].panel.as_str(), all[0].series.as_str()), ("left-difference", "two-scale-0.01"));
        // The seeds' differences are 0.1, 0.2 and 0.3 at every step.
        assert_eq!(all[0].points.len(), 10);
        for point in &all[0].points {
            assert!((point.mean - 0.2).abs() < 1e-6 && point.n == 3, "{point:?}");
            assert!((point.high - point.mean - 4.302_653 * 0.1 / 3f64.sqrt()).abs() < 1e-4, "{point:?}");
        }
    }

    #[test]
    fn only_points_at_equal_x_are_subtracted() {
        let difference =
            minus(&[(0.0, 1.0), (1.0, 2.0), (3.0, 5.0)], &[(0.5, 9.0), (1.0, 0.5), (2.0, 9.0), (3.0, 1.0)]);
        assert_eq!(difference, [(1.0, 1.5), (3.0, 4.0)]);
    }

    #[test]
    fn a_panel_is_compared_where_it_shows_accuracies_of_the_single_scale_and_another_loss() {
        let alone = panel("left", "batch-accuracy", &["single"]);
        let norm = panel("middle", "norm", &["two-scale-0.01", "single"]);
        let right = panel("right", "test-accuracy", &["two-scale-0.01", "single"]);
        let e = experiment(json!([alone, norm, right]), json!([]));
        assert_eq!(compared_panel(&e).unwrap().panel, "right");
        let e = experiment(json!([alone, norm]), json!([]));
        assert!(compared_panel(&e).is_none() && derived(&e, &runs()).is_empty());
    }

    #[test]
    fn cumulated_histograms_rise_from_0_to_1() {
        let e = experiment(json!([panel("left", "max-probability", &["single"])]), json!([]));
        let all = derived(&e, &runs());
        assert_eq!((all.len(), all[0].panel.as_str(), all[0].points.len()), (1, "cumulated", BINS + 1));
        let share = |x: f64| all[0].points.iter().rev().find(|point| point.x <= x + 1e-9).unwrap().mean;
        // Largest probabilities 0.75, 0.5, 0.625, 0.5.
        assert!(share(0.0) == 0.0 && share(0.49) == 0.0 && (share(0.51) - 0.5).abs() < 1e-9, "{all:?}");
        assert!((share(0.64) - 0.75).abs() < 1e-9 && (share(1.0) - 1.0).abs() < 1e-9);
    }
}
