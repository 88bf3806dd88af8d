//! Tests of figures, tables and verdicts through the command line, with the fake trainer, since they do not depend on what is learned.
use crate::support::User;
use serde_json::Value;

const FAKE: [&str; 5] = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];

#[test]
fn reproduce_leaves_figure_table_and_verdicts() {
    let user = User::with_copy();
    let did = user.run(&FAKE).expect(0, &["48 runs to train", "13e", "holds", "written:", "fig13.svg"]);
    assert!(did.err.contains("0 done"), "{}", did.err);
    let folder = user.here("target/figures/fake-smoke");
    let svg = std::fs::read_to_string(folder.join("fig13.svg")).expect("the figure is there");
    assert!(svg.starts_with("<svg"));
    let csv = std::fs::read_to_string(folder.join("data/fig13.csv")).expect("the table is there");
    assert!(csv.starts_with("panel,series,x,mean,low,high,n\n"));
    assert!(!user.here("figures/fig13.svg").exists(), "only the paper's own runs are published");

    let _ = user.run(&FAKE).expect(0, &["48 done"]);
    let json = user.run(&["verdict", "fig13", "--scale", "smoke", "--fake-trainer", "--json"]).expect(0, &[]);
    let document: Value = serde_json::from_str(&json.out).expect("JSON");
    let written = std::fs::read_to_string(folder.join("data/fig13.json")).expect("the document is there");
    assert_eq!(document, serde_json::from_str::<Value>(&written).expect("JSON"), "verdict prints what was published");
    assert_eq!(document["scale"], "smoke");
    let claims = document["claims"].as_array().expect("a list");
    assert_eq!(claims.iter().map(|claim| &claim["id"]).collect::<Vec<_>>(), ["13a", "13b", "13c", "13d", "13e"]);
    for key in ["paper", "estimate", "low", "high", "n", "direction", "magnitude", "verdict"] {
        assert!(claims[0].get(key).is_some(), "scripts rely on `{key}`");
    }
}

#[test]
fn a_reproduction_ends_with_accuracies_and_what_it_came_to() {
    let user = User::with_copy();
    let did = user.run(&FAKE).expect(0, &["train, last epoch", "two-scale-0.01", "seeds"]);
    let last = did.out.lines().last().unwrap_or_default();
    assert!(last.starts_with("fig13: ") && last.contains(" of 5 claims hold"), "{last}");
    let two = user.run(&["reproduce", "fig14", "fig15", "--scale", "smoke", "--fake-trainer", "--seeds", "2"]);
    let two = two.expect(0, &[]);
    let lines: Vec<&str> = two.out.lines().rev().take(2).collect();
    assert!(lines[1].starts_with("fig14: ") && lines[0].starts_with("fig15: "), "{lines:?}");
}

#[test]
fn a_dry_run_trains_and_writes_nothing() {
    let user = User::with_copy();
    let dry = [&FAKE[..], &["--dry-run"]].concat();
    let did = user.run(&dry).expect(0, &["48 runs would be trained", "target/figures/fake-smoke/fig13.svg"]);
    assert!(!user.path("runs").exists() && !user.here("target").exists(), "{}", did.out);
    // Without the data the time is a guess, and nothing is fetched.
    let _ = user.run(&["reproduce", "fig4", "--dry-run"]).expect(0, &["30 runs would be trained", " ?", "cifar-100"]);
    let _ = user.run(&FAKE).expect(0, &[]);
    let _ = user.run(&dry).expect(0, &["every run is done", "replaced where they differ"]);
}

#[test]
fn a_figure_is_drawn_from_its_published_table_alone() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &[]);
    let svg = user.here("target/figures/fake-smoke/fig13.svg");
    let before = std::fs::read(&svg).expect("the figure is there");
    std::fs::remove_dir_all(user.path("runs")).expect("records can be removed");
    std::fs::remove_file(&svg).expect("the figure can be removed");
    let _ =
        user.run(&["figure", "fig13", "--scale", "smoke", "--fake-trainer"]).expect(0, &["drawn from", "fig13.csv"]);
    assert!(before == std::fs::read(&svg).expect("drawn again"), "the same bytes as from the records");
    let out = user.path("elsewhere").display().to_string();
    let _ =
        user.run(&["figure", "fig13", "--scale", "smoke", "--fake-trainer", "--out", &out]).expect(0, &["drawn from"]);
    for file in ["fig13.csv", "fig13.json", "fig13-seeds.csv"] {
        let bytes = |folder: std::path::PathBuf| std::fs::read(folder.join("data").join(file)).expect(file);
        assert!(bytes(user.path("elsewhere")) == bytes(user.here("target/figures/fake-smoke")), "{file}");
    }
    let _ = user
        .run(&["figure", "fig3", "--fake-trainer"])
        .expect(1, &["nothing is published", "cargo xtask reproduce fig3"]);
}

/// Judges the repository's own figures from their published documents.
#[test]
fn a_verdict_is_compared_with_that_under_other_assumptions() {
    let user = User::new();
    let did =
        user.run(&["verdict", "fig13"]).expect(0, &["fig13 under other assumptions", "per-first-scale", "depends"]);
    let wide = did.out.lines().skip(1).find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    assert!(did.out.contains("figures/data/fig13.json"), "a fresh clone has no records\n{}", did.out);
    let one = user.run(&["verdict", "fig13", "--variant", "per-first-scale"]).expect(0, &["fig13-per-first-scale: "]);
    assert!(!one.out.contains("under other assumptions"), "one variant was asked for\n{}", one.out);
    let json = user.run(&["verdict", "fig13", "--json"]).expect(0, &[]);
    assert!(
        serde_json::from_str::<Value>(&json.out).is_ok_and(|document| document["figure"] == "fig13"),
        "{}",
        json.out
    );
    let _ = user.run(&["report", "--markdown"]).expect(0, &["### fig13: which claims depend on the assumptions"]);
}

#[test]
fn changed_runs_are_never_published_as_the_papers() {
    let user = User::with_copy();
    let changes: [&[&str]; 3] = [&["--seeds", "2"], &["--set", "schedule.steps=50"], &["--only", "single"]];
    for change in changes {
        let arguments = [&FAKE[..], change].concat();
        let _ = user.run(&arguments).expect(0, &["target/figures/fake-smoke-changed/fig13-"]);
    }
}

#[test]
fn figures_share_runs() {
    let user = User::with_copy();
    let reproduce = |name: &str| user.run(&["reproduce", name, "--scale", "smoke", "--fake-trainer"]);
    let _ = reproduce("fig3").expect(0, &["8 runs to train"]);
    for name in ["fig4", "fig5", "fig6", "fig7", "fig8", "fig9"] {
        let did = reproduce(name).expect(0, &["written:"]);
        assert!(!did.err.contains("to train"), "{name}: {}", did.err);
    }
}

#[test]
fn list_and_status_show_what_is_done() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &[]);
    let _ = user.run(&["list", "--scale", "smoke", "--fake-trainer"]).expect(0, &["fig3 ", "fig15", "48/48", "done"]);
    let _ = user.run(&["status", "--scale", "smoke", "--fake-trainer"]).expect(0, &["48 records in", "interrupted"]);
    let _ =
        user.run(&["data"]).expect(0, &["mnist", "missing", "digits", "embedded", "cargo xtask data fetch cifar-10"]);
}

#[test]
fn a_diverging_run_is_recorded_and_named() {
    let user = User::with_copy();
    let arguments = [&FAKE[..], &["--set", "optimiser.learning-rate=2000"]].concat();
    let _ = user.run(&arguments).expect(0, &["diverged at step", "not-run"]);
    let mut svgs = std::fs::read_dir(user.here("target/figures/fake-smoke-changed")).expect("drawn");
    let svg = svgs.find_map(|entry| entry.ok().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "svg")));
    let svg = std::fs::read_to_string(svg.expect("drawn")).expect("readable");
    assert!(svg.contains("Diverged and left out"), "the figure says so");
}

/// The page over the repository's published figures.
fn report(user: &User) -> String {
    let path = user.path("report.html");
    let out = path.to_string_lossy().into_owned();
    let _ = user.run(&["report", "--out", &out]).expect(0, &["report.html", "claims"]);
    std::fs::read_to_string(&path).expect("written")
}

/// Reads `panel,series,x,value` of a table of curves by (panel, series, x); the value is in the fourth column.
fn curves(path: &std::path::Path) -> std::collections::BTreeMap<String, f64> {
    let text = std::fs::read_to_string(path).expect("a table");
    let rows = text.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>());
    let number = |cell: &str| cell.parse::<f64>().expect("a number");
    rows.map(|row| (format!("{} {} {:.4}", row[0], row[1], number(row[2])), number(row[3]))).collect()
}

/// Figure 4 has the same six places in all of its curves, so that its distance is the root mean square over all points.
#[test]
fn the_report_tells_how_far_whole_curves_are_from_the_papers() {
    let user = User::new();
    let page = report(&user);
    let (ours, paper) = (curves(&user.here("figures/data/fig4.csv")), curves(&user.here("figures/paper/fig4.csv")));
    let squares: Vec<f64> =
        paper.iter().filter_map(|(place, theirs)| Some((ours.get(place)? - theirs).powi(2))).collect();
    assert_eq!(squares.len(), 36);
    let distance = 100.0 * (squares.iter().sum::<f64>() / 36.0).sqrt();
    let row = page.split("<a href=\"#fig4\">Figure 4</a></th>").nth(1).expect("a row");
    let row = row.split("</tr>").next().expect("a row");
    assert!(row.contains("as published") && row.contains(&format!(">{distance:.1}<")), "{distance}: {row}");
    assert!(row.contains(">in<") && row.contains(">no<"), "{row}");
}

/// The page over the repository's published figures needs no other file, and states every claim and every image in words.
#[test]
fn the_report_is_one_page_that_needs_nothing_else() {
    let user = User::new();
    let page = report(&user);
    let images: Vec<&str> = page.split("<img").skip(1).filter_map(|rest| rest.split('>').next()).collect();
    assert!(images.len() >= 11, "{} images", images.len());
    for image in &images {
        assert!(image.contains("src=\"data:image/svg+xml;base64,"), "an image that is not part of the page");
        let alt = image.split("alt=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert!(alt.is_some_and(|alt| alt.len() > 20), "an image without words: {alt:?}");
    }
    for loaded in ["<script src", "<link rel=\"stylesheet", "href=\"http:", "@import", "url(http", "src=\"http"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    // Every figure that was run is drawn three times, with values under the pointer.
    for kind in ["the paper's curves:", "our curves with", "our curves over"] {
        let drawn = page.matches(&format!(", {}", kind.replace('\'', "&#x27;"))).count();
        assert!(drawn >= 22, "{drawn} drawings of {kind}");
    }
    assert!(
        page.contains("ours 0.") && page.matches("<rect class=\"strip\"").count() > 1000,
        "no values under the pointer"
    );
    let folder = user.here("figures/data");
    for figure in [3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15] {
        let text = std::fs::read_to_string(folder.join(format!("fig{figure}.json"))).expect("published");
        let document: Value = serde_json::from_str(&text).expect("a document");
        for claim in document["claims"].as_array().expect("claims") {
            let id = claim["id"].as_str().expect("an id");
            assert!(page.contains(&format!(">{id}<")), "claim {id} of figure {figure}");
        }
    }
}
