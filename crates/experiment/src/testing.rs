//! A small run for the tests of this crate and of those that train.
use datasets::Name;
use twoscale::loss::LossSpec;
use twoscale::models::ModelSpec;
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::LossOptions;

use crate::spec::{DataSpec, Decay, LastBatch, RunSpec, Schedule};

/// 40 steps of a two-scale loss with momentum on 60 objects: 7 steps an epoch, tests after 15, 30 and 40 steps.
pub fn spec() -> RunSpec {
    RunSpec {
        data: DataSpec::of(Name::Digits),
        model: ModelSpec::mlp([8]),
        loss: LossSpec::two_scale([0.1]),
        loss_options: LossOptions::default(),
        optimiser: OptimiserSpec::sgd(0.1).with_momentum(0.5),
        schedule: Schedule { steps: 40, batch: 8, test_every: 15, last_batch: LastBatch::Drop, decay: Decay::None },
        seed: 1,
    }
}
