//! A small run for the tests of this crate and of those that train.
use datasets::{Labels, Name};
use twoscale::initialisation::{BiasInitialisation, Initialisation};
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::models::{LastActivation, ModelKind, ModelSpec};
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::LossOptions;

use crate::spec::{DataSpec, Decay, Input, LastBatch, RunSpec, Schedule};

/// 40 steps of a two-scale loss with momentum on 60 objects: 7 steps an epoch, tests after 15, 30 and 40 steps.
pub fn spec() -> RunSpec {
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
        loss_options: LossOptions::default(),
        optimiser: OptimiserSpec { learning_rate: 0.1, momentum: 0.5, weight_decay: 0.0 },
        schedule: Schedule { steps: 40, batch: 8, test_every: 15, last_batch: LastBatch::Drop, decay: Decay::None },
        seed: 1,
    }
}
