//! Our side: the code that trains the figures, call by call.
use candle_core::{Device, Tensor, Var};
use datasets::Split;
use twoscale::loss::MultiScale;
use twoscale::metrics::Evaluation;
use twoscale::ops::backward;
use twoscale::trainer::Trainer;

use super::Result;
use super::network::Network;
use experiment::spec::RunSpec;
use runs::train::{Batch, Batches, Learner, RunData, fresh};

/// Batches that wait as tensors for [`Call::Step`].
pub(super) const READY: usize = 16;
/// Objects of a call of [`Call::Count`] and [`Call::Evaluate`]: what a run evaluates at a time.
pub(super) const EVALUATED: usize = runs::train::EVALUATION_BATCH;

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
    run_data: &'a RunData,
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
    pub fn new(network: Network, run_data: &'a RunData) -> Result<Self> {
        let spec = network.spec();
        let trainer = fresh(&spec, run_data)?;
        let batch = spec.schedule.batch;
        let mut ready = Vec::with_capacity(READY);
        for batch in run_data.train_in_order(batch).take(READY) {
            ready.push((batch.inputs()?, batch.label_tensor()?));
        }
        let labels = ready[0].1.to_vec1()?;
        Ok(Self {
            loss: MultiScale::new(&spec.loss.thresholds, spec.loss.inner)?,
            logits: Var::from_tensor(&trainer.model().forward(&ready[0].0)?.detach())?,
            batches: Batches::new(spec.seed, run_data.train_objects(), batch, spec.schedule.last_batch),
            tests: run_data.test_in_order(EVALUATED).filter(|batch| batch.len() == EVALUATED).collect(),
            spec,
            run_data,
            trainer,
            ready,
            labels,
            at: 0,
        })
    }

    /// One call.
    pub fn call(&mut self, call: Call) -> Result<()> {
        let step = self.spec.optimiser.learning_rate;
        self.at += 1;
        match call {
            Call::Step => {
                let (inputs, labels) = &self.ready[self.at % self.ready.len()];
                self.trainer.step(inputs, labels, step)?;
            }
            Call::GatheredStep => {
                let batch = self.run_data.train_batch(self.batches.indices(self.at));
                Learner::step(&mut self.trainer, &batch, step)?;
            }
            Call::Loss => {
                let log_norm = Tensor::new(self.trainer.current_log_norm()?, &Device::Cpu)?;
                let multipliers = self.trainer.scales().multipliers(&log_norm)?;
                let losses = self.loss.per_object(&self.logits, &self.labels, &multipliers, 1.0)?;
                backward(&losses.mean_all()?)?;
            }
            Call::Count => {
                let batch = &self.tests[self.at % self.tests.len()];
                Learner::count_correct(&self.trainer, batch)?;
            }
            Call::Evaluate => {
                let batch = &self.tests[self.at % self.tests.len()];
                let superclass = self.run_data.dataset().superclass.as_deref();
                Learner::evaluate(&self.trainer, batch, superclass, &mut Evaluation::default())?;
            }
        }
        Ok(())
    }
}

/// The images that both sides train on when batches wait: the first of the training set.
pub(super) fn ready_images(run_data: &RunData, batch: usize) -> (&[u8], &[u32]) {
    let data = run_data.dataset();
    let Split { images, labels } = &data.train;
    let objects = (READY * batch).min(labels.len());
    (&images[..objects * data.shape.iter().product::<usize>()], &labels[..objects])
}
