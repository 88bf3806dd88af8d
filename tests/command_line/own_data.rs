//! Tests of a data set from the user's own `.npy` files.
use std::fs;

use crate::support::{User, npy};

/// The first figure on 60 images of 6 x 6: class 1 is bright above, class 0 below.
fn with_files() -> User {
    let user = User::with_copy();
    let images: Vec<u8> = (0..60u8)
        .flat_map(|i| (0..36u8).map(move |p| if (p < 18) == (i % 2 == 1) { 200 + i % 9 } else { i }))
        .collect();
    let labels: Vec<u8> = (0..60).map(|i| i % 2).collect();
    let experiments = user.here("experiments");
    fs::write(experiments.join("x.npy"), npy("(60, 6, 6)", &images)).expect("writable");
    fs::write(experiments.join("y.npy"), npy("(60,)", &labels)).expect("writable");
    user
}

const SET: [&str; 7] =
    ["--set", "data.set=files", "--set", "data.images=x.npy", "--set", "data.labels=y.npy", "--seeds=1"];

fn reproduce<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let base = ["reproduce", "fig13", "--set", "schedule={steps: 20, batch: 16, test-every: 20}"];
    [&base[..], &SET, more].concat()
}

#[test]
fn a_set_of_files_is_trained_recorded_and_trained_again_when_a_file_changes() {
    let user = with_files();
    let did = user.run(&reproduce(&[])).expect(0, &["trained in"]);
    let runs = || {
        let entries = fs::read_dir(user.path("runs")).expect("the store");
        let records = entries.map(|entry| entry.expect("an entry").path().join("run.json"));
        records.filter_map(|path| fs::read_to_string(path).ok()).collect::<Vec<_>>()
    };
    let first = runs();
    assert!(!first.is_empty(), "{did:?}");
    for record in &first {
        assert!(record.contains("\"x.npy\"") && record.contains("\"y.npy\""), "the files are not named: {record}");
        assert!(!record.contains(&*user.path("").to_string_lossy()), "a folder of this machine: {record}");
    }
    let again = user.run(&reproduce(&[])).expect(0, &[]);
    assert!(!again.err.contains("trained in"), "{}", again.err);
    // A file with other content under the same name is another training.
    let path = user.here("experiments/x.npy");
    let mut bytes = fs::read(&path).expect("readable");
    *bytes.last_mut().expect("some bytes") ^= 1;
    fs::write(&path, bytes).expect("writable");
    let _ = user.run(&reproduce(&[])).expect(0, &["trained in"]);
    assert_eq!(runs().len(), 2 * first.len());
}

#[test]
fn what_is_wrong_with_a_set_of_files_is_a_sentence() {
    let user = with_files();
    let wrong = |sets: &[&str], words: &[&str]| {
        let mut args = vec!["reproduce", "fig13", "--seeds=1"];
        sets.iter().for_each(|set| args.extend(["--set", set]));
        let did = user.run(&args).expect(2, words);
        assert!(!did.err.contains("trained"), "{}", did.err);
    };
    wrong(&["data.set=files"], &["data.images", "is missing", "data.labels", "must be the .npy file of the labels"]);
    wrong(&["data.images=x.npy"], &["data.images", "goes with `set: files` only"]);
    wrong(&["data.labels=corse"], &["data.labels", "is `corse`", "`fine` or `coarse`"]);
    let files = |more: &'static str| ["data.set=files", "data.images=x.npy", "data.labels=y.npy", more];
    wrong(&files("data.images=nowhere.npy"), &["cannot read", "nowhere.npy"]);
    wrong(&files("data.labels=y.csv"), &["data.labels", "must be a .npy file"]);
    wrong(&files("data.test-share=1.5"), &["data.test-share", "must be above 0 and below 1"]);
    wrong(&files("data.test-images=x.npy"), &["give both or neither"]);
    wrong(&files("data.sha256=abc"), &["data.sha256", "the files have the digest"]);
    // The size of images stands in the files' headers: no training begins for them.
    let small = ["data.set=files", "data.images=x.npy", "data.labels=y.npy", "model={kind: lenet-5, hidden: [10]}"];
    wrong(&small, &["model.kernel", "images of 6x6 are too small for two 5x5 convolutions", "need 16x16"]);
    let crop = "data.augmentation={crop: 7}";
    wrong(&files(crop), &["data.augmentation.crop", "must be at most 6, is 7"]);
    // Mistakes that are found only when the numbers are read.
    fs::write(user.here("experiments/y.npy"), npy("(59,)", &[0; 59])).expect("writable");
    let _ = user.run(&reproduce(&[])).expect(1, &["y.npy has 59 labels, and", "x.npy has 60 images"]);
}
