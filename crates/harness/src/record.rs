//! What a finished run leaves: `runs/<key>/` with `run.json`, `history.safetensors`, `evaluation.safetensors`,
//! `model.safetensors`. Every measure of every figure is computed from these, never by training again.
use serde::{Deserialize, Serialize};
use twoscale::metrics::Evaluation;

use crate::spec::RunSpec;

/// `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// The run's key.
    pub key: String,
    /// Its specification.
    pub spec: RunSpec,
    /// Files of the data set.
    pub data: Vec<datasets::Digest>,
    /// Set where the data are a stand-in: what to say on a figure's face.
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
    /// How it ended.
    pub outcome: Outcome,
    /// Objects in an epoch: the unit of the figures' x axis is step * batch / objects.
    pub train_objects: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As planned.
    Finished,
    /// Loss, a scale or a weight was not finite at this step (counted from 1); the history ends there.
    Diverged {
        /// The step.
        step: usize,
    },
}

/// `history.safetensors`: what was recorded in training. Index i is step i+1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Share of the batch correctly classified, before the step's update.
    pub batch_accuracy: Vec<f32>,
    /// Mean loss of the batch.
    pub batch_loss: Vec<f32>,
    /// log R(α).
    pub log_size: Vec<f64>,
    /// Scales R1, R2, ...: `scales[k][i]`.
    pub scales: Vec<Vec<f64>>,
    /// Steps after which the test set was measured.
    pub test_step: Vec<u32>,
    /// Test accuracy at those steps.
    pub test_accuracy: Vec<f64>,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// `run.json`.
    pub run: Run,
    /// `history.safetensors`.
    pub history: History,
    /// Whole training set at the end; empty when diverged.
    pub train: Evaluation,
    /// Whole test set at the end; empty when diverged.
    pub test: Evaluation,
}
