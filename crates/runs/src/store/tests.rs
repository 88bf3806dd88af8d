//! What was written comes back, or is refused with a reason.
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

#[test]
fn a_damaged_record_is_named() {
    for name in ["history.safetensors", "evaluation.safetensors"] {
        let flipped = refusal(|folder| {
            let mut bytes = fs::read(folder.join(name)).expect("there");
            *bytes.last_mut().expect("not empty") ^= 1;
            fs::write(folder.join(name), bytes).expect("written");
        });
        assert!(matches!(&flipped, StoreError::Damaged { what, .. } if what.contains(name)), "{flipped}");
        let missing = refusal(|folder| fs::remove_file(folder.join(name)).expect("removed"));
        assert!(missing.to_string().contains(&format!("{name} is missing")), "{missing}");
    }
    let cut = refusal(|folder| edit(&folder.join("run.json"), |text| text[..text.len() / 2].to_owned()));
    assert!(matches!(cut, StoreError::Damaged { .. }), "{cut}");
    let moved =
        refusal(|folder| edit(&folder.join("run.json"), |text| text.replacen("\"key\": \"", "\"key\": \"0", 1)));
    assert!(moved.to_string().contains("belongs to run 0"), "{moved}");
}

#[test]
fn a_record_of_another_version_is_refused_even_when_its_shape_has_changed() {
    let version = format!("\"version\": \"{}\"", crate::record::VERSION);
    for rename in [false, true] {
        let error = refusal(|folder| {
            edit(&folder.join("run.json"), |text| {
                assert!(text.contains(&version));
                let text = text.replace(&version, "\"version\": \"0.0.1\"");
                if rename { text.replace("\"outcome\"", "\"result\"") } else { text }
            });
        });
        assert!(matches!(&error, StoreError::OtherVersion { found, .. } if found == "0.0.1"), "{error}");
        assert!(error.to_string().contains("move that folder away"), "{error}");
    }
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
    assert!(store.load_checkpoint(key, "fake").expect("none is no error").is_none());
    store.save_checkpoint(key, "fake", &checkpoint).expect("saved");
    store.save_checkpoint(key, "fake", &checkpoint).expect("replaced");
    assert_eq!(store.status(key), Status::Partial(40));
    let back = store.load_checkpoint(key, "fake").expect("loads").expect("there");
    assert_eq!((back.step, back.wall_seconds.to_bits()), (40, 1.5_f64.to_bits()));
    assert_eq!(back.history, checkpoint.history);
    let names: Vec<_> = back.state.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "a"]);

    let why = store.load_checkpoint(key, "avx2").expect_err("other kernels round differently");
    assert!(why.contains("made on fake"), "{why}");
    let path = store.partial_folder(key).join("checkpoint.safetensors");
    let bytes = fs::read(&path).expect("there");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("cut");
    assert!(store.load_checkpoint(key, "fake").is_err());
    store.discard_checkpoint(key).expect("removed");
    assert_eq!(store.status(key), Status::Missing);
}
