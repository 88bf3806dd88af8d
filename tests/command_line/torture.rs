//! Test with the short form of `cargo xtask torture`.
#![cfg(unix)]
use crate::support::User;

#[test]
fn nothing_is_lost_under_torture() {
    let did = User::new().run(&["torture", "--seconds", "15"]).expect(0, &["kills", "bits flipped in records"]);
    for none in ["0  damaged records used", "0  runs lost or changed"] {
        assert!(did.out.lines().any(|line| line.trim() == none), "{}", did.out);
    }
    println!("{}", did.out);
}

/// Locks that every process gets at once, as some network file systems grant them.
const LYING_LOCKS: &str = "int flock(int file, int operation) { return 0; }\n";

#[cfg(target_os = "linux")]
#[test]
fn locks_that_lie_are_told_and_harm_no_record() {
    let user = User::new();
    let (source, library) = (user.path("locks.c"), user.path("locks.so"));
    std::fs::write(&source, LYING_LOCKS).expect("written");
    let compiled = std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !compiled.is_ok_and(|status| status.success()) {
        println!("skipped: no C compiler to make a library of lying locks");
        return;
    }
    let figure = |user: &User, out: &str, variables: &[(&str, &str)]| {
        let folder = user.path(out);
        let arguments =
            ["reproduce", "fig13", "--scale", "smoke", "--seeds", "2", "--out", folder.to_str().expect("UTF-8")];
        let did = user.run_with(&arguments, variables).expect(0, &[]);
        (std::fs::read(folder.join("data/fig13.csv")).expect("a table"), did.err + &did.out)
    };
    let honest = User::new();
    let (expected, said) = figure(&honest, "figure", &[]);
    assert!(!said.contains("no locks to rely on"), "{said}");

    let lying = [("LD_PRELOAD", library.to_str().expect("UTF-8"))];
    let results: Vec<_> = std::thread::scope(|scope| {
        let (user, figure, lying) = (&user, &figure, &lying);
        let running: Vec<_> =
            ["a", "b", "c"].map(|out| scope.spawn(move || figure(user, out, lying))).into_iter().collect();
        running.into_iter().map(|process| process.join().expect("ends")).collect()
    });
    for (table, said) in results {
        assert_eq!(table, expected);
        assert!(said.contains("no locks to rely on"), "{said}");
    }
    let _ = user.run(&["status", "--verify"]).expect(0, &["12 records whole, 0 damaged"]);
}
