use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::testing::{diverged, experiment, record, runs};

fn judged(part: Value) -> Judgement {
    judged_with(part, &runs())
}

fn judged_with(part: Value, runs: &Runs) -> Judgement {
    let claims = json!([{"id": "13b", "claim": "better", "paper": "+6.7 pp", "parts": [part]}]);
    judge(&experiment(json!([]), claims), runs).remove(0)
}

fn difference(direction: Value) -> Value {
    json!({
        "what": "test at the end", "loss": "two-scale-0.01", "minus": "single",
        "measure": "test-accuracy", "statistic": "end", "direction": direction,
    })
}

#[test]
fn differences_are_paired_by_seed() {
    // Differences at the end are .1, .2, .3, whatever the spread of the losses themselves.
    let j = judged(difference(json!({"from": 0.0})));
    let half = 100.0 * 4.302653 * 0.1 / 3f64.sqrt();
    assert!((j.estimate.unwrap() - 20.0).abs() < 1e-4);
    assert!((j.high.unwrap() - 20.0 - half).abs() < 1e-3);
    assert_eq!((j.n, j.verdict, j.unit.as_str()), (3, Verdict::Unclear, "pp"));
    assert_eq!(judged(difference(json!({"from": -6.0}))).verdict, Verdict::Holds);
    assert_eq!(judged(difference(json!({"from": 60.0}))).verdict, Verdict::Fails);
}

#[test]
fn seeds_without_a_partner_are_left_out() {
    let mut runs = runs();
    runs.insert("two-scale-0.01", Arc::new(record(9, 0.9)));
    assert_eq!(judged_with(difference(json!({"from": 0.0})), &runs).n, 3);
}

#[test]
fn without_runs_there_is_no_verdict_but_a_reason() {
    let j = judged_with(difference(json!({"from": 0.0})), &Runs::new());
    assert_eq!((j.verdict, j.estimate, j.n), (Verdict::NotRun, None, 0));
    assert!(j.parts[0].note.as_ref().unwrap().contains("two-scale-0.01"));
}

#[test]
fn a_statistic_beyond_the_end_of_the_runs_is_not_run() {
    let mut part = difference(json!({"from": 0.0}));
    part["statistic"] = json!({"at": 20.0});
    let j = judged(part);
    assert_eq!(j.verdict, Verdict::NotRun);
    assert!(j.parts[0].note.as_ref().unwrap().contains("end at x = 1.0000"), "{:?}", j.parts[0].note);
}

#[test]
fn diverged_runs_are_left_out_and_named() {
    let mut runs = runs();
    runs.insert("single", Arc::new(diverged(3)));
    let j = judged_with(difference(json!({"from": 0.0})), &runs);
    assert_eq!((j.n, j.parts[0].note.as_deref()), (2, Some("1 run diverged and is left out")));
}

#[test]
fn identity_is_exact_and_refuted_by_one_bit() {
    let part = json!({
        "what": "every seed", "loss": "two-scale-1", "identical-to": "single", "direction": {"from": 100.0},
    });
    let mut runs = runs();
    for seed in 1..=3u8 {
        runs.insert("two-scale-1", Arc::new(record(seed.into(), 0.1 * f32::from(seed))));
    }
    let j = judged_with(part.clone(), &runs);
    // 0.1 * 3 is not the same float as 0.3: made equal below.
    assert_eq!(j.verdict, if 0.1f32 * 3.0 == 0.3 { Verdict::Holds } else { Verdict::Fails });
    let mut third = record(3, 0.3);
    runs.insert("two-scale-1", Arc::new(third.clone()));
    assert_eq!(judged_with(part.clone(), &runs).verdict, Verdict::Holds);
    third.history.batch_accuracy[7] = f32::from_bits(third.history.batch_accuracy[7].to_bits() + 1);
    runs.insert("two-scale-1", Arc::new(third));
    let j = judged_with(part, &runs);
    assert_eq!((j.verdict, j.low == j.high), (Verdict::Fails, true));
    assert!((j.estimate.unwrap() - 200.0 / 3.0).abs() < 1e-9);
    assert_eq!(j.p, Some(0.0));
}

#[test]
fn text_and_magnitude_are_answered_apart_and_the_papers_own_figure_beside_them() {
    let mut part = difference(json!({"from": -6.0}));
    part["magnitude"] = json!({"value": 70.0, "figure": 21.0});
    let j = judged(part);
    assert_eq!((j.direction, j.magnitude, j.verdict), (Answer::Holds, Answer::Fails, Verdict::DirectionOnly));
    let magnitude = j.parts[0].magnitude.as_ref().unwrap();
    assert_eq!((magnitude.answer, magnitude.by_figure), (Answer::Fails, Some(Answer::Holds)));
    assert!(j.parts[0].operating.unwrap().if_paper_is_right > 0.5);
}

#[test]
fn a_question_that_is_not_asked_takes_the_others_answer() {
    let mut part = difference(json!({"from": -6.0}));
    let j = judged(part.clone());
    assert_eq!((j.direction, j.magnitude, j.verdict), (Answer::Holds, Answer::Holds, Verdict::Holds));
    assert!(j.asks_direction() && !j.asks_magnitude());
    part.as_object_mut().unwrap().remove("direction");
    part["magnitude"] = json!({"value": 70.0});
    let j = judged(part);
    assert_eq!((j.direction, j.verdict, j.holm), (Answer::Fails, Verdict::Fails, None));
}

#[test]
fn the_numbers_of_single_seeds_give_the_estimate() {
    let mut e = experiment(json!([]), json!([]));
    let mut absolute = difference(json!({"from": 0.0}));
    absolute["statistic"] = json!({"mean-absolute": [0.0, 1.0]});
    e.claims = serde_json::from_value(json!([{"id": "13b", "claim": "better", "paper": "+6.7 pp",
        "parts": [difference(json!({"from": 0.0})), absolute]}]))
    .unwrap();
    let rows = seed_values(&e, &runs());
    let of = |part, loss: &str| {
        rows.iter().filter(|r| r.part == part && r.loss == loss).map(|r| r.value).collect::<Vec<_>>()
    };
    let (two, one) = (of(1, "two-scale-0.01"), of(1, "single"));
    assert_eq!((two.len(), one.len(), rows.len()), (3, 3, 9));
    let mean = two.iter().zip(&one).map(|(a, b)| a - b).sum::<f64>() / 3.0;
    let j = judge(&e, &runs()).remove(0);
    assert!((mean - j.estimate.unwrap()).abs() < 1e-9);
    let alone = of(2, "two-scale-0.01-minus-single");
    assert!((alone.iter().sum::<f64>() / 3.0 - j.parts[1].estimate.unwrap()).abs() < 1e-9);
}

#[test]
fn a_gate_that_never_fires_is_told() {
    let part =
        json!({"what": "every seed", "loss": "two-scale-1", "identical-to": "single", "direction": {"from": 100.0}});
    let mut runs = runs();
    let mut never = record(1, 0.1);
    never.run.spec.loss.kind = LossKind::TwoScale;
    never.history.scales[1] = vec![40.0; 10];
    runs.insert("two-scale-1", Arc::new(never.clone()));
    let note = |runs: &Runs| judged_with(part.clone(), runs).parts[0].note.clone();
    assert!(note(&runs).unwrap().contains("fired in none of the 9 steps"), "{:?}", note(&runs));
    never.history.scales[1] = vec![1e21; 10];
    runs.insert("two-scale-1", Arc::new(never.clone()));
    assert_eq!(note(&runs), None, "a step of a scale as large as a wide residual network's changes no bit of it");
    never.history.scales[1] = (0..10).map(f64::from).collect();
    runs.insert("two-scale-1", Arc::new(never));
    assert_eq!(note(&runs), None);
}

#[test]
fn holms_correction_opens_what_chance_may_have_decided() {
    let mut claims: Vec<Judgement> =
        (0..4).map(|i| Judgement { id: i.to_string(), ..judged(difference(json!({"from": -6.0}))) }).collect();
    for (claim, p) in claims.iter_mut().zip([0.001, 0.02, 0.03, 0.04]) {
        claim.p = Some(p);
    }
    correct(&mut claims);
    let holm: Vec<_> = claims.iter().map(|c| c.holm.unwrap()).collect();
    assert_eq!(holm, [Answer::Holds, Answer::Unclear, Answer::Unclear, Answer::Unclear]);
}

#[test]
fn two_sets_are_compared_seed_by_seed() {
    let part = json!({
        "what": "train less test", "loss": "two-scale-0.01", "minus": "single", "measure": "top-k", "set": "train",
        "minus-set": "test", "statistic": {"at": 1.0}, "direction": {"from": 0.0, "to": 0.0},
    });
    let j = judged(part);
    assert_eq!((j.estimate, j.verdict), (Some(0.0), Verdict::Holds));
}

#[test]
fn positions_keep_the_unit_of_x() {
    let part = json!({
        "what": "where", "loss": "two-scale-0.01", "minus": "single", "measure": "batch-accuracy",
        "statistic": {"arg-max": [0.0, 1.0]}, "direction": {"to": 1.5},
    });
    let j = judged(part);
    assert_eq!((j.unit.as_str(), j.verdict), ("x", Verdict::Holds));
    assert!(j.estimate.unwrap() <= 1.0 + 1e-9);
}

#[test]
fn units_of_their_own_are_not_multiplied() {
    let claims = json!([{"id": "3e", "claim": "c", "paper": "30 %", "unit": "own", "parts": [{
        "what": "test", "loss": "single", "measure": "test-accuracy", "direction": {"from": 0.6, "to": 0.7},
    }]}]);
    let j = judge(&experiment(json!([]), claims), &runs()).remove(0);
    assert!((j.estimate.unwrap() - 0.65).abs() < 1e-6);
    assert_eq!(j.unit, "");
}
