//! Tests that nothing outdated is shown: each plan has figures, documents and verdicts of its own.
use std::collections::BTreeSet;

use crate::support::User;
use serde_json::Value;

const FAKE: [&str; 5] = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
const VERDICT: [&str; 5] = ["verdict", "fig13", "--scale", "smoke", "--fake-trainer"];

fn names(user: &User, folder: &str) -> BTreeSet<String> {
    let entries =
        std::fs::read_dir(user.here(folder)).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
    entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn is_not_run(json: &str) -> bool {
    let document: Value = serde_json::from_str(json).expect("JSON");
    document["claims"].as_array().expect("a list").iter().all(|claim| claim["verdict"] == "not-run")
}

#[test]
fn two_changes_do_not_overwrite_each_other_and_a_third_is_not_run() {
    let user = User::with_copy();
    let set = |value: &'static str| [&FAKE[..], &["--set", value]].concat();
    let _ = user.run(&set("optimiser.learning-rate=0.2")).expect(0, &["written:"]);
    let first = names(&user, "target/figures/fake-smoke-changed/data");
    let _ = user.run(&set("optimiser.learning-rate=0.3")).expect(0, &["written:"]);
    let both = names(&user, "target/figures/fake-smoke-changed/data");
    assert!(first.is_subset(&both) && both.len() == 2 * first.len(), "{first:?} {both:?}");
    let _ = user.run(&[&FAKE[..], &["--seeds", "2"]].concat()).expect(0, &["written:"]);
    // Records of other plans do not make this one run.
    let never = [&VERDICT[..], &["--set", "optimiser.learning-rate=5"]].concat();
    let _ = user.run(&never).expect(0, &["not run"]);
    let json = user.run(&[&never[..], &["--json"]].concat()).expect(0, &[]);
    assert!(is_not_run(&json.out), "{}", json.out);
}

#[test]
fn after_an_edit_the_old_verdict_is_not_told_as_the_files() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &["written:"]);
    std::fs::remove_dir_all(user.path("runs")).expect("records can be removed");
    let _ = user.run(&VERDICT).expect(0, &["from target/figures/fake-smoke/data/fig13.json"]);
    let path = user.here("experiments/fig13.yaml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "the test looks for {from:?}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("writable");
    };
    edit("{learning-rate: 0.1}", "{learning-rate: 0.25}");
    let words = ["published for another plan: optimiser.learning-rate 0.1 there, 0.25 now", "not run"];
    let _ = user.run(&VERDICT).expect(0, &words);
    let json = user.run(&[&VERDICT[..], &["--json"]].concat()).expect(0, &[]);
    assert!(is_not_run(&json.out), "{}", json.out);
    let _ = user.run(&["list", "--scale", "smoke", "--fake-trainer"]).expect(0, &["published for another plan"]);
    let figure = ["figure", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&figure).expect(1, &["published for another plan", "cargo xtask reproduce fig13"]);
    // Titles and other words are no part of a plan.
    edit("title: Two-scale loss on MNIST", "title: The same in other words");
    let _ = user.run(&VERDICT).expect(0, &["from target/figures/fake-smoke/data/fig13.json"]);
}

#[test]
fn a_damaged_table_or_document_is_neither_drawn_nor_overwritten() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &[]);
    std::fs::remove_dir_all(user.path("runs")).expect("records can be removed");
    let folder = user.here("target/figures/fake-smoke");
    let (svg, csv, json) = (folder.join("fig13.svg"), folder.join("data/fig13.csv"), folder.join("data/fig13.json"));
    let drawn = std::fs::read(&svg).expect("drawn");
    let table = std::fs::read(&csv).expect("written");
    let figure = ["figure", "fig13", "--scale", "smoke", "--fake-trainer"];
    std::fs::write(&csv, &table[..table.len() / 2]).expect("writable");
    let _ = user.run(&figure).expect(1, &["fig13.csv is not the table that"]);
    std::fs::write(&csv, &table).expect("writable");
    let _ = user.run(&figure).expect(0, &["drawn from"]);
    let text = std::fs::read_to_string(&json).expect("readable");
    std::fs::write(&json, text.replace("\"figure\": \"fig13\"", "\"figure\": \"fig14\"")).expect("writable");
    let _ = user.run(&figure).expect(1, &["fig13.json", "it is that of fig14"]);
    let _ = user.run(&VERDICT).expect(1, &["fig13.json", "it is that of fig14"]);
    std::fs::write(&json, &text[..text.len() / 2]).expect("writable");
    let _ = user.run(&figure).expect(1, &["fig13.json is no published document"]);
    assert!(std::fs::read(&svg).expect("there") == drawn, "the figure is as it was");
}

/// Each of the repository's own figures was published for the plan that its file has now.
#[test]
fn what_the_repository_publishes_is_of_the_plans_that_its_files_have() {
    let user = User::new();
    let list = user.run(&["list", "--json"]).expect(0, &[]);
    assert!(!list.out.contains("there, "), "{}", list.out);
    let out = user.path("drawn");
    let out = out.to_string_lossy().into_owned();
    let _ = user
        .run(&["figure", "fig13", "fig4", "--out", &out])
        .expect(0, &["fig13.svg drawn from figures/data/fig13.csv"]);
    assert!(user.path("drawn/fig4.svg").exists() && user.path("drawn/data/fig4.csv").exists());
    let _ = user
        .run(&["figure", "fig9", "--variant", "faster-misclassified", "--out", &out])
        .expect(0, &["fig9-faster-misclassified.svg"]);
}
