//! Trainings of a rung and their records; a short training is cut from a longer record where there is one.
use std::sync::Arc;

use super::candidates::Candidate;
use super::ladder::{Rung, steps};
use experiment::spec::RunSpec;
use experiment::{Plan, PlannedRun};
use results::measure::Runs;
use runs::record::{Outcome, Record};
use runs::store::{Result, Store};
use twoscale::metrics::Evaluation;

/// Trainings that a candidate needs on a rung: beginnings of its plans' runs, without runs that the store has in full.
pub fn needed(candidate: &Candidate, rung: &Rung, store: &Store) -> Vec<RunSpec> {
    let of_plan = |plan| on_rung(plan, rung).map(|run| shortened(&run.spec, rung));
    let short = candidate.plans.iter().flat_map(|plan| of_plan(plan).zip(on_rung(plan, rung)));
    short
        .filter(|(short, whole)| *short == whole.spec || !store.has(&whole.spec.key()))
        .map(|(short, _)| short)
        .collect()
}

/// Runs of a plan whose seeds are on a rung.
fn on_rung<'a>(plan: &'a Plan, rung: &Rung) -> impl Iterator<Item = &'a PlannedRun> {
    let seeds = rung.seeds;
    plan.runs.iter().filter(move |run| run.seed <= seeds)
}

/// Specification of the beginning of a training.
fn shortened(spec: &RunSpec, rung: &Rung) -> RunSpec {
    let mut spec = spec.clone();
    spec.schedule.steps = steps(&spec.schedule, rung.share);
    spec
}

/// Loads the records of a plan on a rung; `None` while one is missing.
///
/// # Errors
/// Fails when a record cannot be read.
pub fn gather(plan: &Plan, rung: &Rung, store: &Store) -> Result<Option<Runs>> {
    let mut runs = Runs::new();
    for run in on_rung(plan, rung) {
        let short = shortened(&run.spec, rung);
        let Some(record) = record(&short, &run.spec, store)? else { return Ok(None) };
        runs.insert(&run.loss, Arc::new(record));
    }
    Ok(Some(runs))
}

/// Loads the record of a training, or cuts it from the whole one's. A shortened training keeps its history only: its final evaluation
/// was not made at the end of the paper's training.
fn record(short: &RunSpec, whole: &RunSpec, store: &Store) -> Result<Option<Record>> {
    let key = whole.key();
    if short == whole {
        return if store.has(&key) { store.load(&key).map(Some) } else { Ok(None) };
    }
    let Some(key) = [short.key(), key].into_iter().find(|key| store.has(key)) else { return Ok(None) };
    let (run, history) = (store.run(&key)?, store.history(&key)?);
    Ok(Some(cut(
        Record { run, history, train: Evaluation::default(), test: Evaluation::default() },
        short.schedule.steps,
    )))
}

/// Cuts a record to its first steps.
fn cut(mut record: Record, steps: usize) -> Record {
    let history = &mut record.history;
    history.batch_accuracy.truncate(steps);
    history.batch_loss.truncate(steps);
    history.log_norm.truncate(steps);
    for scale in &mut history.scales {
        scale.truncate(steps);
    }
    history.forget_tests_from(steps + 1);
    if matches!(record.run.outcome, Outcome::Diverged { step } if step > steps) {
        record.run.outcome = Outcome::Finished;
    }
    record
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use runs::train::samples::{data, spec};
    use runs::train::{Control, Ended, NetworkFactory, execute};

    fn trained(steps: usize) -> Record {
        let mut spec = spec();
        spec.schedule.steps = steps;
        let stop = std::sync::atomic::AtomicBool::new(false);
        let control = Control { stop: &stop, checkpoint_every: Duration::MAX, save: &mut |_| Ok(()), steps: &|_| {} };
        let Ok(Ended::Finished(finished)) = execute(&spec, &data(), &NetworkFactory, None, control) else {
            panic!("trained")
        };
        finished.record
    }

    #[test]
    fn a_shortened_training_is_the_beginning_of_the_whole_one_bit_for_bit() {
        assert_eq!(cut(trained(40), 15).history, trained(15).history);
    }

    #[test]
    fn a_run_that_diverges_later_has_a_finished_beginning() {
        let mut record = results::testing::diverged(1);
        record.run.outcome = Outcome::Diverged { step: 4 };
        assert_eq!(cut(record.clone(), 3).run.outcome, Outcome::Finished);
        assert_eq!(cut(record, 4).run.outcome, Outcome::Diverged { step: 4 });
    }
}
