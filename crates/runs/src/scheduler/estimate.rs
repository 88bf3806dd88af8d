//! How long the missing runs will take.
use std::time::{Duration, Instant};

use twoscale::metrics::Evaluation;

use super::data::DataCache;
use super::{Scheduler, SchedulerError, Task, cost, jobs};
use crate::record::{Outcome, Run};
use crate::store::{Status, host_name};
use crate::train::{Batches, EVALUATION_BATCH, LearnerFactory, RunData, TrainError, learning_rate};
use experiment::spec::RunSpec;

/// What is missing and how long it will take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Runs whose record is there.
    pub found: usize,
    /// Runs that are missing.
    pub missing: usize,
    /// Of those, runs that go on from a checkpoint.
    pub resumed: usize,
    /// Steps to be done.
    pub steps: usize,
    /// Seconds, `jobs` runs at a time.
    pub seconds: f64,
}

/// Time spent on training a few steps, where no earlier record tells the speed.
const CALIBRATION: Duration = Duration::from_millis(300);

/// Seconds of one step, and of the final and repeated evaluations per object.
#[derive(Clone, Copy, Debug)]
struct Speed {
    step: f64,
    object: f64,
}

impl Scheduler<'_> {
    /// What is missing of `specs` and how long that takes with `jobs` runs at a time (0: one a core): from the speed of
    /// earlier records of this host with the same data set, network and batch; else from a few steps trained now.
    ///
    /// # Errors
    /// When a data set is needed and cannot be had, or a training cannot be begun.
    pub fn estimate(&self, specs: &[RunSpec], asked_jobs: usize) -> Result<Estimate, SchedulerError> {
        let (found, missing) = self.split(specs);
        let mut estimate = Estimate { found: found.len(), missing: missing.len(), ..Estimate::default() };
        let cache = DataCache::new(self.source);
        let earlier = if missing.is_empty() { Vec::new() } else { self.earlier() };
        let mut calibrated: Vec<(RunSpec, Speed)> = Vec::new();
        let mut lengths = Vec::with_capacity(missing.len());
        for Task { key, spec, .. } in missing {
            let done = match self.store.status(&key) {
                Status::Partial(step) => {
                    estimate.resumed += 1;
                    step
                }
                _ => 0,
            };
            let steps = spec.schedule.steps.saturating_sub(done);
            estimate.steps += steps;
            let seconds = if let Some(rate) = rate(&earlier, &spec) {
                rate * as_f64(steps)
            } else {
                let data = cache.get(&spec.data).map_err(SchedulerError::Data)?;
                let known = calibrated.iter().find(|(other, _)| cost::alike(other, &spec)).map(|(_, speed)| *speed);
                let speed = match known {
                    Some(speed) => speed,
                    None => {
                        let speed = calibrate(&spec, &data, self.factory)?;
                        calibrated.push((spec.clone(), speed));
                        speed
                    }
                };
                let tests = steps.div_ceil(spec.schedule.test_every) + 1;
                let objects = data.train_objects() + tests * data.test_objects();
                speed.step * as_f64(steps) + speed.object * as_f64(objects)
            };
            lengths.push(seconds);
        }
        estimate.seconds = cost::makespan(lengths, jobs(asked_jobs));
        Ok(estimate)
    }

    /// Finished runs of this host. Records that cannot be read say nothing here; who needs them is told then.
    fn earlier(&self) -> Vec<Run> {
        let host = host_name();
        let keys = self.store.keys().unwrap_or_default();
        let runs = keys.iter().filter_map(|key| self.store.run(key).ok());
        runs.filter(|run| run.host == host && run.outcome == Outcome::Finished).collect()
    }
}

/// Median seconds per step, evaluations included, of earlier runs like `spec`.
fn rate(earlier: &[Run], spec: &RunSpec) -> Option<f64> {
    let alike = earlier.iter().filter(|run| cost::alike(&run.spec, spec));
    let mut rates: Vec<f64> = alike.map(|run| run.wall_seconds / as_f64(run.spec.schedule.steps)).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

/// Trains and evaluates for a moment.
fn calibrate(spec: &RunSpec, data: &RunData, factory: &dyn LearnerFactory) -> Result<Speed, TrainError> {
    spec.validate()?;
    spec.validate_batch(data.train_objects())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        let mut training = factory.begin(spec, data)?;
        let schedule = &spec.schedule;
        let mut batches = Batches::new(spec.seed, data.train_objects(), schedule.batch, schedule.last_batch);
        let mut quickest = f64::INFINITY;
        let began = Instant::now();
        // The quickest of a few: the first steps fill caches and allocate.
        for step in 0..schedule.steps.min(1000) {
            let batch = data.train_batch(batches.indices(step));
            let begin = Instant::now();
            training.step(&batch, learning_rate(spec, step))?;
            quickest = quickest.min(begin.elapsed().as_secs_f64());
            if step >= 2 && began.elapsed() > CALIBRATION {
                break;
            }
        }
        let mut object = 0.0;
        if let Some(batch) = data.test_in_order(EVALUATION_BATCH).next() {
            let begin = Instant::now();
            training.evaluate(&batch, data.dataset().superclass.as_deref(), &mut Evaluation::default())?;
            object = begin.elapsed().as_secs_f64() / as_f64(batch.len());
        }
        Ok(Speed { step: quickest, object })
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
