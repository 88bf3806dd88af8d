//! Tests of damaged and missing data through the command line.
use crate::support::User;

const REPRODUCE: [&str; 5] = ["reproduce", "fig13", "--fake-trainer", "--seeds", "1"];
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn with_mnist(content: &[u8]) -> User {
    let user = User::new();
    std::fs::create_dir_all(user.path("data/mnist")).expect("a folder");
    for file in FILES {
        std::fs::write(user.path("data/mnist").join(file), content).expect("writable");
    }
    user
}

#[test]
fn a_truncated_file_is_named_and_nothing_is_trained() {
    let user = with_mnist(&[0, 0, 8, 3, 0, 0, 0xea, 0x60]);
    let did =
        user.run(&REPRODUCE).expect(1, &["mnist/train-images-idx3-ubyte", "truncated", "cargo xtask data fetch mnist"]);
    assert!(!did.err.contains("trained in"), "{}", did.err);
    let _ = user.run(&["data", "verify", "mnist"]).expect(1, &["truncated"]);
    let _ = user.run(&["data"]).expect(0, &["damaged", "truncated"]);
}

#[test]
fn a_missing_set_is_told_with_the_command_that_gets_it() {
    let user = User::new();
    let _ = user.run(&["data", "verify", "mnist"]).expect(1, &["missing", "cargo xtask data fetch mnist"]);
}
