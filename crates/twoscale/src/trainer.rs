//! One step of training: model, loss, reading and optimiser together.
use candle_core::{Device, Tensor};

use crate::Result;
use crate::loss::LossSpec;
use crate::metrics::Evaluation;
use crate::models::ModelSpec;
use crate::optimiser::OptimiserSpec;
use crate::reading::Reading;

/// What one step of training reports: values before the step's update.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Objects of the batch that are correctly classified (argmax, the first of equals).
    pub correct: usize,
    /// log R(α).
    pub log_size: f64,
    /// R1, R2, ...
    pub scales: Vec<f64>,
}

/// A network in training.
pub struct Trainer {}

impl Trainer {
    /// A network with fresh parameters from the streams of `seed`; `input` is (C, H, W).
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn new(
        model: &ModelSpec,
        input: [usize; 3],
        classes: usize,
        loss: &LossSpec,
        reading: &Reading,
        optimiser: &OptimiserSpec,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let _ = (model, input, classes, loss, reading, optimiser, seed, device);
        todo!()
    }

    /// One step of (14), (16) or (18) on a batch: inputs (N, C, H, W), labels (N) u32. `step_size` is τ of this step.
    ///
    /// # Errors
    /// When shapes do not fit. A loss that is not finite is no error: the caller sees it in [`Step::loss`].
    pub fn step(&mut self, inputs: &Tensor, labels: &Tensor, step_size: f64) -> Result<Step> {
        let _ = (inputs, labels, step_size);
        todo!()
    }

    /// Evaluates a batch on the scale R1 and appends to `into`. `superclass[k]` is the super-class of class k.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn evaluate(
        &self,
        inputs: &Tensor,
        labels: &[u32],
        superclass: Option<&[u32]>,
        into: &mut Evaluation,
    ) -> Result<()> {
        let _ = (inputs, labels, superclass, into);
        todo!()
    }

    /// Objects of a batch that are correctly classified: what is measured during training.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn count_correct(&self, inputs: &Tensor, labels: &[u32]) -> Result<usize> {
        let _ = (inputs, labels);
        todo!()
    }

    /// Weights, scales and momentum, by name, in a stable order: what a checkpoint holds.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        todo!()
    }

    /// Weights and scales alone: what `model.safetensors` of a record holds.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn weights(&self) -> Result<Vec<(String, Tensor)>> {
        todo!()
    }

    /// Takes over a [`Trainer::state`].
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let _ = state;
        todo!()
    }
}
