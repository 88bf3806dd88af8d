//! Work of one thread of the scheduler.
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::progress::{Ending, Event, Progress};
use super::{Busy, Failure, Options, Scheduler, Summary, Task};
use crate::record::{Outcome, Run};
use crate::store::{ATTEMPTS, Locking, Resume};
use crate::train::{Control, Ended, TrainError, execute};

/// Time between two looks at a run that another process trains.
const POLL: Duration = Duration::from_millis(100);

/// Runs to be done and what became of the others, shared by all workers.
pub(super) struct Queue(Mutex<State>);

struct State {
    /// Runs not looked at yet.
    ready: VecDeque<Task>,
    /// Runs that another process trained when last looked at.
    busy: VecDeque<Task>,
    /// Threads at work.
    workers: usize,
    summary: Summary,
}

impl Queue {
    pub(super) fn new(tasks: Vec<Task>, workers: usize, mut summary: Summary) -> Self {
        summary.left = tasks.len();
        Self(Mutex::new(State { ready: tasks.into(), busy: VecDeque::new(), workers, summary }))
    }

    pub(super) fn into_summary(self) -> Summary {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).summary
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one thread less and gives its run to the others. The last thread has to stay: then nothing changes and the answer is false.
    pub(super) fn hand_over(&self, task: &mut Option<Task>) -> bool {
        self.with(|state| {
            let others = state.workers > 1;
            if others {
                state.workers -= 1;
                task.take().into_iter().for_each(|task| state.ready.push_front(task));
            }
            others
        })
    }

    /// Takes out every run that is not begun: none of their records could be kept.
    fn halt(&self, error: &str) {
        self.with(|state| {
            let tasks: Vec<Task> = state.ready.drain(..).chain(state.busy.drain(..)).collect();
            state.summary.left -= tasks.len();
            let not_begun =
                |task: Task| Failure { key: task.key, error: format!("not begun, since another run failed: {error}") };
            state.summary.failures.extend(tasks.into_iter().map(not_begun));
        });
    }

    /// Returns the next run: one that nobody has, or else, after a moment, one that somebody else had when last looked at.
    fn next(&self) -> Option<Task> {
        let (task, busy) = self.with(|state| {
            let ready = state.ready.pop_front().map(|task| (task, false));
            let task = ready.or_else(|| state.busy.pop_front().map(|task| (task, true)));
            // The thread ends: nobody hands a run to it any more.
            state.workers -= usize::from(task.is_none());
            task
        })?;
        if busy {
            std::thread::sleep(POLL);
        }
        Some(task)
    }
}

/// Scheduler as one of its threads sees it.
pub(super) struct Worker<'a> {
    pub(super) scheduler: Scheduler<'a>,
    pub(super) options: Options<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) queue: &'a Queue,
    /// Treatment of runs that another process trains.
    pub(super) busy: Busy,
}

/// End of an attempt at a run.
enum Attempt {
    Trained(Run),
    Elsewhere(Run),
    Busy(String),
    Interrupted,
    /// Earlier attempts failed, the last for this reason.
    GivenUp(String),
}

impl Worker<'_> {
    /// Does runs until none is left or it is asked to stop.
    pub(super) fn work(&self) {
        while !self.stopped() {
            let Some(task) = self.queue.next() else { return };
            let told = AtomicUsize::new(0);
            // A bug that panics in one run must not take the others' work with it.
            let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(&task, &told)));
            match attempt {
                Ok(Ok(attempt)) => self.note(task, attempt, told.into_inner()),
                // The system has no thread for this run: the other threads do it when they are free.
                Ok(Err(TrainError::Thread(error))) => {
                    let mut task = Some(task);
                    if self.queue.hand_over(&mut task) {
                        return;
                    }
                    let error = TrainError::Thread(error).to_string();
                    task.into_iter().for_each(|task| self.note_failure(task, &error, told.load(Ordering::Relaxed)));
                }
                Ok(Err(error)) => {
                    let full = matches!(&error, TrainError::Store(error) if error.is_full());
                    let error = error.to_string();
                    self.note_failure(task, &error, told.into_inner());
                    if full {
                        self.queue.halt(&error);
                    }
                }
                Err(panic) => {
                    let error = panic_message(&*panic);
                    if self.busy == Busy::Leave {
                        // A store that cannot keep the reason leaves nothing else to do.
                        let _ = self.scheduler.store.add_failure(&task.key, &error);
                    }
                    self.note_failure(task, &error, told.into_inner());
                }
            }
        }
        // Runs that were not begun are left over as well as those that were interrupted.
        let stopped = self.stopped();
        self.queue.with(|state| state.summary.interrupted |= stopped && state.summary.left > 0);
    }

    /// Trains one run, unless its record is there by now or another process trains it. `told` counts the steps already reported.
    fn attempt(&self, task: &Task, told: &AtomicUsize) -> Result<Attempt, TrainError> {
        let Task { key, spec, .. } = task;
        let Scheduler { store, factory, .. } = self.scheduler;
        let lock = match store.lock(key)? {
            Locking::Busy(holder) if !store.has(key) => return Ok(Attempt::Busy(holder)),
            Locking::Busy(_) => return Ok(Attempt::Elsewhere(store.run(key)?)),
            Locking::Held(lock) => lock,
        };
        if store.has(key) {
            store.discard_checkpoint(key)?;
            return Ok(Attempt::Elsewhere(store.run(key)?));
        }
        if self.busy == Busy::Leave
            && let failures = store.failures(key)?
            && failures.len() >= ATTEMPTS
        {
            return Ok(Attempt::GivenUp(failures.last().cloned().unwrap_or_default()));
        }
        for place in store.set_leftovers_aside(key)? {
            let what = format!(
                "a killed process left something in the place of run {key}: it was moved to {}",
                place.display()
            );
            self.progress.event(Event::Warning { what: &what });
        }
        let device = factory.device();
        let checkpoint = match store.load_checkpoint(key, &device)? {
            Resume::Nothing => None,
            Resume::From(checkpoint) => Some(*checkpoint),
            Resume::Anew(why) => {
                self.progress.event(Event::Discarded { key, why: &why });
                None
            }
        };
        let at = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
        told.store(at, Ordering::Relaxed);
        self.progress.event(Event::Started { key, spec, at });
        let data = self.scheduler.data.get(&spec.data).map_err(|error| TrainError::Data(format!("{error:#}")))?;
        let control = Control {
            stop: self.options.stop,
            checkpoint_every: self.options.checkpoint_every,
            save: &mut |checkpoint| Ok(store.save_checkpoint(key, &device, checkpoint)?),
            steps: &|advance| {
                told.fetch_add(advance.steps, Ordering::Relaxed);
                self.progress.event(Event::Steps { key, advance });
            },
        };
        let trained = execute(spec, &data, factory, checkpoint, control).and_then(|ended| match ended {
            Ended::Interrupted(_) => Ok(Attempt::Interrupted),
            Ended::Finished(finished) => {
                store.save(&finished.record, &finished.weights)?;
                Ok(Attempt::Trained(finished.record.run))
            }
        });
        if let Err(error) = &trained
            && self.busy == Busy::Leave
        {
            store.add_failure(key, &error.to_string())?;
        }
        drop(lock);
        trained
    }

    fn note(&self, mut task: Task, attempt: Attempt, told: usize) {
        let steps_left = task.spec.schedule.steps.saturating_sub(told);
        let how = match attempt {
            Attempt::Busy(holder) => {
                if !std::mem::replace(&mut task.announced, true) {
                    self.progress.event(Event::Waiting { key: &task.key, spec: &task.spec, holder: &holder });
                }
                // A run that is left to others stays counted as left.
                if self.busy == Busy::Wait {
                    self.queue.with(|state| state.busy.push_back(task));
                }
                return;
            }
            Attempt::GivenUp(reason) => {
                return self.note_failure(task, &format!("left after {ATTEMPTS} failed attempts: {reason}"), told);
            }
            // The run stays counted as left.
            Attempt::Interrupted => Ending::Interrupted,
            Attempt::Trained(run) => {
                self.count(&run, |summary| summary.trained += 1);
                match run.outcome {
                    Outcome::Finished => Ending::Trained { seconds: run.wall_seconds },
                    Outcome::Diverged { step } => Ending::Diverged { step },
                }
            }
            Attempt::Elsewhere(run) => {
                self.count(&run, |summary| summary.elsewhere += 1);
                Ending::Elsewhere
            }
        };
        self.progress.event(Event::Ended { key: &task.key, spec: &task.spec, how, steps_left });
    }

    fn count(&self, run: &Run, add: impl FnOnce(&mut Summary)) {
        self.queue.with(|state| {
            add(&mut state.summary);
            state.summary.left -= 1;
            state.summary.note(run);
        });
    }

    fn note_failure(&self, task: Task, error: &str, told: usize) {
        let steps_left = task.spec.schedule.steps.saturating_sub(told);
        let how = Ending::Failed(error);
        self.progress.event(Event::Ended { key: &task.key, spec: &task.spec, how, steps_left });
        self.queue.with(|state| {
            state.summary.left -= 1;
            state.summary.failures.push(Failure { key: task.key, error: error.to_owned() });
        });
    }

    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }
}

/// Message of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the training broke down: {}; please report this", text.unwrap_or_else(|| "no reason given".to_owned()))
}
