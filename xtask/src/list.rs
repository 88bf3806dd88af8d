//! `list`: every figure at a glance.
use std::collections::BTreeMap;

use datasets::{Dataset, Labels, Name};
use experiment::Plan;
use experiment::spec::RunSpec;
use results::claims::Verdict;
use results::publish::published_document;
use runs::scheduler::Scheduler;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{Change, List};
use crate::text::{duration, say};

/// Runs the command.
pub fn run(args: &List) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let change = Change { scale: args.scale.clone(), variant: None, seeds: None, sets: Vec::new() };
    let choice = change.choice(&[]);
    say(format!("{:<6} {:>9}  {:<12} {:<28} title", "figure", "runs done", "time left", "claims"));
    for plan in place.plans(&["all".to_owned()], &choice)? {
        let specs: Vec<RunSpec> = plan.runs.iter().map(|run| run.spec.clone()).collect();
        let done = specs.iter().filter(|spec| place.store.has(&spec.key())).count();
        let time = if done == specs.len() { "done".to_owned() } else { time(&place, &specs) };
        let folders = place.folders(&plan, &choice);
        let published = published_document(&plan.name, &folders)?;
        let claims = match published {
            Some(document) => tally(document.claims.iter().map(|claim| claim.verdict)),
            None => "not run".to_owned(),
        };
        let Plan { name, experiment, .. } = &plan;
        say(format!(
            "{name:<6} {:>9}  {time:<12} {claims:<28} {}",
            format!("{done}/{}", specs.len()),
            experiment.title
        ));
        say(format!("{:<6} {}", "", experiment.shows));
    }
    say("\n`cargo xtask reproduce FIG` trains and draws one; figures that need the same runs share them.");
    Ok(())
}

/// Time to train what is missing, from the speed of earlier records on this machine.
fn time(place: &Context, specs: &[RunSpec]) -> String {
    // No data set is loaded for a list: where no record tells the speed, the estimate has to say so.
    let nothing = |_: Name, _: Labels| -> anyhow::Result<Dataset> { Err(anyhow::anyhow!("not loaded")) };
    let factory = place.factory();
    let scheduler = Scheduler { store: &place.store, source: &nothing, factory: factory.as_ref() };
    match scheduler.estimate(specs, 0) {
        Ok(estimate) => format!("~{}", duration(estimate.seconds)),
        Err(_) => format!("~{} ?", duration(guess(specs))),
    }
}

/// Seconds by rule of thumb, for a machine that has not trained such a network yet: a step of the dense network takes about
/// 0.7 ms, one of LeNet-5 about 5.
#[expect(clippy::cast_precision_loss, reason = "counts of steps and cores")]
fn guess(specs: &[RunSpec]) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = |spec: &RunSpec| match spec.model.kind {
        twoscale::models::ModelKind::Mlp => 0.7e-3,
        twoscale::models::ModelKind::LeNet5 => 5e-3,
    };
    specs.iter().map(|spec| seconds(spec) * spec.schedule.steps as f64).sum::<f64>() / cores as f64
}

/// `3 hold, 1 fails`.
fn tally(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict).or_default() += 1;
    }
    let word = |verdict, n| match (verdict, n) {
        (Verdict::Holds, 1) => "holds",
        (Verdict::Holds, _) => "hold",
        (Verdict::Fails, 1) => "fails",
        (Verdict::Fails, _) => "fail",
        (Verdict::Unclear, _) => "unclear",
        (Verdict::NotRun, _) => "not run",
    };
    counts.into_iter().map(|(verdict, n)| format!("{n} {}", word(verdict, n))).collect::<Vec<_>>().join(", ")
}
