//! Test that reduced runs give the curves of the baselines: limits come from the spread over seeds in `tests/baselines/`.
use crate::support::{Did, User};

/// Runs the check in a store of its own, since tests run side by side.
fn check(arguments: &[&str]) -> Did {
    let user = User::new();
    let store = user.path("check").display().to_string();
    user.run(&[&["check", "--store", &store], arguments].concat())
}

#[test]
fn reduced_runs_give_the_curves_of_the_baselines() {
    let did = check(&[]).expect(0, &["fig10: ", "fig13: ", "fig14: ", "fig15: "]);
    println!("{}", did.out);
}

#[test]
fn a_missing_baseline_is_told_before_anything_is_trained() {
    let did = check(&["fig4", "--fake-trainer"]).expect(1, &["no baseline of fig4", "cargo xtask check fig4 --keep"]);
    assert!(!did.err.contains("to train"), "{}", did.err);
}

#[test]
fn a_changed_curve_is_told() {
    // Made-up curves cannot agree with trained ones.
    let _ = check(&["fig10", "--fake-trainer"]).expect(1, &["beyond the limits of the baseline", "single"]);
}
