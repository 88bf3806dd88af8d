//! `check`: trains the reduced runs afresh and compares them with the baselines kept in tests/baselines/.
use std::path::{Path, PathBuf};

use experiment::{Choice, Plan};
use results::baseline::{Comparison, DENSE_PATH, PATH, compare};
use results::measure::series;
use results::publish::{from_csv, to_csv};
use runs::store::Store;
use twoscale::models::ModelKind;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Check;
use crate::reproduce::train;
use crate::text::{count, say};

/// The scale of the check.
const SCALE: &str = "reduced";

/// Runs the command.
pub fn run(args: &Check) -> Result<(), CommandError> {
    let mut place = Context::find(&args.folders)?;
    let baselines = place.root.join("tests/baselines");
    if args.folders.store.is_none() {
        // In the usual store, records of earlier code would be found in place of a training with the present code.
        let fresh = place.root.join("target/check");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh)
                .map_err(|e| CommandError::failed(format!("{}: {e}", place.shown(&fresh))))?;
        }
        place.store = if args.folders.fake_trainer { Store::open_fake(fresh) } else { Store::open(fresh) };
    }
    let figures = if args.figures.is_empty() { kept(&baselines)? } else { args.figures.clone() };
    let plans = place.plans(&figures, &Choice { scale: Some(SCALE.into()), ..Choice::default() })?;
    if !args.keep {
        refuse_missing(&place, &plans, &baselines)?;
    }
    let summary = train(&place, &plans, args.jobs.map_or(0, usize::from))?;
    if let Some(failure) = summary.failures.first() {
        return Err(CommandError::Failed(format!(
            "{} failed: {}",
            count(summary.failures.len(), "run"),
            failure.error
        )));
    }
    let mut wrong = 0;
    for plan in &plans {
        let path = baselines.join(format!("{}.csv", plan.name));
        if args.keep {
            keep(&place, plan, &path)?;
        } else {
            wrong += judge(&place, plan, &path)?;
        }
    }
    match wrong {
        0 => Ok(()),
        n => Err(CommandError::Failed(format!(
            "{} beyond the limits of the baseline; if that is meant, keep a new one: cargo xtask check {} --keep",
            count(n, "curve value"),
            figures.join(" ")
        ))),
    }
}

/// Refuses figures without a baseline, before anything is trained.
fn refuse_missing(place: &Context, plans: &[Plan], baselines: &Path) -> Result<(), CommandError> {
    let missing = |plan: &&Plan| !baselines.join(format!("{}.csv", plan.name)).is_file();
    let missing: Vec<&str> = plans.iter().filter(missing).map(|plan| plan.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "no baseline of {} is in {}; keep one first: cargo xtask check {} --keep",
        missing.join(", "),
        place.shown(baselines),
        missing.join(" ")
    )))
}

/// Figures that have a baseline.
fn kept(folder: &Path) -> Result<Vec<String>, CommandError> {
    let files = std::fs::read_dir(folder).map_err(|e| CommandError::failed(format!("{}: {e}", folder.display())))?;
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok().map(|file| PathBuf::from(file.file_name())))
        .filter(|name| name.extension().is_some_and(|end| end == "csv"))
        .filter_map(|name| name.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    if names.is_empty() {
        return Err(CommandError::Failed("no baseline is kept yet; keep one: cargo xtask check all --keep".into()));
    }
    Ok(names)
}

fn keep(place: &Context, plan: &Plan, path: &Path) -> Result<(), CommandError> {
    let table = to_csv(&series(&plan.experiment, &place.gather(plan)?.runs))?;
    std::fs::write(path, table).map_err(|e| CommandError::failed(format!("{}: {e}", place.shown(path))))?;
    say(format!("kept: {}", place.shown(path)));
    Ok(())
}

/// Prints how a figure's curves compare and returns how many do not pass.
fn judge(place: &Context, plan: &Plan, path: &Path) -> Result<usize, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CommandError::failed(format!(
            "{}: {e}; keep a baseline first: cargo xtask check {} --keep",
            place.shown(path),
            plan.name
        ))
    })?;
    let found = series(&plan.experiment, &place.gather(plan)?.runs);
    let dense = plan.experiment.model.kind == ModelKind::Mlp;
    let way = if dense { DENSE_PATH } else { PATH };
    let comparisons = compare(&found, &from_csv(&text, path)?, way)
        .map_err(|why| CommandError::Failed(format!("{}: {why}", plan.name)))?;
    let wrong: Vec<&Comparison> = comparisons.iter().filter(|c| !c.passes()).collect();
    let most = comparisons.iter().map(|c| (c.found - c.expected).abs() / c.limit.max(f64::MIN_POSITIVE));
    say(format!(
        "{}: {} of {} within their limits, the largest difference {:.0} % of its limit",
        plan.name,
        comparisons.len() - wrong.len(),
        count(comparisons.len(), "curve value"),
        100.0 * most.fold(0.0, f64::max)
    ));
    for c in &wrong {
        say(format!(
            "  {} {}: {:.4}, baseline {:.4}, allowed difference {:.4}",
            c.curve, c.what, c.found, c.expected, c.limit
        ));
    }
    Ok(wrong.len())
}
