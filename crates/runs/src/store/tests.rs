//! Tests that records and checkpoints come back as they were written, or are refused with a reason.
use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::record::Record;
use crate::train::samples::{data, spec};
use crate::train::{Control, Ended, FakeFactory, Finished, execute};

/// A run of the fake trainer, and a store that has its record.
fn saved() -> (tempfile::TempDir, Store, Finished) {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    store.prepare().expect("writable");
    let control = Control {
        stop: &AtomicBool::new(false),
        checkpoint_every: Duration::MAX,
        save: &mut |_| Ok(()),
        steps: &|_| {},
    };
    let ended = execute(&spec(), &data(), &FakeFactory::default(), None, control).expect("trained");
    let Ended::Finished(finished) = ended else { panic!("interrupted") };
    store.save(&finished.record, &finished.weights).expect("saved");
    (folder, store, *finished)
}

/// The error of loading after `spoil` did something to the record's folder.
fn refusal(spoil: impl FnOnce(&Path)) -> StoreError {
    let (_folder, store, finished) = saved();
    let key = &finished.record.run.key;
    spoil(&store.folder(key));
    store.load(key).expect_err("refused")
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).expect("text");
    fs::write(path, change(text)).expect("written");
}

#[test]
fn a_record_comes_back_whole() {
    let (_folder, store, finished) = saved();
    let key = finished.record.run.key.clone();
    assert!(store.has(&key));
    assert_eq!(store.status(&key), Status::Done);
    assert_eq!(store.keys().expect("keys"), std::slice::from_ref(&key));
    let Record { run, history, .. } = &finished.record;
    assert_eq!(store.load(&key).expect("loads"), finished.record);
    assert_eq!(&store.run(&key).expect("loads"), run);
    assert_eq!(&store.history(&key).expect("loads"), history);
    let weights = store.weights(&key).expect("loads");
    assert_eq!(weights[0].0, finished.weights[0].0);
    assert_eq!(weights[0].1.to_vec1::<u32>().expect("u32"), finished.weights[0].1.to_vec1::<u32>().expect("u32"));
}

#[test]
fn saving_twice_gives_the_same_bytes_and_no_leftovers() {
    let (_one, first, finished) = saved();
    let (_two, second, _) = saved();
    let key = &finished.record.run.key;
    for name in ["history.safetensors", "evaluation.safetensors", "model.safetensors"] {
        let bytes = |store: &Store| fs::read(store.folder(key).join(name)).expect("there");
        assert_eq!(bytes(&first), bytes(&second), "{name}");
    }
    let names: Vec<_> = fs::read_dir(first.root()).expect("store").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, [key.as_str()]);
}

/// Changes the text of a `run.json` and renews its digest, so that the digest does not reveal the change.
fn forge(folder: &Path, change: impl FnOnce(String) -> String) {
    edit(&folder.join(RUN), |text| {
        let (body, _) = text.rsplit_once(",\n  \"digest\": \"").expect("sealed");
        let body = change(body.to_owned());
        format!("{body},\n  \"digest\": \"{}\"\n}}\n", blake3::hash(body.as_bytes()).to_hex())
    });
}

#[test]
fn every_damaged_byte_of_a_record_is_found_and_named() {
    let (_folder, store, finished) = saved();
    let key = &finished.record.run.key;
    for name in [RUN, "history.safetensors", "evaluation.safetensors", "model.safetensors"] {
        let path = store.folder(key).join(name);
        let whole = fs::read(&path).expect("there");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            fs::write(&path, &bytes).expect("written");
            let error = store.load(key).expect_err("found");
            assert!(error.is_unusable_record(), "{name}, byte {place}: {error}");
            assert!(error.to_string().contains(key) && error.to_string().contains("cargo xtask status"), "{error}");
            if !matches!(error, StoreError::OlderFormat { .. } | StoreError::OtherVersion { .. }) {
                assert!(error.to_string().contains(name), "{name}, byte {place}: {error}");
            }
        }
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).expect("written");
            assert!(store.load(key).expect_err("found").is_unusable_record(), "{name} cut to {cut}");
        }
        fs::remove_file(&path).expect("removed");
        assert_eq!(store.has(key), name != RUN);
        let error = store.load(key).expect_err("found");
        assert!(matches!(&error, StoreError::Damaged { what, .. } if what.contains(name)) || name == RUN, "{error}");
        fs::write(&path, &whole).expect("written");
        store.load(key).expect("whole again");
    }
}

#[test]
fn a_forged_record_is_found_by_its_key_and_its_entries() {
    let other_seed = refusal(|folder| forge(folder, |text| text.replacen("\"seed\": 1", "\"seed\": 2", 1)));
    assert!(other_seed.to_string().contains("run.json is of run"), "{other_seed}");
    let other_key = refusal(|folder| forge(folder, |text| text.replacen("\"key\": \"", "\"key\": \"0", 1)));
    assert!(other_key.to_string().contains("called 0"), "{other_key}");
    let renamed = refusal(|folder| forge(folder, |text| text.replacen("\"stand-in\"", "\"stand-on\"", 1)));
    assert!(renamed.to_string().contains("unknown field `stand-on`"), "{renamed}");
    let added = refusal(|folder| forge(folder, |text| text.replacen('{', "{\n  \"note\": 1,", 1)));
    assert!(added.to_string().contains("unknown field `note`"), "{added}");
    let missing = refusal(|folder| {
        forge(folder, |text| text.replacen("model.safetensors", "other.safetensors", 1));
    });
    assert!(missing.to_string().contains("model.safetensors is not what was written"), "{missing}");
}

#[test]
fn a_record_of_another_version_is_refused_even_when_its_shape_has_changed() {
    let version = format!("\"version\": \"{}\"", crate::record::VERSION);
    for rename in [false, true] {
        let error = refusal(|folder| {
            forge(folder, |text| {
                assert!(text.contains(&version));
                let text = text.replace(&version, "\"version\": \"0.0.1\"");
                if rename { text.replace("\"outcome\"", "\"result\"") } else { text }
            });
        });
        assert!(matches!(&error, StoreError::OtherVersion { found, .. } if found == "0.0.1"), "{error}");
        assert!(error.to_string().contains("move that folder away"), "{error}");
    }
    // Form of records before they had a digest of their own.
    let unsealed = |folder: &Path| {
        edit(&folder.join(RUN), |text| text.rsplit_once(",\n  \"digest\"").expect("sealed").0.to_owned() + "\n}\n");
    };
    let error = refusal(unsealed);
    assert!(matches!(error, StoreError::OlderFormat { .. }), "{error}");
}

#[test]
fn inspection_finds_and_pruning_removes_what_nobody_can_use() {
    let (_folder, store, finished) = saved();
    let key = finished.record.run.key.clone();
    let name = |first: char| format!("{first}{}", &key[1..]);
    let first = key.chars().next().expect("a digit");
    let [damaged, older, empty, partial] = ['2', '3', '4', '5'].map(|c| name(if c == first { '9' } else { c }));
    for copy in [&damaged, &older] {
        fs::create_dir(store.folder(copy)).expect("made");
        for file in fs::read_dir(store.folder(&key)).expect("there").flatten() {
            fs::copy(file.path(), store.folder(copy).join(file.file_name())).expect("copied");
        }
    }
    edit(&store.folder(&older).join(RUN), |text| {
        text.rsplit_once(",\n  \"digest\"").expect("sealed").0.to_owned() + "}"
    });
    fs::create_dir(store.folder(&empty)).expect("made");
    fs::create_dir(store.folder(&format!("{key}.partial"))).expect("made");
    fs::create_dir(store.folder(&format!("{partial}.partial"))).expect("made");
    fs::write(store.folder(&format!("{key}.lock")), "").expect("made");
    fs::write(store.folder(&format!("{partial}.a1b2.new")), "").expect("made");
    fs::write(store.folder("notes.txt"), "the user's own").expect("made");

    let found = store.inspect(false).expect("looks");
    assert_eq!((found.sound, found.leftovers.len()), (1, 4), "{found:?}");
    assert_eq!(found.damaged.keys().collect::<Vec<_>>(), [&damaged], "its key is another run's");
    assert_eq!(found.older.keys().collect::<Vec<_>>(), [&older]);
    let path = store.folder(&key).join("model.safetensors");
    let mut bytes = fs::read(&path).expect("there");
    bytes[9] ^= 1;
    fs::write(&path, bytes).expect("written");
    assert_eq!(store.inspect(false).expect("looks").sound, 1, "a look does not read every file");
    let found = store.inspect(true).expect("looks");
    assert_eq!((found.sound, found.damaged.len()), (0, 2));

    let Locking::Held(_lock) = store.lock(&damaged).expect("locks") else { panic!("nobody has it") };
    assert_eq!(store.prune(&found, false).expect("prunes"), 5);
    assert!(store.has(&damaged), "somebody is at it");
    assert!(store.has(&older), "older records stay unless asked for");
    assert!(!store.has(&key) && !store.folder(&empty).exists());
    assert!(store.folder("notes.txt").exists() && store.partial_folder(&partial).exists());
    drop(_lock);
    let found = store.inspect(true).expect("looks");
    assert_eq!(store.prune(&found, true).expect("prunes"), 2);
    assert!(store.keys().expect("keys").is_empty());
}

#[test]
fn a_store_that_cannot_be_read_is_not_an_empty_one() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    for store in [Store::open(&file), Store::open(file.join("runs"))] {
        for error in [store.readable().expect_err("no folder"), store.keys().expect_err("no folder")] {
            assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
        }
    }
    Store::open(folder.path().join("nowhere")).readable().expect("no store yet is an empty one");
}

#[test]
fn leftovers_are_moved_aside_and_kept() {
    let (_folder, store, finished) = saved();
    let key = finished.record.run.key.clone();
    fs::remove_file(store.folder(&key).join(RUN)).expect("removed");
    fs::create_dir(store.root().join(format!("{key}.new"))).expect("made");
    fs::create_dir(store.root().join(format!("{key}.fresh.new"))).expect("made");
    fs::write(store.partial_folder(&key), "no folder").expect("made");
    let Locking::Held(_lock) = store.lock(&key).expect("locks") else { panic!("nobody has it") };
    let places = store.set_leftovers_aside(&key).expect("moves");
    assert_eq!(places.len(), 3, "a record that may still be written stays: {places:?}");
    assert!(places.iter().all(|place| place.exists()), "{places:?}");
    assert!(store.root().join(format!("{key}.fresh.new")).exists());
    store.save(&finished.record, &finished.weights).expect("its place is free");
    assert_eq!(store.load(&key).expect("loads"), finished.record);
}

/// Gives everything below a path the time that a host with another clock would have given it.
fn shift(path: &Path, clock: std::time::SystemTime) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("there").flatten() {
            shift(&entry.path(), clock);
        }
    }
    fs::File::open(path).and_then(|file| file.set_modified(clock)).expect("its time can be set");
}

#[test]
fn clocks_that_differ_decide_nothing_but_when_a_half_written_record_is_moved_aside() {
    let hour = Duration::from_secs(3600);
    let now = std::time::SystemTime::now();
    for (clock, moved) in
        [(now - 87_600 * hour, true), (now - hour, true), (now + hour, false), (now + 87_600 * hour, false)]
    {
        let (_folder, store, finished) = saved();
        let key = finished.record.run.key.clone();
        let other = "0123456789abcdef0123456789abcdef";
        let (history, state) = (finished.record.history.clone(), finished.weights.clone());
        let checkpoint = Checkpoint { step: 40, wall_seconds: 0.0, history, state };
        store.save_checkpoint(other, "fake", &checkpoint).expect("saved");
        let half = store.root().join(format!("{other}.half.new"));
        fs::create_dir(&half).expect("made");
        shift(store.root(), clock);

        assert_eq!(store.load(&key).expect("loads"), finished.record);
        assert_eq!((store.status(&key), store.status(other)), (Status::Done, Status::Partial(40)));
        let Locking::Held(_lock) = store.lock(other).expect("locks") else { panic!("nobody has it") };
        assert!(matches!(store.lock(other).expect("locks"), Locking::Busy(_)), "a lock is held whatever its age");
        let places = store.set_leftovers_aside(other).expect("moves");
        assert_eq!((places.len(), half.exists()), (usize::from(moved), !moved), "{places:?}");
        assert!(places.iter().all(|place| place.exists()), "what is moved is kept");
        assert!(matches!(store.load_checkpoint(other, "fake").expect("loads"), Resume::From(_)));
    }
}

#[test]
fn of_two_processes_that_finish_one_run_the_first_is_kept() {
    let (_folder, store, finished) = saved();
    store.save(&finished.record, &finished.weights).expect("the record is there already");
    let key = &finished.record.run.key;
    fs::write(store.folder(key).join("model.safetensors"), "").expect("damaged");
    store.save(&finished.record, &finished.weights).expect_err("a damaged record is not replaced unasked");
    let names: Vec<_> = fs::read_dir(store.root()).expect("store").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, [key.as_str()], "nothing half-made is left");
}

#[test]
fn fake_and_real_records_are_never_mixed() {
    let (folder, store, finished) = saved();
    let key = &finished.record.run.key;
    let real = Store::open(folder.path());
    assert!(!real.has(key), "they have folders of their own");
    assert!(real.keys().expect("keys").is_empty());
    let error = real.save(&finished.record, &finished.weights).expect_err("refused");
    assert!(matches!(error, StoreError::OtherKind { .. }), "{error}");
    fs::rename(store.folder(key), real.folder(key)).expect("moved");
    let error = real.load(key).expect_err("refused");
    assert!(matches!(error, StoreError::OtherKind { .. }), "{error}");
}

#[test]
fn an_unwritable_store_is_known_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let error = Store::open(file.join("runs")).prepare().expect_err("a file is no folder");
    assert!(error.to_string().contains("--store or TWOSCALE_STORE"), "{error}");
    let nowhere = Store::open(folder.path().join("nowhere"));
    assert!(nowhere.keys().expect("a store that is not there has no runs").is_empty());
    assert!(matches!(nowhere.load(&spec().key()), Err(StoreError::Missing { .. })));
}

#[test]
fn a_lock_is_held_by_one_and_says_by_whom() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    store.prepare().expect("writable");
    let key = spec().key();
    assert_eq!(store.status(&key), Status::Missing);
    let Locking::Held(lock) = store.lock(&key).expect("locks") else { panic!("nobody has it") };
    let Locking::Busy(holder) = store.lock(&key).expect("locks") else { panic!("it is taken") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    assert_eq!(store.status(&key), Status::Running);
    drop(lock);
    assert!(matches!(store.lock(&key).expect("locks"), Locking::Held(_)), "a lock left behind can be taken");
}

#[test]
fn checkpoints_come_back_or_say_why_not() {
    let (_folder, store, finished) = saved();
    let key = "0123456789abcdef0123456789abcdef";
    let checkpoint = Checkpoint {
        step: finished.record.history.steps(),
        wall_seconds: 1.5,
        history: finished.record.history,
        // Names in the trainer's order, which is not the alphabet's.
        state: vec![("z".to_owned(), finished.weights[0].1.clone()), ("a".to_owned(), finished.weights[0].1.clone())],
    };
    assert!(matches!(store.load_checkpoint(key, "fake").expect("none is no error"), Resume::Nothing));
    store.save_checkpoint(key, "fake", &checkpoint).expect("saved");
    store.save_checkpoint(key, "fake", &checkpoint).expect("replaced");
    assert_eq!(store.status(key), Status::Partial(40));
    let Resume::From(back) = store.load_checkpoint(key, "fake").expect("loads") else { panic!("it can be used") };
    assert_eq!((back.step, back.wall_seconds.to_bits()), (40, 1.5_f64.to_bits()));
    assert_eq!(back.history, checkpoint.history);
    let names: Vec<_> = back.state.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "a"]);

    let why = set_aside(&store, key, "avx2");
    assert!(why.contains("made on fake, this is avx2"), "{why}");
    assert_eq!(store.status(key), Status::Missing);
    store.save_checkpoint(key, "fake", &checkpoint).expect("saved");
    store.discard_checkpoint(key).expect("removed");
    assert_eq!(store.status(key), Status::Missing);
}

/// Reason for which a checkpoint cannot be used; it has been moved and kept.
fn set_aside(store: &Store, key: &str, device: &str) -> String {
    match store.load_checkpoint(key, device).expect("can be read") {
        Resume::Anew(why) => {
            let place = why.rsplit(" moved to ").next().expect("a place");
            assert!(Path::new(place).join("checkpoint").exists(), "{why}");
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_damaged_byte_of_a_checkpoint_is_found() {
    let (_folder, store, finished) = saved();
    let key = "0123456789abcdef0123456789abcdef";
    let checkpoint =
        Checkpoint { step: 40, wall_seconds: 0.0, history: finished.record.history, state: finished.weights };
    store.save_checkpoint(key, "fake", &checkpoint).expect("saved");
    let path = store.partial_folder(key).join("checkpoint");
    let whole = fs::read(&path).expect("there");
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        let why = Store::decode_checkpoint(&bytes, key, "fake").expect_err("found");
        assert_eq!(why, "it is not what was written");
        if place % 500 == 0 {
            fs::create_dir_all(store.partial_folder(key)).expect("made");
            fs::write(&path, &bytes).expect("written");
            assert!(set_aside(&store, key, "fake").starts_with(&why));
        }
    }
    // A checkpoint that cannot be read stays: a folder in the file's place reads as an error of the system.
    fs::create_dir_all(&path).expect("made");
    let error = store.load_checkpoint(key, "fake").expect_err("not readable");
    assert!(matches!(error, StoreError::File { .. }), "{error}");
    assert!(path.exists());
}
