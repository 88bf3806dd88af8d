//! Wrong usage and wrong input: status 2, and a sentence that says what would be right.
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
