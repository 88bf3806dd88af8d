//! Estimates of the time that missing runs take.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use twoscale::metrics::Evaluation;

use super::cost::Cost;
use super::{Scheduler, SchedulerError, Task, cost, jobs};
use crate::record::{Outcome, Run};
use crate::store::{Status, host_name};
use crate::train::{Batches, EVALUATION_BATCH, LearnerFactory, RunData, TrainError, learning_rate};
use experiment::spec::RunSpec;

/// Missing runs and the time that they take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Runs whose record is there.
    pub found: usize,
    /// Runs that are missing.
    pub missing: usize,
    /// Missing runs that resume from a checkpoint.
    pub resumed: usize,
    /// Steps to be done.
    pub steps: usize,
    /// Estimated seconds with `jobs` runs at a time.
    pub seconds: f64,
    /// Cost of each missing run, by key.
    pub costs: HashMap<String, Cost>,
}

/// Time spent on training a few steps of a network, where no earlier record tells how long such a run takes.
const CALIBRATION: Duration = Duration::from_millis(250);

/// Steps at the beginning that are not counted: they fill caches and allocate.
const WARM_UP: usize = 2;

/// Seconds of what a run consists of, on one of as many threads as will be busy.
#[derive(Clone, Copy, Debug, Default)]
struct Speed {
    /// Building the network.
    begin: f64,
    /// A step.
    step: f64,
    /// An object of the test set, in training.
    test: f64,
    /// An object of the final evaluation.
    evaluation: f64,
}

impl Scheduler<'_> {
    /// Estimates the time of the runs missing of `specs` with `jobs` runs at a time (0: one a core): from earlier records of
    /// this host that are as long, with the same data, network, batch and optimiser; else from a few steps of the very network
    /// and a batch of its evaluation, timed now on as many threads as will be busy; where there are no data for that, from earlier
    /// records of another length.
    ///
    /// # Errors
    /// Refuses where a data set is needed and cannot be had, or a training cannot be begun.
    pub fn estimate(&self, specs: &[RunSpec], asked_jobs: usize) -> Result<Estimate, SchedulerError> {
        let (found, missing) = self.split(specs);
        let mut estimate = Estimate { found: found.len(), missing: missing.len(), ..Estimate::default() };
        let earlier = if missing.is_empty() { Vec::new() } else { self.earlier() };
        let threads = jobs(asked_jobs).min(missing.len());
        let mut calibrated: Vec<(RunSpec, Speed)> = Vec::new();
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
            let cost = if let Some(rate) = rate(&earlier, |run| cost::equal(&run.spec, &spec)) {
                Cost { steps, step: rate, end: 0.0 }
            } else {
                match self.data.get(&spec.data) {
                    Ok(data) => {
                        let known = calibrated.iter().find(|(other, _)| cost::alike(other, &spec));
                        let speed = match known {
                            Some((_, speed)) => *speed,
                            None => {
                                let speed = calibrate_together(&spec, &data, self.factory, threads)?;
                                calibrated.push((spec.clone(), speed));
                                speed
                            }
                        };
                        speed.cost(&spec, &data, steps)
                    }
                    Err(error) => {
                        let rate = rate(&earlier, |run| cost::alike(&run.spec, &spec));
                        Cost { steps, step: rate.ok_or(SchedulerError::Data(error))?, end: 0.0 }
                    }
                }
            };
            estimate.costs.insert(key, cost);
        }
        estimate.seconds = cost::makespan(estimate.costs.values().map(Cost::seconds).collect(), threads);
        Ok(estimate)
    }

    /// Returns finished runs of this host. Records that cannot be read are left out here, and named when they are needed.
    fn earlier(&self) -> Vec<Run> {
        let host = host_name();
        let keys = self.store.keys().unwrap_or_default();
        let runs = keys.iter().filter_map(|key| self.store.run(key).ok());
        runs.filter(|run| run.host == host && run.outcome == Outcome::Finished).collect()
    }
}

impl Speed {
    /// Returns the cost of a run of which `steps` steps are left.
    fn cost(&self, spec: &RunSpec, data: &RunData, steps: usize) -> Cost {
        let tests = as_f64(steps.div_ceil(spec.schedule.test_every.max(1)));
        let (train, test) = (as_f64(data.train_objects()), as_f64(data.test_objects()));
        let step = self.step + tests * test * self.test / as_f64(steps.max(1));
        Cost { steps, step, end: self.begin + (train + test) * self.evaluation }
    }
}

/// Returns the median seconds per step, evaluations included, of the earlier runs for which `fits` is true.
fn rate(earlier: &[Run], fits: impl Fn(&Run) -> bool) -> Option<f64> {
    let rates = earlier.iter().filter(|run| fits(run)).map(|run| run.wall_seconds / as_f64(run.spec.schedule.steps));
    median(rates.collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Trains and evaluates for a moment on `threads` threads at once, because cores share caches and memory. Returns the mean over
/// the threads.
fn calibrate_together(
    spec: &RunSpec,
    data: &RunData,
    factory: &dyn LearnerFactory,
    threads: usize,
) -> Result<Speed, TrainError> {
    spec.validate()?;
    spec.validate_batch(data.train_objects())?;
    let speeds = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(|| calibrate(spec, data, factory))).collect();
        // A thread that panicked has no result; the run itself will report the error.
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect::<Result<Vec<_>, _>>()
    })?;
    let mean = |part: fn(&Speed) -> f64| speeds.iter().map(part).sum::<f64>() / as_f64(speeds.len().max(1));
    Ok(Speed {
        begin: mean(|speed| speed.begin),
        step: mean(|speed| speed.step),
        test: mean(|speed| speed.test),
        evaluation: mean(|speed| speed.evaluation),
    })
}

fn calibrate(spec: &RunSpec, data: &RunData, factory: &dyn LearnerFactory) -> Result<Speed, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        let began = Instant::now();
        let mut training = factory.begin(spec, data)?;
        let mut speed = Speed { begin: began.elapsed().as_secs_f64(), ..Speed::default() };
        let schedule = &spec.schedule;
        let mut batches = Batches::new(spec.seed, data.train_objects(), schedule.batch, schedule.last_batch);
        let began = Instant::now();
        let mut times = Vec::new();
        for step in 0..schedule.steps.min(1000) {
            let batch = data.augmented_batch(batches.indices(step), spec.seed, step);
            let begin = Instant::now();
            training.step(&batch, learning_rate(spec, step))?;
            times.push(begin.elapsed().as_secs_f64());
            // A step of a large network takes longer than the whole calibration should: then the first step alone is timed.
            if began.elapsed() > CALIBRATION && (step > WARM_UP || began.elapsed() > 4 * CALIBRATION) {
                break;
            }
        }
        // The mean and not the median: on a busy machine a few steps wait long, and so will those of the run.
        let counted = times.split_off(WARM_UP.min(times.len().saturating_sub(1)));
        speed.step = counted.iter().sum::<f64>() / as_f64(counted.len().max(1));
        // Objects that take about as long to evaluate as the calibration should, at least a batch of training.
        let objects = if speed.step > 0.05 { schedule.batch } else { EVALUATION_BATCH };
        if let Some(batch) = data.test_in_order(objects).next() {
            let size = as_f64(batch.len());
            let superclass = data.dataset().superclass.as_deref();
            // The first evaluation allocates its buffers, which takes many times as long where the network is small.
            if objects == EVALUATION_BATCH {
                training.count_correct(&batch)?;
                training.evaluate(&batch, superclass, &mut Evaluation::default())?;
            }
            let begin = Instant::now();
            training.count_correct(&batch)?;
            speed.test = begin.elapsed().as_secs_f64() / size;
            let begin = Instant::now();
            training.evaluate(&batch, superclass, &mut Evaluation::default())?;
            speed.evaluation = begin.elapsed().as_secs_f64() / size;
        }
        Ok(speed)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
