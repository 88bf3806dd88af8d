//! Whatever learns, behind one trait, so that a fake one can take its place.
use candle_core::Device;
use twoscale::metrics::Evaluation;
use twoscale::trainer::{Step, Trainer};

use super::Result;
use super::problem::{Batch, Problem};
use crate::spec::RunSpec;
use crate::store::Tensors;

/// A network in training: [`twoscale::trainer::Trainer`], which says more about each function, or a stand-in.
pub trait Training {
    /// One step on a batch with the step size τ.
    ///
    /// # Errors
    /// When shapes do not fit. A loss that is not finite is no error.
    fn step(&mut self, batch: &Batch<'_>, step_size: f64) -> Result<Step>;

    /// Evaluates a batch and appends to `into`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()>;

    /// Objects of a batch that are correctly classified.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize>;

    /// Everything that a checkpoint must hold.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    fn state(&self) -> Result<Tensors>;

    /// Weights and scales alone.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    fn weights(&self) -> Result<Tensors>;

    /// Takes over a [`Training::state`].
    ///
    /// # Errors
    /// When it does not fit.
    fn restore(&mut self, state: &Tensors) -> Result<()>;
}

/// Makes a [`Training`] for a run.
pub trait Trainers: Sync {
    /// What records say they were made on: the kernels in use, or `fake`.
    fn device(&self) -> String;

    /// A training at its beginning.
    ///
    /// # Errors
    /// When a setting makes no sense.
    fn begin<'a>(&'a self, spec: &RunSpec, problem: &Problem) -> Result<Box<dyn Training + 'a>>;
}

/// Trains networks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl Trainers for Real {
    fn device(&self) -> String {
        twoscale::kernels::name().to_owned()
    }

    fn begin<'a>(&'a self, spec: &RunSpec, problem: &Problem) -> Result<Box<dyn Training + 'a>> {
        Ok(Box::new(fresh(spec, problem)?))
    }
}

/// A network as a run begins with it: what is trained and what is timed.
///
/// # Errors
/// When a setting makes no sense.
pub fn fresh(spec: &RunSpec, problem: &Problem) -> Result<Trainer> {
    let data = problem.dataset();
    let RunSpec { model, loss, reading, optimiser, seed, .. } = spec;
    Ok(Trainer::new(model, data.shape, data.classes, loss, reading, optimiser, *seed, &Device::Cpu)?)
}

impl Training for Trainer {
    fn step(&mut self, batch: &Batch<'_>, step_size: f64) -> Result<Step> {
        Ok(Trainer::step(self, &batch.inputs()?, &batch.label_tensor()?, step_size)?)
    }

    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()> {
        Ok(Trainer::evaluate(self, &batch.inputs()?, batch.labels(), superclass, into)?)
    }

    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize> {
        Ok(Trainer::count_correct(self, &batch.inputs()?, batch.labels())?)
    }

    fn state(&self) -> Result<Tensors> {
        Ok(Trainer::state(self)?)
    }

    fn weights(&self) -> Result<Tensors> {
        Ok(Trainer::weights(self)?)
    }

    fn restore(&mut self, state: &Tensors) -> Result<()> {
        Ok(Trainer::restore(self, state)?)
    }
}
