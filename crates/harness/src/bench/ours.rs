//! Our side: the code that trains the figures, call by call.
use candle_core::{Device, Tensor, Var};
use datasets::Split;
use twoscale::loss::MultiScale;
use twoscale::metrics::Evaluation;
use twoscale::ops::backward;
use twoscale::trainer::Trainer;

use super::Result;
use super::network::Network;
use crate::spec::RunSpec;
use crate::train::{Batch, Batches, Problem, Training, fresh};

/// Batches that wait as tensors for [`Call::Step`].
pub(super) const READY: usize = 16;
/// Objects of a call of [`Call::Count`] and [`Call::Evaluate`]: what a run evaluates at a time.
pub(super) const EVALUATED: usize = crate::train::EVALUATION_BATCH;

/// What can be called, on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A training step on a batch that waits as a tensor.
    Step,
    /// A training step as in a run: the batch is gathered from the data set and scaled.
    GatheredStep,
    /// The loss and its gradient from logits that wait.
    Loss,
    /// Counting the correct of a batch of test images, as tests during training do.
    Count,
    /// The evaluation of a batch of test images, as at a run's end.
    Evaluate,
}

impl Call {
    /// Its name in the peer's language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::GatheredStep => "gathered-step",
            Self::Loss => "loss",
            Self::Count => "count",
            Self::Evaluate => "evaluate",
        }
    }
}

/// A training under way.
pub(super) struct Ours<'a> {
    spec: RunSpec,
    problem: &'a Problem,
    trainer: Trainer,
    batches: Batches,
    ready: Vec<(Tensor, Tensor)>,
    loss: MultiScale,
    logits: Var,
    labels: Vec<u32>,
    /// Whole batches of test images.
    tests: Vec<Batch<'a>>,
    at: usize,
}

impl<'a> Ours<'a> {
    /// A training at its beginning.
    pub fn new(network: Network, problem: &'a Problem) -> Result<Self> {
        let spec = network.spec();
        let trainer = fresh(&spec, problem)?;
        let batch = spec.schedule.batch;
        let mut ready = Vec::with_capacity(READY);
        for batch in problem.train_in_order(batch).take(READY) {
            ready.push((batch.inputs()?, batch.label_tensor()?));
        }
        let labels = ready[0].1.to_vec1()?;
        Ok(Self {
            loss: MultiScale::new(&spec.loss.thresholds, spec.loss.inner)?,
            logits: Var::from_tensor(&trainer.model().forward(&ready[0].0)?.detach())?,
            batches: Batches::new(spec.seed, problem.train_objects(), batch, spec.schedule.last_batch),
            tests: problem.test_in_order(EVALUATED).filter(|batch| batch.len() == EVALUATED).collect(),
            spec,
            problem,
            trainer,
            ready,
            labels,
            at: 0,
        })
    }

    /// One call.
    pub fn call(&mut self, call: Call) -> Result<()> {
        let step = self.spec.optimiser.step;
        self.at += 1;
        match call {
            Call::Step => {
                let (inputs, labels) = &self.ready[self.at % self.ready.len()];
                self.trainer.step(inputs, labels, step)?;
            }
            Call::GatheredStep => {
                let batch = self.problem.train_batch(self.batches.indices(self.at));
                Training::step(&mut self.trainer, &batch, step)?;
            }
            Call::Loss => {
                let log_size = Tensor::new(self.trainer.present_log_size()?, &Device::Cpu)?;
                let multipliers = self.trainer.scales().multipliers(&log_size)?;
                let losses = self.loss.per_object(&self.logits, &self.labels, &multipliers, 1.0)?;
                backward(&losses.mean_all()?)?;
            }
            Call::Count => {
                let batch = &self.tests[self.at % self.tests.len()];
                Training::count_correct(&self.trainer, batch)?;
            }
            Call::Evaluate => {
                let batch = &self.tests[self.at % self.tests.len()];
                let superclass = self.problem.dataset().superclass.as_deref();
                Training::evaluate(&self.trainer, batch, superclass, &mut Evaluation::default())?;
            }
        }
        Ok(())
    }
}

/// The images that both sides train on when batches wait: the first of the training set.
pub(super) fn ready_images(problem: &Problem, batch: usize) -> (&[u8], &[u32]) {
    let data = problem.dataset();
    let Split { images, labels } = &data.train;
    let objects = (READY * batch).min(labels.len());
    (&images[..objects * data.shape.iter().product::<usize>()], &labels[..objects])
}
