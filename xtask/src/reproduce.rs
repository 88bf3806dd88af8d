//! `reproduce`: trains what is missing, then draws and judges.
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use experiment::spec::RunSpec;
use experiment::{Choice, PAPER, Plan};
use results::claims::{self, Verdict};
use results::publish::{Document, Folders, from_csv, publish};
use results::summary;
use runs::scheduler::{CHECKPOINT_EVERY, DataCache, Options, Scheduler, Summary, jobs as jobs_of};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Reproduce;
use crate::progress::Line;
use crate::text::{count, duration, say, thousands};
use crate::{estimate, hint, interrupt, style};

/// Failed runs that are told one by one.
const SHOWN: usize = 5;

/// Time that reading a record and drawing from it takes, measured: 180 records of figure 13 in 0.6 s.
const DRAWING: Duration = Duration::from_millis(3);

/// Runs the command.
pub fn run(args: &Reproduce) -> Result<(), CommandError> {
    let place = Context::find(&args.training.folders)?;
    // A host that submits to Slurm may have no GPU itself.
    let place = if args.slurm.slurm { place } else { place.on(args.training.device)? };
    let choice = args.training.choice();
    let plans = affordable(place.plans(&args.figures, &choice)?, &args.figures);
    let jobs = args.training.jobs();
    for plan in &plans {
        crate::text::tell!("{}", describe(plan, &place));
        if let Some(note) = &plan.note {
            crate::text::tell!("{}: {note}", plan.name);
        }
    }
    if args.slurm.slurm {
        return crate::slurm::submit(args, &place, &plans);
    }
    if args.dry_run {
        return dry_run(&place, &plans, &choice, jobs);
    }
    for plan in &plans {
        check_writable(&place.folders(plan, &choice).out, &place)?;
    }
    let summary = train(&place, &plans, jobs)?;
    let failed: HashSet<&str> = summary.failures.iter().map(|failure| failure.key.as_str()).collect();
    let mut results = Vec::new();
    for plan in &plans {
        let lacking = plan.runs.iter().filter(|run| failed.contains(run.spec.key().as_str())).count();
        if lacking == 0 {
            results.push(draw(&place, plan, &choice)?);
        } else {
            crate::text::tell!(
                "{} is not drawn: {} of its {} failed",
                plan.name,
                lacking,
                count(plan.runs.len(), "run")
            );
        }
    }
    refuse_failures(&summary, &place)?;
    if results.len() > 1 {
        say("");
        for line in &results {
            say(line);
        }
    }
    Ok(())
}

/// Leaves figures that take months on a CPU out of `all`; where they are named one by one they stay.
fn affordable(plans: Vec<Plan>, figures: &[String]) -> Vec<Plan> {
    let takes_months = |plan: &Plan| {
        plan.of_paper
            && plan.scale == PAPER
            && plan.runs.iter().any(|run| run.spec.model.kind == twoscale::models::ModelKind::WideResNet)
    };
    let (dear, kept): (Vec<_>, Vec<_>) =
        plans.into_iter().partition(|plan| takes_months(plan) && !figures.contains(&plan.experiment.figure));
    if !dear.is_empty() {
        let names: Vec<&str> = dear.iter().map(|plan| plan.name.as_str()).collect();
        crate::text::tell!(
            "left out: {} (wide residual networks at the paper's scale take months on a CPU); `--scale reduced` trains narrow ones, \
             and a figure that is named is trained",
            names.join(", ")
        );
    }
    kept
}

/// Returns an error where runs failed, with the first reasons.
pub fn refuse_failures(summary: &Summary, place: &Context) -> Result<(), CommandError> {
    if summary.failures.is_empty() {
        return Ok(());
    }
    let shown = summary.failures.iter().take(SHOWN);
    // The first line says what is wrong; some errors continue with a trace of the program.
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

/// Returns the runs of a plan in a line.
fn describe(plan: &Plan, place: &Context) -> String {
    let keys: HashSet<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
    let done = keys.iter().filter(|key| place.store.has(key)).count();
    let losses: HashSet<&str> = plan.runs.iter().map(|run| run.loss.as_str()).collect();
    format!(
        "{}: {} ({} x {} of {} steps on {}), {} done",
        plan.name,
        count(keys.len(), "run"),
        count(losses.len(), "loss"),
        count(plan.runs.len() / losses.len().max(1), "seed"),
        thousands(plan.experiment.schedule.steps),
        plan.experiment.data.set,
        done
    )
}

fn specs(plans: &[Plan]) -> Vec<RunSpec> {
    plans.iter().flat_map(|plan| plan.runs.iter().map(|run| run.spec.clone())).collect()
}

/// Says what would be trained, how long that takes and where it goes.
fn dry_run(place: &Context, plans: &[Plan], choice: &Choice, jobs: usize) -> Result<(), CommandError> {
    let specs = specs(plans);
    let cache = place.cache()?;
    // A dry run fetches nothing: without the data the time is a guess.
    let data = DataCache::new(|name, labels| Ok(cache.load_with(name, labels)?));
    let factory = place.factory()?;
    let scheduler = Scheduler { store: &place.store, data: &data, factory: factory.as_ref() };
    let found = scheduler.estimate(&specs, jobs);
    let expected = estimate::expected(found.as_ref().ok(), place, &specs, jobs);
    let keys: HashSet<String> = specs.iter().map(RunSpec::key).collect();
    let missing = keys.iter().filter(|key| !place.store.has(key)).count();
    say(match missing {
        0 => "every run is done: nothing would be trained".to_owned(),
        missing => {
            let jobs = jobs_of(jobs);
            format!("{} would be trained, {jobs} at a time, in {expected}", count(missing, "run"))
        }
    });
    if missing > 0
        && let Err(why) = found
    {
        say(format!("the time is a guess: {why}"));
    }
    say(format!("records: {}", place.shown(place.store.root())));
    for plan in plans {
        let folders = place.folders(plan, choice);
        let name = place.name(plan, choice);
        let files = [folders.svg(&name), folders.csv(&name), folders.json(&name)];
        let there = if files.iter().any(|file| file.exists()) { " (replaced where they differ)" } else { "" };
        say(format!("{}: {}{there}", plan.name, files.map(|file| place.shown(&file)).join(", ")));
    }
    Ok(())
}

/// Trains the runs of plans that the store lacks.
pub fn train(place: &Context, plans: &[Plan], jobs: usize) -> Result<Summary, CommandError> {
    let specs = specs(plans);
    let data = place.sets()?;
    let factory = place.factory()?;
    let scheduler = Scheduler { store: &place.store, data: &data, factory: factory.as_ref() };
    interrupt::listen();
    let estimate = scheduler.estimate(&specs, jobs).map_err(stopped_or)?;
    if estimate.missing > 0 {
        let resumed =
            if estimate.resumed > 0 { format!(", {} from a checkpoint", estimate.resumed) } else { String::new() };
        let drawing = DRAWING * u32::try_from(specs.len()).unwrap_or(u32::MAX);
        crate::text::tell!(
            "{} to train{resumed}, {} steps: about {}. Records are kept in {}; Ctrl-C stops, the same command goes on.",
            count(estimate.missing, "run"),
            thousands(estimate.steps),
            duration(estimate.seconds + drawing.as_secs_f64()),
            place.shown(place.store.root())
        );
    }
    let line = Line::with_estimate(&estimate, jobs);
    let options = Options { jobs, checkpoint_every: CHECKPOINT_EVERY, stop: &interrupt::STOP };
    let began = std::time::Instant::now();
    let summary = scheduler.run(&specs, options, &line);
    line.clear();
    let summary = summary.map_err(stopped_or)?;
    if summary.interrupted {
        return Err(CommandError::Interrupted(format!(
            "stopped: {} of {} done and kept in {}; those in training left a checkpoint.\nGo on with: {}",
            summary.done(),
            count(summary.done() + summary.left + summary.failures.len(), "run"),
            place.shown(place.store.root()),
            hint::again()
        )));
    }
    if summary.trained > 0 {
        crate::text::tell!("{} trained in {}", count(summary.trained, "run"), duration(began.elapsed().as_secs_f64()));
    }
    Ok(summary)
}

/// Turns a scheduler's error into a command's; a download that the user stopped is no failure.
pub fn stopped_or(error: runs::scheduler::SchedulerError) -> CommandError {
    if interrupt::requested() { CommandError::Interrupted(error.to_string()) } else { error.into() }
}

/// Refuses a folder that cannot be written, before hours are spent on figures that would go there.
pub fn check_writable(folder: &Path, place: &Context) -> Result<(), CommandError> {
    let data = folder.join("data");
    let probe = data.join(format!(".probe-{}", std::process::id()));
    let tried = std::fs::create_dir_all(&data).and_then(|()| std::fs::write(&probe, b"probe"));
    let _ = std::fs::remove_file(&probe);
    tried.map_err(|error| {
        CommandError::Usage(format!(
            "cannot write to the folder {} of figures: {error}; give another one with --out",
            place.shown(folder)
        ))
    })
}

/// Draws and judges a plan, prints tables, and returns the verdicts in a line.
fn draw(place: &Context, plan: &Plan, choice: &Choice) -> Result<String, CommandError> {
    let gathered = place.gather(plan)?;
    let folders = place.folders(plan, choice);
    let before = published_table(place, plan, choice);
    let published = publish(plan, &place.name(plan, choice), &gathered.runs, &folders)?;
    say(format!("\n{}", style::bold(&format!("{}: {}", plan.name, plan.experiment.title))));
    if !published.document.claims.is_empty() {
        say(style::verdicts(&claims::table(&published.document.claims, &plan.scale)));
    }
    let finals = summary::final_accuracies(&plan.experiment, &gathered.runs);
    say("\nFinal accuracy in percent, mean over seeds [95 % interval]");
    say(summary::table("loss", finals.iter().map(|row| (row.loss.as_str(), row))).trim_end());
    let files: Vec<String> = published.files.iter().map(|file| place.shown(file)).collect();
    say(format!("\nwritten: {}", files.join(", ")));
    let curves = before.map(|before| compared(&before, &folders, plan)).transpose()?;
    let line = [Some(came_to(&published.document)), curves].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let line = format!("{}: {line}", plan.name);
    say(&line);
    Ok(line)
}

/// The published table of a figure before it is replaced; none where this is not the paper's own training.
fn published_table(place: &Context, plan: &Plan, choice: &Choice) -> Option<String> {
    if plan.scale != PAPER || choice.is_changed() || place.is_fake() || !plan.of_paper {
        return None;
    }
    std::fs::read_to_string(Folders::of(&place.root.join("figures")).csv(&plan.name)).ok()
}

/// Compares the curves with those that were published before.
fn compared(before: &str, folders: &Folders, plan: &Plan) -> Result<String, CommandError> {
    let path = folders.csv(&plan.name);
    let now = std::fs::read_to_string(&path).map_err(CommandError::failed)?;
    if now == before {
        return Ok("the curves equal the published ones byte for byte".into());
    }
    let (now, before) = (from_csv(&now, &path)?, from_csv(before, &path)?);
    let points = |series: &[results::series::Series]| -> Vec<(String, f64, f64)> {
        let of = |one: &results::series::Series| {
            let name = format!("{}/{}", one.panel, one.series);
            one.points.iter().map(|point| (name.clone(), point.x, point.mean)).collect::<Vec<_>>()
        };
        series.iter().flat_map(of).collect()
    };
    let (mut now, before) = (points(&now), points(&before));
    // Tables of older versions lack the differences and cumulated histograms.
    now.retain(|point| before.iter().any(|other| other.0 == point.0));
    let same_points = now.len() == before.len() && now.iter().zip(&before).all(|(a, b)| a.0 == b.0 && a.1 == b.1);
    if !same_points {
        return Ok("the curves differ from the published ones: they have other points".into());
    }
    let most = now.iter().zip(&before).map(|(a, b)| (a.2 - b.2).abs()).fold(0.0, f64::max);
    Ok(format!("the curves differ from the published ones, their means by at most {most:.1e}"))
}

/// Verdicts in a sentence: `5 of 5 claims hold`, `3 of 5 claims hold, 1 fails, 1 unclear`.
fn came_to(document: &Document) -> String {
    let of = |verdict| document.claims.iter().filter(|claim| claim.verdict == verdict).count();
    let mut words = match document.claims.len() {
        0 => return "no claims to judge".to_owned(),
        1 => vec![format!("{} of 1 claim holds", of(Verdict::Holds))],
        all => vec![format!("{} of {all} claims hold", of(Verdict::Holds))],
    };
    for (verdict, one, more) in [
        (Verdict::DirectionOnly, "holds in direction only", "hold in direction only"),
        (Verdict::Fails, "fails", "fail"),
        (Verdict::Unclear, "unclear", "unclear"),
        (Verdict::NotRun, "not run", "not run"),
    ] {
        match of(verdict) {
            0 => {}
            n => words.push(format!("{n} {}", if n == 1 { one } else { more })),
        }
    }
    let scale = if document.scale == PAPER { "" } else { " (at another scale than the paper's)" };
    words.join(", ") + scale
}
