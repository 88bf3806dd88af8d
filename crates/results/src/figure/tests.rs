use serde_json::json;

use super::*;
use crate::measure;
use crate::testing::{experiment, panel, runs};

fn two_panels() -> Experiment {
    let losses = ["two-scale-0.01", "single"];
    experiment(json!([panel("left", "batch-accuracy", &losses), panel("right", "test-accuracy", &losses)]), json!([]))
}

fn paper() -> Vec<PaperSeries> {
    vec![PaperSeries { panel: "left".into(), series: "single".into(), points: vec![(0.0, 0.2), (1.0, 0.7)] }]
}

fn caption() -> Caption {
    Caption { subtitle: "3 seeds · MNIST".into(), ..Caption::default() }
}

#[test]
fn the_same_series_give_the_same_bytes() {
    let e = two_panels();
    let s = measure::series(&e, &runs());
    let svg = draw(&e, &s, &paper(), &caption(), &[]).unwrap();
    assert_eq!(svg, draw(&e, &s, &paper(), &caption(), &[]).unwrap());
    assert!(svg.contains("Accuracy on MNIST") && svg.contains("3 seeds · MNIST"));
    assert!(svg.contains("two-scale, η = 0.01") && svg.contains("the paper"));
}

#[test]
fn warnings_and_notes_are_drawn() {
    let e = two_panels();
    let caption =
        Caption { banners: vec!["STAND-IN DATA: digits".into()], notes: vec!["Diverged: seed 4".into()], ..caption() };
    let svg = draw(&e, &measure::series(&e, &runs()), &[], &caption, &[]).unwrap();
    assert!(svg.contains("STAND-IN DATA: digits") && svg.contains("Diverged: seed 4"));
}

#[test]
fn a_panel_without_runs_says_so_and_still_shows_the_paper() {
    let svg = draw(&two_panels(), &[], &paper(), &caption(), &[]).unwrap();
    assert!(svg.contains("no runs yet: the paper"), "{svg}");
    assert!(svg.contains("no runs yet\n"));
}

#[test]
fn labels_are_escaped() {
    let mut e = two_panels();
    e.title = "a < b & \"c\"".into();
    let svg = draw(&e, &[], &[], &caption(), &[]).unwrap();
    assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"));
}

#[test]
fn unknown_losses_and_colours_are_named() {
    let mut e = two_panels();
    e.panels[0].series = vec![experiment::file::PanelSeries::Loss("fixed-7".into())];
    assert!(draw(&e, &[], &[], &caption(), &[]).unwrap_err().to_string().contains("`fixed-7`"));
    let mut e = two_panels();
    e.losses.get_mut("single").unwrap().colour = "reddish".into();
    assert!(draw(&e, &[], &[], &caption(), &[]).unwrap_err().to_string().contains("`reddish`"));
}

#[test]
fn histograms_are_bars() {
    let mut p = panel("left", "max-probability", &["single"]);
    p["y"]["to"] = json!(60.0);
    let e = experiment(json!([p]), json!([]));
    let svg = draw(&e, &measure::series(&e, &runs()), &[], &caption(), &[]).unwrap();
    assert!(!svg.contains("stroke-width=\"9\""), "no lines of ours in a histogram");
    // Background, legend, and one polygon for the bars with one for their intervals.
    assert_eq!(svg.matches("<polygon").count(), 2);
}
