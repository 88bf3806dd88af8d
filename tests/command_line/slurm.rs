//! Tests of runs on a cluster: through a real Slurm where this machine has one, else of the scripts alone.
#![cfg(unix)]
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{User, npy};
use serde_json::Value;

const FIGURE: [&str; 5] = ["reproduce", "fig13", "--scale", "smoke", "--fake-trainer"];
const FILES: [&str; 3] = ["history.safetensors", "evaluation.safetensors", "model.safetensors"];

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn a_dry_run_prints_the_script() {
    let user = User::with_copy();
    let options = ["--slurm", "--dry-run", "--partition", "low", "--time", "1:00:00", "--array-limit", "4"];
    let did = user.run(&[&FIGURE[..], &options].concat()).expect(
        0,
        &["#SBATCH --array=0-47%4", "#SBATCH --partition=low", "#SBATCH --time=1:00:00", "scontrol requeue"],
    );
    assert!(did.out.starts_with("#!/bin/bash\n"), "{}", did.out);
    assert!(!user.path("runs/fake").exists(), "nothing is written");
    let _ = user.run(&[&FIGURE[..], &["--slurm", "--time", "soon"]].concat()).expect(2, &["soon", "1:30:00"]);
    let _ = user.run(&[&FIGURE[..], &["--partition", "low"]].concat()).expect(2, &["--slurm"]);
}

/// Writes programs that answer as Slurm's do, and begin nothing.
fn fake_slurm(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(folder).expect("made");
    for (name, says) in [("scontrol", "MaxArraySize = 1001"), ("sbatch", "7")] {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("allowed");
    }
}

#[test]
fn a_task_finds_the_files_of_an_own_data_set_from_any_folder() {
    let user = User::with_copy();
    let labels: Vec<u8> = (0..60).map(|i| i % 2).collect();
    std::fs::write(user.path("x.npy"), npy("(60, 6, 6)", &[9; 60 * 36])).expect("writable");
    std::fs::write(user.path("y.npy"), npy("(60,)", &labels)).expect("writable");
    let text =
        "extends: fig13.yaml\ndata: {set: files, images: x.npy, labels: y.npy}\nschedule: {batch: 16}\nscales: null\n";
    std::fs::write(user.path("mine.yaml"), text).expect("writable");
    let mine = user.path("mine.yaml").display().to_string();
    fake_slurm(&user.path("bin"));
    let path = format!("{}:{}", user.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let figure = ["reproduce", &mine, "--seeds=1", "--only=single", "--fake-trainer", "--slurm"];
    let did = user.run_with(&figure, &[("PATH", path.as_str())]).expect(0, &["1 run to train: submitted as job 7"]);
    let folder =
        std::fs::read_dir(user.path("runs/fake/slurm")).expect("made").flatten().next().expect("a folder").path();
    let list = folder.join("runs.json").display().to_string();
    let store = user.path("runs").display().to_string();
    // A task begins in the folder where sbatch was called, or wherever the cluster puts it.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let output = Command::new(folder.join("xtask"))
        .args(["slurm-task", "--fake-trainer", "--list", &list, "--store", &store])
        .current_dir(elsewhere.path())
        .output()
        .expect("begun");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 run trained here"), "{did:?}{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_preempted_array_and_a_killed_task_lose_and_repeat_nothing() {
    if said("sinfo", &["--noheader", "--format", "%T"]).is_none_or(|states| !states.contains("idle")) {
        println!("skipped: no idle Slurm here (Debian has it in the packages slurmctld, slurmd and munge)");
        return;
    }
    let user = User::with_copy();
    let reference = User::with_copy();
    let _ = reference.run(&FIGURE).expect(0, &[]);
    let slow = [&FIGURE[..], &["--fake-delay", "3000", "--slurm", "--time", "10"]].concat();
    let submit = || user.run(&slow).expect(0, &["submitted as job"]);
    // Two arrays at once share the runs.
    let jobs: Vec<String> = [submit(), submit()]
        .iter()
        .filter_map(|did| did.out.split("submitted as job ").nth(1)?.split(',').next().map(str::to_owned))
        .collect();
    let begun = Instant::now();
    wait_for(&user, begun, |status| records(status) >= 4);
    // A job of a higher partition preempts the tasks for a moment, where there is such a partition.
    let preempted =
        said("sbatch", &["--parsable", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=sleep 3"]);
    if preempted.is_none() {
        println!("no partition `high`: nothing is preempted");
    }
    wait_for(&user, begun, |status| records(status) >= 12);
    // One task is killed in the middle, while it holds a lock.
    let pattern = format!("slurm-task --list {}", user.path("runs/fake/slurm").display());
    let victim = said("pgrep", &["--full", "--oldest", &pattern]);
    if let Some(victim) = &victim {
        let _ = Command::new("kill").args(["-KILL", victim]).status();
    }
    wait_for(&user, begun, |status| records(status) == 48);
    for job in &jobs {
        let _ = Command::new("scancel").arg(job).status();
    }
    println!(
        "48 runs in {} s through jobs {jobs:?}, preempted by {preempted:?}, task {victim:?} killed",
        begun.elapsed().as_secs()
    );
    for entry in std::fs::read_dir(reference.path("runs/fake")).expect("the store is there").flatten() {
        let key = entry.file_name();
        for name in FILES {
            let bytes =
                |user: &User| std::fs::read(user.path("runs/fake").join(Path::new(&key)).join(name)).expect("there");
            assert!(bytes(&user) == bytes(&reference), "{key:?}/{name}");
        }
    }
    let _ = user.run(&FIGURE).expect(0, &["48 done", "written:"]);
    let _ = user.run(&["status", "--scale", "smoke", "--fake-trainer", "--verify"]).expect(0, &["48 records whole"]);
}

fn records(status: &Value) -> u64 {
    status["records"].as_u64().unwrap_or_default()
}

/// Waits until the store is as wanted.
fn wait_for(user: &User, begun: Instant, wanted: impl Fn(&Value) -> bool) {
    loop {
        let did = user.run(&["status", "--scale", "smoke", "--fake-trainer", "--json"]).expect(0, &[]);
        let status: Value = serde_json::from_str(&did.out).expect("JSON");
        if wanted(&status) {
            return;
        }
        let queue = said("squeue", &[]).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_secs(400), "{}\n{queue}", did.out);
        std::thread::sleep(Duration::from_millis(300));
    }
}
