//! Tests of the user's own experiments: named by a path that ends in .yaml, drawn apart, never among the paper's figures.
use crate::support::User;

const MINE: &str = "\
extends: fig13.yaml
title: Mine
optimiser: {learning-rate: 0.2}
losses: {two-scale-0.1: null, two-scale-1: null, two-scale-10: null, two-scale-100: null}
claims: []
panels:
  left: {series: [two-scale-0.01, single]}
  right: {series: [two-scale-0.01, single]}
scales:
  smoke: {seeds: 2}
  reduced: null
";

#[test]
fn ones_own_figure_lands_apart_and_does_not_count() {
    let user = User::with_copy();
    std::fs::write(user.path("mine.yaml"), MINE).expect("writable");
    let path = user.path("mine.yaml").to_string_lossy().into_owned();
    let did = user.run(&["reproduce", &path, "--scale", "smoke", "--fake-trainer"]).expect(0, &["4 runs", "written:"]);
    assert!(did.out.contains("target/figures/own/fake-smoke/mine.svg"), "{}", did.out);
    assert!(user.here("target/figures/own/fake-smoke/data/mine.json").exists());
    let _ = user.run(&["verdict", &path, "--scale", "smoke", "--fake-trainer"]).expect(0, &["mine: Mine"]);
    let _ = user.run(&["show", &path]).expect(0, &["learning-rate: 0.2", "mine.yaml:3"]);
    for command in ["list", "status"] {
        let told = user.run(&[command, "--scale", "smoke", "--fake-trainer"]).expect(0, &["fig13"]);
        assert!(!told.out.contains("mine"), "{}", told.out);
    }
    let _ = user.run(&["reproduce", "mine", "--scale", "smoke"]).expect(2, &["there is no figure `mine`", ".yaml"]);
    let _ = user.run(&["reproduce", "gone/mine.yaml"]).expect(2, &["gone/mine.yaml", "cannot be read"]);
}

#[test]
fn a_file_in_the_repositorys_folder_that_is_no_figure_of_the_paper_does_not_count_either() {
    let user = User::with_copy();
    std::fs::write(user.here("experiments/fig99.yaml"), MINE).expect("writable");
    let all = user.run(&["list", "--scale", "reduced", "--fake-trainer"]).expect(0, &["fig13"]);
    assert!(!all.out.contains("fig99") && !all.err.contains("fig99"), "{}{}", all.out, all.err);
    let did = user.run(&["reproduce", "fig99", "--scale", "smoke", "--fake-trainer"]).expect(0, &["written:"]);
    assert!(did.out.contains("target/figures/own/fake-smoke/fig99.svg"), "{}", did.out);
}

#[test]
fn a_figure_that_lacks_a_scale_is_left_out_of_all() {
    let user = User::with_copy();
    let path = user.here("experiments/fig13.yaml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let start = text.find("  smoke:").expect("a scale");
    let end = start + text[start..].find("\n\n").expect("its end");
    std::fs::write(&path, format!("{}{}", &text[..start], &text[end..])).expect("writable");
    for command in ["list", "status"] {
        let told =
            user.run(&[command, "--scale", "smoke", "--fake-trainer"]).expect(0, &["fig13: no scale smoke, left out"]);
        assert!(told.out.contains("fig14"), "{}", told.out);
    }
    let one = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&one).expect(2, &["`fig13` has no scale `smoke`"]);
    let _ = user.run(&["list", "--scale", "huge"]).expect(2, &["no figure is left: every one has no scale huge"]);
}

#[test]
fn a_figure_of_the_paper_without_a_file_is_not_another() {
    let user = User::with_copy();
    std::fs::remove_file(user.here("experiments/fig5.yaml")).expect("removed");
    let told = user.run(&["reproduce", "fig5"]).expect(2, &["fig5 of the paper is not reproduced here"]);
    assert!(!told.err.contains("did you mean"), "{}", told.err);
}
