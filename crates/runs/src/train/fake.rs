//! A trainer that learns nothing and is done at once: for tests of the command line, of the scheduler and of the store.
//!
//! The fake curves look like the paper's: accuracy rises from chance, two-scale losses end above single, the more the smaller η.
use candle_core::{Device, Tensor};
use rand::Rng;
use twoscale::loss::margin::Logits;
use twoscale::loss::{LossKind, ScaledLogits};
use twoscale::metrics::Evaluation;
use twoscale::random::{Purpose, stream};
use twoscale::trainer::Step;

use super::data::{Batch, RunData};
use super::learner::{Learner, LearnerFactory};
use super::{Result, TrainError};
use crate::record::FAKE_DEVICE;
use crate::store::Tensors;
use experiment::spec::RunSpec;

/// Makes fake trainings. A run whose step τ is above 1000 diverges at step 8, to show what that looks like.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeFactory {
    /// Time that each step takes, for tests that interrupt runs.
    pub delay: std::time::Duration,
}

impl LearnerFactory for FakeFactory {
    fn device(&self) -> String {
        FAKE_DEVICE.to_owned()
    }

    #[expect(clippy::cast_precision_loss, reason = "few classes, few steps")]
    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> Result<Box<dyn Learner + 'a>> {
        let eta = spec.loss.thresholds.first().copied().unwrap_or(f64::INFINITY);
        let gain = 0.08 / (1.0 + 3.0 * eta.sqrt());
        let (end, seed_shift) = match spec.loss.kind {
            _ if eta >= 100.0 => (0.70, 0),
            LossKind::Single => (0.70, 0),
            LossKind::Fixed => (0.70 + gain / 2.0, 1),
            LossKind::TwoScale => (0.70 + gain, 2),
            LossKind::Separation => (0.70 + gain, 3),
        };
        Ok(Box::new(FakeTraining {
            delay: self.delay,
            seed: spec.seed ^ (seed_shift << 32),
            chance: 1.0 / data.dataset().classes as f64,
            end,
            rise: spec.schedule.steps as f64 / 5.0,
            ratio: (spec.loss.kind != LossKind::Single).then_some(spec.loss.ratio),
            done: 0,
            trace: 0,
        }))
    }
}

struct FakeTraining {
    delay: std::time::Duration,
    seed: u64,
    chance: f64,
    end: f64,
    /// Steps in which accuracy comes nearer to its end by a factor of e.
    rise: f64,
    ratio: Option<f64>,
    /// Steps done.
    done: u32,
    /// A checksum of all batches seen so far: a resumed run that repeats or skips a batch ends with another one.
    trace: u32,
}

impl FakeTraining {
    /// Share of objects that are correctly classified now.
    fn accuracy(&self) -> f64 {
        self.chance + (self.end - self.chance) * (1.0 - (-f64::from(self.done) / self.rise).exp())
    }

    /// Returns a number on [0, 1) that depends on the seed and two numbers alone.
    fn noise(&self, step: u32, object: u32) -> f64 {
        let index = u64::from(step) << 32 | u64::from(object);
        f64::from(stream(self.seed, Purpose::Other, index).next_u32()) / 4_294_967_296.0
    }
}

impl Learner for FakeTraining {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a batch is small"
    )]
    fn step(&mut self, batch: &Batch<'_>, learning_rate: f64) -> Result<Step> {
        std::thread::sleep(self.delay);
        let accuracy = self.accuracy() + 0.05 * (self.noise(self.done, u32::MAX) - 0.5);
        for (&index, &label) in batch.indices().iter().zip(batch.labels()) {
            self.trace = self.trace.rotate_left(5) ^ index.wrapping_mul(0x9E37_79B1).wrapping_add(label);
        }
        let diverges = learning_rate > 1000.0 && self.done >= 7;
        let grown = 3.0 + (1.0 + f64::from(self.done) / 100.0).ln();
        let mut scales = vec![grown];
        scales.extend(self.ratio.map(|ratio| ratio * grown));
        self.done += 1;
        Ok(Step {
            loss: if diverges {
                f64::NAN
            } else {
                -accuracy.clamp(0.01, 1.0).ln() + f64::from(self.trace % 1000) * 1e-6
            },
            correct: (accuracy.clamp(0.0, 1.0) * batch.len() as f64) as usize,
            log_norm: grown.ln(),
            scales,
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "probabilities are kept as f32")]
    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()> {
        let chance = self.chance;
        for (&index, &label) in batch.indices().iter().zip(batch.labels()) {
            let luck = self.noise(self.done, index);
            let correct = luck < self.accuracy();
            let largest = chance + (1.0 - chance) * self.noise(self.done, index | 1 << 31);
            let own = if correct { largest } else { largest * luck * 0.5 };
            let related = superclass.map_or(own, |_| own + (largest - own) * 0.5);
            let classes = (1.0 / chance).round() as u32;
            into.label.push(label);
            into.correct_probability.push(own as f32);
            into.max_probability.push(largest as f32);
            into.rank.push(u32::from(!correct) * (1 + (index % classes.max(2)) / 2));
            into.predicted.push(if correct { label } else { (label + 1) % classes });
            into.superclass_probability.push(related as f32);
            into.normalised_margin.push((own - largest * luck) as f32);
        }
        Ok(())
    }

    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize> {
        Ok(batch.indices().iter().filter(|&&index| self.noise(self.done, index) < self.accuracy()).count())
    }

    fn state(&self) -> Result<Tensors> {
        let numbers = Tensor::from_slice(&[self.done, self.trace], 2, &Device::Cpu)?;
        Ok(vec![("fake.done-and-trace".to_owned(), numbers)])
    }

    fn weights(&self) -> Result<Tensors> {
        self.state()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few classes")]
    fn scaled_logits(&self, batch: &Batch<'_>) -> Result<ScaledLogits> {
        let classes = (1.0 / self.chance).round() as u32;
        let row = |(&index, &label): (&u32, &u32)| {
            let right = self.noise(self.done, index) < self.accuracy();
            (0..classes)
                .map(move |class| if right && class == label { 3.0 } else { f64::from((index + class) % 7) / 3.0 })
        };
        let values: Vec<f64> = batch.indices().iter().zip(batch.labels()).flat_map(row).collect();
        let logits = Tensor::from_vec(values, (batch.len(), classes as usize), &Device::Cpu)?;
        Ok(ScaledLogits { logits: Logits::new(&logits)?, multiplier: 1.0, norm: 1.0 })
    }

    fn load_weights(&mut self, weights: &Tensors) -> Result<()> {
        self.restore(weights)
    }

    fn restore(&mut self, state: &Tensors) -> Result<()> {
        let wrong = || TrainError::Library(twoscale::Error::Setting("this is no state of the fake trainer".to_owned()));
        let [(_, numbers)] = state.as_slice() else { return Err(wrong()) };
        let [done, trace] = numbers.to_vec1::<u32>()?[..] else { return Err(wrong()) };
        (self.done, self.trace) = (done, trace);
        Ok(())
    }
}
