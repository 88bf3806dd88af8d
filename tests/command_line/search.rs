//! Tests of the search over assumptions through the command line.
use crate::support::{User, root};

#[test]
fn listed_assignments_are_compared_by_the_losses_that_are_asked_for() {
    let user = User::with_copy();
    let list = user.here("tried.yaml");
    std::fs::write(&list, "- {loss-options.gate: scaled, optimiser.learning-rate: 0.2}\n- {model.biases: false}\n")
        .expect("written");
    let search =
        ["search", "fig13", "--scale", "smoke", "--seeds", "2", "--only", "single", "--fake-trainer", "--list"];
    let arguments = [&search[..], &[list.to_str().expect("UTF-8")]].concat();
    let did = user.run(&arguments).expect(0, &["3 assignments:", "as the experiment files say", "written:"]);
    assert!(!did.out.contains("two-scale"), "only the single scale judges\n{}", did.out);
    let table = std::fs::read_to_string(user.here("target/assignments/fake-fig13.csv")).expect("the table is there");
    let head = table.lines().next().unwrap_or_default();
    assert!(head.contains("loss-options.gate,optimiser.learning-rate,model.biases,fig13,"), "{head}");
    // A single scale has no gate, but a learning rate; the paper's own ends are the last row.
    assert_eq!(table.lines().count(), 1 + 3 + 1, "{table}");
    assert!(
        std::fs::read_to_string(user.here("target/assignments/fake-fig13.svg")).is_ok_and(|svg| svg.contains("<svg"))
    );
    let _ = user.run(&arguments).expect(0, &["nothing to train"]);
}

#[test]
fn mistakes_in_a_list_are_told() {
    let user = User::with_copy();
    let list = user.here("tried.yaml");
    let tell = |text: &str, more: &[&str], words: &[&str]| {
        std::fs::write(&list, text).expect("written");
        let path = list.to_str().expect("UTF-8");
        let arguments = [&["search", "fig13", "--fake-trainer", "--list", path], more].concat();
        let _ = user.run(&arguments).expect(2, words);
    };
    tell("loss-options.gate: raw", &[], &["tried.yaml: must be a list of mappings"]);
    tell(
        "- {loss-options.gate: raw}\n- through",
        &[],
        &["tried.yaml: assignment 2: must be one of a list of mappings"],
    );
    tell(
        "- {loss-options.gaet: raw}",
        &[],
        &["--list loss-options.gaet=raw", "unknown key `gaet`; did you mean `gate`?"],
    );
    tell("- {}", &[], &["nothing is varied", "--list"]);
    tell("- {loss-options.gate: scaled}", &["--only", "singel"], &["--only singel", "did you mean `single`?"]);
    let _ = user
        .run(&["search", "fig13", "--list", "nowhere.yaml", "--fake-trainer"])
        .expect(2, &["--list nowhere.yaml: cannot read it", "give a YAML file"]);
}

#[test]
fn the_list_of_what_was_tried_is_valid() {
    let user = User::new();
    let list = root().join("experiments/search/cifar.yaml");
    let arguments = [
        "search",
        "fig10",
        "--scale",
        "smoke",
        "--only",
        "single",
        "--only",
        "two-scale-0.01",
        "--budget",
        "0",
        "--fake-trainer",
    ];
    let arguments = [&arguments[..], &["--list", list.to_str().expect("UTF-8")]].concat();
    let did = user.run(&arguments).expect(0, &["the budget is used up"]);
    assert!(!did.out.contains("does not go together") && !did.err.contains("does not go together"), "{}", did.err);
}
