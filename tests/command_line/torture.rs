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
