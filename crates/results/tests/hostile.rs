//! Hostile published files: random changes of a document, of its table and of the paper's curves. No panic, no hang; an error is a few
//! lines without control characters. `TWOSCALE_FUZZ=N` makes N times as many changes.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use experiment::{Choice, Plan, Source};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use results::publish::{Folders, published_document, render};

#[path = "../../../tests/fuzz/changes.rs"]
mod changes;
#[path = "../../../tests/fuzz/times.rs"]
mod times;

use changes::changed;
use times::times;

/// Far more than any file needs, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pieces of numbers, JSON and CSV that readers stumble over.
const PIECES: [&str; 18] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\n",
    "\r",
    "null",
    "-1",
    "1e999",
    "NaN",
    "inf",
    "\u{1}",
    "\u{202e}",
    "18446744073709551615",
    "-0.0",
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn rounds() -> usize {
    100 * times()
}

/// A published figure in a folder of its own, and the plan that it answers.
struct Copy {
    folders: Folders,
    plan: Plan,
    _folder: tempfile::TempDir,
}

fn copy(name: &str) -> Copy {
    let folder = tempfile::tempdir().unwrap();
    let folders = Folders::of(folder.path());
    fs::create_dir_all(folder.path().join("data")).unwrap();
    fs::create_dir_all(&folders.paper).unwrap();
    let published = Folders::of(&repository("figures"));
    fs::copy(published.json(name), folders.json(name)).unwrap();
    fs::copy(published.csv(name), folders.csv(name)).unwrap();
    fs::copy(repository(&format!("figures/paper/{name}.csv")), folders.paper.join(format!("{name}.csv"))).unwrap();
    let library = repository("experiments");
    let source = Source::read(&library.join(format!("{name}.yaml")), &library).unwrap();
    Copy { folders, plan: source.plan(&Choice::default()).unwrap(), _folder: folder }
}

/// Draws the figure and checks the manner of the answer; returns whether it was drawn.
fn drawn(name: &str, copy: &Copy) -> bool {
    let began = Instant::now();
    let result = render(&copy.plan, name, &copy.folders, &copy.folders);
    assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(message.len() < 2000 && message.lines().count() <= 12, "{} bytes: {message:.300}", message.len());
        assert!(!message.chars().any(|c| c.is_control() && c != '\n'), "{message:?}");
    }
    result.is_ok()
}

/// Gives a document the digest of the table beside it, so that the table is read and not refused for its digest.
fn seal(name: &str, copy: &Copy) {
    let mut document = published_document(name, &copy.folders).unwrap().unwrap();
    document.table = blake3::hash(&fs::read(copy.folders.csv(name)).unwrap()).to_hex().to_string();
    fs::write(copy.folders.json(name), serde_json::to_string(&document).unwrap()).unwrap();
}

#[test]
fn changed_documents_are_drawn_or_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for name in ["fig4", "fig14"] {
        let copy = copy(name);
        let whole = fs::read_to_string(copy.folders.json(name)).unwrap();
        assert!(drawn(name, &copy), "the published figure itself");
        for _ in 0..rounds() {
            fs::write(copy.folders.json(name), changed(&whole, &PIECES, &mut random)).unwrap();
            drawn(name, &copy);
        }
    }
}

#[test]
fn changed_tables_are_refused_by_their_digest_and_read_safely_without_it() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let name = "fig4";
    let copy = copy(name);
    let whole = fs::read_to_string(copy.folders.csv(name)).unwrap();
    for _ in 0..rounds() {
        let text = changed(&whole, &PIECES, &mut random);
        fs::write(copy.folders.csv(name), &text).unwrap();
        let json = fs::read(copy.folders.json(name)).unwrap();
        assert_eq!(drawn(name, &copy), text == whole, "a table that was changed is never drawn");
        seal(name, &copy);
        drawn(name, &copy);
        fs::write(copy.folders.json(name), json).unwrap();
    }
}

#[test]
fn changed_curves_of_the_paper_are_drawn_or_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let name = "fig4";
    let copy = copy(name);
    let path = copy.folders.paper.join("fig4.csv");
    let whole = fs::read_to_string(&path).unwrap();
    for _ in 0..rounds() {
        fs::write(&path, changed(&whole, &PIECES, &mut random)).unwrap();
        drawn(name, &copy);
    }
}
