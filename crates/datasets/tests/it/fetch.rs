//! Fetching, against a server on this machine.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use datasets::{Cache, Error, Name, Progress, State};
use tempfile::TempDir;

use crate::fake::{Fake, tar_gz};
use crate::server::{Served, Server};

const ARCHIVE: &str = "cifar-100-binary.tar.gz";

/// What the caller hears.
#[derive(Default)]
struct Heard {
    notes: Vec<String>,
    begun: Vec<(String, u64)>,
    bytes: AtomicU64,
    stop_after: Option<u64>,
}

impl Progress for Heard {
    fn begin(&mut self, file: &str, _: &str, done: u64, _: Option<u64>) {
        self.begun.push((file.to_owned(), done));
    }
    fn advance(&mut self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }
    fn stop(&self) -> bool {
        self.stop_after.is_some_and(|most| self.bytes.load(Ordering::Relaxed) >= most)
    }
}

/// A cache in an empty folder whose CIFAR-100 comes from `servers`.
fn cache(servers: &[&Server]) -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    fake.catalogue.cifar100.mirrors = servers.iter().map(|s| s.address.clone()).collect();
    let cache = fake.cache(dir.path());
    (dir, cache)
}

fn serve(archive: impl Into<Served>) -> Server {
    Server::start(HashMap::from([(ARCHIVE.to_owned(), archive.into())]))
}

fn good() -> Vec<u8> {
    Fake::new().archive(Name::Cifar100)
}

fn leftovers(root: &Path) -> Vec<String> {
    let names = fs::read_dir(root.join(".fetch")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| !n.ends_with(".lock")).collect()
}

#[test]
fn an_archive_is_fetched_unpacked_and_not_fetched_twice() {
    let server = serve(good());
    let (dir, cache) = cache(&[&server]);
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(heard.bytes.into_inner(), good().len() as u64);
    assert_eq!(cache.load(Name::Cifar100).unwrap().train.len(), 12);
    assert!(dir.path().join("cifar-100-binary/fine_label_names.txt").exists());
    assert!(!dir.path().join("cifar-100-binary/readme.html").exists());
    assert!(leftovers(dir.path()).is_empty());
}

#[test]
fn mnist_is_fetched_file_by_file_and_only_what_is_missing() {
    let mut fake = Fake::new();
    let named = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let files = fake.files.iter().filter(|(p, _)| p.starts_with("mnist/")).map(|(p, b)| (named(p), b.clone().into()));
    let server = Server::start(files.collect());
    fake.catalogue.mnist.mirrors = vec![server.address.clone()];
    let dir = tempfile::tempdir().unwrap();
    let cache = fake.lay_out(dir.path());
    fs::remove_file(dir.path().join("mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
    fs::write(dir.path().join("mnist/t10k-images-idx3-ubyte.gz"), "damaged").unwrap();
    cache.fetch(Name::Mnist, &mut ()).unwrap();
    assert_eq!(server.requests(), ["t10k-images-idx3-ubyte.gz 0", "t10k-labels-idx1-ubyte.gz 0"]);
    assert_eq!(cache.state(Name::Mnist), State::Ready);
}

#[test]
fn a_download_that_breaks_goes_on_where_it_broke() {
    let server = serve(Served { breaks_after: Some(20_000), ..good().into() });
    let (_dir, cache) = cache(&[&server]);
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    assert_eq!(cache.state(Name::Cifar100), State::Ready);
    let starts: Vec<String> = (0..good().len()).step_by(20_000).map(|start| format!("{ARCHIVE} {start}")).collect();
    assert_eq!(server.requests(), starts);
    assert_eq!(heard.bytes.into_inner(), good().len() as u64, "no byte twice");
}

#[test]
fn a_server_without_ranges_is_asked_for_everything_again() {
    let stopped = serve(good());
    let (dir, mut cache) = cache(&[&stopped]);
    let mut heard = Heard { stop_after: Some(1), ..Heard::default() };
    let error = cache.fetch(Name::Cifar100, &mut heard).unwrap_err();
    assert!(matches!(error, Error::Stopped(Name::Cifar100)), "{error}");
    assert_eq!(leftovers(dir.path()), [format!("{ARCHIVE}.part")], "what has arrived is kept");
    let server = serve(Served { ranges: false, ..good().into() });
    cache.catalogue.cifar100.mirrors = vec![server.address.clone()];
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    assert_eq!(heard.begun, [(ARCHIVE.to_owned(), 0)]);
}

#[test]
fn a_finished_part_is_not_downloaded_again_and_a_foreign_one_is_dropped() {
    for (part, requests) in [(good(), 1), ([good(), vec![0; 9]].concat(), 2)] {
        let server = serve(good());
        let (dir, cache) = cache(&[&server]);
        fs::create_dir(dir.path().join(".fetch")).unwrap();
        fs::write(dir.path().join(format!(".fetch/{ARCHIVE}.part")), part).unwrap();
        cache.fetch(Name::Cifar100, &mut ()).unwrap();
        assert_eq!(server.requests().len(), requests);
    }
}

#[test]
fn the_next_mirror_helps_when_one_has_nothing_or_wrong_bytes() {
    let mut spoilt = Fake::new();
    spoilt.files.get_mut("cifar-100-binary/test.bin").unwrap()[77] ^= 1;
    let (empty, wrong, right) = (Server::start(HashMap::new()), serve(spoilt.archive(Name::Cifar100)), serve(good()));
    let (_dir, cache) = cache(&[&empty, &wrong, &right]);
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    assert_eq!(cache.state(Name::Cifar100), State::Ready);
    assert!(heard.notes[0].contains("404"), "{:?}", heard.notes);
    assert!(heard.notes[1].contains("holds a test.bin that is damaged: its SHA-256"), "{:?}", heard.notes);
}

#[test]
fn without_a_network_one_message_says_what_to_do() {
    let (dir, mut cache) = cache(&[]);
    cache.catalogue.cifar100.mirrors = vec!["http://127.0.0.1:9/".into()];
    let message = cache.fetch(Name::Cifar100, &mut ()).unwrap_err().to_string();
    for part in [ARCHIVE, &dir.path().display().to_string(), "http://127.0.0.1:9/", "cargo xtask data fetch cifar-100"]
    {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    cache.catalogue.mnist.mirrors = vec!["http://127.0.0.1:9/".into()];
    let message = cache.fetch(Name::Mnist, &mut ()).unwrap_err().to_string();
    let folder = dir.path().join("mnist").display().to_string();
    for part in ["train-labels-idx1-ubyte.gz", &folder, "cargo xtask data verify mnist"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn an_archive_put_into_the_data_folder_by_hand_is_used() {
    let (dir, mut cache) = cache(&[]);
    cache.catalogue.cifar100.mirrors = vec![];
    fs::write(dir.path().join(ARCHIVE), good()).unwrap();
    let message = cache.load(Name::Cifar100).unwrap_err().to_string();
    assert!(message.contains("still packed"), "{message}");
    cache.fetch(Name::Cifar100, &mut ()).unwrap();
    cache.load(Name::Cifar100).unwrap();
    assert!(dir.path().join(ARCHIVE).exists(), "the user's file stays");
}

#[test]
fn an_archive_that_would_write_elsewhere_is_refused() {
    let evil = |name: &str| {
        let bytes = Fake::new().files["cifar-100-binary/train.bin"].clone();
        tar_gz(&[(name.to_owned(), bytes)])
    };
    let names = ["../escaped.bin", "cifar-100-binary/../../escaped.bin", "/escaped.bin"];
    for (archive, reason) in names.map(|n| (evil(n), "would leave")).into_iter().chain([
        (link(), "is not a plain file"),
        (evil("cifar-100-binary/test.bin"), "more than"), // longer than a test file may be
        (evil("cifar-100-binary/train.bin"), "does not hold cifar-100-binary/test.bin"),
        (b"no archive".to_vec(), "cannot be unpacked"),
    ]) {
        let server = serve(archive);
        let (dir, cache) = cache(&[&server]);
        let message = cache.fetch(Name::Cifar100, &mut ()).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert!(fs::read_dir(dir.path().join("cifar-100-binary")).unwrap().next().is_none());
        assert!(leftovers(dir.path()).is_empty());
    }
}

/// An archive in which a file of the set is a link to somewhere else.
fn link() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "cifar-100-binary/train.bin", "/etc/passwd").unwrap();
    crate::fake::gzip(&tar.into_inner().unwrap())
}

#[test]
fn many_fetching_at_once_download_once_and_all_find_it_ready() {
    let server = serve(good());
    let (_dir, cache) = cache(&[&server]);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                cache.fetch(Name::Cifar100, &mut ()).unwrap();
                cache.load(Name::Cifar100).unwrap();
            });
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn stand_ins_need_no_fetch() {
    let (_dir, cache) = cache(&[]);
    assert!(matches!(cache.fetch(Name::Digits, &mut ()), Err(Error::NothingToFetch(Name::Digits))));
}
