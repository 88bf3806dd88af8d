//! The loop of one training.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use twoscale::metrics::Evaluation;
use twoscale::trainer::Step;

use super::batches::Batches;
use super::data::{Batch, RunData};
use super::learner::{Learner, LearnerFactory};
use super::learning_rate::learning_rate;
use super::{EVALUATION_BATCH, Result};
use crate::record::{History, Outcome, Record, Run, VERSION};
use crate::store::{Checkpoint, Tensors, host_name};
use experiment::spec::RunSpec;

/// Shortest time between two calls of [`Control::steps`].
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Requests to a run, and functions that it calls.
pub struct Control<'a> {
    /// Flag that asks the run to stop; read between steps and between batches of the final evaluation.
    pub stop: &'a AtomicBool,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Keeps a checkpoint.
    pub save: &'a mut (dyn FnMut(&Checkpoint) -> Result<()> + Send),
    /// Receives the progress since its last call.
    pub steps: &'a (dyn Fn(Advance) + Sync),
}

/// Steps done, and how well the network classifies by now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Advance {
    /// Steps done since the last report.
    pub steps: usize,
    /// Mean accuracy on the batches of the last hundred steps, on [0, 1]; none before the first step.
    pub batch_accuracy: Option<f64>,
    /// Test accuracy when it was last measured, on [0, 1]; none before.
    pub test_accuracy: Option<f64>,
}

/// Steps over which [`Advance::batch_accuracy`] is averaged.
const RECENT: usize = 100;

/// End of [`execute`].
#[derive(Debug)]
pub enum Ended {
    /// The run is complete (or diverged, which is a result too).
    Finished(Box<Finished>),
    /// The run stopped when asked to, with a checkpoint kept.
    Interrupted(Interruption),
}

/// A complete run: what [`Store::save`](crate::store::Store::save) takes.
#[derive(Debug)]
pub struct Finished {
    /// The record.
    pub record: Record,
    /// Final weights and scales.
    pub weights: Tensors,
}

/// Place at which a run was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// Steps done.
    pub step: usize,
}

/// Trains the run `spec` on `data`, from the checkpoint `from` or from the beginning.
///
/// Runs on the calling thread and, where candle calls rayon, on one thread of its own, so that runs side by side do not
/// compete. The record is the same, bit for bit, wherever and however often the run was stopped and resumed.
///
/// # Errors
/// Fails when the specification makes no sense, or a tensor operation or [`Control::save`] fails.
pub fn execute<'a>(
    spec: &'a RunSpec,
    data: &'a RunData,
    factory: &'a dyn LearnerFactory,
    from: Option<Checkpoint>,
    control: Control<'a>,
) -> Result<Ended> {
    spec.validate()?;
    spec.validate_batch(data.train_objects())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        let mut training = factory.begin(spec, data)?;
        let (history, step, seconds_before) = match from {
            Some(checkpoint) => {
                training.restore(&checkpoint.state)?;
                (checkpoint.history, checkpoint.step, checkpoint.wall_seconds)
            }
            None => (History::default(), 0, 0.0),
        };
        let now = Instant::now();
        let progress = Progress { began: now, seconds_before, saved: now, reported: now, unreported: 0 };
        Execution { spec, data, training, history, step, progress, control }.run(&factory.device())
    })
}

/// Clocks of a run.
struct Progress {
    /// Beginning of this attempt.
    began: Instant,
    /// Seconds of earlier attempts.
    seconds_before: f64,
    saved: Instant,
    reported: Instant,
    unreported: usize,
}

/// A run under way.
struct Execution<'a> {
    spec: &'a RunSpec,
    data: &'a RunData,
    training: Box<dyn Learner + 'a>,
    history: History,
    /// Steps done.
    step: usize,
    progress: Progress,
    control: Control<'a>,
}

/// Reasons why training stopped before its last step.
enum CommandError {
    Interrupted,
    Diverged,
}

impl Execution<'_> {
    fn run(mut self, device: &str) -> Result<Ended> {
        let result = match self.train()? {
            Some(stop) => Err(stop),
            None => {
                // A checkpoint before the evaluation: on large sets the evaluation takes longer than many steps.
                self.save_if_due(self.control.checkpoint_every / 4)?;
                self.evaluate()?
            }
        };
        self.report_steps();
        let (outcome, (train, test)) = match result {
            Ok(evaluations) => (Outcome::Finished, evaluations),
            Err(CommandError::Diverged) => {
                // The step whose loss was not finite is the one after `step`; at the very end there is none after.
                let step = (self.step + 1).min(self.spec.schedule.steps);
                // Weights after `step - 1` steps gave that loss: their test accuracy means nothing.
                self.history.forget_tests_from(step.saturating_sub(1).max(1));
                (Outcome::Diverged { step }, Default::default())
            }
            Err(CommandError::Interrupted) => {
                if self.step > 0 {
                    self.save()?;
                }
                return Ok(Ended::Interrupted(Interruption { step: self.step }));
            }
        };
        let data = self.data.dataset();
        let run = Run {
            key: self.spec.key(),
            spec: self.spec.clone(),
            data: data.digests.clone(),
            stand_in: data.stand_in.clone(),
            version: VERSION.to_owned(),
            device: device.to_owned(),
            host: host_name(),
            wall_seconds: self.wall_seconds(),
            outcome,
            train_objects: self.data.train_objects(),
        };
        let weights = self.training.weights()?;
        let record = Record { run, history: self.history, train, test };
        Ok(Ended::Finished(Box::new(Finished { record, weights })))
    }

    /// Does all steps that are left.
    fn train(&mut self) -> Result<Option<CommandError>> {
        let schedule = &self.spec.schedule;
        let objects = self.data.train_objects();
        let mut batches = Batches::new(self.spec.seed, objects, schedule.batch, schedule.last_batch);
        while self.step < schedule.steps {
            if self.stopped() {
                return Ok(Some(CommandError::Interrupted));
            }
            let batch = self.data.augmented_batch(batches.indices(self.step), self.spec.seed, self.step);
            let step = self.training.step(&batch, learning_rate(self.spec, self.step))?;
            if !is_finite(&step) {
                return Ok(Some(CommandError::Diverged));
            }
            self.history.push(&step, batch.len());
            self.step += 1;
            if self.step.is_multiple_of(schedule.test_every) || self.step == schedule.steps {
                self.measure_test()?;
            }
            self.save_if_due(self.control.checkpoint_every)?;
            self.progress.unreported += 1;
            if self.progress.reported.elapsed() >= REPORT_EVERY {
                self.report_steps();
            }
        }
        Ok(None)
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "validated: steps fit in u32")]
    fn measure_test(&mut self) -> Result<()> {
        let mut correct = 0;
        for batch in self.data.test_in_order(EVALUATION_BATCH) {
            correct += self.training.count_correct(&batch)?;
        }
        self.history.test_step.push(self.step as u32);
        self.history.test_accuracy.push(correct as f64 / self.data.test_objects() as f64);
        Ok(())
    }

    /// The final evaluation of training and test set.
    fn evaluate(&self) -> Result<std::result::Result<(Evaluation, Evaluation), CommandError>> {
        let mut train = Evaluation::default();
        let mut test = Evaluation::default();
        for (into, batches) in [
            (&mut test, &mut self.data.test_in_order(EVALUATION_BATCH) as &mut dyn Iterator<Item = Batch<'_>>),
            (&mut train, &mut self.data.train_in_order(EVALUATION_BATCH)),
        ] {
            for batch in batches {
                if self.stopped() {
                    return Ok(Err(CommandError::Interrupted));
                }
                self.training.evaluate(&batch, self.data.dataset().superclass.as_deref(), into)?;
            }
            // The last step may have spoilt the weights: no later loss shows it.
            if !into.max_probability.iter().chain(&into.normalised_margin).all(|value| value.is_finite()) {
                return Ok(Err(CommandError::Diverged));
            }
        }
        Ok(Ok((train, test)))
    }

    fn stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }

    fn wall_seconds(&self) -> f64 {
        self.progress.seconds_before + self.progress.began.elapsed().as_secs_f64()
    }

    fn report_steps(&mut self) {
        let recent = &self.history.batch_accuracy[self.history.batch_accuracy.len().saturating_sub(RECENT)..];
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
        let mean = recent.iter().map(|&accuracy| f64::from(accuracy)).sum::<f64>() / recent.len() as f64;
        (self.control.steps)(Advance {
            steps: std::mem::take(&mut self.progress.unreported),
            batch_accuracy: (!recent.is_empty()).then_some(mean),
            test_accuracy: self.history.test_accuracy.last().copied(),
        });
        self.progress.reported = Instant::now();
    }

    fn save_if_due(&mut self, after: Duration) -> Result<()> {
        if self.progress.saved.elapsed() >= after { self.save() } else { Ok(()) }
    }

    fn save(&mut self) -> Result<()> {
        let checkpoint = Checkpoint {
            step: self.step,
            wall_seconds: self.wall_seconds(),
            history: self.history.clone(),
            state: self.training.state()?,
        };
        (self.control.save)(&checkpoint)?;
        self.progress.saved = Instant::now();
        Ok(())
    }
}

fn is_finite(step: &Step) -> bool {
    step.loss.is_finite() && step.log_norm.is_finite() && step.scales.iter().all(|scale| scale.is_finite())
}
