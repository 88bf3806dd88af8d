use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::testing::{diverged, experiment, panel, record, runs};

fn folders(root: &Path) -> Folders {
    let folders = Folders::of(root);
    std::fs::create_dir_all(&folders.paper).unwrap();
    std::fs::write(folders.paper.join("fig13.csv"), "panel,series,x,y\nleft,single,0,0.3\nleft,single,1,0.7\n")
        .unwrap();
    folders
}

fn fig13() -> Experiment {
    let claims = json!([{"id": "13b", "claim": "two-scale is better on the test set at the end", "paper": "+6.7 pp", "parts": [{
        "what": "test at the end", "loss": "two-scale-0.01", "minus": "single",
        "measure": "test-accuracy", "direction": {"from": -6.0},
    }]}]);
    experiment(json!([panel("left", "batch-accuracy", &["two-scale-0.01", "single"])]), claims)
}

/// A plan without runs: the runs of these tests are made up.
fn plan(experiment: &Experiment, full: &Experiment, scale: &str) -> Plan {
    Plan {
        name: "fig13".into(),
        scale: scale.into(),
        of_paper: true,
        note: None,
        file: "fig13.yaml".into(),
        experiment: experiment.clone(),
        full: full.clone(),
        runs: Vec::new(),
    }
}

#[test]
fn a_figure_renders_from_the_published_table_as_it_did_from_records() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    let published = publish(&plan(&e, &e, "paper"), "fig13", &runs(), &folders).unwrap();
    assert_eq!(published.files.len(), 4);
    let drawn = std::fs::read(folders.svg("fig13")).unwrap();
    std::fs::remove_file(folders.svg("fig13")).unwrap();
    assert_eq!(render(&plan(&e, &e, "paper"), "fig13", &folders, &folders).unwrap(), folders.svg("fig13"));
    assert_eq!(std::fs::read(folders.svg("fig13")).unwrap(), drawn);
    let drawn = String::from_utf8(drawn).unwrap();
    assert!(!drawn.contains("REDUCED") && drawn.contains("✓") && drawn.contains("minus single scale"));
    let table = std::fs::read_to_string(folders.csv("fig13")).unwrap();
    assert!(table.contains("\nleft-difference,two-scale-0.01,"), "{table}");
    let left: Vec<_> = std::fs::read_dir(root.path().join("data")).unwrap().collect();
    assert_eq!(left.len(), 3, "no temporary files remain");
}

#[test]
fn the_document_keeps_its_contract() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    publish(&plan(&e, &e, "paper"), "fig13", &runs(), &folders).unwrap();
    let text = std::fs::read_to_string(folders.json("fig13")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["scale"], "paper");
    assert_eq!(json["data"][0]["name"], "mnist/train-images-idx3-ubyte.gz");
    assert_eq!(json["data"][0]["digest"], "ab".repeat(32));
    assert_eq!(json["settings"]["loss-options"]["normalisation"], "through");
    let claim = &json["claims"][0];
    assert_eq!((&claim["direction"], &claim["magnitude"]), (&json!("holds"), &json!("holds")));
    assert!(json["assumptions"].is_object() && json["departures"].is_object() && json["in_sample"].is_boolean());
    assert_eq!((&claim["id"], &claim["paper"], &claim["verdict"]), (&json!("13b"), &json!("+6.7 pp"), &json!("holds")));
    assert!(claim["low"].as_f64() < claim["estimate"].as_f64() && claim["n"] == 3);
    assert_eq!(published_document("fig13", &folders).unwrap().unwrap().figure, "fig13");
}

#[test]
fn differences_from_the_paper_are_in_the_caption() {
    let full = Experiment { seeds: 30, ..fig13() };
    let mut small = full.clone();
    small.schedule.steps = 5;
    small.data.train = Some(1000);
    let mut runs = runs();
    let mut stand_in = record(4, 0.2);
    stand_in.run.stand_in = Some("UCI digits, 8x8".into());
    stand_in.run.device = "fake".into();
    runs.insert("single", Arc::new(stand_in));
    runs.insert("single", Arc::new(diverged(5)));
    let caption = caption(Origin::of(&plan(&small, &full, "smoke")), &runs);
    let all = caption.banners.join("\n");
    assert!(all.contains("STAND-IN DATA: UCI digits, 8x8"), "{all}");
    assert!(all.contains("FAKE TRAINER"), "{all}");
    assert!(all.contains("REDUCED RUN (scale smoke): 3 of 30 seeds, 5 of 10 steps, 1,000 training objects"), "{all}");
    assert!(
        caption.subtitle.starts_with("3 to 4 seeds · 5 steps of 6 objects, learning rate 0.1 · MNIST"),
        "{}",
        caption.subtitle
    );
    assert_eq!(caption.notes, ["Diverged and left out, single scale: seed 5 at step 4."]);
}

#[test]
fn the_caption_names_an_unusual_norm_and_only_that() {
    let usual = fig13();
    let said = |e: &Experiment| format!("{:?}", caption(Origin::of(&plan(e, e, "paper")), &runs()));
    assert!(said(&usual).contains("R(α) over the dense layers, with its gradient ·"), "{}", said(&usual));
    let mut unusual = usual;
    unusual.loss_options.norm.kind = twoscale::options::NormKind::Toeplitz;
    unusual.loss_options.norm.power = 0.75;
    assert!(
        said(&unusual).contains("R(α) over the dense layers by toeplitz norms to the power 0.75, with its gradient ·")
    );
}

#[test]
fn departures_from_the_text_are_in_caption_and_document() {
    let mut e = fig13();
    e.text = serde_yaml::from_str("{optimiser.learning-rate: 0.1, loss-options.reduction: mean}").unwrap();
    e.assumptions = vec!["loss-options.gate".into(), "model.hidden".into()];
    assert!(caption(Origin::of(&plan(&e, &e, "paper")), &runs()).notes.is_empty());
    e.optimiser.learning_rate = 0.05;
    let notes = caption(Origin::of(&plan(&e, &e, "paper")), &runs()).notes;
    assert_eq!(notes, ["Departs from the text: learning rate 0.05 where the text has 0.1."]);
    assert_eq!(serde_json::to_value(e.departures()).unwrap(), json!({"optimiser.learning-rate": 0.05}));
    assert_eq!(serde_json::to_value(e.assumed()).unwrap(), json!({"loss-options.gate": "raw", "model.hidden": [100]}));
}

#[test]
fn nothing_published_is_said_with_the_command_that_helps() {
    let root = tempfile::tempdir().unwrap();
    let e = render(&plan(&fig13(), &fig13(), "paper"), "fig13", &Folders::of(root.path()), &Folders::of(root.path()))
        .unwrap_err()
        .to_string();
    assert!(e.contains("cargo xtask reproduce fig13"), "{e}");
}

#[test]
fn a_damaged_document_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    std::fs::create_dir_all(root.path().join("data")).unwrap();
    std::fs::write(folders.json("fig13"), "{").unwrap();
    assert!(published_document("fig13", &folders).unwrap_err().to_string().contains("fig13.json"));
}

#[test]
fn an_unwritable_folder_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let e = fig13();
    let error = publish(&plan(&e, &e, "paper"), "fig13", &runs(), &Folders::of(&file)).unwrap_err();
    assert!(error.to_string().contains("cannot"), "{error}");
}

#[test]
fn the_report_counts_verdicts_and_shows_the_contradictions() {
    let e = fig13();
    let own = document(&plan(&e, &e, "paper"), "fig13", &runs()).unwrap();
    let text = report(&[Reported { own, variants: Vec::new() }]);
    assert!(text.contains("1 claims: 1 holds, 0 direction-only, 0 fails"), "{text}");
    assert!(text.contains("| 13b |") && text.contains("Where the paper contradicts itself"));
    assert!(!text.contains("depend on the assumptions"), "{text}");
}

#[test]
fn the_report_says_which_claims_depend_on_the_assumptions() {
    let e = fig13();
    let document = |name: &str, e: &Experiment| document(&plan(e, e, "paper"), name, &runs()).unwrap();
    let mut strict = e.clone();
    strict.claims[0].parts[0].direction = Some(experiment::claims::Range { from: Some(99.0), to: None });
    let figure = Reported { own: document("fig13", &e), variants: vec![document("fig13-strict", &strict)] };
    assert_eq!(figure.names(), ["as published", "strict"]);
    let text = report(std::slice::from_ref(&figure));
    assert!(
        text.contains("1 claims: 1 holds, 0 direction-only, 0 fails"),
        "a variant's claims are the same claims: {text}"
    );
    assert!(text.contains("## fig13-strict: "), "{text}");
    let row = text.lines().find(|line| line.ends_with("| yes |")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.starts_with("| 13b |") && row.contains("| holds, ") && row.contains("| fails, "), "{row}");
}

#[test]
fn a_document_of_another_plan_is_known_as_such() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    let first = plan(&e, &e, "paper");
    publish(&first, "fig13", &runs(), &folders).unwrap();
    assert!(matches!(standing(&first, "fig13", &folders).unwrap(), Standing::Current(_)));
    let mut words = e.clone();
    words.title = "Another title".into();
    words.claims[0].claim = "the same in other words".into();
    words.panels[0].y.to = 0.5;
    let words = plan(&words, &words, "paper");
    assert!(
        matches!(standing(&words, "fig13", &folders).unwrap(), Standing::Current(_)),
        "words are no part of a plan"
    );

    let mut strict = e.clone();
    strict.claims[0].parts[0].direction = Some(experiment::claims::Range { from: Some(99.0), to: None });
    let strict = plan(&strict, &strict, "paper");
    let Standing::OtherPlan { difference, .. } = standing(&strict, "fig13", &folders).unwrap() else {
        panic!("current")
    };
    assert_eq!(difference, "the claims have other statistics or ranges");
    assert!(render(&strict, "fig13", &folders, &folders).is_ok(), "the curves are the same");

    let mut smooth = e.clone();
    smooth.panels[0].smooth = 3;
    let smooth = plan(&smooth, &smooth, "paper");
    let error = render(&smooth, "fig13", &folders, &folders).unwrap_err().to_string();
    assert!(error.contains("was published for another plan: other measures are drawn; `cargo xtask"), "{error}");

    let mut fast = e.clone();
    fast.optimiser.learning_rate = 5.0;
    let mut fast = plan(&fast, &fast, "paper");
    fast.runs.push(experiment::PlannedRun { loss: "single".into(), seed: 1, spec: crate::testing::run(1).spec });
    let Standing::OtherPlan { difference, .. } = standing(&fast, "fig13", &folders).unwrap() else { panic!("current") };
    assert!(
        difference.starts_with("optimiser.learning-rate 0.1 there, 5.0 now, seeds of single: 3 there, 1 now"),
        "{difference}"
    );
}

#[test]
fn a_document_that_names_no_plan_is_never_current() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    let plan = plan(&e, &e, "paper");
    publish(&plan, "fig13", &runs(), &folders).unwrap();
    let text = std::fs::read_to_string(folders.json("fig13")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json.as_object_mut().unwrap().remove("plan");
    std::fs::write(folders.json("fig13"), json.to_string()).unwrap();
    assert!(matches!(standing(&plan, "fig13", &folders).unwrap(), Standing::OtherPlan { .. }));
}

#[test]
fn a_table_or_a_document_that_is_not_the_figures_is_refused_and_nothing_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    let plan = plan(&e, &e, "paper");
    publish(&plan, "fig13", &runs(), &folders).unwrap();
    let drawn = std::fs::read(folders.svg("fig13")).unwrap();
    let csv = std::fs::read_to_string(folders.csv("fig13")).unwrap();
    for damaged in [&csv[..csv.len() / 2], &csv.replace("0.1", "0.2"), ""] {
        std::fs::write(folders.csv("fig13"), damaged).unwrap();
        let error = render(&plan, "fig13", &folders, &folders).unwrap_err().to_string();
        assert!(error.contains("fig13.csv is not the table that") && error.contains("fig13.json"), "{error}");
    }
    std::fs::remove_file(folders.csv("fig13")).unwrap();
    assert!(render(&plan, "fig13", &folders, &folders).is_err());
    std::fs::write(folders.csv("fig13"), &csv).unwrap();
    assert!(render(&plan, "fig13", &folders, &folders).is_ok());

    std::fs::copy(folders.json("fig13"), folders.json("fig14")).unwrap();
    let error = published_document("fig14", &folders).unwrap_err().to_string();
    assert!(error.contains("fig14.json") && error.contains("it is that of fig13"), "{error}");
    let json = std::fs::read_to_string(folders.json("fig13")).unwrap();
    std::fs::write(folders.json("fig13"), &json[..json.len() / 2]).unwrap();
    assert!(render(&plan, "fig13", &folders, &folders).unwrap_err().to_string().contains("fig13.json"));
    assert_eq!(std::fs::read(folders.svg("fig13")).unwrap(), drawn, "the figure is as it was");
}

/// Runs `tests/recompute.py` on a folder; `None` where there is no python3.
fn recompute(data: &Path) -> Option<std::process::Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recompute.py");
    let output = std::process::Command::new("python3").arg(script).arg(data).output();
    output.map_err(|error| eprintln!("left out, python3 cannot be started: {error}")).ok()
}

#[test]
fn verdicts_are_recomputed_from_the_numbers_of_single_seeds_in_another_language() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let mut e = fig13();
    let part = |statistic: serde_json::Value| {
        json!({"what": statistic.to_string(), "loss": "two-scale-0.01", "minus": "single", "measure": "batch-accuracy",
            "statistic": statistic, "direction": {"from": 0.0}, "magnitude": {"value": 20.0, "figure": 90.0}})
    };
    let range = [0.2, 0.9];
    let parts = [
        part(json!("end")),
        part(json!({"mean": range})),
        part(json!({"mean-absolute": range})),
        part(json!({"min": range})),
        part(json!({"arg-max": range})),
        json!({"what": "equal", "loss": "two-scale-0.01", "identical-to": "single", "direction": {"from": 100.0}}),
        json!({"what": "alone", "loss": "single", "measure": "test-accuracy", "magnitude": {"from": 60.0, "reason": "known"}}),
        json!({"what": "absent", "loss": "two-scale-1", "measure": "test-accuracy", "direction": {"from": 60.0}}),
    ];
    let claims: Vec<_> = (0..parts.len())
        .map(|i| json!({"id": i.to_string(), "claim": "c", "paper": "p", "parts": [parts[i], parts[0]]}))
        .collect();
    e.claims = serde_json::from_value(json!(claims)).unwrap();
    publish(&plan(&e, &e, "paper"), "fig13", &runs(), &folders).unwrap();
    let text = std::fs::read_to_string(folders.seeds("fig13")).unwrap();
    assert!(text.starts_with("claim,part,loss,seed,value\n0,1,two-scale-0.01,1,"), "{text}");
    let Some(output) = recompute(&root.path().join("data")) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("8 claims recomputed from") && said.contains("agree"), "{said}");
    // The check finds a number that was changed afterwards.
    std::fs::write(folders.seeds("fig13"), text.replacen("two-scale-0.01,1,", "two-scale-0.01,1,9", 1)).unwrap();
    assert_eq!(recompute(&root.path().join("data")).unwrap().status.code(), Some(1));
}

#[test]
fn the_repositorys_verdicts_agree_with_their_numbers_of_single_seeds() {
    let Some(output) = recompute(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../figures/data")) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
