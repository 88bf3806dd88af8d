//! What is told while runs are trained.
use std::sync::Mutex;

use experiment::spec::RunSpec;

/// Hears what happens. Called from the threads of the runs.
pub trait Progress: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// First of all.
    Begin {
        /// Runs to be trained.
        runs: usize,
        /// Runs that were there.
        found: usize,
        /// Steps of all runs to be trained.
        steps: usize,
    },
    /// A run begins, or goes on from a checkpoint.
    Started {
        /// Its key.
        key: &'a str,
        /// Its specification.
        spec: &'a RunSpec,
        /// Steps already done.
        at: usize,
    },
    /// A checkpoint cannot be used; the run begins anew.
    Discarded {
        /// Its key.
        key: &'a str,
        /// Why.
        why: &'a str,
    },
    /// Another process trains this run; it is waited for after everything else.
    Waiting {
        /// Its key.
        key: &'a str,
        /// Who trains it.
        holder: &'a str,
    },
    /// So many steps were done, in any of the runs.
    Steps(usize),
    /// A run is over.
    Ended {
        /// Its key.
        key: &'a str,
        /// Its specification.
        spec: &'a RunSpec,
        /// How.
        how: Ending<'a>,
        /// Steps of the run that were announced by [`Event::Begin`] and will not be told by [`Event::Steps`].
        steps_left: usize,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending<'a> {
    /// Its record is in the store.
    Trained {
        /// Seconds over all attempts.
        seconds: f64,
    },
    /// Its record is in the store, and says that it diverged at this step.
    Diverged {
        /// The step, counted from 1.
        step: usize,
    },
    /// Another process put its record into the store.
    Elsewhere,
    /// It was interrupted; a checkpoint is kept.
    Interrupted,
    /// It could not be done.
    Failed(&'a str),
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// Adds up all events: what a progress line shows.
#[derive(Debug, Default)]
pub struct Tally(Mutex<TallySnapshot>);

/// The state of a [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TallySnapshot {
    /// Runs to be trained.
    pub runs: usize,
    /// Runs that are over, whatever their end, interruption excepted.
    pub runs_done: usize,
    /// Runs being trained now.
    pub running: usize,
    /// Steps to be done in all: those done, and those of runs that are not over.
    pub steps: usize,
    /// Steps done, earlier attempts included.
    pub steps_done: usize,
    /// Steps done in this call: what speed is measured with.
    pub steps_here: usize,
}

impl Tally {
    /// The state now.
    #[must_use]
    pub fn snapshot(&self) -> TallySnapshot {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TallySnapshot> {
        // Numbers have no broken state that a panicking thread could leave behind.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Tally {
    fn event(&self, event: Event<'_>) {
        let mut now = self.lock();
        match event {
            Event::Begin { runs, steps, .. } => (now.runs, now.steps) = (runs, steps),
            Event::Started { at, .. } => {
                now.running += 1;
                now.steps_done += at;
            }
            Event::Steps(steps) => {
                now.steps_done += steps;
                now.steps_here += steps;
            }
            Event::Ended { how, steps_left, .. } => {
                // A run that was trained elsewhere was never started here.
                if how != Ending::Elsewhere {
                    now.running = now.running.saturating_sub(1);
                }
                if how != Ending::Interrupted {
                    now.runs_done += 1;
                    now.steps = now.steps.saturating_sub(steps_left);
                }
            }
            Event::Discarded { .. } | Event::Waiting { .. } => {}
        }
    }
}
