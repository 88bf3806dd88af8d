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

fn difference(accept: Value) -> Value {
    json!({
        "what": "test at the end", "loss": "two-scale-0.01", "minus": "single",
        "measure": "test-accuracy", "statistic": "end", "accept": accept,
    })
}

#[test]
fn verdicts_follow_from_interval_and_range() {
    let e = |low, high, n| Estimate { mean: (low + high) / 2.0, low, high, n };
    let range = |from, to| Accept { from, to };
    let cases = [
        (e(1.0, 2.0, 5), range(Some(0.0), None), Verdict::Holds),
        (e(1.0, 2.0, 5), range(Some(1.0), Some(2.0)), Verdict::Holds),
        (e(-1.0, 2.0, 5), range(Some(0.0), None), Verdict::Unclear),
        (e(-2.0, -1.0, 5), range(Some(0.0), None), Verdict::Fails),
        (e(3.0, 4.0, 5), range(Some(0.0), Some(2.0)), Verdict::Fails),
        (e(1.0, 3.0, 5), range(Some(0.0), Some(2.0)), Verdict::Unclear),
        (e(1.0, 1.0, 1), range(Some(0.0), None), Verdict::Unclear),
        (e(-9.0, -9.0, 1), range(Some(0.0), None), Verdict::Unclear),
        (e(f64::NAN, f64::NAN, 5), range(None, None), Verdict::Unclear),
    ];
    for (estimate, accept, expected) in cases {
        assert_eq!(verdict(&estimate, accept, false), expected, "{estimate:?} in {accept:?}");
    }
    assert_eq!(verdict(&e(1.0, 1.0, 1), range(Some(1.0), None), true), Verdict::Holds);
}

#[test]
fn a_claim_is_no_better_than_its_worst_part() {
    use Verdict::{Fails, Holds, NotRun, Unclear};
    let cases: [(&[Verdict], Verdict); 6] = [
        (&[Holds, Holds], Holds),
        (&[Holds, Unclear], Unclear),
        (&[Holds, NotRun, Unclear], NotRun),
        (&[Holds, NotRun, Fails], Fails),
        (&[Unclear, Fails], Fails),
        (&[], NotRun),
    ];
    for (parts, expected) in cases {
        assert_eq!(all(parts.iter().copied()), expected, "{parts:?}");
    }
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
        "what": "every seed", "loss": "two-scale-1", "identical-to": "single", "accept": {"from": 100.0},
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
}

#[test]
fn two_sets_are_compared_seed_by_seed() {
    let part = json!({
        "what": "train less test", "loss": "two-scale-0.01", "minus": "single", "measure": "top-k", "set": "train",
        "minus-set": "test", "statistic": {"at": 1.0}, "accept": {"from": 0.0, "to": 0.0},
    });
    let j = judged(part);
    assert_eq!((j.estimate, j.verdict), (Some(0.0), Verdict::Holds));
}

#[test]
fn positions_keep_the_unit_of_x() {
    let part = json!({
        "what": "where", "loss": "two-scale-0.01", "minus": "single", "measure": "batch-accuracy",
        "statistic": {"arg-max": [0.0, 1.0]}, "accept": {"to": 1.0},
    });
    let j = judged(part);
    assert_eq!((j.unit.as_str(), j.verdict), ("x", Verdict::Holds));
    assert!(j.estimate.unwrap() <= 1.0);
}

#[test]
fn units_of_their_own_are_not_multiplied() {
    let claims = json!([{"id": "3e", "claim": "c", "paper": "30 %", "unit": "own", "parts": [{
        "what": "test", "loss": "single", "measure": "test-accuracy", "accept": {"from": 0.6, "to": 0.7},
    }]}]);
    let j = judge(&experiment(json!([]), claims), &runs()).remove(0);
    assert!((j.estimate.unwrap() - 0.65).abs() < 1e-6);
    assert_eq!(j.unit, "");
}
