//! `reproduce`: trains what is missing, then draws and judges.
use std::collections::HashSet;
use std::sync::Mutex;

use datasets::{self, Cache, Dataset, Labels, Name};
use experiment::Plan;
use results::claims;
use results::publish::{Origin, publish};
use runs::scheduler::{CHECKPOINT_EVERY, Options, Scheduler, Summary};

use crate::context::Context;
use crate::data::Download;
use crate::error::CommandError;
use crate::flags::Reproduce;
use crate::interrupt;
use crate::progress::Line;
use crate::text::{count, duration, say, thousands};

/// Failed runs that are told one by one.
const SHOWN: usize = 5;

/// Runs the command.
pub fn run(args: &Reproduce) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let choice = args.change.choice(&args.only);
    let plans = place.plans(&args.figures, &choice)?;
    for plan in &plans {
        crate::text::tell!("{}", describe(plan, &place));
    }
    let summary = train(&place, &plans, args.jobs.map_or(0, usize::from))?;
    let failed: HashSet<&str> = summary.failures.iter().map(|failure| failure.key.as_str()).collect();
    for plan in &plans {
        let lacking = plan.runs.iter().filter(|run| failed.contains(run.spec.key().as_str())).count();
        if lacking == 0 {
            draw(&place, plan, args)?;
        } else {
            crate::text::tell!(
                "{} is not drawn: {} of its {} failed",
                plan.name,
                lacking,
                count(plan.runs.len(), "run")
            );
        }
    }
    if summary.failures.is_empty() {
        return Ok(());
    }
    let shown = summary.failures.iter().take(SHOWN);
    // A first line says what is wrong; what follows in some errors is a trace of the program.
    let mut reasons: Vec<&str> = shown.filter_map(|failure| failure.error.lines().next()).collect();
    let more = format!("and {} more", summary.failures.len().saturating_sub(SHOWN));
    if summary.failures.len() > SHOWN {
        reasons.push(&more);
    }
    Err(CommandError::Failed(format!(
        "{} failed, all others are kept in {}:\n  {}",
        count(summary.failures.len(), "run"),
        place.shown(place.store.root()),
        reasons.join("\n  ")
    )))
}

/// What a plan asks for, in a line.
fn describe(plan: &Plan, place: &Context) -> String {
    let keys: HashSet<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
    let done = keys.iter().filter(|key| place.store.has(key)).count();
    let losses: HashSet<&str> = plan.runs.iter().map(|run| run.loss.as_str()).collect();
    format!(
        "{}: {} ({} x {} of {} steps on {}), {} done",
        plan.name,
        count(keys.len(), "run"),
        count(losses.len(), "loss").replace("losss", "losses"),
        count(plan.runs.len() / losses.len().max(1), "seed"),
        thousands(plan.experiment.schedule.steps),
        plan.experiment.data.set,
        done
    )
}

/// Trains the runs of plans that the store lacks.
pub fn train(place: &Context, plans: &[Plan], jobs: usize) -> Result<Summary, CommandError> {
    let specs: Vec<_> = plans.iter().flat_map(|plan| plan.runs.iter().map(|run| run.spec.clone())).collect();
    let sets = Sets::of(place)?;
    let source = |name, labels| sets.get(name, labels);
    let factory = place.factory();
    let scheduler = Scheduler { store: &place.store, source: &source, factory: factory.as_ref() };
    interrupt::listen();
    let estimate = scheduler.estimate(&specs, jobs).map_err(stopped_or)?;
    if estimate.missing > 0 {
        let resumed =
            if estimate.resumed > 0 { format!(", {} from a checkpoint", estimate.resumed) } else { String::new() };
        crate::text::tell!(
            "{} to train{resumed}, {} steps: about {}. Records are kept in {}; Ctrl-C stops, the same command goes on.",
            count(estimate.missing, "run"),
            thousands(estimate.steps),
            duration(estimate.seconds),
            place.shown(place.store.root())
        );
    }
    let line = Line::new();
    let options = Options { jobs, checkpoint_every: CHECKPOINT_EVERY, stop: &interrupt::STOP };
    let began = std::time::Instant::now();
    let summary = scheduler.run(&specs, options, &line);
    line.clear();
    let summary = summary.map_err(stopped_or)?;
    if summary.interrupted {
        let command: Vec<String> = std::env::args().skip(1).collect();
        return Err(CommandError::Interrupted(format!(
            "stopped: {} of {} done and kept in {}; those in training left a checkpoint.\nGo on with: cargo xtask {}",
            summary.done(),
            count(summary.done() + summary.left + summary.failures.len(), "run"),
            place.shown(place.store.root()),
            command.join(" ")
        )));
    }
    if summary.trained > 0 {
        crate::text::tell!("{} trained in {}", count(summary.trained, "run"), duration(began.elapsed().as_secs_f64()));
    }
    Ok(summary)
}

/// A download that the user stopped is no failure.
pub fn stopped_or(error: runs::scheduler::SchedulerError) -> CommandError {
    if interrupt::requested() { CommandError::Interrupted(error.to_string()) } else { error.into() }
}

fn draw(place: &Context, plan: &Plan, args: &Reproduce) -> Result<(), CommandError> {
    let gathered = place.gather(plan)?;
    let origin = Origin { experiment: &plan.experiment, full: &plan.full, scale: &plan.scale };
    let folders = place.folders(plan, &args.change.choice(&args.only));
    let published = publish(origin, &plan.name, &gathered.runs, &folders)?;
    say(format!(
        "\n{}: {}\n{}",
        plan.name,
        plan.experiment.title,
        claims::table(&published.document.claims, &plan.scale)
    ));
    let files: Vec<String> = published.files.iter().map(|file| place.shown(file)).collect();
    say(format!("written: {}", files.join(", ")));
    Ok(())
}

/// Data sets, fetched where they are missing, loaded once for the estimate and the runs.
pub struct Sets {
    cache: Cache,
    loaded: Mutex<Vec<((Name, Labels), Dataset)>>,
}

impl Sets {
    /// Those of a place.
    pub fn of(place: &Context) -> Result<Self, CommandError> {
        Ok(Self { cache: place.cache()?, loaded: Mutex::default() })
    }

    /// One of them.
    pub fn get(&self, name: Name, labels: Labels) -> anyhow::Result<Dataset> {
        let mut loaded = self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, dataset)) = loaded.iter().find(|(key, _)| *key == (name, labels)) {
            return Ok(dataset.clone());
        }
        let dataset = match self.cache.load_with(name, labels) {
            Err(datasets::Error::Missing { .. }) => {
                crate::text::tell!("{name} is not in {}: fetching it", self.cache.root.display());
                self.cache.fetch(name, &mut Download::new())?;
                self.cache.load_with(name, labels)?
            }
            other => other?,
        };
        loaded.push(((name, labels), dataset.clone()));
        Ok(dataset)
    }
}
