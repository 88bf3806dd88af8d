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

fn claims() -> serde_json::Value {
    let part = |direction: serde_json::Value| json!({"what": "at the end", "loss": "two-scale-0.01", "minus": "single", "measure": "test-accuracy", "direction": direction});
    json!([
        {"id": "13a", "claim": "better at the end", "paper": "+20 pp", "parts": [part(json!({"from": -6.0}))]},
        {"id": "13b", "claim": "much better at the end", "paper": "+90 pp", "parts": [part(json!({"from": 95.0}))]},
    ])
}

#[test]
fn verdicts_stand_below_the_panels_by_symbol_and_word_and_in_the_description() {
    let mut e = two_panels();
    e.claims = serde_json::from_value(claims()).unwrap();
    let judged = crate::claims::judge(&e, &runs());
    let s = measure::series(&e, &runs());
    let svg = draw(&e, &s, &[], &caption(), &judged).unwrap();
    for words in ["13a\n", "much better at the end", "✓\n", "holds\n", "✗\n", "fails\n", "–\n", "not asked\n"] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(svg.contains("13a: direction holds. 13b: direction fails.</desc>"), "{svg}");
    assert!(!draw(&e, &s, &[], &caption(), &[]).unwrap().contains("claims"));
    let stand_in = Caption { banners: vec!["STAND-IN DATA".into()], ..caption() };
    assert!(draw(&e, &s, &[], &stand_in, &judged).unwrap().contains("mind the warning above"));
}

#[test]
fn the_difference_from_the_single_scale_is_a_panel_where_the_table_has_it() {
    let e = two_panels();
    let mut s = measure::series(&e, &runs());
    let without = draw(&e, &s, &paper(), &caption(), &[]).unwrap();
    assert!(!without.contains("minus single scale"));
    s.extend(measure::derived(&e, &runs()));
    let mut both = paper();
    both.push(PaperSeries {
        series: "two-scale-0.01".into(),
        points: vec![(0.0, 0.25), (1.0, 0.8)],
        ..both[0].clone()
    });
    let with = draw(&e, &s, &both, &caption(), &[]).unwrap();
    assert!(with.contains("Training set minus single scale\n"), "{with}");
    let ends = "accuracy − single's over Epochs. two-scale, η = 0.01 ends at 0.200, the paper's at 0.100.";
    assert!(with.contains(ends), "{with}");
}

#[test]
fn a_reliability_diagram_is_read_against_its_diagonal() {
    let e = experiment(
        json!([panel("left", "reliability", &["single"]), panel("right", "test-accuracy", &["single"])]),
        json!([]),
    );
    let s = measure::series(&e, &runs());
    let panels = resolve(&e, &s, &[]).unwrap();
    let x = &panels[0].panel.x;
    assert_eq!(panels[0].reference(), [(x.from, x.from), (x.to, x.to)]);
    assert!(panels[1].reference().is_empty());
}

#[test]
fn cumulated_histograms_are_lines_beside_the_bars() {
    let e = experiment(
        json!([panel("left", "max-probability", &["two-scale-0.01"]), panel("right", "max-probability", &["single"])]),
        json!([]),
    );
    let mut s = measure::series(&e, &runs());
    assert!(!draw(&e, &s, &[], &caption(), &[]).unwrap().contains("Share of objects"));
    s.extend(measure::derived(&e, &runs()));
    let papers = PaperSeries { panel: "left".into(), series: "two-scale-0.01".into(), points: vec![(0.505, 100.0)] };
    let svg = draw(&e, &s, &[papers], &caption(), &[]).unwrap();
    assert!(svg.contains("Share of objects up to x\n") && svg.contains("two-scale, η = 0.01\n"));
    let (drawn, paper) = derived::with_derived(
        &e,
        &s,
        &[PaperSeries {
            panel: "left".into(),
            series: "two-scale-0.01".into(),
            points: vec![(0.505, 60.0), (0.515, 40.0)],
        }],
    );
    assert_eq!(drawn.panels.len(), 3);
    let shares: Vec<f64> = paper[1].points.iter().map(|point| point.1).collect();
    assert!((shares[1] - 0.6).abs() < 1e-9 && (shares[2] - 1.0).abs() < 1e-9, "{shares:?}");
}

#[test]
fn equal_curves_are_told() {
    let losses = ["two-scale-0.01", "two-scale-1", "single"];
    let e = experiment(json!([panel("left", "batch-accuracy", &losses)]), json!([]));
    let mut runs = runs();
    for (seed, from) in [(1, 0.1), (2, 0.2), (3, 0.3)] {
        runs.insert("two-scale-1", std::sync::Arc::new(crate::testing::record(seed, from)));
    }
    let sentence = "two-scale, η = 1 = single scale at every x, every seed (Training set): one curve covers the other.";
    let drawn = |runs: &measure::Runs| {
        let mut s = measure::series(&e, runs);
        s.extend(measure::derived(&e, runs));
        draw(&e, &s, &[], &caption(), &[]).unwrap()
    };
    assert!(drawn(&runs).contains(sentence), "{}", drawn(&runs));
    runs.insert("two-scale-1", std::sync::Arc::new(crate::testing::record(3, 0.31)));
    assert!(!drawn(&runs).contains("one curve covers"));
    // The seeds' values in another order: equal means and intervals, other seeds.
    for (seed, from) in [(1, 0.3), (2, 0.2), (3, 0.1)] {
        runs.insert("two-scale-1", std::sync::Arc::new(crate::testing::record(seed, from)));
    }
    assert!(!drawn(&runs).contains("every seed"));
}
