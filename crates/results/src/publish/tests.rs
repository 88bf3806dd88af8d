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
        "measure": "test-accuracy", "accept": {"from": -6.0},
    }]}]);
    experiment(json!([panel("left", "batch-accuracy", &["two-scale-0.01", "single"])]), claims)
}

fn origin<'a>(experiment: &'a Experiment, full: &'a Experiment, scale: &'a str) -> Origin<'a> {
    Origin { experiment, full, scale }
}

#[test]
fn a_figure_renders_from_the_published_table_as_it_did_from_records() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    let published = publish(origin(&e, &e, "paper"), "fig13", &runs(), &folders).unwrap();
    assert_eq!(published.files.len(), 3);
    let drawn = std::fs::read(folders.svg("fig13")).unwrap();
    std::fs::remove_file(folders.svg("fig13")).unwrap();
    assert_eq!(render(&e, "fig13", &folders).unwrap(), folders.svg("fig13"));
    assert_eq!(std::fs::read(folders.svg("fig13")).unwrap(), drawn);
    assert!(!String::from_utf8(drawn).unwrap().contains("REDUCED"));
    let left: Vec<_> = std::fs::read_dir(root.path().join("data")).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary files remain");
}

#[test]
fn the_document_keeps_its_contract() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    publish(origin(&e, &e, "paper"), "fig13", &runs(), &folders).unwrap();
    let text = std::fs::read_to_string(folders.json("fig13")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["scale"], "paper");
    assert_eq!(json["data"][0]["name"], "mnist/train-images-idx3-ubyte.gz");
    assert_eq!(json["data"][0]["digest"], "ab".repeat(32));
    assert_eq!(json["readings"]["loss-options"]["normalisation"], "through");
    let claim = &json["claims"][0];
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
    let caption = caption(origin(&small, &full, "smoke"), &runs);
    let all = caption.banners.join("\n");
    assert!(all.contains("STAND-IN DATA: UCI digits, 8x8"), "{all}");
    assert!(all.contains("FAKE TRAINER"), "{all}");
    assert!(all.contains("REDUCED RUN (scale smoke): 3 of 30 seeds, 5 of 10 steps, 1,000 training objects"), "{all}");
    assert!(
        caption.subtitle.starts_with("3 to 4 seeds · 5 steps of 6 objects, τ = 0.1 · MNIST"),
        "{}",
        caption.subtitle
    );
    assert_eq!(caption.notes, ["Diverged and left out, single scale: seed 5 at step 4."]);
}

#[test]
fn the_caption_names_an_unusual_norm_and_only_that() {
    let usual = fig13();
    let said = |e: &Experiment| format!("{:?}", caption(origin(e, e, "paper"), &runs()));
    assert!(said(&usual).contains("R over dense layers, through;"), "{}", said(&usual));
    let mut unusual = usual;
    unusual.loss_options.norm.kind = twoscale::options::NormKind::Toeplitz;
    unusual.loss_options.norm.power = 0.75;
    assert!(said(&unusual).contains("R over dense layers by toeplitz norms to the power 0.75, through;"));
}

#[test]
fn nothing_published_is_said_with_the_command_that_helps() {
    let root = tempfile::tempdir().unwrap();
    let e = render(&fig13(), "fig13", &Folders::of(root.path())).unwrap_err().to_string();
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
fn a_variant_is_laid_over_the_papers_curves_of_its_figure() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    assert_eq!(folders.paper_csv("fig13-coarse"), folders.paper.join("fig13.csv"));
}

#[test]
fn an_unwritable_folder_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let e = fig13();
    let error = publish(origin(&e, &e, "paper"), "fig13", &runs(), &Folders::of(&file)).unwrap_err();
    assert!(error.to_string().contains("cannot"), "{error}");
}

#[test]
fn the_report_counts_verdicts_and_shows_the_contradictions() {
    let e = fig13();
    let own = document(origin(&e, &e, "paper"), "fig13", &runs());
    let text = report(&[Reported { own, variants: Vec::new() }]);
    assert!(text.contains("1 claims: 1 holds, 0 fails"), "{text}");
    assert!(text.contains("| 13b |") && text.contains("Where the paper contradicts itself"));
    assert!(!text.contains("depend on the reading"), "{text}");
}

#[test]
fn the_report_says_which_claims_depend_on_the_reading() {
    let root = tempfile::tempdir().unwrap();
    let folders = folders(root.path());
    let e = fig13();
    for name in ["fig13", "fig13-strict"] {
        let mut e = e.clone();
        if name == "fig13-strict" {
            e.claims[0].parts[0].accept = experiment::file::Accept { from: Some(99.0), to: None };
        }
        publish(origin(&e, &e, "paper"), name, &runs(), &folders).unwrap();
    }
    let figure = published("fig13", &["strict", "absent"], &folders).unwrap().unwrap();
    assert_eq!(figure.readings(), ["as published", "strict"]);
    let text = report(std::slice::from_ref(&figure));
    assert!(text.contains("1 claims: 1 holds, 0 fails"), "a variant's claims are the same claims: {text}");
    assert!(text.contains("## fig13-strict: "), "{text}");
    let row = text.lines().find(|line| line.ends_with("| yes |")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.starts_with("| 13b |") && row.contains("| holds, ") && row.contains("| fails, "), "{row}");
    assert_eq!(published("fig14", &[], &folders).unwrap(), None);
}
