//! Record of a finished run: `runs/<key>/` with `run.json`, `history.safetensors`, `evaluation.safetensors`,
//! `model.safetensors`. Every measure of every figure is computed from these, never by training again.
use serde::{Deserialize, Serialize};
use twoscale::metrics::Evaluation;

use experiment::spec::RunSpec;

/// Version of the records that this build writes and reads, equal to the crate's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Value of `device` in a record of the fake trainer.
pub const FAKE_DEVICE: &str = "fake";

/// Content of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// The run's key.
    pub key: String,
    /// Specification.
    pub spec: RunSpec,
    /// Files of the data set.
    pub data: Vec<datasets::Digest>,
    /// Sentence to print on a figure where the data are a stand-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
    /// Version of this crate; records of another version are not mixed.
    pub version: String,
    /// Kernels used: `avx512`, `avx2`, `portable`, or a device of candle's; `fake` for the trainer of the tests.
    pub device: String,
    /// Host name.
    pub host: String,
    /// Seconds of training and evaluation, over all attempts.
    pub wall_seconds: f64,
    /// End of the training.
    pub outcome: Outcome,
    /// Objects in an epoch: the unit of the figures' x axis is step * batch / objects.
    pub train_objects: usize,
}

/// End of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// Loss, a scale or a weight was not finite at this step (counted from 1). The history ends before it, so that every
    /// number kept is finite; test accuracies of the weights that led to it are dropped too.
    Diverged {
        /// The step.
        step: usize,
    },
}

/// `history.safetensors`: numbers recorded in training. Index i is step i+1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Share of the batch correctly classified, before the step's update.
    pub batch_accuracy: Vec<f32>,
    /// Mean loss of the batch.
    pub batch_loss: Vec<f32>,
    /// log R(α).
    pub log_norm: Vec<f64>,
    /// Scales R1, R2, ...: `scales[k][i]`.
    pub scales: Vec<Vec<f64>>,
    /// Steps after which the test accuracy was measured.
    pub test_step: Vec<u32>,
    /// Test accuracy at those steps.
    pub test_accuracy: Vec<f64>,
}

impl History {
    /// Appends one step of training; `correct` of `objects` objects of the batch were correctly classified.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "kept as f32; a batch is small")]
    pub fn push(&mut self, step: &twoscale::trainer::Step, objects: usize) {
        self.batch_accuracy.push((step.correct as f64 / objects as f64) as f32);
        self.batch_loss.push(step.loss as f32);
        self.log_norm.push(step.log_norm);
        self.scales.resize_with(step.scales.len(), Vec::new);
        for (column, &scale) in self.scales.iter_mut().zip(&step.scales) {
            column.push(scale);
        }
    }

    /// Number of steps recorded.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.batch_loss.len()
    }

    /// Drops test accuracies measured after step `step` (counted from 1) and later.
    pub fn forget_tests_from(&mut self, step: usize) {
        let kept = self.test_step.iter().take_while(|&&at| (at as usize) < step).count();
        self.test_step.truncate(kept);
        self.test_accuracy.truncate(kept);
    }
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Content of `run.json`.
    pub run: Run,
    /// Content of `history.safetensors`.
    pub history: History,
    /// Evaluation of the whole training set at the end; empty when diverged.
    pub train: Evaluation,
    /// Evaluation of the whole test set at the end; empty when diverged.
    pub test: Evaluation,
}
