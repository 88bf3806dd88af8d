//! Tests of fetching from a server on this machine.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use datasets::{Cache, Error, Name, Progress, State};
use tempfile::TempDir;

use crate::fake::{Fake, tar_gz};
use crate::server::{Manners, Served, Server};

const ARCHIVE: &str = "cifar-100-binary.tar.gz";

/// Events that the caller receives.
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
    fake.source(Name::Cifar100).mirrors = servers.iter().map(|s| s.address.clone()).collect();
    let cache = fake.cache(dir.path());
    (dir, cache)
}

fn mirrors(cache: &mut Cache, name: Name) -> &mut Vec<String> {
    &mut cache.catalogue.sources.iter_mut().find(|source| source.name == name).unwrap().mirrors
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
    fake.source(Name::Mnist).mirrors = vec![server.address.clone()];
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
    let stopped = serve(Served { breaks_after: Some(20_000), ..good().into() });
    let (dir, mut cache) = cache(&[&stopped]);
    let mut heard = Heard { stop_after: Some(1), ..Heard::default() };
    let error = cache.fetch(Name::Cifar100, &mut heard).unwrap_err();
    assert!(matches!(error, Error::Stopped(Name::Cifar100)), "{error}");
    assert_eq!(leftovers(dir.path()), [format!("{ARCHIVE}.part")], "what has arrived is kept");
    let server = serve(Served { ranges: false, ..good().into() });
    *mirrors(&mut cache, Name::Cifar100) = vec![server.address.clone()];
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap();
    assert_eq!(heard.begun, [(ARCHIVE.to_owned(), 0)]);
}

#[test]
fn a_finished_part_is_not_downloaded_again_and_a_foreign_one_is_dropped() {
    // A complete part needs no request; a part that is too long, of another file or with a wrong byte is dropped.
    let mut wrong = good();
    wrong[5000] ^= 1;
    for (part, requests) in [(good(), 0), ([good(), vec![0; 9]].concat(), 1), (wrong, 1), (vec![7; 100], 2)] {
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
    *mirrors(&mut cache, Name::Cifar100) = vec!["http://127.0.0.1:9/".into()];
    let message = cache.fetch(Name::Cifar100, &mut ()).unwrap_err().to_string();
    for part in [ARCHIVE, &dir.path().display().to_string(), "http://127.0.0.1:9/", "cargo xtask data fetch cifar-100"]
    {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    *mirrors(&mut cache, Name::Mnist) = vec!["http://127.0.0.1:9/".into()];
    let message = cache.fetch(Name::Mnist, &mut ()).unwrap_err().to_string();
    let folder = dir.path().join("mnist").display().to_string();
    for part in ["train-labels-idx1-ubyte.gz", &folder, "cargo xtask data verify mnist"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn an_archive_put_into_the_data_folder_by_hand_is_used() {
    let (dir, mut cache) = cache(&[]);
    *mirrors(&mut cache, Name::Cifar100) = vec![];
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
        (evil("cifar-100-binary/test.bin"), "more than"), // a test file longer than the published one
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

/// Fetches CIFAR-100 and returns the error's sentence and how long that took.
fn failed(cache: &Cache, progress: &mut Heard) -> (String, Duration) {
    let began = Instant::now();
    let message = cache.fetch(Name::Cifar100, progress).unwrap_err().to_string();
    (message, began.elapsed())
}

#[test]
fn whatever_the_first_mirror_does_the_second_one_is_tried() {
    for manners in [
        Manners::Answers("416 Range Not Satisfiable"),
        Manners::Answers("416 Range Not Satisfiable\r\nContent-Range: bytes */77"),
        Manners::Answers("206 Partial Content\r\nContent-Range: bytes 5-9/10"),
        Manners::Answers("200 OK"),
        Manners::Answers("204 No Content"),
        Manners::Answers("403 Forbidden"),
        Manners::Answers("429 Too Many Requests\r\nRetry-After: 100000"),
        Manners::Answers("503 Service Unavailable"),
        Manners::Answers("302 Found"),
        Manners::Answers("no status at all"),
        Manners::PartUnasked,
        Manners::Endless,
        Manners::EndlessUnannounced,
        Manners::Resets,
        Manners::Redirects("ftp://127.0.0.1/elsewhere".into()),
        Manners::Redirects("cifar-100-binary.tar.gz".into()), // to itself, for ever
    ] {
        let (bad, right) = (serve(manners.clone()), serve(good()));
        let (dir, cache) = cache(&[&bad, &right]);
        let mut heard = Heard::default();
        let began = Instant::now();
        cache.fetch(Name::Cifar100, &mut heard).unwrap_or_else(|e| panic!("{manners:?}: {e}"));
        assert!(began.elapsed() < Duration::from_secs(5), "{manners:?} took {:?}", began.elapsed());
        assert!(heard.notes.iter().any(|note| note.starts_with(&bad.address)), "{manners:?}: {:?}", heard.notes);
        assert!(heard.notes.iter().all(|note| note.len() < 400), "{:?}", heard.notes);
        assert!(leftovers(dir.path()).is_empty(), "{manners:?}");
    }
}

#[test]
fn a_part_that_no_server_can_go_on_from_is_dropped() {
    for manners in [Manners::Answers("416 Range Not Satisfiable"), Manners::PartUnasked] {
        let (bad, right) = (serve(manners), serve(good()));
        let (dir, cache) = cache(&[&bad, &right]);
        fs::create_dir(dir.path().join(".fetch")).unwrap();
        fs::write(dir.path().join(format!(".fetch/{ARCHIVE}.part")), &good()[..100]).unwrap();
        cache.fetch(Name::Cifar100, &mut ()).unwrap();
    }
}

#[test]
fn wrong_bytes_of_one_mirror_do_not_spoil_the_next_one() {
    let mut wrong = good();
    wrong[3000] ^= 1;
    let (bad, right) = (serve(Served { breaks_after: Some(4000), ..wrong.into() }), serve(good()));
    let (_dir, mut cache) = cache(&[&bad, &right]);
    // The first one breaks off and is stopped by hand; the second one goes on from its bytes, and then begins again.
    *mirrors(&mut cache, Name::Cifar100) = vec![bad.address.clone()];
    let mut heard = Heard { stop_after: Some(1), ..Heard::default() };
    cache.fetch(Name::Cifar100, &mut heard).unwrap_err();
    *mirrors(&mut cache, Name::Cifar100) = vec![right.address.clone()];
    cache.fetch(Name::Cifar100, &mut ()).unwrap();
    assert_eq!(right.requests().len(), 2, "{:?}", right.requests());
}

#[test]
fn no_byte_beyond_the_published_length_is_kept() {
    for (manners, reason) in
        [(Manners::Endless, "announces 600000000 bytes"), (Manners::EndlessUnannounced, "sends more")]
    {
        let server = serve(manners);
        let (dir, cache) = cache(&[&server]);
        let mut heard = Heard::default();
        let (message, _) = failed(&cache, &mut heard);
        let published = format!("{ARCHIVE} has {} bytes", good().len());
        assert!(message.contains(reason) && message.contains(&published), "{message}");
        assert!(heard.bytes.into_inner() <= good().len() as u64);
        thread::sleep(Duration::from_millis(300));
        assert!(server.sent() < 40_000_000, "{} bytes were taken from the server", server.sent());
        assert!(leftovers(dir.path()).is_empty());
    }
}

#[test]
fn slow_and_silent_servers_are_given_up() {
    for (manners, reason) in [
        (Manners::Drips(Duration::from_millis(300)), "too slow"),
        (Manners::Silent, "no answer in time"),
        (Manners::DripsHead(Duration::from_millis(20)), "no answer in time"),
    ] {
        let server = serve(Served { manners: manners.clone(), ..good().into() });
        let (_dir, cache) = cache(&[&server]);
        let mut heard = Heard::default();
        let (message, took) = failed(&cache, &mut heard);
        assert!(message.contains(reason), "{manners:?}: {message}");
        assert!(took < Duration::from_secs(10), "{manners:?} took {took:?}");
    }
}

#[test]
fn retries_are_bounded_and_say_how_long_they_wait() {
    let server = serve(Manners::Answers("429 Too Many Requests\r\nRetry-After: 100000"));
    let (_dir, cache) = cache(&[&server]);
    let mut heard = Heard::default();
    let (message, took) = failed(&cache, &mut heard);
    assert!(message.contains("429 Too Many Requests"), "{message}");
    assert_eq!(server.requests().len(), 3);
    assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(5), "{took:?}");
    assert!(heard.notes[0].ends_with("trying again in 0.3 s"), "{:?}", heard.notes);
    // The sentence names every address that was tried.
    let (one, two) = (serve(Manners::Resets), serve(Manners::Answers("403 Forbidden")));
    let (_dir, cache) = self::cache(&[&one, &two]);
    let (message, _) = failed(&cache, &mut heard);
    assert!(message.contains(&one.address) && message.contains("403 Forbidden"), "{message}");
}

#[test]
fn the_whole_time_of_a_file_is_bounded() {
    // Each attempt brings two hundredths of the file, so that no attempt counts as failed.
    let server = serve(Served { breaks_after: Some(good().len() / 50), ..good().into() });
    let (_dir, mut cache) = cache(&[&server]);
    cache.limits.total = Duration::from_millis(100);
    cache.limits.pace = u64::MAX;
    cache.limits.wait = Duration::from_millis(30);
    let (message, took) = failed(&cache, &mut Heard::default());
    assert!(message.contains("the time for this file is over"), "{message}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// Asks to stop from a moment on.
struct StopsAt(Instant);

impl Progress for StopsAt {
    fn begin(&mut self, _: &str, _: &str, _: u64, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, _: &str) {}
    fn stop(&self) -> bool {
        Instant::now() >= self.0
    }
}

#[test]
fn the_user_stops_it_at_once_in_every_phase() {
    for manners in [
        Manners::Silent,
        Manners::DripsHead(Duration::from_millis(50)),
        Manners::Drips(Duration::from_millis(50)),
        Manners::Answers("503 Service Unavailable\r\nRetry-After: 50"),
    ] {
        let server = serve(Served { manners: manners.clone(), ..good().into() });
        let (_dir, mut cache) = cache(&[&server]);
        cache.limits = datasets::Limits::default();
        let stop = Instant::now() + Duration::from_millis(300);
        let error = cache.fetch(Name::Cifar100, &mut StopsAt(stop)).unwrap_err();
        assert!(matches!(error, Error::Stopped(Name::Cifar100)), "{manners:?}: {error}");
        assert!(stop.elapsed() < Duration::from_millis(700), "{manners:?}: {:?} after the stop", stop.elapsed());
    }
    // The stop comes while unpacking an archive put in place by hand, which needs no network.
    let (dir, cache) = cache(&[]);
    fs::write(dir.path().join(ARCHIVE), good()).unwrap();
    let error = cache.fetch(Name::Cifar100, &mut StopsAt(Instant::now())).unwrap_err();
    assert!(matches!(error, Error::Stopped(Name::Cifar100)), "{error}");
}

#[test]
fn redirections_are_followed() {
    let right = serve(good());
    let first = serve(Manners::Redirects(format!("{}{ARCHIVE}", right.address)));
    let (_dir, cache) = cache(&[&first]);
    cache.fetch(Name::Cifar100, &mut ()).unwrap();
    assert_eq!((first.requests().len(), right.requests().len()), (1, 1));
}

/// An archive with one member of this kind and header, and `zeros` bytes of content.
fn member(kind: tar::EntryType, name: &str, zeros: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(zeros);
    header.set_cksum();
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, header.as_bytes()).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), zeros), &mut out).unwrap();
    out.finish().unwrap()
}

#[test]
fn archives_that_hold_gigabytes_are_left_early() {
    let long = 40_000_000; // ten times what the rest of an archive may have
    for kind in [
        tar::EntryType::Regular,
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
        tar::EntryType::XGlobalHeader,
    ] {
        let (dir, cache) = cache(&[]);
        fs::write(dir.path().join(ARCHIVE), member(kind, "cifar-100-binary/long", long)).unwrap();
        let mut heard = Heard::default();
        cache.fetch(Name::Cifar100, &mut heard).unwrap_err();
        assert!(heard.notes[1].contains("it holds more than"), "{kind:?}: {:?}", heard.notes);
    }
}

#[test]
fn an_archive_with_a_file_twice_is_refused() {
    let train = ("cifar-100-binary/train.bin".to_owned(), Fake::new().files["cifar-100-binary/train.bin"].clone());
    let (dir, cache) = cache(&[]);
    fs::write(dir.path().join(ARCHIVE), tar_gz(&[train.clone(), train])).unwrap();
    let mut heard = Heard::default();
    cache.fetch(Name::Cifar100, &mut heard).unwrap_err();
    assert!(heard.notes[1].contains("holds train.bin twice"), "{:?}", heard.notes);
}
