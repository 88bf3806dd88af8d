//! Tests of base files: chains, circles, keys that a file takes away, and the place at which mistakes in a base are reported.
use std::path::Path;

use experiment::{Catalogue, Choice, Error, Source};

const BASE: &str = "\
data: {set: digits}
model: {kind: mlp, hidden: [10]}
optimiser: {learning-rate: 0.1, momentum: 0.5}
schedule: {steps: 100, batch: 32, test-every: 50}
seeds: 2
losses:
  single: {kind: single, label: single, colour: r}
panels:
  - panel: left
    title: Test set
    measure: test-accuracy
    x: {label: Epochs, from: 0, to: 2.2}
    y: {label: accuracy, from: 0, to: 1}
    series: [single]
scales:
  smoke: {schedule: {steps: 10}, panels: {left: {x: {to: 1}}}}
";

const FILE: &str = "\
extends: base.yaml
title: One run
shows: How a file extends another
optimiser: {momentum: null}
schedule: {steps: 200}
panels: {left: {y: {from: 0.5}}}
scales:
  smoke: {schedule: {test-every: 5}}
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        Self(folder)
    }

    fn read(&self, name: &str) -> Result<Source, Error> {
        Source::read(&self.0.path().join(name), &self.0.path().join("library"))
    }

    fn told(&self, name: &str) -> String {
        let result = self.read(name).and_then(|source| source.plan(&Choice::default()));
        result.expect_err("a mistake").to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn smoke() -> Choice {
    Choice { scale: Some("smoke".into()), ..Choice::default() }
}

#[test]
fn a_file_says_what_differs_from_its_base() {
    let folder = Folder::with(&[("base.yaml", BASE), ("mine.yaml", FILE)]);
    let source = folder.read("mine.yaml").expect("readable");
    let plan = source.plan(&Choice::default()).expect("valid");
    assert_eq!((plan.name.as_str(), plan.of_paper), ("mine", false));
    let spec = &plan.runs[0].spec;
    assert_eq!((spec.optimiser.learning_rate, spec.optimiser.momentum, spec.schedule.steps), (0.1, 0.0, 200));
    assert_eq!((plan.experiment.panels[0].y.from, plan.experiment.panels[0].y.to), (0.5, 1.0));
    let small = source.plan(&smoke()).expect("valid");
    assert_eq!((small.runs[0].spec.schedule.steps, small.runs[0].spec.schedule.test_every), (10, 5));
    assert_eq!(small.experiment.panels[0].x.to, 1.0);
}

#[test]
fn a_base_is_found_beside_the_file_or_in_the_library_and_may_extend_another() {
    let middle = "extends: deep/base.yaml\nseeds: 3\n";
    let files =
        [("mine/mine.yaml", FILE), ("library/base.yaml", middle), ("library/deep/base.yaml", BASE), ("x.yaml", "")];
    let folder = Folder::with(&files);
    let plan = folder.read("mine/mine.yaml").and_then(|source| source.plan(&Choice::default())).expect("valid");
    assert_eq!(plan.runs.len(), 3);
}

#[test]
fn circles_and_missing_bases_are_refused_with_their_place() {
    let folder = Folder::with(&[("a.yaml", "title: A\nextends: b.yaml\n"), ("b.yaml", "extends: a.yaml\n")]);
    assert_eq!(folder.told("a.yaml"), "b.yaml:1: extends: `a.yaml` extends this file in its turn; break the circle");
    let folder = Folder::with(&[("a.yaml", "title: A\nextends: a.yaml\n")]);
    assert!(folder.told("a.yaml").starts_with("a.yaml:2: extends: `a.yaml` extends this file in its turn"));
    let folder = Folder::with(&[("a.yaml", "title: A\nextends: gone.yaml\n")]);
    assert!(
        folder.told("a.yaml").starts_with("a.yaml:2: extends: there is no file `gone.yaml` beside this file or in")
    );
    let folder = Folder::with(&[("a.yaml", "title: A\nextends: [b]\n")]);
    assert!(folder.told("a.yaml").contains("a.yaml:2: extends: must be"), "{}", folder.told("a.yaml"));
}

#[test]
fn mistakes_are_told_in_the_file_that_makes_them() {
    let told = |base: &str, file: &str| Folder::with(&[("base.yaml", base), ("mine.yaml", file)]).told("mine.yaml");
    assert_eq!(
        told(&BASE.replace("hidden", "hiden"), FILE),
        "base.yaml:2: model.hiden: unknown key `hiden`; did you mean `hidden`?"
    );
    assert_eq!(
        told(&BASE.replace("steps: 10}", "stpes: 10}"), FILE),
        "base.yaml:16: scales.smoke.schedule.stpes: unknown key `stpes`; did you mean `steps`?"
    );
    assert_eq!(told(&BASE.replace("[10]", "[0]"), FILE).split(": ").next(), Some("base.yaml:2"));
    assert_eq!(told(BASE, &FILE.replace("200", "0")), "mine.yaml:5: schedule.steps: must be at least 1, is 0");
    assert_eq!(
        told(BASE, &FILE.replace("{left: {y", "{lfet: {y")),
        "mine.yaml:6: panels.lfet: there is no `lfet` here; did you mean `left`?"
    );
    assert_eq!(
        told(BASE, &FILE.replace("title: One run\n", "")),
        "mine.yaml:1: `title` is missing (Title above the figure)"
    );
    assert!(told("a: [", FILE).contains("not valid YAML"), "{}", told("a: [", FILE));
    let smoke_steps = BASE.replace("steps: 10}", "steps: 0}");
    let folder = Folder::with(&[("base.yaml", &smoke_steps), ("mine.yaml", FILE)]);
    let error = folder.read("mine.yaml").and_then(|source| source.plan(&smoke())).expect_err("no steps").to_string();
    assert!(error.ends_with("base.yaml:16: scales.smoke.schedule.steps: must be at least 1, is 0"), "{error}");
}

#[test]
fn ones_own_file_extends_a_figure_of_the_repository() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let folder = Folder::with(&[("mine.yaml", "extends: fig4.yaml\ntitle: Mine\noptimiser: {learning-rate: 0.2}\n")]);
    let source = Source::read(&folder.0.path().join("mine.yaml"), &library).expect("readable");
    let plan = source.plan(&Choice::default()).expect("valid");
    assert_eq!((plan.name.as_str(), plan.of_paper), ("mine", false));
    let of_paper = Catalogue::open(&library).and_then(|catalogue| catalogue.source("fig4")).expect("readable");
    let four = of_paper.plan(&Choice::default()).expect("valid");
    assert!(four.of_paper);
    let rate = |plan: &experiment::Plan| plan.runs[0].spec.optimiser.learning_rate;
    assert_eq!((rate(&plan), plan.runs.len()), (0.2, four.runs.len()));
    assert_eq!(plan.experiment.paper.curves.as_deref(), Some("fig4"), "the paper's curves are drawn below");
}

/// An own file that extends figure 13, planned.
fn of_thirteen(text: &str) -> experiment::Plan {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let folder = Folder::with(&[("mine.yaml", &format!("extends: fig13.yaml\n{text}"))]);
    let source = Source::read(&folder.0.path().join("mine.yaml"), &library).expect("readable");
    source.plan(&Choice { seeds: Some(1), ..smoke() }).expect("valid")
}

#[test]
fn claims_and_curves_of_the_paper_hold_for_its_data_and_network_alone() {
    let of_paper = |text: &str| {
        let plan = of_thirteen(text);
        assert_eq!(plan.note, None, "{text}");
        assert_eq!(
            (plan.experiment.claims.len(), plan.experiment.paper.curves.as_deref()),
            (5, Some("fig13")),
            "{text}"
        );
        assert_eq!(plan.experiment.title, "Two-scale loss on MNIST");
    };
    of_paper("optimiser: {learning-rate: 0.2}");
    of_paper(
        "losses: {two-scale-0.01: {ratio: 5}}\nmodel: {biases: false, last-activation: none}\ndata: {input: half}",
    );
    // The network is the figure's, and a kernel's side means nothing in it.
    of_paper("model: {hidden: [100], kernel: 3}");

    let other = |text: &str, difference: &str| {
        let plan = of_thirteen(text);
        let note = format!("{difference} than fig13 of the paper, whose claims and curves do not apply");
        assert_eq!(plan.note, Some(note), "{text}");
        assert_eq!((plan.experiment.claims.len(), &plan.experiment.paper.curves), (0, &None), "{text}");
        plan.experiment.title
    };
    assert_eq!(other("model: {hidden: [100, 50]}", "Another network"), "mine: fig13 with another network");
    assert_eq!(other("title: Mine\ndata: {set: digits}", "Another data set"), "Mine");
    let both = other("model: {hidden: [5]}\ndata: {set: digits}", "Another data set and another network");
    assert_eq!(both, "mine: fig13 with another data set and another network");

    // Values that the user's own file states stay.
    let own = of_thirteen("data: {set: digits}\npaper: {curves: fig13}\nclaims: {13b: {claim: Mine}}");
    assert_eq!(own.experiment.claims.iter().map(|claim| claim.claim.as_str()).collect::<Vec<_>>(), ["Mine"]);
    assert_eq!(own.experiment.paper.curves.as_deref(), Some("fig13"));
}

#[test]
fn layers_that_the_network_does_not_have_are_refused_at_load() {
    let folder = Folder::with(&[("base.yaml", BASE), ("mine.yaml", "")]);
    let told = |model: &str, layers: &str| {
        let text = format!("{FILE}model: {model}\nloss-options: {{norm: {{layers: {layers}}}}}\n");
        std::fs::write(folder.0.path().join("mine.yaml"), text).expect("written");
        folder
            .read("mine.yaml")
            .and_then(|source| source.plan(&Choice::default()))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let error = told("{hidden: [10, 5]}", "{named: [fc1, conv1]}").expect_err("no such layer");
    assert!(
        error.ends_with("loss-options.norm.layers: no layer `conv1` in this model: its layers are fc1, fc2, fc3"),
        "{error}"
    );
    assert_eq!(told("{hidden: [10, 5]}", "{named: [fc1, fc3]}"), Ok(()));
    let error = told("{}", "convolutions").expect_err("no convolution");
    assert!(error.contains("no layer counts in R(α)"), "{error}");
    let lenet = "{kind: lenet-5, hidden: [4, 4], kernel: 1}";
    let error = told(lenet, "{named: [fc4]}").expect_err("no such layer");
    assert!(error.ends_with("its layers are conv1, conv2, fc1, fc2, fc3"), "{error}");
    let wide = "{kind: wide-resnet, hidden: null, depth: 10, width: 20}";
    let error = told(wide, "{named: [fc1]}").expect_err("no such layer");
    assert!(error.contains("its layers are conv1, group1.unit1.conv1, ") && error.ends_with(", fc"), "{error}");
}

#[test]
fn a_figure_without_a_file_is_not_mistaken_for_another() {
    let folder = Folder::with(&[("fig3.yaml", ""), ("fig13.yaml", ""), ("fig99.yaml", BASE)]);
    let catalogue = Catalogue::open(folder.0.path()).expect("a folder");
    assert_eq!(catalogue.names(), ["fig3", "fig13"], "one's own figure does not count");
    let told = |name: &str| catalogue.source(name).expect_err("no such figure").to_string();
    assert_eq!(
        told("fig1"),
        "fig1 of the paper is not reproduced here: there is no experiments/fig1.yaml; there is fig3, fig13"
    );
    assert!(told("1").starts_with("fig1 of the paper is not reproduced here"));
    assert!(told("fig31").starts_with("there is no figure `fig31`; did you mean `fig13`?"), "{}", told("fig31"));
    assert!(!catalogue.source("fig99").expect("a file").of_paper);
}
