//! Successive halving: rung by rung, in batches of candidates, until the last rung, a stop, or the end of the time budget.
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::candidates::{Candidate, Candidates, Figure};
use super::ladder::{KEEP_ONE_IN, Rung};
use super::noise::Variances;
use super::records::{gather, needed};
use super::score::{Ranking, rank, ranking, score_figure};
use runs::scheduler::{Estimate, Options, Progress, Scheduler, SchedulerError};
use runs::store::StoreError;

/// Interval at which clock and stop flag are checked.
const POLL: Duration = Duration::from_millis(20);

/// Missing runs in a batch for each worker: at most one part in so many of the workers' time is idle at the end of a batch.
const RUNS_PER_WORKER: usize = 4;

/// Search over assignments by the curves of figures.
#[derive(Clone, Copy)]
pub struct Halving<'a> {
    /// The figures.
    pub figures: &'a [Figure],
    /// The assignments, planned for these figures.
    pub candidates: &'a Candidates,
    /// Rungs in order; see [`ladder`](super::ladder::ladder) and [`grid`](super::ladder::grid).
    pub rungs: &'a [Rung],
    /// Scheduler that trains, with its store.
    pub scheduler: Scheduler<'a>,
}

/// Sets a flag when it goes out of scope.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Receiver of the search's progress.
pub trait Observer {
    /// Called when a rung begins: number of candidates still in the search and of their missing runs.
    fn rung(&self, rung: &Rung, assignments: usize, missing: usize);
    /// Called when a batch of trainings begins; the returned value receives its progress.
    fn batch(&self) -> Box<dyn Progress + '_>;
    /// Called when a candidate was scored.
    fn scored(&self, ranking: &Ranking);
}

/// Reason why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every rung was completed.
    Over,
    /// The time budget was used up.
    Budget,
    /// The stop flag was set.
    Stopped,
}

/// Result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Ranking of every candidate, best first.
    pub rankings: Vec<Ranking>,
    /// Reason of the end.
    pub ending: Ending,
    /// Runs trained in this call.
    pub trained: usize,
    /// Remaining work on the rung at which the search ended, without later rungs.
    pub remaining: Option<Remaining>,
}

/// Remaining work on a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// The rung.
    pub rung: Rung,
    /// Number of candidates not yet scored.
    pub assignments: usize,
    /// Number of their missing runs.
    pub runs: usize,
}

impl Halving<'_> {
    /// Estimates runs and time of each rung with `jobs` runs at a time. Candidates of later rungs are unknown in advance: the first ones
    /// are taken.
    ///
    /// # Errors
    /// Errors of [`Scheduler::estimate`].
    pub fn estimate(&self, jobs: usize) -> Result<Vec<Estimate>, SchedulerError> {
        let of_rung = |rung: &Rung| {
            let candidates = self.candidates.candidates.iter().take(rung.assignments);
            let specs: Vec<_> =
                candidates.flat_map(|candidate| needed(candidate, rung, self.scheduler.store)).collect();
            self.scheduler.estimate(&specs, jobs)
        };
        self.rungs.iter().map(of_rung).collect()
    }

    /// Runs the search until `options.stop` is set or `budget` has passed. An interrupted training keeps a checkpoint, from which the
    /// same search continues.
    ///
    /// # Errors
    /// Fails when the store or a data set fails; finished runs are kept.
    pub fn run(
        &self,
        options: Options<'_>,
        budget: Option<Duration>,
        observer: &dyn Observer,
    ) -> Result<Outcome, SchedulerError> {
        let deadline = budget.and_then(|budget| Instant::now().checked_add(budget));
        let late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (stop, over) = (AtomicBool::new(late()), AtomicBool::new(false));
        let asked = options.stop;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if asked.load(Ordering::Relaxed) || late() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    std::thread::sleep(POLL);
                }
            });
            // The flag is set on every way out, a panic included, since the scope waits for the watching thread.
            let _over = SetOnDrop(&over);
            let mut outcome = self.halve(Options { stop: &stop, ..options }, observer)?;
            if outcome.remaining.is_some() {
                outcome.ending = if asked.load(Ordering::Relaxed) { Ending::Stopped } else { Ending::Budget };
            }
            Ok(outcome)
        })
    }

    fn halve(&self, options: Options<'_>, observer: &dyn Observer) -> Result<Outcome, SchedulerError> {
        let candidates = &self.candidates.candidates;
        let unscored =
            |candidate: &Candidate| Ranking { assignment: candidate.assignment.clone(), ..Ranking::default() };
        let mut rankings: Vec<Ranking> = candidates.iter().map(unscored).collect();
        let mut candidates_left: Vec<usize> = (0..candidates.len()).collect();
        let (mut trained, mut remaining) = (0, None);
        for rung in self.rungs {
            observer.rung(rung, candidates_left.len(), self.missing(&candidates_left, rung));
            let one_seed =
                |candidate: &Candidate| candidate.plans.iter().all(|plan| rung.seeds.min(plan.experiment.seeds) == 1);
            let variances = if candidates.iter().any(one_seed) {
                Variances::of(&self.candidates.own, self.figures, rung, self.scheduler.store)?
            } else {
                Variances::default() // every candidate has a spread of its own: no record of other runs is needed
            };
            for batch in self.batches(&candidates_left, rung, options.jobs) {
                trained += self.train(&batch, rung, options, observer, &mut rankings)?;
                for index in batch {
                    if rankings[index].failure.is_none()
                        && let Some(scored) = self.score(&candidates[index], rung, &variances)?
                    {
                        observer.scored(&scored);
                        rankings[index] = scored;
                    }
                }
            }
            remaining = self.remaining(&candidates_left, rung, &rankings);
            if remaining.is_some() {
                break;
            }
            candidates_left.retain(|&index| rankings[index].failure.is_none() && rankings[index].rms.is_some());
            candidates_left
                .sort_by(|&a, &b| rankings[a].rms.unwrap_or(f64::NAN).total_cmp(&rankings[b].rms.unwrap_or(f64::NAN)));
            candidates_left.truncate(rung.assignments.div_ceil(KEEP_ONE_IN));
        }
        rank(&mut rankings);
        Ok(Outcome { rankings, ending: Ending::Over, trained, remaining })
    }

    /// Splits candidates into batches: small enough for early scores and complete candidates at the end of the budget, large enough to keep
    /// every worker busy.
    fn batches(&self, candidates_left: &[usize], rung: &Rung, jobs: usize) -> Vec<Vec<usize>> {
        let jobs = if jobs > 0 { jobs } else { std::thread::available_parallelism().map_or(1, usize::from) };
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut missing = usize::MAX;
        for &index in candidates_left {
            let specs = needed(&self.candidates.candidates[index], rung, self.scheduler.store);
            let own = specs.iter().filter(|spec| !self.scheduler.store.has(&spec.key())).count();
            match batches.last_mut() {
                Some(batch) if missing < jobs * RUNS_PER_WORKER => {
                    batch.push(index);
                    missing += own;
                }
                _ => {
                    batches.push(vec![index]);
                    missing = own;
                }
            }
        }
        batches
    }

    /// Trains the missing runs of a batch, records failures in `rankings` and returns the number of trained runs.
    fn train(
        &self,
        batch: &[usize],
        rung: &Rung,
        options: Options<'_>,
        observer: &dyn Observer,
        rankings: &mut [Ranking],
    ) -> Result<usize, SchedulerError> {
        let store = self.scheduler.store;
        let mut specs = Vec::new();
        let mut owners: HashMap<String, Vec<usize>> = HashMap::new();
        for &index in batch {
            for spec in needed(&self.candidates.candidates[index], rung, store) {
                owners.entry(spec.key()).or_default().push(index);
                specs.push(spec);
            }
        }
        let mut trained = 0;
        let missing = specs.iter().any(|spec| !store.has(&spec.key()));
        // Candidates with all their runs are scored even after the end of the budget.
        if missing && !options.stop.load(Ordering::Relaxed) {
            let progress = observer.batch();
            let summary = self.scheduler.run(&specs, options, progress.as_ref())?;
            drop(progress);
            trained = summary.trained;
            for failure in &summary.failures {
                for &index in owners.get(&failure.key).into_iter().flatten() {
                    rankings[index]
                        .failure
                        .get_or_insert_with(|| failure.error.lines().next().unwrap_or_default().to_owned());
                }
            }
        }
        Ok(trained)
    }

    /// Scores a candidate on a rung; `None` while a run is missing.
    fn score(&self, candidate: &Candidate, rung: &Rung, variances: &Variances) -> Result<Option<Ranking>, StoreError> {
        let (mut scores, mut seeds, mut diverged) = (Vec::new(), 0, 0);
        for (plan, figure) in candidate.plans.iter().zip(self.figures) {
            let Some(runs) = gather(plan, rung, self.scheduler.store)? else { return Ok(None) };
            seeds = seeds.max(rung.seeds.min(plan.experiment.seeds));
            diverged += plan.experiment.losses.keys().map(|loss| runs.diverged(loss).len()).sum::<usize>();
            scores.push(score_figure(plan, &figure.paper, rung, &runs));
        }
        if seeds == 1 {
            variances.fill_in(&mut scores, &self.candidates.own);
        }
        Ok(Some(ranking(&candidate.assignment, rung, scores, seeds, diverged)))
    }

    fn remaining(&self, candidates_left: &[usize], rung: &Rung, rankings: &[Ranking]) -> Option<Remaining> {
        let waiting: Vec<usize> = candidates_left
            .iter()
            .copied()
            .filter(|&index| rankings[index].failure.is_none() && rankings[index].rung < rung.number)
            .collect();
        let runs = self.missing(&waiting, rung);
        (!waiting.is_empty()).then_some(Remaining { rung: *rung, assignments: waiting.len(), runs })
    }

    /// Number of distinct missing runs of these candidates on a rung.
    fn missing(&self, assignments: &[usize], rung: &Rung) -> usize {
        let store = self.scheduler.store;
        let specs = assignments.iter().flat_map(|&index| needed(&self.candidates.candidates[index], rung, store));
        specs.map(|spec| spec.key()).filter(|key| !store.has(key)).collect::<HashSet<_>>().len()
    }
}
