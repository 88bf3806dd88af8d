//! Tests that each fault of a file is refused with a sentence that names it.

use std::fs;

use datasets::{Cache, Error, Fault, Name};

use crate::fake::{Fake, cifar, gzip, images, labels, unpack};

/// Lays a set out after `spoil` has changed the files, and returns what loading says.
fn refused(name: Name, spoil: impl FnOnce(&mut Fake)) -> (Error, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    spoil(&mut fake);
    let cache = fake.lay_out(dir.path());
    let error = cache.load(name).unwrap_err();
    let message = error.to_string();
    assert_eq!(cache.verify(name).unwrap_err().to_string(), message);
    assert!(message.contains(&format!("cargo xtask data fetch {name}")), "no remedy: {message}");
    assert!(!message.contains('\n'), "more than a sentence: {message}");
    (error, message)
}

fn fault((error, message): (Error, String), file: &str) -> Fault {
    assert!(message.contains(file), "{file} is not named: {message}");
    match error {
        Error::Damaged { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

fn bytes<'a>(fake: &'a mut Fake, path: &str) -> &'a mut Vec<u8> {
    fake.files.get_mut(path).unwrap()
}

const TRAIN: &str = "cifar-100-binary/train.bin";
const BATCH: &str = "cifar-10-batches-bin/data_batch_3.bin";
const LABELS: &str = "mnist/train-labels-idx1-ubyte.gz";

#[test]
fn truncated_files_say_how_long_they_are() {
    let found = fault(refused(Name::Cifar100, |f| bytes(f, TRAIN).truncate(1000)), TRAIN);
    assert_eq!(found, Fault::Truncated { found: 1000, expected: 12 * 3074 });
    assert!(matches!(
        fault(refused(Name::Cifar10, |f| bytes(f, BATCH).clear()), BATCH),
        Fault::Truncated { found: 0, .. }
    ));
    let found = fault(refused(Name::Mnist, |f| bytes(f, LABELS).truncate(20)), LABELS);
    assert!(matches!(found, Fault::Truncated { found: 20, .. }));
    assert!(matches!(fault(refused(Name::Cifar10, |f| bytes(f, BATCH).push(0)), BATCH), Fault::TooLong { .. }));
}

#[test]
fn one_flipped_bit_is_found_anywhere() {
    for at in [1, 2000, 2 * 3073 - 1] {
        assert!(
            matches!(fault(refused(Name::Cifar10, |f| bytes(f, BATCH)[at] ^= 1), BATCH), Fault::Digest { .. }),
            "{at}"
        );
    }
    for at in [4, 12, 30] {
        // A gzip file is refused even where its unpacked content stays the same.
        let found = fault(refused(Name::Mnist, |f| bytes(f, LABELS)[at] ^= 1), LABELS);
        assert!(matches!(found, Fault::Digest { .. }), "{at}: {found:?}");
    }
}

#[test]
fn damaged_unpacked_file_is_found_although_the_packed_one_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Fake::new().lay_out(dir.path());
    let path = dir.path().join("mnist/train-images-idx3-ubyte");
    unpack(&path.with_added_extension("gz"), &path);
    cache.load(Name::Mnist).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let message = cache.load(Name::Mnist).unwrap_err().to_string();
    assert!(message.contains("train-images-idx3-ubyte is damaged: its SHA-256"), "{message}");
    // Fetching heals it without a download.
    cache.fetch(Name::Mnist, &mut ()).unwrap();
    cache.load(Name::Mnist).unwrap();
}

#[test]
fn wrong_magic_and_wrong_dimensions_are_told_apart() {
    let found = fault(refused(Name::Mnist, |f| *bytes(f, LABELS) = gzip(&images(12))), LABELS);
    assert_eq!(found, Fault::Magic { found: 2051, expected: 2049 });
    // Length and digest are the expected ones, so that only the content is wrong.
    let found = fault(refused(Name::Mnist, |f| f.put(Name::Mnist, "train-labels-idx1-ubyte", images(12))), LABELS);
    assert_eq!(found, Fault::Magic { found: 2051, expected: 2049 });
    let found = fault(
        refused(Name::Mnist, |f| {
            let mut file = labels(12);
            file[7] = 13;
            f.put(Name::Mnist, "train-labels-idx1-ubyte", file);
        }),
        LABELS,
    );
    assert_eq!(found, Fault::Header { found: "13".into(), expected: "12".into() });
}

#[test]
fn labels_out_of_range_name_the_object() {
    let spoilt = |index: usize, value: u8, hundred: bool| {
        let mut file = cifar(12, 0, hundred);
        file[index] = value;
        file
    };
    let found =
        fault(refused(Name::Cifar100, |f| f.put(Name::Cifar100, "train.bin", spoilt(4 * 3074 + 1, 100, true))), TRAIN);
    assert_eq!(found, Fault::Label { object: 4, label: 100, classes: 100 });
    let found = fault(refused(Name::Cifar100, |f| f.put(Name::Cifar100, "train.bin", spoilt(0, 20, true))), TRAIN);
    assert_eq!(found, Fault::Label { object: 0, label: 20, classes: 20 });
    let found =
        fault(refused(Name::Cifar10, |f| f.put(Name::Cifar10, "data_batch_3.bin", spoilt(3073, 10, false))), BATCH);
    assert_eq!(found, Fault::Label { object: 1, label: 10, classes: 10 });
    let found = fault(
        refused(Name::Mnist, |f| {
            let mut file = labels(12);
            file[8 + 3] = 99;
            f.put(Name::Mnist, "train-labels-idx1-ubyte", file);
        }),
        LABELS,
    );
    assert_eq!(found, Fault::Label { object: 3, label: 99, classes: 10 });
    // The label is named although the digest is wrong too, since it says more.
    let found = fault(refused(Name::Cifar10, |f| bytes(f, BATCH)[0] = 200), BATCH);
    assert_eq!(found, Fault::Label { object: 0, label: 200, classes: 10 });
}

#[test]
fn a_class_in_two_super_classes_is_refused() {
    let mut file = cifar(12, 0, true);
    file.copy_within(1..2, 3 * 3074 + 1); // object 3 is of class 0 too, but of super-class 4
    let found = fault(refused(Name::Cifar100, |f| f.put(Name::Cifar100, "train.bin", file)), TRAIN);
    assert_eq!(found, Fault::Superclass { class: 0, first: 0, second: 4, object: 3 });
}

#[test]
fn the_python_version_is_recognised_wherever_it_lies() {
    // The Python files, renamed to the binary version's names.
    let pickle = || [&[0x80, 3][..], &[7; 5000][..]].concat();
    assert_eq!(fault(refused(Name::Cifar100, |f| *bytes(f, TRAIN) = pickle()), TRAIN), Fault::Pickle);
    // The Python files, copied into the binary version's folder.
    let moved = |f: &mut Fake| {
        f.files.retain(|path, _| !path.starts_with("cifar-10-"));
        f.files.insert("cifar-10-batches-bin/data_batch_1".into(), pickle());
    };
    assert_eq!(fault(refused(Name::Cifar10, moved), "data_batch_1"), Fault::Pickle);
    // The Python files in their own folder.
    for (name, folder) in
        [(Name::Cifar10, "cifar-10-batches-py/data_batch_1"), (Name::Cifar100, "cifar-100-python/train")]
    {
        let (error, message) = refused(name, |f| {
            f.files.clear();
            f.files.insert(folder.into(), pickle());
        });
        assert!(matches!(error, Error::Missing { .. }) && message.contains("Python version"), "{message}");
    }
}

#[test]
fn missing_files_are_all_named() {
    let (error, message) = refused(Name::Cifar10, |f| f.files.retain(|path, _| !path.contains("_batch_")));
    let Error::Missing { files, .. } = error else { panic!("{message}") };
    assert_eq!(files.len(), 5);
    let (_, message) = refused(Name::Mnist, |f| f.files.clear());
    assert!(message.contains("mnist/t10k-labels-idx1-ubyte.gz"), "{message}");
}

#[test]
fn a_data_folder_one_level_too_deep_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    fake.lay_out(dir.path());
    let deep = Cache { root: dir.path().join("cifar-10-batches-bin"), ..fake.cache(dir.path()) };
    let message = deep.load(Name::Cifar10).unwrap_err().to_string();
    assert!(message.contains(&format!("name {} instead", dir.path().display())), "{message}");
}
