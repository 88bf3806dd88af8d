//! Trait of networks in training, which a fake trainer implements too.
use candle_core::{Device, Tensor};
use twoscale::loss::ScaledLogits;
use twoscale::metrics::Evaluation;
use twoscale::trainer::{Step, Trainer};

use super::Result;
use super::data::{Batch, RunData};
use crate::store::Tensors;
use experiment::spec::RunSpec;

/// A network in training: [`twoscale::trainer::Trainer`], which says more about each function, or a stand-in.
pub trait Learner {
    /// Does one step on a batch with the step size τ.
    ///
    /// # Errors
    /// Fails when shapes do not fit. A loss that is not finite is no error.
    fn step(&mut self, batch: &Batch<'_>, learning_rate: f64) -> Result<Step>;

    /// Evaluates a batch and appends to `into`.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()>;

    /// Objects of a batch that are correctly classified.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize>;

    /// Returns the state that a checkpoint must hold.
    ///
    /// # Errors
    /// Fails when a tensor cannot be copied.
    fn state(&self) -> Result<Tensors>;

    /// Weights and scales alone.
    ///
    /// # Errors
    /// Fails when a tensor cannot be copied.
    fn weights(&self) -> Result<Tensors>;

    /// Returns the logits that [`Learner::evaluate`] evaluates, with what scales them.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    fn scaled_logits(&self, batch: &Batch<'_>) -> Result<ScaledLogits>;

    /// Takes over [`Learner::weights`], to evaluate a finished run.
    ///
    /// # Errors
    /// Fails when the weights do not fit.
    fn load_weights(&mut self, weights: &Tensors) -> Result<()>;

    /// Takes over a [`Learner::state`].
    ///
    /// # Errors
    /// Fails when the state does not fit.
    fn restore(&mut self, state: &Tensors) -> Result<()>;
}

/// Makes a [`Learner`] for a run.
pub trait LearnerFactory: Sync {
    /// Returns the device that records name: the kernels in use, or `fake`.
    fn device(&self) -> String;

    /// A training at its beginning.
    ///
    /// # Errors
    /// Fails when a setting makes no sense.
    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> Result<Box<dyn Learner + 'a>>;
}

/// Trains networks on the CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkFactory;

impl LearnerFactory for NetworkFactory {
    fn device(&self) -> String {
        kernels::name().to_owned()
    }

    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> Result<Box<dyn Learner + 'a>> {
        Ok(Box::new(fresh(spec, data)?))
    }
}

/// Builds the network with which a run begins on the CPU, for training and for timing.
///
/// # Errors
/// Fails when a setting makes no sense.
pub fn fresh(spec: &RunSpec, data: &RunData) -> Result<Trainer> {
    fresh_on(&Device::Cpu, spec, data)
}

/// Builds a network as [`fresh`] does, on another device.
pub(super) fn fresh_on(device: &Device, spec: &RunSpec, data: &RunData) -> Result<Trainer> {
    let data = data.dataset();
    let RunSpec { model, loss, loss_options, optimiser, seed, .. } = spec;
    let model = model.build(data.shape, data.classes, *seed, device)?;
    Ok(Trainer::builder(model).loss(loss.clone()).options(loss_options.clone()).optimiser(*optimiser).build()?)
}

/// Images of a batch on the device of the trainer's network.
fn inputs(trainer: &Trainer, batch: &Batch<'_>) -> Result<Tensor> {
    let inputs = batch.inputs()?;
    Ok(match trainer.model().parameters().first() {
        Some(parameter) => inputs.to_device(parameter.var.device())?,
        None => inputs,
    })
}

impl Learner for Trainer {
    fn step(&mut self, batch: &Batch<'_>, learning_rate: f64) -> Result<Step> {
        let inputs = inputs(self, batch)?;
        Ok(Trainer::step(self, &inputs, &batch.label_tensor()?, learning_rate)?)
    }

    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()> {
        Ok(Trainer::evaluate(self, &inputs(self, batch)?, batch.labels(), superclass, into)?)
    }

    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize> {
        Ok(Trainer::count_correct(self, &inputs(self, batch)?, batch.labels())?)
    }

    fn state(&self) -> Result<Tensors> {
        Ok(Trainer::state(self)?)
    }

    fn weights(&self) -> Result<Tensors> {
        Ok(Trainer::weights(self)?)
    }

    fn scaled_logits(&self, batch: &Batch<'_>) -> Result<ScaledLogits> {
        Ok(Trainer::scaled_logits(self, &inputs(self, batch)?)?)
    }

    fn load_weights(&mut self, weights: &Tensors) -> Result<()> {
        Ok(Trainer::load_weights(self, weights)?)
    }

    fn restore(&mut self, state: &Tensors) -> Result<()> {
        Ok(Trainer::restore(self, state)?)
    }
}
