//! Tests that every mistake in an experiment file or on the command line is reported with file and line, or the option, the key
//! and what would be right.
use experiment::{Choice, Error, Source};

const TEXT: &str = "\
figure: fig99
title: A test
shows: What an experiment file may hold
data: {set: cifar-100}
model:
  kind: mlp
  hidden: [10]
optimiser: {learning-rate: 0.1}
schedule: {steps: 100, batch: 32, test-every: 50}
seeds: 2
losses:
  single: {kind: single, label: single, colour: r}
  two-scale-0.1:
    kind: two-scale
    eta: 0.1
    label: two
    colour: tab:blue
    with: {schedule: {steps: 50}}
panels:
  - panel: left
    title: Test set
    measure: close-enough
    at: [0, 0.1]
    x: {label: at, from: 0, to: 0.1}
    y: {label: accat, from: 0, to: 1}
    series: [single, two-scale-0.1]
claims:
  - id: 99a
    claim: It is better
    paper: better
    parts:
      - what: the difference
        loss: two-scale-0.1
        minus: single
        measure: close-enough
        at: [0.1]
        direction: {from: 0}
scales:
  smoke:
    schedule: {steps: 10}
    panels: {left: {y: {to: 0.5}}}
variants:
  coarse: {data: {labels: coarse}}
";

/// Message of the error when `from` is replaced by `to` in the file.
fn told(from: &str, to: &str, choice: &Choice) -> String {
    assert!(TEXT.contains(from), "the test looks for {from:?}");
    let plan = Source::parse("fig99.yaml", "fig99", TEXT.replacen(from, to, 1)).and_then(|source| source.plan(choice));
    match plan {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{to:?} in place of {from:?} was accepted"),
    }
}

fn expect(from: &str, to: &str, message: &str) {
    let error = told(from, to, &Choice::default());
    assert!(error.lines().any(|line| line.contains(message)), "{from:?} -> {to:?}\nwanted: {message}\ntold: {error}");
}

#[test]
fn the_file_itself_is_right() {
    let source = Source::parse("fig99.yaml", "fig99", TEXT.into()).expect("YAML");
    let plan = source.plan(&Choice::default()).expect("right");
    assert_eq!(plan.runs.len(), 4);
    let steps = |loss: &str| plan.runs.iter().find(|run| run.loss == loss).map(|run| run.spec.schedule.steps);
    assert_eq!((steps("single"), steps("two-scale-0.1")), (Some(100), Some(50)), "`with` is for one loss alone");
    let smoke = source.plan(&Choice { scale: Some("smoke".into()), ..Choice::default() }).expect("right");
    assert_eq!(smoke.experiment.panels[0].y.to, 0.5);
    assert_eq!(smoke.full.panels[0].y.to, 1.0);
}

#[test]
fn structure_is_refused_with_line_and_key() {
    expect("figure: fig99", "figure: [fig99", "fig99.yaml:2: not valid YAML");
    expect("  kind: mlp", "  knid: mlp", "fig99.yaml:6: model.knid: unknown key `knid`; did you mean `kind`?");
    expect("seeds: 2", "sedes: 2", "fig99.yaml:10: sedes: unknown key `sedes`; did you mean `seeds`?");
    expect("seeds: 2\n", "", "fig99.yaml:1: `seeds` is missing (Number of seeds)");
    expect(
        "steps: 100",
        "steps: many",
        "fig99.yaml:9: schedule.steps: must be a whole number, 0 or more, is the text `many`",
    );
    expect("steps: 100", "steps: -100", "fig99.yaml:9: schedule.steps: must be a whole number, 0 or more, is -100");
    expect(
        "{learning-rate: 0.1}",
        "fast",
        "fig99.yaml:8: optimiser: must be a mapping (`key: value` lines), is the text `fast`",
    );
    expect("set: cifar-100", "set: cifar100", "fig99.yaml:4: data.set: must be one of `mnist`");
    expect("set: cifar-100", "set: cifar100", "did you mean `cifar-100`?");
    expect("    kind: two-scale\n", "", "fig99.yaml:13: losses.two-scale-0.1: `kind` is missing");
    expect(
        "series: [single,",
        "series: [{slug: a, los: single},",
        "fig99.yaml:26: panels[0].series[0].los: unknown key `los`",
    );
    expect("hidden: [10]", "hidden: 10", "fig99.yaml:7: model.hidden: must be a list, is 10");
}

#[test]
fn a_misspelt_key_is_one_mistake() {
    let error = told("seeds: 2", "sedes: 2", &Choice::default());
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let both = TEXT.replace("steps: 100", "steps: x").replace("eta: 0.1", "eta: x");
    let source = Source::parse("fig99.yaml", "fig99", both).expect("YAML");
    let Err(Error::Invalid(diagnostics)) = source.plan(&Choice::default()) else { panic!("accepted") };
    assert_eq!(diagnostics.len(), 2);
}

#[test]
fn meaningless_values_are_refused() {
    expect("eta: 0.1", "eta: 0", "fig99.yaml:15: losses.two-scale-0.1.eta: must be greater than 0, is 0");
    expect("eta: 0.1", "eta: .nan", "losses.two-scale-0.1.eta: must be greater than 0, is NaN");
    expect(
        "eta: 0.1",
        "thresholds: [1, 0.5]",
        "losses.two-scale-0.1.thresholds[1]: thresholds must grow, 0.5 follows 1",
    );
    expect("    eta: 0.1\n", "", "fig99.yaml:13: losses.two-scale-0.1: a loss of several scales needs a threshold");
    expect(
        "kind: single,",
        "kind: single, eta: 1,",
        "losses.single.eta: a loss of kind `single` has one scale and no threshold",
    );
    expect("colour: tab:blue", "colour: blu", "losses.two-scale-0.1.colour: `blu` is no colour");
    expect("seeds: 2", "seeds: 0", "fig99.yaml:10: seeds: there must be at least one seed");
    expect("steps: 100", "steps: 0", "fig99.yaml:9: schedule.steps: must be at least 1");
    expect(
        "{learning-rate: 0.1}",
        "{learning-rate: 0}",
        "fig99.yaml:8: optimiser.learning-rate: must be greater than 0, is 0",
    );
    expect("{learning-rate: 0.1}", "{learning-rate: 0.1, momentum: 1}", "optimiser.momentum: must be in [0, 1), is 1");
    expect("figure: fig99", "figure: fig98", "fig99.yaml:1: figure: must be the file's name, `fig99`, is `fig98`");
}

/// Numbers that are far beyond any use would overflow, exhaust memory or run for ever.
#[test]
fn numbers_beyond_their_maximum_are_refused_with_it() {
    let source = Source::parse("fig99.yaml", "fig99", TEXT.into()).expect("YAML");
    let told = |choice: Choice| source.plan(&choice).expect_err("a number beyond its maximum").to_string();
    let many = format!("panels.left.at=[{}]", (0..20_000).map(|x| x.to_string()).collect::<Vec<_>>().join(","));
    let lenet = "model={kind: lenet-5, channels: [18446744073709551615, 18446744073709551615]}";
    for (set, reason) in [
        ("model.hidden=[18446744073709551615]", "model.hidden[0]: must be at most 65536, is 18446744073709551615"),
        ("model.hidden=[65536, 65536]", "model.hidden: the network has"),
        (lenet, "model.channels[0]: must be at most 65536, is 18446744073709551615"),
        ("model={kind: lenet-5, kernel: 18446744073709551615}", "model.kernel: must be at most 1024"),
        ("model={kind: lenet-5, kernel: 30}", "model.kernel: images of 32x32 are too small"),
        ("schedule.steps=18446744073709551615", "schedule.steps: must be at most 100000000"),
        ("schedule.batch=18446744073709551615", "schedule.batch: must be at most 1000000"),
        (
            "schedule.decay={steps: {at: [18446744073709551615], factor: 0.1}}",
            "schedule.decay.steps.at[0]: must be at most",
        ),
        ("panels.left.smooth=9223372036854775807", "smooth: must be at most 100000000"),
        ("panels.left.points=9223372036854775807", "points: must be at most 100000"),
        (&many, "at: a list has at most 10000 x values, this one 20000"),
        ("loss-options.norm.every=9223372036854775807", "loss-options.norm.every: must be at most"),
        ("loss-options.norm.power=1e300", "loss-options.norm.power: must be at most 100"),
        ("losses.two-scale-0.1.inner={truncated: 1.5}", "inner.truncated: must be greater than 0 and at most 1"),
        ("losses.two-scale-0.1.ratio=1e300", "ratio: must be from 1e-9 to 1000000000, is 1e300"),
        ("data.train=18446744073709551615", "data.train: must be at most 1000000000"),
    ] {
        let error = told(Choice { sets: vec![set.into()], ..Choice::default() });
        assert!(
            error.lines().any(|line| line.contains(reason)),
            "--set {set:.80}\nwanted: {reason}\ntold: {error:.2000}"
        );
    }
    assert_eq!(
        told(Choice { seeds: Some(10_000_000), ..Choice::default() }),
        "--seeds 10000000: seeds: must be at most 10000, is 10000000"
    );
}

#[test]
fn names_must_name_something() {
    expect(
        "series: [single, two",
        "series: [sinlge, two",
        "fig99.yaml:26: panels[0].series[0]: there is no loss `sinlge`; did you mean `single`?",
    );
    expect("minus: single", "minus: singel", "fig99.yaml:34: claims[0].parts[0].minus: there is no loss `singel`");
    expect("minus: single", "minus: two-scale-0.1", "a loss cannot be compared with itself");
    expect("        at: [0.1]\n", "", "claims[0].parts[0]: this measure is a function of x: give `at`");
    expect(
        "measure: close-enough\n    at",
        "measure: test-accuracy\n    at",
        "panels[0].at: this measure has its own x values",
    );
    expect(
        "direction: {from: 0}",
        "direction: {from: 2, to: 1}",
        "fig99.yaml:37: claims[0].parts[0].direction: `from` (2) must not be larger than `to` (1)",
    );
    expect("direction: {from: 0}", "direction: {}", "direction: give `from`, `to` or both");
    let twice = TEXT[TEXT.find("  - id: 99a").expect("there")..TEXT.find("scales:").expect("there")].to_owned();
    expect("scales:\n", &format!("{twice}scales:\n"), "fig99.yaml:38: claims[1].id: `99a` is there twice");
}

#[test]
fn mistakes_in_patches_are_told_where_the_patch_is_also_when_it_is_not_chosen() {
    expect(
        "schedule: {steps: 10}",
        "schedule: {stpes: 10}",
        "fig99.yaml:40: scales.smoke.schedule.stpes: unknown key `stpes`; did you mean `steps`?",
    );
    expect(
        "    with: {schedule",
        "    with: {seeds: 1, schedule",
        "fig99.yaml:18: losses.two-scale-0.1.with.seeds: unknown key `seeds`",
    );
    expect("  smoke:\n", "  paper: {seeds: 1}\n  smoke:\n", "scales.paper: the scale `paper` is the file itself");
    let smoke = Choice { scale: Some("smoke".into()), ..Choice::default() };
    let error = told("schedule: {steps: 10}", "schedule: {steps: 0}", &smoke);
    assert_eq!(error, "fig99.yaml:40: scales.smoke.schedule.steps: must be at least 1, is 0");
    let error = told("{left: {y:", "{lfet: {y:", &smoke);
    assert_eq!(error, "fig99.yaml:41: scales.smoke.panels.lfet: there is no `lfet` here; did you mean `left`?");
    let error = told("steps: 50}", "steps: 0}", &Choice::default());
    assert_eq!(error, "fig99.yaml:18: losses.two-scale-0.1.with.schedule.steps: must be at least 1, is 0");
}

#[test]
fn mistakes_of_the_command_line_name_the_option() {
    let told = |choice: Choice| {
        let source = Source::parse("fig99.yaml", "fig99", TEXT.into()).expect("YAML");
        source.plan(&choice).expect_err("a mistake").to_string()
    };
    let set = |text: &str| told(Choice { sets: vec![text.into()], ..Choice::default() });
    assert_eq!(
        set("schedule.stpes=1"),
        "--set schedule.stpes=1: schedule.stpes: unknown key `stpes`; did you mean `steps`?"
    );
    assert_eq!(
        set("losses.two-scale-0.1.eta=-1"),
        "--set losses.two-scale-0.1.eta=-1: losses.two-scale-0.1.eta: must be greater than 0, is -1"
    );
    assert_eq!(set("schedule.steps"), "--set schedule.steps: must be KEY=VALUE, such as schedule.steps=100");
    assert_eq!(
        told(Choice { scale: Some("smok".into()), ..Choice::default() }),
        "--scale smok: `fig99` has no scale `smok`; did you mean `smoke`?"
    );
    assert_eq!(
        told(Choice { seeds: Some(0), ..Choice::default() }),
        "--seeds 0: seeds: there must be at least one seed"
    );
    assert_eq!(
        told(Choice { only: vec!["singel".into()], ..Choice::default() }),
        "--only singel: `fig99` has no loss `singel`; did you mean `single`?"
    );
}

/// An experiment file of the repository.
fn figure(name: &str) -> Source {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    experiment::Catalogue::open(&folder).and_then(|catalogue| catalogue.source(name)).expect("a figure of the paper")
}

#[test]
fn a_wide_resnet_and_its_recipe_are_checked() {
    let source = figure("fig1");
    let cases = [
        ("model.depth=17", "model.depth: a wide residual network has 6n + 4 layers (10, 16, 22, 28, ...)"),
        ("model.width=0", "model.width: must be at least 1, is 0"),
        ("model.hidden=[10]", "model.hidden: a `wide-resnet` has no hidden dense layers"),
        ("model.last-layer-begins-at-zero=true", "set `loss-options.norm.layers: convolutions`"),
        ("loss-options.normalisation=rescaled-once", "take `direct`"),
        (
            "losses.single.inner.smoothed=1",
            "losses.single.inner.smoothed: the share of the label that goes to the other classes must be at least 0 and below 1, is 1",
        ),
        ("optimiser.asam.rho=-0.5", "optimiser.asam.rho: must be 0 or more, is -0.5"),
        ("optimiser.sam.rho=0.1", "`sam` and `asam` exclude each other"),
        ("schedule.steps=30000", "schedule.decay.steps.at[1]: step 46800 lies past the end of a run of 30000 steps"),
        ("data.augmentation.crop=33", "data.augmentation.crop: must be at most 32, is 33"),
        (
            "data.augmentation.cutout-probability=1.5",
            "data.augmentation.cutout-probability: must be a probability, 0 to 1, is 1.5",
        ),
        ("model.kind=mlp", "model.depth: only a `wide-resnet` has it"),
    ];
    for (set, sentence) in cases {
        let choice = Choice { sets: vec![set.into()], ..Choice::default() };
        let told = source.plan(&choice).expect_err(set).to_string();
        assert!(told.contains(sentence), "--set {set}\nwanted: {sentence}\ntold: {told}");
    }
}

#[test]
fn figures_of_the_wide_resnet_share_their_runs() {
    let plan = |name: &str, scale: &str| {
        let plan = figure(name).plan(&Choice { scale: Some(scale.into()), ..Choice::default() }).expect("right");
        plan.runs.iter().map(|run| run.spec.key()).collect::<Vec<_>>()
    };
    for (one, other) in [("fig1", "fig2"), ("fig11", "fig12")] {
        for scale in ["reduced", "smoke"] {
            assert_eq!(plan(one, scale), plan(other, scale), "{one}, {scale}");
        }
    }
}
