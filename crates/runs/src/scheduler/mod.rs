//! Scheduler of many trainings: finds the missing ones, trains them side by side, estimates the time.
//!
//! A [`Scheduler`] takes the specifications of all runs that a figure needs. [`Scheduler::estimate`] says what is missing
//! and how long it takes; [`Scheduler::run`] trains the missing ones, `jobs` at a time, each on one thread. It waits
//! for runs that other processes train at the moment. Progress is reported to a [`Progress`]; [`Tally`] adds it up for a progress line.
mod cost;
mod data;
mod estimate;
mod progress;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use cost::{Cost, relative};
pub use data::{DataCache, DataSource};
pub use estimate::Estimate;
pub use progress::{Ending, Event, Progress, Silent, Tally, TallySnapshot};

use crate::record::{Outcome, Run};
use crate::store::{Store, StoreError};
use crate::train::LearnerFactory;
use experiment::spec::RunSpec;
use worker::{Queue, Worker};

/// Time between two checkpoints of a run, unless asked otherwise.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(20);

/// Errors that keep all runs from beginning. A single run that cannot be done is a [`Failure`].
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A data set cannot be had.
    #[error("{0:#}")]
    Data(anyhow::Error),
    /// A run to estimate from could not be begun.
    #[error("cannot estimate the time needed: {0}")]
    Training(#[from] crate::train::TrainError),
}

/// Options of the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Runs trained at a time; 0: as many as this machine has cores.
    pub jobs: usize,
    /// Time between two checkpoints of a run.
    pub checkpoint_every: Duration,
    /// Flag that asks to stop (Ctrl-C): trainings keep a checkpoint and end.
    pub stop: &'a AtomicBool,
}

/// Result of [`Scheduler::run`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that were there before.
    pub found: usize,
    /// Runs trained here.
    pub trained: usize,
    /// Runs that another process trained meanwhile.
    pub elsewhere: usize,
    /// Runs that are neither done nor failed: interrupted ones, and those left to other processes.
    pub left: usize,
    /// True when the scheduler was asked to stop before everything was done.
    pub interrupted: bool,
    /// Keys of the runs, of those done, that diverged.
    pub diverged: Vec<String>,
    /// Runs that could not be done.
    pub failures: Vec<Failure>,
}

impl Summary {
    /// Runs whose record is there now.
    #[must_use]
    pub fn done(&self) -> usize {
        self.found + self.trained + self.elsewhere
    }

    fn note(&mut self, run: &Run) {
        if matches!(run.outcome, Outcome::Diverged { .. }) {
            self.diverged.push(run.key.clone());
        }
    }
}

/// A run that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The run's key.
    pub key: String,
    /// Reason, one sentence.
    pub error: String,
}

/// Trains runs into a store.
#[derive(Clone, Copy)]
pub struct Scheduler<'a> {
    /// Records.
    pub store: &'a Store,
    /// Data sets.
    pub data: &'a DataCache<'a>,
    /// Maker of trainings: [`NetworkFactory`](crate::train::NetworkFactory) or [`FakeFactory`](crate::train::FakeFactory).
    pub factory: &'a dyn LearnerFactory,
}

/// Treatment of runs that another process trains at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Waits for them, and takes over the runs that the other process leaves.
    Wait,
    /// Leaves them to the other process.
    Leave,
}

/// A run to be done.
#[derive(Clone, Debug)]
struct Task {
    key: String,
    spec: RunSpec,
    /// True once [`Progress`] was told that another process trains the run.
    announced: bool,
}

impl Scheduler<'_> {
    /// Trains every run of `specs` that is not in the store, the longest first. Runs named twice are trained once.
    ///
    /// # Errors
    /// Fails when the store cannot be written or a data set cannot be had; nothing was trained then.
    pub fn run(
        &self,
        specs: &[RunSpec],
        options: Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Summary, SchedulerError> {
        self.run_with(specs, options, progress, Busy::Wait)
    }

    /// Trains runs as one of many tasks of a cluster, each given the same `specs`: unlike [`Scheduler::run`] it ends when only runs are
    /// left that other processes train, since waiting would waste the cluster's time. Keeps the reason of every run that
    /// fails, and gives up those that failed [`ATTEMPTS`](crate::store::ATTEMPTS) times. Runs are taken in the order given.
    ///
    /// # Errors
    /// Fails as [`Scheduler::run`] does.
    pub fn claim(
        &self,
        specs: &[RunSpec],
        options: Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Summary, SchedulerError> {
        self.run_with(specs, options, progress, Busy::Leave)
    }

    fn run_with(
        &self,
        specs: &[RunSpec],
        options: Options<'_>,
        progress: &dyn Progress,
        busy: Busy,
    ) -> Result<Summary, SchedulerError> {
        self.store.readable()?;
        let (found, mut missing) = self.split(specs);
        let mut summary = Summary::default();
        if !missing.is_empty() {
            if let Some(what) = self.store.prepare()? {
                progress.event(Event::Warning { what: &what });
            }
            for task in &missing {
                self.data.get(&task.spec.data).map_err(SchedulerError::Data)?;
            }
        }
        for Task { key, spec, .. } in found {
            match self.store.run(&key).and_then(|run| self.data.check(&spec.data, run, self.store)) {
                Ok(run) => {
                    summary.found += 1;
                    summary.note(&run);
                    // A store that cannot be written is no reason to refuse its records.
                    let _ = self.store.tidy(&run.key);
                }
                Err(error) => summary.failures.push(Failure { key, error: error.to_string() }),
            }
        }
        progress.event(Event::Begin {
            runs: missing.len(),
            found: summary.found,
            steps: missing.iter().map(|task| task.spec.schedule.steps).sum(),
        });
        if busy == Busy::Wait {
            // The sort is stable: runs of equal length keep the caller's order.
            missing.sort_by_key(|task| std::cmp::Reverse(cost::relative(&task.spec)));
        }

        let jobs = jobs(options.jobs).min(missing.len());
        let queue = Queue::new(missing, jobs, summary);
        let worker = Worker { scheduler: *self, options, progress, queue: &queue, busy };
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let thread = std::thread::Builder::new().spawn_scoped(scope, || worker.work());
                // The running threads do all the work where the system has no more of them; this thread does where none runs.
                if thread.is_err() && !queue.hand_over(&mut None) {
                    worker.work();
                }
            }
        });
        Ok(queue.into_summary())
    }

    /// Splits runs into those that are there and those that are missing, each once, in the order of `specs`.
    fn split(&self, specs: &[RunSpec]) -> (Vec<Task>, Vec<Task>) {
        let mut seen = HashSet::new();
        specs
            .iter()
            .map(|spec| Task { key: spec.key(), spec: spec.clone(), announced: false })
            .filter(|task| seen.insert(task.key.clone()))
            .partition(|task| self.store.has(&task.key))
    }
}

/// Number of runs at a time: the number asked for, or the machine's cores.
#[must_use]
pub fn jobs(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}
