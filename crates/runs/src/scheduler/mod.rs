//! Many trainings: which are missing, who trains them, how long that takes.
//!
//! A [`Scheduler`] takes the specifications of all runs that a figure needs. [`Scheduler::estimate`] says what is missing
//! and how long it takes; [`Scheduler::run`] trains the missing ones, `jobs` at a time, each on one thread. What other
//! processes train at the moment it waits for. Progress is told to a [`Progress`]; [`Tally`] adds it up for a progress line.
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

pub use cost::Cost;
pub use data::DataSource;
pub use estimate::Estimate;
pub use progress::{Ending, Event, Progress, Silent, Tally, TallySnapshot};

use crate::record::{Outcome, Run};
use crate::store::{Store, StoreError};
use crate::train::LearnerFactory;
use data::DataCache;
use experiment::spec::RunSpec;
use worker::{Queue, Worker};

/// Time between two checkpoints of a run, unless asked otherwise.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(20);

/// What keeps all runs from beginning. What keeps a single one is a [`Failure`].
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

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Runs trained at a time; 0: as many as this machine has cores.
    pub jobs: usize,
    /// Time between two checkpoints of a run.
    pub checkpoint_every: Duration,
    /// Set by whoever wants to stop (Ctrl-C): trainings keep a checkpoint and end.
    pub stop: &'a AtomicBool,
}

/// What [`Scheduler::run`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that were there before.
    pub found: usize,
    /// Runs trained here.
    pub trained: usize,
    /// Runs that another process trained meanwhile.
    pub elsewhere: usize,
    /// Runs that are neither done nor failed: there are some when it was interrupted.
    pub left: usize,
    /// Whether it was asked to stop before everything was done.
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
    /// One sentence.
    pub error: String,
}

/// Trains runs into a store.
#[derive(Clone, Copy)]
pub struct Scheduler<'a> {
    /// Where records are.
    pub store: &'a Store,
    /// Where data sets come from.
    pub source: &'a dyn DataSource,
    /// What trains: [`NetworkFactory`](crate::train::NetworkFactory) or [`FakeFactory`](crate::train::FakeFactory).
    pub factory: &'a dyn LearnerFactory,
}

/// A run to be done.
#[derive(Clone, Debug)]
struct Task {
    key: String,
    spec: RunSpec,
    /// Whether it was already said that another process trains it.
    announced: bool,
}

impl Scheduler<'_> {
    /// Trains every run of `specs` that is not in the store, the longest first. Runs named twice are trained once.
    ///
    /// # Errors
    /// When the store cannot be written or a data set cannot be had; nothing was trained then.
    pub fn run(
        &self,
        specs: &[RunSpec],
        options: Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Summary, SchedulerError> {
        let (found, mut missing) = self.split(specs);
        let mut summary = Summary::default();
        let cache = DataCache::new(self.source);
        if !missing.is_empty() {
            self.store.prepare()?;
            for task in &missing {
                cache.get(&task.spec.data).map_err(SchedulerError::Data)?;
            }
        }
        for Task { key, spec, .. } in found {
            match self.store.run(&key).and_then(|run| cache.check(&spec.data, run, self.store)) {
                Ok(run) => {
                    summary.found += 1;
                    summary.note(&run);
                }
                Err(error) => summary.failures.push(Failure { key, error: error.to_string() }),
            }
        }
        progress.event(Event::Begin {
            runs: missing.len(),
            found: summary.found,
            steps: missing.iter().map(|task| task.spec.schedule.steps).sum(),
        });
        // Stable: runs of equal length keep the caller's order.
        missing.sort_by_key(|task| std::cmp::Reverse(cost::relative(&task.spec)));

        let jobs = jobs(options.jobs).min(missing.len());
        let queue = Queue::new(missing, summary);
        let worker = Worker { scheduler: *self, cache: &cache, options, progress, queue: &queue };
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| worker.work());
            }
        });
        Ok(queue.into_summary())
    }

    /// Runs that are there and runs that are missing, each once, in the order of `specs`.
    fn split(&self, specs: &[RunSpec]) -> (Vec<Task>, Vec<Task>) {
        let mut seen = HashSet::new();
        specs
            .iter()
            .map(|spec| Task { key: spec.key(), spec: spec.clone(), announced: false })
            .filter(|task| seen.insert(task.key.clone()))
            .partition(|task| self.store.has(&task.key))
    }
}

/// The number of runs at a time: what was asked for, or the machine's cores.
#[must_use]
pub fn jobs(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}
