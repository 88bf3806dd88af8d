//! A small run and small data for the tests of this crate.
use std::sync::Arc;

use datasets::{Dataset, Labels, Name, Split};
use rand::Rng;
use twoscale::initialisation::{BiasInitialisation, Initialisation};
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::models::{LastActivation, ModelKind, ModelSpec};
use twoscale::optimiser::OptimiserSpec;
use twoscale::random::{Purpose, stream};
use twoscale::reading::Reading;

use super::Problem;
use crate::spec::{DataSpec, Decay, Input, LastBatch, RunSpec, Schedule};

/// 40 steps of a two-scale loss with momentum on [`dataset`]: 7 steps an epoch, tests after 15, 30 and 40 steps.
pub(crate) fn spec() -> RunSpec {
    RunSpec {
        data: DataSpec { set: Name::Digits, labels: Labels::Fine, input: Input::Unit, train: None, test: None },
        model: ModelSpec {
            kind: ModelKind::Mlp,
            hidden: vec![8],
            channels: [6, 16],
            kernel: 5,
            biases: true,
            last_activation: LastActivation::Relu,
            initialisation: Initialisation::Pytorch,
            bias_initialisation: BiasInitialisation::Pytorch,
        },
        loss: LossSpec { kind: LossKind::TwoScale, thresholds: vec![0.1], ratio: 10.0, inner: Inner::CrossEntropy },
        reading: Reading::default(),
        optimiser: OptimiserSpec { step: 0.1, momentum: 0.5, weight_decay: 0.0 },
        schedule: Schedule { steps: 40, batch: 8, test_every: 15, last_batch: LastBatch::Drop, decay: Decay::None },
        seed: 1,
    }
}

/// [`spec`] with the seeds 1, 2, ..., `count`.
pub(crate) fn specs(count: u64) -> Vec<RunSpec> {
    (1..=count).map(|seed| RunSpec { seed, ..spec() }).collect()
}

/// 60 training and 30 test images of 1x4x4 in 3 classes: noisy stripes.
pub(crate) fn dataset() -> Dataset {
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
pub(crate) fn problem() -> Problem {
    Problem::new(&spec().data, Arc::new(dataset()))
}
