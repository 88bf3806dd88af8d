//! A small run and small data for the tests of this crate.
use std::sync::Arc;

use datasets::{Dataset, Name, Split};
use rand::Rng;
use twoscale::random::{Purpose, stream};

use super::RunData;
use experiment::spec::RunSpec;
pub use experiment::testing::spec;

/// [`spec`] with the seeds 1, 2, ..., `count`.
pub fn specs(count: u64) -> Vec<RunSpec> {
    (1..=count).map(|seed| RunSpec { seed, ..spec() }).collect()
}

/// 60 training and 30 test images of 1x4x4 in 3 classes: noisy stripes.
pub fn dataset() -> Dataset {
    let split = |objects: u32, part: u64| {
        let mut random = stream(5, Purpose::Other, part);
        let labels: Vec<u32> = (0..objects).map(|object| object % 3).collect();
        let mut images = Vec::new();
        for label in &labels {
            for pixel in 0..16 {
                let noise = random.next_u32().to_le_bytes()[0] % 100;
                images.push(noise + if pixel % 3 == *label { 150 } else { 0 });
            }
        }
        Split { images: images.into(), labels: labels.into() }
    };
    Dataset {
        name: Name::Digits,
        shape: [1, 4, 4],
        classes: 3,
        superclass: None,
        white: 255,
        train: split(60, 1),
        test: split(30, 2),
        digests: vec![datasets::Digest { file: "stripes".to_owned(), sha256: "0".repeat(64) }],
        stand_in: Some("stripes".to_owned()),
    }
}

/// [`dataset`] as [`spec`] sees it.
pub fn data() -> RunData {
    RunData::new(&spec().data, Arc::new(dataset()))
}
