//! Tests of interruptions and of stores that cannot be used.
#![cfg(unix)]
use std::process::Command;
use std::time::Duration;

use crate::support::{User, did};

#[test]
fn ctrl_c_keeps_what_is_done_and_the_same_command_goes_on() {
    let user = User::with_copy();
    let slow = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer", "--fake-delay", "5000", "--jobs", "2"];
    let child = user.begin(&slow);
    std::thread::sleep(Duration::from_millis(2500));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("`kill` is there");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    let stopped = did(&output).expect(130, &["stopped:", "Go on with: cargo xtask reproduce fig13 --scale smoke"]);
    assert!(!stopped.err.contains("48 of 48"), "it was stopped before the end: {}", stopped.err);
    let _ = user.run(&["status", "--scale", "smoke", "--fake-trainer"]).expect(0, &["go on where they were"]);
    let quick = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&quick).expect(0, &["from a checkpoint", "written:"]);
}

/// Sends a signal to a slow reproduction in the midst of training.
fn signalled(user: &User, signal: &str, status: i32) {
    let slow = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer", "--fake-delay", "5000", "--jobs", "2"];
    let child = user.begin(&slow);
    std::thread::sleep(Duration::from_millis(2500));
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("`kill` is there");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    let _ = did(&output).expect(status, &["stopped:", "Go on with: cargo xtask reproduce fig13 --scale smoke"]);
    let _ = user.run(&["status", "--scale", "smoke", "--fake-trainer"]).expect(0, &["go on where they were"]);
    let _ =
        user.run(&["runs", "--fake-trainer", "--outcome", "interrupted"]).expect(0, &["fig13@smoke", "interrupted"]);
}

#[test]
fn sigterm_and_sighup_keep_a_checkpoint_too() {
    let user = User::with_copy();
    signalled(&user, "-TERM", 143);
    signalled(&user, "-HUP", 129);
    let quick = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&quick).expect(0, &["from a checkpoint", "written:"]);
}

#[test]
fn a_wait_for_another_process_is_one_line() {
    let user = User::with_copy();
    let slow = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer", "--fake-delay", "1000", "--jobs", "4"];
    let mut first = user.begin(&[&slow[..], &["--seeds", "1"]].concat());
    std::thread::sleep(Duration::from_millis(700));
    let second = user.run(&["reproduce", "fig13", "--scale", "smoke", "--fake-trainer", "--seeds", "1"]);
    let _ = first.wait();
    let second = second.expect(0, &["is being trained by process", "seed 1", "written:"]);
    assert_eq!(second.err.matches("is being trained by").count(), 1, "{}", second.err);
}

#[test]
fn a_folder_of_figures_that_cannot_be_written_is_told_before_anything_is_trained() {
    let user = User::with_copy();
    std::fs::write(user.path("file"), "not a folder").expect("writable");
    let out = user.path("file");
    let out = out.to_str().expect("text");
    let fake = ["fig13", "--scale", "smoke", "--fake-trainer", "--out", out];
    for more in [&["reproduce"][..], &["sweep", "--vary", "schedule.batch=32,64"]] {
        let did = user.run(&[more, &fake].concat()).expect(2, &[out, "--out"]);
        assert!(!did.err.contains("to train"), "{}", did.err);
    }
}

#[test]
fn a_store_that_cannot_be_written_is_told_before_anything_is_trained() {
    let user = User::new();
    std::fs::write(user.path("file"), "not a folder").expect("writable");
    let store = user.path("file");
    let store = store.to_str().expect("text");
    let arguments = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer", "--store", store];
    let did = user.run(&arguments).expect(1, &[store]);
    assert!(!did.err.contains("trained in"), "{}", did.err);
}

#[test]
fn a_record_of_another_version_is_refused_and_kept() {
    let user = User::with_copy();
    let arguments = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&arguments).expect(0, &[]);
    let records = std::fs::read_dir(user.path("runs/fake")).expect("the store is there");
    let folders = records.map(|entry| entry.expect("readable").path());
    let run = folders.map(|path| path.join("run.json")).find(|path| path.exists()).expect("a record");
    let text = std::fs::read_to_string(&run).expect("readable");
    let version = env!("CARGO_PKG_VERSION");
    // The record loses the digest of its own text, which other versions may not have.
    let (text, _) = text.rsplit_once(",\n  \"digest\"").expect("a record ends with its digest");
    let other = format!("{}\n}}\n", text.replace(&format!("\"{version}\""), "\"99.0.0\""));
    assert!(other.contains("99.0.0"), "a record says its version");
    std::fs::write(&run, &other).expect("writable");
    let _ = user.run(&arguments).expect(1, &["99.0.0", "1 run failed"]);
    assert_eq!(std::fs::read_to_string(&run).expect("still there"), other, "nothing is lost");
}

#[test]
fn a_damaged_record_is_named_found_and_removed() {
    let user = User::with_copy();
    let arguments = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
    let _ = user.run(&arguments).expect(0, &[]);
    let status = |more: &[&str]| user.run(&[&["status", "--scale", "smoke", "--fake-trainer"], more].concat());
    let _ = status(&["--verify"]).expect(0, &["verified: 48 records whole, 0 damaged"]);
    let records = std::fs::read_dir(user.path("runs/fake")).expect("the store is there");
    let run =
        records.flatten().map(|entry| entry.path()).find(|path| path.join("run.json").exists()).expect("a record");
    let key = run.file_name().expect("a key").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(run.join("run.json")).expect("readable");
    std::fs::write(run.join("run.json"), text.replacen("\"stand-in\"", "\"stand-on\"", 1)).expect("writable");
    for command in ["figure", "verdict", "reproduce"] {
        let did = user.run(&[command, "fig13", "--scale", "smoke", "--fake-trainer"]);
        let _ = did.expect(1, &[&key, "run.json is not what was written", "cargo xtask status --verify"]);
    }
    let _ = status(&[]).expect(1, &[&key, "is damaged"]);
    let _ = status(&["--prune"]).expect(0, &["removed: 1 item"]);
    let _ = user.run(&arguments).expect(0, &["1 run to train"]);
}

#[test]
fn a_store_that_cannot_be_read_is_no_empty_store() {
    let user = User::with_copy();
    let link = user.path("runs");
    std::os::unix::fs::symlink(&link, &link).expect("a link to itself");
    for command in [&["list"][..], &["verdict", "fig13"], &["figure", "fig13"], &["status"]] {
        let _ = user.run(command).expect(1, &["cannot read the store"]);
    }
}
