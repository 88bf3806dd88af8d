//! Tests with hostile experiment files: none makes the program panic or hang, and every error is a few lines long. The corpus holds one
//! file a kind of mistake; the rest are random changes of real files, always the same ones. `TWOSCALE_FUZZ=N` makes N times as many.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use experiment::{Catalogue, Choice, Source};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[path = "../../../tests/fuzz/changes.rs"]
mod changes;
#[path = "../../../tests/fuzz/times.rs"]
mod times;

use changes::changed;
use times::times;

/// Time within which a file must be answered, far more than any file needs even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// First error of a source over its scales and variants.
fn told(source: Result<Source, experiment::Error>) -> Option<String> {
    let source = match source {
        Ok(source) => source,
        Err(error) => return Some(error.to_string()),
    };
    let variants = std::iter::once(None).chain(source.variants().into_iter().map(|name| Some(name.to_owned())));
    let choices = variants.flat_map(|variant| {
        let scales = source.scales().into_iter().map(str::to_owned).take(20);
        scales.map(move |scale| Choice { scale: Some(scale), variant: variant.clone(), ..Choice::default() })
    });
    for choice in choices.take(100) {
        // Resolving suffices; a plan would list every seed.
        if let Err(error) = source.resolve(&choice) {
            return Some(error.to_string());
        }
    }
    None
}

fn is_short(message: &str) -> bool {
    message.lines().count() <= 12 && message.len() <= 12_000 && !message.chars().any(|c| c.is_control() && c != '\n')
}

#[test]
fn every_file_of_the_corpus_is_answered_with_a_few_lines() {
    let library = folder("../../experiments");
    let mut seen = 0;
    for entry in fs::read_dir(folder("tests/corpus")).expect("the corpus is there") {
        let path = entry.expect("readable").path();
        let began = Instant::now();
        let told = told(Source::read(&path, &library));
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(began.elapsed() < PATIENCE, "{name} took {:?}", began.elapsed());
        let harmless = ["valid.yaml", "carriage-returns.yaml"];
        match told {
            None => assert!(harmless.contains(&name.as_str()) || name == "byte-order-mark.yaml", "{name} was accepted"),
            Some(message) => {
                assert!(!harmless.contains(&name.as_str()), "{name}: {message}");
                assert!(is_short(&message), "{name}: {message}");
            }
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen} files");
}

#[test]
fn a_mistake_of_the_corpus_is_told_where_it_is() {
    let library = folder("../../experiments");
    let cases = [
        ("control-character-in-a-label.yaml", "losses.two-scale-0.1.label: has the control character U+0001"),
        ("control-character-in-a-key.yaml", "has the control character U+0007"),
        ("direction-mark-in-a-title.yaml", ":1: title: has the control character U+202E"),
        ("label-given-twice.yaml", "losses.two-scale-0.1.label: `single` is the label of `single`, too"),
        ("key-given-twice.yaml", "the key `seeds` is there twice"),
        ("aliases.yaml", ":1: not valid YAML: anchors (`&name`) are not supported"),
        ("nested-lists.yaml", "nested more than 64 levels deep"),
        ("nested-by-dashes.yaml", "nested more than 64 levels deep"),
        ("many-unknown-keys.yaml", "and 4990 more"),
        ("extends-itself.yaml", "extends this file in its turn"),
        ("not-utf-8.yaml", "UTF-8"),
    ];
    for (name, words) in cases {
        let message = told(Source::read(&folder("tests/corpus").join(name), &library)).expect("refused");
        assert!(message.contains(words), "{name}: wanted {words:?}, told {message:?}");
    }
}

#[test]
fn a_large_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("large.yaml");
    fs::write(&path, "[".repeat(10_000_000)).expect("written");
    let message = told(Source::read(&path, folder.path())).expect("refused");
    assert!(message.contains("the file has 10000000 bytes, at most 262144 are read"), "{message}");
}

#[test]
fn values_of_the_command_line_have_the_same_limits() {
    let source = Catalogue::open(&folder("../../experiments")).and_then(|c| c.source("fig13")).expect("readable");
    let key = "k".repeat(100_000);
    let sets = [
        format!("model.hidden={}", "[".repeat(100_000)),
        format!("title={}", "t".repeat(300_000)),
        format!("{key}=1"),
        format!("{}=1", ".".repeat(100_000)),
        "title=\"\\x01\"".to_owned(),
        format!("losses.single.colour={key}"),
        "model.hidden=&a [*a]".to_owned(),
    ];
    for set in sets {
        let began = Instant::now();
        let choice = Choice { sets: vec![set.clone()], ..Choice::default() };
        let message = source.plan(&choice).expect_err("refused").to_string();
        assert!(is_short(&message), "{message}");
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    }
}

#[test]
fn random_changes_of_real_files_are_answered() {
    let mut texts: Vec<String> = Vec::new();
    for name in ["fig4.yaml", "fig13.yaml", "base/cifar-lenet5.yaml"] {
        texts.push(fs::read_to_string(folder("../../experiments").join(name)).expect("readable"));
    }
    texts.push(fs::read_to_string(folder("tests/corpus/valid.yaml")).expect("readable"));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for round in 0..1_000 * times() {
        let text = changed(&texts[round % texts.len()], &PIECES, &mut random);
        let began = Instant::now();
        if let Some(message) = told(Source::parse("fig99.yaml", "fig99", text.clone())) {
            assert!(is_short(&message), "{message}\n{text}");
        }
        assert!(began.elapsed() < PATIENCE, "{:?}\n{text}", began.elapsed());
    }
}

const PIECES: [&str; 24] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "? ",
    "|",
    ">-",
    "&a ",
    "*a",
    "!!int ",
    "~",
    "\"",
    "'",
    "# ",
    "\n",
    "\n  ",
    "-1",
    "1e400",
    ".nan",
    "18446744073709551615",
    "\u{1}",
    "null",
];
