//! Tests of loading undamaged files.

use std::fs;
use std::path::PathBuf;

use datasets::{Cache, Error, Labels, Name, State};

use crate::fake::{Fake, noise, unpack};

#[test]
fn mnist_comes_back_byte_for_byte_through_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    let set = Fake::new().lay_out(dir.path()).load(Name::Mnist).unwrap();
    assert_eq!(set.train.images[..], noise(12 * 784, 12)[..]);
    assert_eq!(set.test.images[..], noise(5 * 784, 5)[..]);
    assert_eq!(set.train.labels[..], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!((set.shape, set.classes, set.superclass), ([1, 28, 28], 10, None));
    // Unpacked files alone are enough, and count as what they were packed in.
    for entry in fs::read_dir(dir.path().join("mnist")).unwrap() {
        let path = entry.unwrap().path();
        unpack(&path, &path.with_extension(""));
        fs::remove_file(path).unwrap();
    }
    let again = Fake::new().cache(dir.path()).load(Name::Mnist).unwrap();
    assert_eq!((again.train, again.digests), (set.train, set.digests.clone()));
    assert_eq!(set.digests[0].file, "mnist/train-images-idx3-ubyte.gz");
}

/// Run by root, who may write everywhere, the test shows only that read-only permissions do no harm.
#[test]
fn mnist_loads_from_a_read_only_folder() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Fake::new().lay_out(dir.path());
    let folder = dir.path().join("mnist");
    let mut permissions = fs::metadata(&folder).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&folder, permissions.clone()).unwrap();
    let result = cache.load(Name::Mnist);
    #[allow(clippy::permissions_set_readonly_false)] // a folder that is about to be removed
    permissions.set_readonly(false);
    fs::set_permissions(&folder, permissions).unwrap();
    assert_eq!(result.unwrap().train.len(), 12);
}

#[test]
fn cifar_10_joins_its_batches_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let set = Fake::new().lay_out(dir.path()).load(Name::Cifar10).unwrap();
    assert_eq!(set.train.labels[..], [0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1]);
    assert_eq!(set.train.images[3 * 3072..][..3072], noise(3072, 100)[..]);
    assert_eq!(set.test.images[..3072], noise(3072, 500)[..]);
    assert_eq!((set.train.images.len(), set.superclass), (12 * 3072, None));
}

#[test]
fn cifar_100_has_super_classes_and_trains_on_either_label() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Fake::new().lay_out(dir.path());
    let fine = cache.load(Name::Cifar100).unwrap();
    assert_eq!(fine.train.labels[..4], [0, 7, 14, 21]);
    assert_eq!(fine.superclass.as_ref().unwrap()[21], 4);
    let coarse = cache.load_with(Name::Cifar100, Labels::Coarse).unwrap();
    assert_eq!(coarse.train.labels[..4], [0, 1, 2, 4]);
    assert_eq!(coarse.train.images, fine.train.images);
    assert_eq!(coarse.superclass.unwrap().len(), coarse.classes);
}

#[test]
fn coarse_labels_of_a_set_without_super_classes_are_refused() {
    let error = Cache::at("nowhere").load_with(Name::Digits, Labels::Coarse).unwrap_err();
    assert!(matches!(error, Error::NoSuperclasses(Name::Digits)), "{error}");
}

#[test]
fn listing_tells_ready_missing_damaged_and_built_in_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::new();
    fake.files.remove("cifar-100-binary/test.bin");
    fake.files.get_mut("cifar-10-batches-bin/test_batch.bin").unwrap()[5] ^= 1;
    let rows = fake.lay_out(dir.path()).list();
    let row = |name: Name| rows.iter().find(|row| row.name == name).expect("a row for every set");
    assert!(matches!(row(Name::Mnist).state, State::Ready), "{rows:?}");
    assert!(matches!(row(Name::Cifar10).state, State::Damaged(_)), "{rows:?}");
    assert!(matches!(row(Name::Cifar100).state, State::Missing), "{rows:?}");
    assert!(matches!(row(Name::Digits).state, State::Embedded), "{rows:?}");
    assert!(matches!(row(Name::Textures).state, State::Generated), "{rows:?}");
    assert_eq!(row(Name::Cifar100).bytes, 12 * 3074);
    assert!(rows.iter().all(|r| r.digest.len() == 64));
}

#[test]
fn an_explicit_folder_wins_over_the_environment() {
    assert_eq!(Cache::open(Some(PathBuf::from("here"))).unwrap().root, PathBuf::from("here"));
}

#[test]
fn textures_are_what_their_version_says_and_balanced() {
    let cache = Cache::at("nowhere");
    let set = cache.load(Name::Textures).unwrap();
    let row = cache.row(Name::Textures);
    assert_eq!(
        set.digest(),
        row.digest,
        "the generator changed: change VERSION, and SHA256 to {}",
        set.digests[0].sha256
    );
    for (part, each) in [(&set.train, 100), (&set.test, 20)] {
        let mut seen = [0; 100];
        part.labels.iter().for_each(|&l| seen[l as usize] += 1);
        assert_eq!(seen, [each; 100]);
        assert_eq!(part.images.len(), part.len() * 3072);
    }
    assert!(set.stand_in.is_some());
}
