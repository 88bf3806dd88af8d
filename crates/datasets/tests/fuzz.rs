//! Hostile data files: a corpus that is kept, and random changes of good files. No panic, no hang, bounded memory; every refusal is one
//! short sentence. A binary of its own, so that its memory can be measured. `TWOSCALE_FUZZ=N` makes N times as many changes.

#[path = "it/fake.rs"]
#[allow(dead_code)] // one function is used by the other test program alone
mod fake;
#[path = "../../../tests/fuzz/times.rs"]
mod times;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use datasets::{Cache, Error, Files, Name, Progress, TestPart};
use proptest::prelude::*;

use times::times;

use fake::{Fake, cifar, gzip, images, labels};

/// Memory that the whole of this binary may take at any time, most of it the test harness's own.
const MEMORY: u64 = 200 << 20;
/// Time that one file may take.
const TIME: Duration = Duration::from_secs(20);

fn corpus(kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let read = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = read.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(files.len() >= 5, "the corpus of {kind} is gone");
    files
}

/// Runs `load` on a hostile file; checks the time and that a refusal is one short sentence.
fn judged<T>(load: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let began = Instant::now();
    let result = load();
    assert!(began.elapsed() < TIME, "took {:?}", began.elapsed());
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(message.len() < 2000, "{} bytes: {message:.300}", message.len());
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    if let Some(peak) = peak() {
        assert!(peak < MEMORY, "{peak} bytes of memory");
    }
    result
}

/// The largest resident memory of this process so far, where the system tells.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

/// Loads MNIST or CIFAR from the made-up set in which one file is `bytes`, with the length and digest that the catalogue expects.
fn published(name: Name, file: &str, bytes: Vec<u8>) -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    fake.put(name, file, bytes);
    let cache = fake.lay_out(dir.path());
    judged(|| cache.load(name)).map(|_| ())
}

/// Loads such a set with the length and digest of the good file.
fn damaged(name: Name, path: &str, bytes: Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    let same = fake.files.insert(path.to_owned(), bytes.clone()).is_some_and(|good| good == bytes);
    let cache = fake.lay_out(dir.path());
    let result = judged(|| cache.load(name));
    assert!(!matches!(result, Err(Error::Decode { .. })), "passed every check, but: {result:?}");
    assert_eq!(result.is_ok(), same);
}

fn npy(bytes: &[u8], as_labels: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (x, y) = good_npy();
    let (x, y) = if as_labels { (x.as_slice(), bytes) } else { (bytes, y.as_slice()) };
    fs::write(dir.path().join("x.npy"), x).unwrap();
    fs::write(dir.path().join("y.npy"), y).unwrap();
    let test = TestPart::Share(0.5);
    let files = Files { folder: dir.path().into(), images: "x.npy".into(), labels: "y.npy".into(), test };
    if let Ok(set) = judged(|| files.load()) {
        let pixels: usize = set.shape.iter().product();
        for part in [&set.train, &set.test] {
            assert_eq!(part.images.len(), part.len() * pixels);
            assert!(part.labels.iter().all(|&label| (label as usize) < set.classes));
        }
    }
}

fn good_npy() -> (Vec<u8>, Vec<u8>) {
    let file = |kind: &str, shape: &str, numbers: &[u8]| {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", (text.len() as u16).to_le_bytes().as_slice(), text.as_bytes(), numbers].concat()
    };
    (file("|u1", "(8, 3, 6, 6)", &fake::noise(8 * 108, 1)), file("<i2", "(8,)", &[0, 0, 1, 0].repeat(4)))
}

struct Notes(Vec<String>);

impl Progress for Notes {
    fn begin(&mut self, _: &str, _: &str, _: u64, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

/// Fetches from an archive put in place by hand.
fn archive(bytes: &[u8]) -> (Cache, Result<(), Error>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    fake.source(Name::Cifar100).mirrors.clear();
    let cache = fake.cache(dir.path());
    fs::write(dir.path().join("cifar-100-binary.tar.gz"), bytes).unwrap();
    let mut notes = Notes(Vec::new());
    let result = judged(|| cache.fetch(Name::Cifar100, &mut notes));
    let manners = |note: &String| note.len() < 2000 && !note.chars().any(char::is_control);
    assert!(notes.0.iter().all(manners), "{:?}", notes.0);
    let left = fs::read_dir(dir.path().join(".fetch")).unwrap().count();
    assert_eq!(left, 1, "more than the lock is left behind");
    (cache, result, dir)
}

#[test]
fn the_corpus_is_refused() {
    for (path, bytes) in corpus("npy") {
        println!("{}", path.display());
        npy(&bytes, false);
        npy(&bytes, true);
    }
    for (path, bytes) in corpus("idx") {
        println!("{}", path.display());
        for file in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
            published(Name::Mnist, file, bytes.clone()).unwrap_err();
            damaged(Name::Mnist, &format!("mnist/{file}.gz"), bytes.clone());
            damaged(Name::Mnist, &format!("mnist/{file}.gz"), gzip(&bytes));
        }
    }
    for (path, bytes) in corpus("records") {
        println!("{}", path.display());
        damaged(Name::Cifar100, "cifar-100-binary/train.bin", bytes.clone());
        damaged(Name::Cifar10, "cifar-10-batches-bin/data_batch_2.bin", bytes);
    }
    for (path, bytes) in corpus("archive") {
        println!("{}", path.display());
        archive(&bytes).1.unwrap_err();
        damaged(Name::Mnist, "mnist/train-images-idx3-ubyte.gz", bytes);
    }
}

/// A change of a file: where (as a share of its length), and what.
#[derive(Clone, Debug)]
enum Change {
    Flip(f64, u8),
    Cut(f64),
    Insert(f64, Vec<u8>),
    Remove(f64, usize),
    Number(f64, u32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    // Most changes are near the beginning, where the structure is.
    let place = || prop_oneof![3 => 0.0..0.05f64, 1 => 0.0..1.0f64];
    let number = prop_oneof![Just(0u32), Just(1), Just(u32::MAX), Just(1 << 31), any::<u32>()];
    let change = prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        1 => place().prop_map(Change::Cut),
        1 => (place(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (place(), 1..600usize).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (place(), number).prop_map(|(at, number)| Change::Number(at, number)),
    ];
    prop::collection::vec(change, 1..6)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let at = |share: &f64| (*share * bytes.len() as f64) as usize;
        match change {
            Change::Flip(share, bits) => {
                let at = at(share);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Change::Cut(share) => bytes.truncate(at(share)),
            Change::Insert(share, new) => drop(bytes.splice(at(share)..at(share), new.iter().copied())),
            Change::Remove(share, count) => {
                let begin = at(share);
                drop(bytes.drain(begin..(begin + count).min(bytes.len())));
            }
            Change::Number(share, number) => {
                let begin = at(share);
                for (byte, new) in bytes.iter_mut().skip(begin).zip(number.to_be_bytes()) {
                    *byte = new;
                }
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150 * times() as u32, ..ProptestConfig::default() })]

    #[test]
    fn changed_npy_files_load_or_are_refused(changes in changes(), as_labels: bool) {
        let (x, y) = good_npy();
        npy(&changed(if as_labels { y } else { x }, &changes), as_labels);
    }

    #[test]
    fn changed_idx_files_load_or_are_refused(changes in changes(), of_labels: bool) {
        let (file, good) =
            if of_labels { ("train-labels-idx1-ubyte", labels(12)) } else { ("train-images-idx3-ubyte", images(12)) };
        let bytes = changed(good.clone(), &changes);
        damaged(Name::Mnist, &format!("mnist/{file}.gz"), gzip(&bytes));
        damaged(Name::Mnist, &format!("mnist/{file}.gz"), changed(gzip(&good), &changes));
        // The catalogue expects this length and digest, so that the structure alone can be wrong.
        if bytes.len() == good.len() {
            let _ = published(Name::Mnist, file, bytes);
        }
    }

    #[test]
    fn changed_records_load_or_are_refused(changes in changes()) {
        let good = cifar(12, 0, true);
        let bytes = changed(good.clone(), &changes);
        damaged(Name::Cifar100, "cifar-100-binary/train.bin", bytes.clone());
        if bytes.len() == good.len() {
            let _ = published(Name::Cifar100, "train.bin", bytes);
        }
    }

    #[test]
    fn changed_archives_unpack_whole_or_are_refused(changes in changes(), outside: bool) {
        let good = Fake::new().archive(Name::Cifar100);
        let bytes = if outside {
            changed(good, &changes)
        } else {
            let mut tar = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(good.as_slice()), &mut tar).unwrap();
            gzip(&changed(tar, &changes))
        };
        let (cache, result, _dir) = archive(&bytes);
        if result.is_ok() {
            cache.load(Name::Cifar100).unwrap();
        }
    }
}
