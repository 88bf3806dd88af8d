//! Tests of `sweep` and `runs`: combinations of values, and their runs in the store.
use crate::support::User;
use serde_json::Value;

const SWEEP: [&str; 10] =
    ["sweep", "fig13", "--scale", "smoke", "--seeds", "2", "--only", "single", "--fake-trainer", "--vary"];

#[test]
fn a_sweep_trains_every_combination_and_compares_them() {
    let user = User::with_copy();
    let arguments = [&SWEEP[..], &["optimiser.learning-rate=0.1,0.2", "--vary", "model.hidden=[5],[5, 5]"]].concat();
    let did = user.run(&arguments).expect(0, &["4 combinations", "8 runs to train", "learning-rate 0.2, hidden"]);
    assert!(did.out.contains("FAKE TRAINER") && did.out.contains("seeds"), "{}", did.out);
    let table = std::fs::read_to_string(user.here("target/sweeps/fake-fig13.csv")).expect("the table is there");
    let head = "optimiser.learning-rate,model.hidden,loss,set,mean,low,high,n,diverged\n";
    assert!(table.starts_with(head), "{table}");
    assert_eq!(table.lines().count(), 1 + 4 * 2, "{table}");
    assert!(table.contains("0.2,\"[5, 5]\",single,test,0."), "{table}");
    let svg = std::fs::read_to_string(user.here("target/sweeps/fake-fig13.svg")).expect("the picture is there");
    assert!(svg.contains("learning-rate 0.1") && svg.contains("FAKE TRAINER"));
    let again = user.run(&arguments).expect(0, &["written:"]);
    assert!(!again.err.contains("to train"), "{}", again.err);
}

#[test]
fn the_same_training_twice_is_told_and_wrong_values_are_refused() {
    let user = User::with_copy();
    let sweep = |vary: &str| user.run(&[&SWEEP[..], &[vary]].concat());
    // A single scale has no gate.
    let _ = sweep("loss-options.gate=raw,scaled")
        .expect(0, &["gate scaled is left out: it is the same training as gate raw"]);
    let _ = sweep("optimiser.learning-rat=1,2").expect(2, &["--vary optimiser.learning-rat=1", "did you mean"]);
    let _ = sweep("schedule.steps").expect(2, &["KEY=VALUE"]);
    let _ = user.run(&["sweep", "fig13"]).expect(2, &["--vary"]);
}

#[test]
fn the_store_can_be_browsed() {
    let user = User::with_copy();
    let reproduce = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&reproduce).expect(0, &[]);
    let _ = user
        .run(&[&reproduce[..], &["--set", "model.hidden=[9]", "--only", "single", "--seeds", "1"]].concat())
        .expect(0, &[]);
    let runs = |more: &[&str]| user.run(&[&["runs", "--fake-trainer"], more].concat());
    let _ = runs(&[]).expect(0, &["49 runs in", "fig13@smoke", "two-scale-0.01", "finished"]);
    let _ = runs(&["--figure", "fig13", "--loss", "two-scale-100", "--seed", "3"]).expect(0, &["1 run in"]);
    let _ = runs(&["--outcome", "diverged"]).expect(0, &["0 runs in"]);
    let json = runs(&["--json", "--loss", "single", "--seed", "1"]).expect(0, &[]);
    let rows: Value = serde_json::from_str(&json.out).expect("JSON");
    let keys: Vec<&str> = rows.as_array().expect("a list").iter().filter_map(|row| row["key"].as_str()).collect();
    assert_eq!(keys.len(), 2, "the figure's own and the changed one\n{}", json.out);
    assert!(rows[0]["accuracy"]["test"].as_f64().is_some_and(|accuracy| accuracy > 0.1), "{}", json.out);
    let [a, b] = [&keys[0][..12], &keys[1][..12]];
    let did = runs(&["diff", a, b]).expect(0, &["model.hidden", "[9]", "[100]"]);
    assert!(!did.out.contains("learning-rate"), "only what differs is shown\n{}", did.out);
    let _ = runs(&["show", a]).expect(0, &["optimiser.learning-rate", "test accuracy", "kernels"]);
    let _ = runs(&["show", "zz"]).expect(2, &["no finished run", "zz"]);
    let _ = runs(&["show", ""]).expect(2, &["give more digits"]);
    let _ = runs(&["--figure", "fgi13"]).expect(2, &["did you mean `fig13`?"]);
}
