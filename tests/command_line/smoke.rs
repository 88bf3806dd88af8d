//! Test of the README's first command, with real training.
use crate::support::User;
use serde_json::Value;

#[test]
fn the_first_command_ends_with_a_figure_and_what_is_exact_holds() {
    let user = User::with_copy();
    let _ = user.run(&["reproduce", "fig13", "--scale", "smoke"]).expect(0, &["48 runs to train", "written:"]);
    let svg = std::fs::read_to_string(user.here("target/figures/smoke/fig13.svg")).expect("the figure is there");
    assert!(svg.contains("STAND-IN DATA"), "the figure says that these are not the paper's data");
    let json = user.run(&["verdict", "fig13", "--scale", "smoke", "--json"]).expect(0, &[]);
    let document: Value = serde_json::from_str(&json.out).expect("JSON");
    let claims = document["claims"].as_array().expect("a list");
    let exact = claims.iter().find(|claim| claim["id"] == "13e").expect("it is judged");
    assert_eq!(exact["verdict"], "holds", "η = 100 is the single scale, bit for bit");
}

#[test]
fn a_convolutional_figure_trains_too() {
    let user = User::with_copy();
    let one = ["reproduce", "fig14", "--scale", "smoke", "--seeds", "1", "--set", "schedule.steps=8"];
    let _ = user.run(&one).expect(0, &["target/figures/smoke-changed/fig14-"]);
}
