//! Facts about the real sets, where `TWOSCALE_DATA` has them.

use std::collections::HashSet;

use datasets::{Cache, Dataset, Name, State};

/// The set, or `None` and a line that says so.
fn real(name: Name) -> Option<Dataset> {
    let cache = std::env::var_os("TWOSCALE_DATA").map(Cache::at);
    let Some(cache) = cache.filter(|cache| cache.state(name) != State::Missing) else {
        eprintln!("skipped: no real data for {name} (TWOSCALE_DATA)");
        return None;
    };
    Some(cache.load(name).unwrap())
}

fn has_statistics(set: &Dataset, expected: &[(f64, f64)], tolerance: f64) {
    let found = set.channel_statistics();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found.0 - expected.0).abs() < tolerance && (found.1 - expected.1).abs() < tolerance,
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn mnist_is_mnist() {
    let Some(set) = real(Name::Mnist) else { return };
    assert_eq!((set.train.len(), set.test.len()), (60_000, 10_000));
    assert_eq!(set.train.labels[..5], [5, 0, 4, 1, 9]);
    has_statistics(&set, &[(0.1307, 0.3081)], 5e-5);
}

#[test]
fn cifar_10_is_cifar_10() {
    let Some(set) = real(Name::Cifar10) else { return };
    assert_eq!((set.train.len(), set.test.len()), (50_000, 10_000));
    has_statistics(&set, &[(0.49140, 0.24703), (0.48216, 0.24349), (0.44653, 0.26159)], 6e-6);
}

#[test]
fn cifar_100_is_cifar_100() {
    let Some(set) = real(Name::Cifar100) else { return };
    has_statistics(&set, &[(0.50708, 0.26733), (0.48655, 0.25644), (0.44092, 0.27615)], 6e-6);
    let superclass = set.superclass.unwrap();
    for which in 0..20 {
        assert_eq!(superclass.iter().filter(|&&s| s == which).count(), 5);
    }
    let train: HashSet<&[u8]> = set.train.images.chunks_exact(3072).collect();
    assert_eq!(train.len(), 49_986);
    let shared: HashSet<&[u8]> = set.test.images.chunks_exact(3072).filter(|i| train.contains(i)).collect();
    assert_eq!(shared.len(), 10);
}
