//! Tests of standard output and error: files that are full, pipes that close, colours, JSON, commands that can be pasted.
#![cfg(unix)]
use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{User, did, xtask};
use serde_json::Value;

const FAKE: [&str; 5] = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error() {
    for arguments in [["verdict", "--json"], ["list", "--json"]] {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut command = Command::new(xtask());
        command.args(arguments).current_dir(crate::support::root()).stdout(full);
        let did = did(&command.output().expect("the program starts")).expect(1, &["cannot write to standard output"]);
        assert!(!did.err.contains("panicked"), "{}", did.err);
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut command = Command::new(xtask());
    command.args(["verdict"]).current_dir(crate::support::root()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let did = did(&child.wait_with_output().expect("it ends")).expect(0, &[]);
    assert_eq!(did.err, "", "nobody listens any more, and that is no error");
}

#[test]
fn colours_are_for_terminals() {
    let user = User::new();
    let escape = '\u{1b}';
    let plain = user.run(&["verdict", "fig13"]).expect(0, &["holds"]);
    assert!(!plain.out.contains(escape), "standard output is no terminal\n{}", plain.out);
    let coloured = |more: &[(&str, &str)]| {
        let mut command = Command::new(xtask());
        command.args(["verdict", "fig13"]).current_dir(crate::support::root()).env("CLICOLOR_FORCE", "1");
        command.envs(more.iter().copied());
        did(&command.output().expect("the program starts")).expect(0, &["holds"]).out.contains(escape)
    };
    assert!(coloured(&[]));
    assert!(!coloured(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "0")]));
}

#[test]
fn list_and_status_speak_json() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &[]);
    let json = |command: &str| {
        let did = user.run(&[command, "--scale", "smoke", "--fake-trainer", "--json"]).expect(0, &[]);
        serde_json::from_str::<Value>(&did.out).expect("JSON")
    };
    let list = json("list");
    let row = list.as_array().expect("a list").iter().find(|row| row["figure"] == "fig13").expect("a row").clone();
    assert_eq!((&row["runs"], &row["done"], &row["seconds-left"]), (&48.into(), &48.into(), &0.0.into()));
    assert_eq!(row["verdicts"].as_array().map(Vec::len), Some(5));
    let status = json("status");
    let figures = status["figures"].as_array().expect("a list");
    assert_eq!(figures.iter().find(|row| row["figure"] == "fig13").expect("a row")["done"], 48);
    assert_eq!(status["records"], 48);
}

#[test]
fn recommended_commands_can_be_pasted() {
    let user = User::with_copy();
    let store = user.path("my runs").display().to_string();
    let options = ["verdict", "fig13", "--set", "model.hidden=[64]", "--store", &store, "--fake-trainer"];
    let words = format!("cargo xtask reproduce fig13 --set 'model.hidden=[64]' --store '{store}'");
    let _ = user.run(&options).expect(0, &[&words]);
    let data = user.path("my data").display().to_string();
    let words = format!("cargo xtask data fetch mnist --data '{data}'");
    let _ = user.run(&["data", "verify", "mnist", "--data", &data]).expect(1, &[&words]);
}

#[test]
fn strict_verdicts_set_the_exit_status() {
    let user = User::with_copy();
    let _ = user.run(&["verdict", "fig13", "--fake-trainer"]).expect(0, &["not-run"]);
    let _ = user.run(&["verdict", "fig13", "--fake-trainer", "--strict"]).expect(1, &["not-run"]);
    let _ = user.run(&["verdict", "--help"]).expect(0, &["Exit status"]);
}

#[test]
fn lists_fit_eighty_columns() {
    let user = User::with_copy();
    let _ = user.run(&FAKE).expect(0, &[]);
    for arguments in [&["list"][..], &["list", "--scale", "smoke"], &["status"], &["runs"]] {
        let did = user.run(&[arguments, &["--fake-trainer"]].concat()).expect(0, &[]);
        // The first line may name a long temporary folder.
        let wide = did.out.lines().skip(1).find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{arguments:?}");
    }
}
