//! Progress of runs in training: events, and their sum for a progress line.
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use super::cost::{Cost, makespan};
use crate::train::Advance;
use experiment::spec::RunSpec;

/// Receiver of events, called from the threads of the runs.
pub trait Progress: Sync {
    /// Receives one event.
    fn event(&self, event: Event<'_>);
}

/// Event in the course of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// The first event.
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
        /// Key of the run.
        key: &'a str,
        /// Specification of the run.
        spec: &'a RunSpec,
        /// Steps already done.
        at: usize,
    },
    /// A checkpoint cannot be used; the run begins anew.
    Discarded {
        /// Key of the run.
        key: &'a str,
        /// Reason.
        why: &'a str,
    },
    /// Warning to the user; every run is trained nevertheless.
    Warning {
        /// The warning, one sentence.
        what: &'a str,
    },
    /// Another process trains this run, which is waited for after everything else. Sent once for each run.
    Waiting {
        /// Key of the run.
        key: &'a str,
        /// Specification of the run.
        spec: &'a RunSpec,
        /// Process and host that train it.
        holder: &'a str,
    },
    /// Steps were done in a run.
    Steps {
        /// Key of the run.
        key: &'a str,
        /// Steps since the last such event, and the accuracy now.
        advance: Advance,
    },
    /// A run is over.
    Ended {
        /// Key of the run.
        key: &'a str,
        /// Specification of the run.
        spec: &'a RunSpec,
        /// End of the run.
        how: Ending<'a>,
        /// Steps of the run that were announced by [`Event::Begin`] and are never reported by [`Event::Steps`].
        steps_left: usize,
    },
}

/// End of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending<'a> {
    /// The record is in the store.
    Trained {
        /// Seconds over all attempts.
        seconds: f64,
    },
    /// The record is in the store, and says that the run diverged at this step.
    Diverged {
        /// The step, counted from 1.
        step: usize,
    },
    /// Another process put the record into the store.
    Elsewhere,
    /// Interrupted; a checkpoint is kept.
    Interrupted,
    /// Failed, for this reason.
    Failed(&'a str),
}

/// Ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// Sum of all events, for a progress line.
#[derive(Debug, Default)]
pub struct Tally(Mutex<State>);

/// The state of a [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TallySnapshot {
    /// Runs to be trained.
    pub runs: usize,
    /// Runs that are over, however they ended; interrupted ones are not.
    pub runs_done: usize,
    /// Runs being trained now.
    pub running: usize,
    /// Runs that other processes train and that are waited for.
    pub waiting: usize,
    /// Steps to be done in all: those done, and those of runs that are not over.
    pub steps: usize,
    /// Steps done, earlier attempts included.
    pub steps_done: usize,
    /// Steps done in this call, by which speed is measured.
    pub steps_here: usize,
    /// Mean accuracy on the last batches of the runs in training, on [0, 1]; none where none is.
    pub batch_accuracy: Option<f64>,
    /// Mean of the last test accuracies of the runs in training, on [0, 1]; none where none was measured yet.
    pub test_accuracy: Option<f64>,
    /// Share of the work that is done, on [0, 1], counted in estimated seconds; none where there is no estimate.
    pub share: Option<f64>,
    /// Seconds until the last run is over, from the estimate and from how fast it has gone so far; none where there is no estimate.
    pub seconds_left: Option<f64>,
}

#[derive(Debug, Default)]
struct State {
    now: TallySnapshot,
    /// Runs in training, with their last report.
    running: HashMap<String, Advance>,
    /// Keys of runs waited for.
    waiting: std::collections::HashSet<String>,
    work: Option<Work>,
}

/// Work in estimated seconds of one thread.
#[derive(Debug)]
struct Work {
    jobs: usize,
    /// Cost and seconds left of each run that is not over.
    left: HashMap<String, (Cost, f64)>,
    total: f64,
    /// Estimated seconds of the work done in this call.
    done_here: f64,
    /// Seconds that the threads were busy with that work.
    busy: f64,
    seen: Instant,
}

/// Estimated seconds for which an estimate is trusted before the speed measured counts as much.
const TRUST: f64 = 2.0;

impl Work {
    /// Subtracts from a run's estimated seconds.
    fn advance(&mut self, key: &str, seconds: impl FnOnce(&Cost) -> f64) {
        if let Some((cost, left)) = self.left.get_mut(key) {
            let done = seconds(cost).min(*left);
            *left -= done;
            self.done_here += done;
        }
    }

    /// Seconds until the last of the runs is over.
    fn seconds_left(&self) -> f64 {
        let pace = (self.busy + TRUST) / (self.done_here + TRUST);
        makespan(self.left.values().map(|(_, left)| *left).collect(), self.jobs) * pace
    }
}

impl Tally {
    /// Makes a tally that also estimates the time left, from the cost of each run ([`Estimate::costs`](super::Estimate::costs)) and
    /// the number of runs trained at a time.
    #[must_use]
    pub fn with_costs(costs: &HashMap<String, Cost>, jobs: usize) -> Self {
        let left: HashMap<_, _> = costs.iter().map(|(key, cost)| (key.clone(), (*cost, cost.seconds()))).collect();
        let total = left.values().map(|(_, seconds)| seconds).sum();
        let work = Work { jobs, left, total, done_here: 0.0, busy: 0.0, seen: Instant::now() };
        Self(Mutex::new(State { work: Some(work), ..State::default() }))
    }

    /// Returns the state now.
    #[must_use]
    pub fn snapshot(&self) -> TallySnapshot {
        let mut state = self.lock();
        state.tick();
        let mut now = state.now;
        now.running = state.running.len();
        now.waiting = state.waiting.len();
        now.batch_accuracy = mean(state.running.values().filter_map(|advance| advance.batch_accuracy));
        now.test_accuracy = mean(state.running.values().filter_map(|advance| advance.test_accuracy));
        if let Some(work) = &state.work {
            let left: f64 = work.left.values().map(|(_, left)| left).sum();
            now.share = Some(if work.total > 0.0 { (1.0 - left / work.total).clamp(0.0, 1.0) } else { 1.0 });
            now.seconds_left = Some(work.seconds_left());
        }
        now
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Numbers have no broken state that a panicking thread could leave behind.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// Counts the time since the last event as time of the runs in training.
    fn tick(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "a few threads")]
        let threads = self.running.len() as f64;
        if let Some(work) = &mut self.work {
            work.busy += threads * work.seen.elapsed().as_secs_f64();
            work.seen = Instant::now();
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

impl Progress for Tally {
    fn event(&self, event: Event<'_>) {
        let mut state = self.lock();
        state.tick();
        let state = &mut *state;
        let now = &mut state.now;
        match event {
            Event::Begin { runs, steps, .. } => (now.runs, now.steps) = (runs, steps),
            Event::Started { key, at, .. } => {
                state.running.insert(key.to_owned(), Advance::default());
                state.waiting.remove(key);
                now.steps_done += at;
            }
            Event::Steps { key, advance } => {
                now.steps_done += advance.steps;
                now.steps_here += advance.steps;
                state.running.insert(key.to_owned(), advance);
                if let Some(work) = &mut state.work {
                    work.advance(key, |cost| cost.of_steps(advance.steps));
                }
            }
            Event::Waiting { key, .. } => {
                state.waiting.insert(key.to_owned());
            }
            Event::Ended { key, how, steps_left, .. } => {
                let was_running = state.running.remove(key).is_some();
                state.waiting.remove(key);
                if how == Ending::Interrupted {
                    return;
                }
                now.runs_done += 1;
                now.steps = now.steps.saturating_sub(steps_left);
                if let Some(work) = &mut state.work {
                    // A run that was finished here has used up the rest of its estimated time, too.
                    if was_running && matches!(how, Ending::Trained { .. }) {
                        work.advance(key, |_| f64::INFINITY);
                    }
                    work.left.remove(key);
                }
            }
            Event::Discarded { .. } | Event::Warning { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::samples::spec;

    fn steps(steps: usize, accuracy: f64) -> Advance {
        Advance { steps, batch_accuracy: Some(accuracy), test_accuracy: (accuracy > 0.5).then_some(accuracy - 0.1) }
    }

    #[test]
    fn the_accuracy_is_that_of_the_runs_in_training() {
        let (tally, spec) = (Tally::default(), spec());
        for key in ["a", "b"] {
            tally.event(Event::Started { key, spec: &spec, at: 0 });
        }
        assert_eq!(tally.snapshot().batch_accuracy, None);
        tally.event(Event::Steps { key: "a", advance: steps(3, 0.5) });
        tally.event(Event::Steps { key: "b", advance: steps(3, 0.75) });
        let now = tally.snapshot();
        assert_eq!((now.running, now.batch_accuracy, now.test_accuracy), (2, Some(0.625), Some(0.65)));
        tally.event(Event::Ended { key: "b", spec: &spec, how: Ending::Trained { seconds: 1.0 }, steps_left: 0 });
        let now = tally.snapshot();
        assert_eq!((now.running, now.batch_accuracy, now.test_accuracy), (1, Some(0.5), None));
        assert_eq!((now.share, now.seconds_left), (None, None), "nothing was estimated");
    }

    #[test]
    fn evaluation_counts_in_the_time_left() {
        let spec = spec();
        let cost = Cost { steps: 40, step: 0.1, end: 6.0 };
        let costs = ["a", "b"].map(|key| (key.to_owned(), cost)).into();
        let tally = Tally::with_costs(&costs, 2);
        let left = |tally: &Tally| tally.snapshot().seconds_left.expect("estimated");
        assert!((left(&tally) - 10.0).abs() < 0.1, "{}", left(&tally));
        tally.event(Event::Started { key: "a", spec: &spec, at: 0 });
        tally.event(Event::Steps { key: "a", advance: steps(40, 0.9) });
        // All steps of one run are done: 4 of 20 seconds of work.
        assert!((tally.snapshot().share.expect("estimated") - 0.2).abs() < 1e-9);
        tally.event(Event::Ended { key: "a", spec: &spec, how: Ending::Trained { seconds: 1.0 }, steps_left: 0 });
        tally.event(Event::Waiting { key: "b", spec: &spec, holder: "somebody" });
        assert_eq!(tally.snapshot().waiting, 1);
        // The first one took no time although 10 s were estimated: what is left is expected to be faster, too.
        assert!(left(&tally) < 2.0, "{}", left(&tally));
        tally.event(Event::Ended { key: "b", spec: &spec, how: Ending::Elsewhere, steps_left: 40 });
        let now = tally.snapshot();
        assert_eq!((now.waiting, now.share, now.seconds_left.map(f64::round)), (0, Some(1.0), Some(0.0)));
    }
}
