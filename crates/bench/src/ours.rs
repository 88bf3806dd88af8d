//! Calls of our own code, the code that trains the figures.
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

/// Number of batches prepared as tensors for [`Call::Step`].
pub(super) const READY: usize = 16;
/// Number of objects in a call of [`Call::Count`] and [`Call::Evaluate`], as in a run.
pub(super) const EVALUATED: usize = runs::train::EVALUATION_BATCH;

/// Calls measured on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Training step on a prepared batch.
    Step,
    /// Training step as in a run: the batch is gathered from the data set and scaled.
    GatheredStep,
    /// Loss and its gradient from prepared logits.
    Loss,
    /// Count of correctly classified images of a test batch, as in tests during training.
    Count,
    /// Evaluation of a batch of test images, as at the end of a run.
    Evaluate,
}

impl Call {
    /// Name in the peer's requests.
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

/// Training in progress.
pub(super) struct Ours<'a> {
    spec: RunSpec,
    run_data: &'a RunData,
    trainer: Trainer,
    batches: Batches,
    ready: Vec<(Tensor, Tensor)>,
    loss: MultiScale,
    logits: Var,
    labels: Vec<u32>,
    /// Complete batches of test images.
    tests: Vec<Batch<'a>>,
    at: usize,
}

impl<'a> Ours<'a> {
    /// Prepares a training at its beginning.
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

    /// Performs one call.
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

/// First images of the training set, from which both sides prepare their batches.
pub(super) fn ready_images(run_data: &RunData, batch: usize) -> (&[u8], &[u32]) {
    let data = run_data.dataset();
    let Split { images, labels } = &data.train;
    let objects = (READY * batch).min(labels.len());
    (&images[..objects * data.shape.iter().product::<usize>()], &labels[..objects])
}
