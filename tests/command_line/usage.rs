//! Tests of wrong usage and wrong input: status 2, and a sentence that says what would be right.
use crate::support::User;

#[test]
fn help_teaches_with_examples() {
    let user = User::new();
    let words = ["Examples:", "cargo xtask reproduce fig13 --scale smoke", "Exit status", "TWOSCALE_DATA"];
    let _ = user.run(&["--help"]).expect(0, &words);
    let _ = user.run(&["reproduce", "--help"]).expect(0, &["--set <KEY=VALUE>", "Ctrl-C", "--variant"]);
    let _ = user.run(&["verdict", "--help"]).expect(0, &["95 % interval"]);
}

#[test]
fn unknown_names_are_answered_with_those_there_are() {
    let user = User::new();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["reproduce", "fgi13"], &["there is no figure `fgi13`; did you mean `fig13`?", "fig15"]),
        (&["reproduce", "fig13", "--scale", "smok"], &["--scale smok", "did you mean `smoke`?"]),
        (&["reproduce", "fig13", "--only", "singel"], &["--only singel", "did you mean `single`?"]),
        (&["reproduce", "fig9", "--variant", "coars"], &["did you mean `coarse`?"]),
        (&["data", "verify", "mnits"], &["`mnits` is not a data set", "cifar-10"]),
        (&["reprduce", "fig13"], &["reproduce"]),
        (&["reproduce"], &["<FIG>", "--help"]),
    ];
    for (arguments, words) in cases {
        let _ = user.run(arguments).expect(2, words);
    }
}

#[test]
fn wrong_values_name_option_and_key() {
    let user = User::new();
    let set = |text: &str| user.run(&["reproduce", "fig13", "--set", text]);
    let _ = set("optimiser.setp=1").expect(2, &["unknown key `setp`"]);
    let _ = set("schedule.steps=many").expect(2, &["schedule.steps: must be a whole number"]);
    let _ = set("losses.two-scale-0.01.eta=0").expect(2, &["losses.two-scale-0.01.eta: must be greater than 0"]);
    let _ = set("schedule.steps").expect(2, &["must be KEY=VALUE"]);
    let _ = user.run(&["reproduce", "fig13", "--seeds", "0"]).expect(2, &["--seeds 0", "at least one seed"]);
    let _ = user.run(&["reproduce", "fig13", "--seeds", "few"]).expect(2, &["--seeds"]);
}

#[test]
fn wrong_values_of_a_wide_residual_network_name_file_and_key() {
    let user = User::new();
    let cases = [
        ("model.depth=17", "model.depth: a wide residual network has 6n + 4 layers (10, 16, 22, 28, ...)"),
        ("model.depth=4", "model.depth: a wide residual network has 6n + 4 layers"),
        ("model.width=0", "model.width: must be at least 1, is 0"),
        ("losses.single.inner.smoothed=1", "smoothed: the share of the label that goes to the other classes must be"),
        ("optimiser.asam.rho=-1", "optimiser.asam.rho: must be 0 or more, is -1"),
        (
            "schedule.decay={steps: {at: [10, 30], factor: 0.2}}",
            "schedule.decay.steps.at[1]: step 30 lies past the end of a run of 20 steps",
        ),
        (
            "schedule.decay={steps: {at: [10, 10], factor: 0.2}}",
            "schedule.decay.steps.at[1]: steps must grow, 10 follows 10",
        ),
        ("model.last-layer-begins-at-zero=true", "model.last-layer-begins-at-zero: the last layer counts in R(α)"),
    ];
    for (change, words) in cases {
        let arguments = ["reproduce", "fig1", "--scale", "smoke", "--set", change];
        let place = format!("error: --set {change}: ");
        let did = user.run(&arguments).expect(2, &[&place, words]);
        assert_eq!(did.err.lines().count(), 1, "{change}: {}", did.err);
    }
    let user = User::with_copy();
    let path = user.here("wide.yaml");
    for (key, value, words) in [
        ("model", "{depth: 17}", "wide.yaml:4: scales.smoke.model.depth: a wide residual network has 6n + 4 layers"),
        ("model", "{width: 0}", "wide.yaml:4: scales.smoke.model.width: must be at least 1, is 0"),
        (
            "losses",
            "{single: {inner: {smoothed: 1}}}",
            "wide.yaml:4: scales.smoke.losses.single.inner.smoothed: the share",
        ),
        ("schedule", "{steps: 15}", "schedule.decay.steps.at[2]: step 16 lies past the end of a run of 15 steps"),
        ("optimiser", "{asam: {rho: -1}}", "wide.yaml:4: scales.smoke.optimiser.asam.rho: must be 0 or more, is -1"),
    ] {
        let text = format!("extends: fig1.yaml\nfigure: wide\ntitle: A test\nscales: {{smoke: {{{key}: {value}}}}}\n");
        std::fs::write(&path, text).expect("writable");
        let did = user.run(&["reproduce", &path.display().to_string(), "--scale", "smoke"]).expect(2, &[words]);
        assert_eq!(did.err.lines().count(), 1, "{value}: {}", did.err);
    }
}

/// The program of the tests is compiled without the GPU's code.
#[test]
fn a_device_that_is_not_there_is_refused_in_a_sentence() {
    let user = User::new();
    let on = |command: &[&str], device: &str| user.run(&[command, &["--device", device]].concat());
    let words = ["`cuda` was asked for, but this program was compiled without it", "leave `--device` out"];
    let fig = ["reproduce", "fig1", "--scale", "smoke"];
    for device in ["cuda", "cuda:0", "cuda:7"] {
        let _ = on(&fig, device).expect(2, &words);
    }
    let _ = on(&[&fig[..], &["--slurm"]].concat(), "cuda").expect(2, &words);
    let _ = on(&[&fig[..], &["--dry-run"]].concat(), "cuda").expect(2, &words);
    let _ = on(&["sweep", "fig1", "--scale", "smoke", "--vary", "seeds=1,2"], "cuda").expect(2, &words);
    for device in ["gpu", "cuda:", "cuda:x", "mps"] {
        let _ = on(&fig, device).expect(2, &["no device is called", "take `cpu`, `cuda` or `cuda:N`"]);
    }
    let _ = on(&[&fig[..], &["--dry-run"]].concat(), "cpu").expect(0, &["would be trained"]);
}

#[test]
fn a_mistake_in_an_experiment_file_is_told_with_its_line() {
    let user = User::with_copy();
    let path = user.here("experiments/fig13.yaml");
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let line = 1 + text.lines().position(|line| line.starts_with("optimiser:")).expect("it has an optimiser");
    std::fs::write(&path, text.replacen("{learning-rate: 0.1}", "{learning-rat: 0.1}", 1)).expect("writable");
    let words = format!(
        "experiments/fig13.yaml:{line}: optimiser.learning-rat: unknown key `learning-rat`; did you mean `learning-rate`?"
    );
    let _ = user.run(&["reproduce", "fig13", "--scale", "smoke"]).expect(2, &[&words]);
    std::fs::write(&path, text.replacen("{learning-rate: 0.1}", "{learning-rate: 0.1", 1)).expect("writable");
    let _ = user.run(&["list"]).expect(2, &["experiments/fig13.yaml:", "not valid YAML"]);
}
