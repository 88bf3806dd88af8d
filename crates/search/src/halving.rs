//! The search itself: rung by rung, in batches of assignments, until it is over, stopped, or out of time.
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

/// Time between two looks at the clock and at whoever wants to stop.
const POLL: Duration = Duration::from_millis(20);

/// Missing runs in a batch, for each run at a time: the end of a batch idles at most that part of the workers' time.
const RUNS_PER_WORKER: usize = 4;

/// A search of assignments for the curves of figures.
#[derive(Clone, Copy)]
pub struct Halving<'a> {
    /// The figures.
    pub figures: &'a [Figure],
    /// The assignments, planned for these figures.
    pub candidates: &'a Candidates,
    /// The rungs, from the first: see [`ladder`](super::ladder::ladder) and [`grid`](super::ladder::grid).
    pub rungs: &'a [Rung],
    /// What trains, and into which store.
    pub scheduler: Scheduler<'a>,
}

/// Sets a flag when it goes out of scope.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Hears how the search goes.
pub trait Observer {
    /// A rung begins with so many assignments still in the search, for which so many runs are missing.
    fn rung(&self, rung: &Rung, assignments: usize, missing: usize);
    /// A batch of trainings begins; its progress is told to what is returned.
    fn batch(&self) -> Box<dyn Progress + '_>;
    /// A assignment was scored.
    fn scored(&self, ranking: &Ranking);
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every rung was climbed.
    Over,
    /// The time was up.
    Budget,
    /// Somebody wanted to stop.
    Stopped,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Every assignment, best first.
    pub rankings: Vec<Ranking>,
    /// Why it ended.
    pub ending: Ending,
    /// Runs trained in this call.
    pub trained: usize,
    /// What is left of the rung at which it ended: the rung, assignments not scored, runs missing. Later rungs come on top.
    pub left: Option<Left>,
}

/// What is left of a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// The rung.
    pub rung: Rung,
    /// Candidates that are not scored on it.
    pub assignments: usize,
    /// Runs that they lack.
    pub runs: usize,
}

impl Halving<'_> {
    /// What each rung has to train and how long that takes with `jobs` runs at a time. Who climbs the later rungs is not known: the
    /// first assignments stand for them.
    ///
    /// # Errors
    /// As [`Scheduler::estimate`].
    pub fn estimate(&self, jobs: usize) -> Result<Vec<Estimate>, SchedulerError> {
        let of_rung = |rung: &Rung| {
            let candidates = self.candidates.candidates.iter().take(rung.assignments);
            let specs: Vec<_> =
                candidates.flat_map(|candidate| needed(candidate, rung, self.scheduler.store)).collect();
            self.scheduler.estimate(&specs, jobs)
        };
        self.rungs.iter().map(of_rung).collect()
    }

    /// Runs the search. `options.stop` is whoever wants to stop; `budget` is the time it may take from now. Trainings that are cut off
    /// keep a checkpoint: the same search, run again, goes on there.
    ///
    /// # Errors
    /// When the store or a data set fails; what was trained is kept.
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
            // Whatever ends the search, a panic too: the scope waits for the watching thread.
            let _over = SetOnDrop(&over);
            let mut outcome = self.climb(Options { stop: &stop, ..options }, observer)?;
            if outcome.left.is_some() {
                outcome.ending = if asked.load(Ordering::Relaxed) { Ending::Stopped } else { Ending::Budget };
            }
            Ok(outcome)
        })
    }

    fn climb(&self, options: Options<'_>, observer: &dyn Observer) -> Result<Outcome, SchedulerError> {
        let candidates = &self.candidates.candidates;
        let unscored =
            |candidate: &Candidate| Ranking { assignment: candidate.assignment.clone(), ..Ranking::default() };
        let mut rankings: Vec<Ranking> = candidates.iter().map(unscored).collect();
        let mut climbing: Vec<usize> = (0..candidates.len()).collect();
        let (mut trained, mut left) = (0, None);
        for rung in self.rungs {
            observer.rung(rung, climbing.len(), self.missing(&climbing, rung));
            let one_seed =
                |candidate: &Candidate| candidate.plans.iter().all(|plan| rung.seeds.min(plan.experiment.seeds) == 1);
            let variances = if candidates.iter().any(one_seed) {
                Variances::of(&self.candidates.own, self.figures, rung, self.scheduler.store)?
            } else {
                Variances::default() // nothing is lent: no record needs assignment
            };
            for batch in self.batches(&climbing, rung, options.jobs) {
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
            left = self.left(&climbing, rung, &rankings);
            if left.is_some() {
                break;
            }
            climbing.retain(|&index| rankings[index].failure.is_none() && rankings[index].rms.is_some());
            climbing
                .sort_by(|&a, &b| rankings[a].rms.unwrap_or(f64::NAN).total_cmp(&rankings[b].rms.unwrap_or(f64::NAN)));
            climbing.truncate(rung.assignments.div_ceil(KEEP_ONE_IN));
        }
        rank(&mut rankings);
        Ok(Outcome { rankings, ending: Ending::Over, trained, left })
    }

    /// Candidates in batches: small enough to hear of the first ones soon and to have whole assignments when the time is up, large enough
    /// to keep every worker busy.
    fn batches(&self, climbing: &[usize], rung: &Rung, jobs: usize) -> Vec<Vec<usize>> {
        let jobs = if jobs > 0 { jobs } else { std::thread::available_parallelism().map_or(1, usize::from) };
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut missing = usize::MAX;
        for &index in climbing {
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

    /// Trains what a batch of assignments lacks; says in `rankings` whose runs failed. Returns how many runs were trained.
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
        // When the time is up, assignments that have all their runs are scored nevertheless.
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

    /// Scores a assignment on a rung; `None` while a run is missing.
    fn score(&self, candidate: &Candidate, rung: &Rung, variances: &Variances) -> Result<Option<Ranking>, StoreError> {
        let (mut scores, mut seeds, mut diverged) = (Vec::new(), 0, 0);
        for (plan, figure) in candidate.plans.iter().zip(self.figures) {
            let Some(runs) = gather(plan, rung, self.scheduler.store)? else { return Ok(None) };
            seeds = seeds.max(rung.seeds.min(plan.experiment.seeds));
            diverged += plan.experiment.losses.keys().map(|loss| runs.diverged(loss).len()).sum::<usize>();
            scores.push(score_figure(plan, &figure.paper, rung, &runs));
        }
        if seeds == 1 {
            variances.lend(&mut scores, &self.candidates.own);
        }
        Ok(Some(ranking(&candidate.assignment, rung, scores, seeds, diverged)))
    }

    fn left(&self, climbing: &[usize], rung: &Rung, rankings: &[Ranking]) -> Option<Left> {
        let waiting: Vec<usize> = climbing
            .iter()
            .copied()
            .filter(|&index| rankings[index].failure.is_none() && rankings[index].rung < rung.number)
            .collect();
        let runs = self.missing(&waiting, rung);
        (!waiting.is_empty()).then_some(Left { rung: *rung, assignments: waiting.len(), runs })
    }

    /// Runs that assignments lack on a rung; assignments may share some.
    fn missing(&self, assignments: &[usize], rung: &Rung) -> usize {
        let store = self.scheduler.store;
        let specs = assignments.iter().flat_map(|&index| needed(&self.candidates.candidates[index], rung, store));
        specs.map(|spec| spec.key()).filter(|key| !store.has(key)).collect::<HashSet<_>>().len()
    }
}
