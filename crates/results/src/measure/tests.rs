use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::testing::{diverged, experiment, panel, record, runs};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn selection(measure: Measure) -> Selection<'static> {
    Selection { measure, set: Set::Test, smooth: 0, points: 0, at: &[] }
}

#[test]
fn x_is_in_the_papers_epochs() {
    let c = curve(&record(1, 0.1), &selection(Measure::BatchAccuracy));
    assert_eq!(c.len(), 10);
    assert!(close(c[0].0, 0.1) && close(c[9].0, 1.0));
    let t = curve(&record(1, 0.1), &selection(Measure::TestAccuracy));
    assert!(close(t[0].0, 0.5) && close(t[0].1, 0.3) && close(t[1].0, 1.0) && close(t[1].1, 0.55));
}

#[test]
fn smoothing_comes_before_thinning() {
    let s = Selection { smooth: 3, points: 3, ..selection(Measure::BatchAccuracy) };
    let c = curve(&record(1, 0.1), &s);
    // Bins of .3 epochs over [.1, 1]: three steps each.
    assert!(close(c[0].0, 0.25) && close(c[1].0, 0.55) && close(c[2].0, 0.85));
    assert!(close(c[1].1, 0.325), "{}", c[1].1);
}

#[test]
fn scales_are_relative_to_their_beginning() {
    let end = |m| curve(&record(1, 0.1), &selection(m)).last().unwrap().1;
    assert!(close(end(Measure::FirstScale), 1.0));
    assert!(close(end(Measure::Separation), 49.0 / 4.0));
    assert!(close(end(Measure::Norm), 0.9f64.exp()));
}

#[test]
fn a_panels_series_have_means_and_intervals_over_seeds() {
    let e = experiment(json!([panel("left", "test-accuracy", &["single", "two-scale-0.01"])]), json!([]));
    let s = series(&e, &runs());
    assert_eq!(s.iter().map(|s| s.series.as_str()).collect::<Vec<_>>(), ["single", "two-scale-0.01"]);
    let end = s[0].points[1];
    // .55, .65, .75: mean .65, s = .1, t(.975; 2) = 4.302653.
    assert!(close(end.mean, 0.65) && close(end.high - end.mean, 4.302653 * 0.1 / 3f64.sqrt()) && end.n == 3);
}

#[test]
fn diverged_runs_are_counted_and_left_out_of_the_mean() {
    let e = experiment(json!([panel("left", "test-accuracy", &["single"])]), json!([]));
    let mut runs = runs();
    runs.insert("single", Arc::new(diverged(4)));
    let s = series(&e, &runs);
    assert_eq!((s[0].diverged, s[0].points[0].n), (1, 3));
}

#[test]
fn a_loss_without_runs_gives_a_series_without_points() {
    let e = experiment(json!([panel("left", "batch-accuracy", &["two-scale-1"])]), json!([]));
    assert!(series(&e, &runs())[0].points.is_empty());
}

#[test]
fn seeds_that_lack_a_position_are_not_counted_there() {
    let points = average(&[vec![(0.0, 1.0), (1.0, 2.0)], vec![(1.0, 4.0)]]);
    assert_eq!(points.iter().map(|p| (p.x, p.mean, p.n)).collect::<Vec<_>>(), [(0.0, 1.0, 1), (1.0, 3.0, 2)]);
}

#[test]
fn a_series_may_show_another_loss_and_set() {
    let mut p = panel("single", "close-enough", &[]);
    p["at"] = json!([0.0, 0.125]);
    p["series"] = json!([{"slug": "single-train", "loss": "single", "set": "train"}]);
    let s = series(&experiment(json!([p]), json!([])), &runs());
    assert_eq!(s[0].series, "single-train");
    assert_eq!(s[0].points.iter().map(|p| p.mean).collect::<Vec<_>>(), [0.5, 0.75]);
}
