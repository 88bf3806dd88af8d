//! `status`: contents of the store, and what is damaged or left over in it.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use runs::store::{self, Inspection, StoreError};
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{Change, Status};
use crate::text::{count, say, tell, thousands};

/// Damaged records and leftovers that are named one by one.
const NAMED: usize = 20;

/// Runs the command.
pub fn run(args: &Status) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    if args.watch {
        return watch(args, &place);
    }
    let found = place.store.inspect(args.verify)?;
    show(args, &place, &found)?;
    if args.prune {
        let removed = place.store.prune(&found, args.older)?;
        tell!("removed: {} of {}", count(removed, "item"), place.shown(place.store.root()));
        // Records that are in use, or were not to be removed, are still there.
        return judge(&place, &place.store.inspect(args.verify)?, args);
    }
    judge(&place, &found, args)
}

/// Prints runs and jobs again and again until Ctrl-C.
fn watch(args: &Status, place: &Context) -> Result<(), CommandError> {
    crate::interrupt::listen();
    while !crate::interrupt::requested() {
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            // The escape sequences of the VT100 move the cursor home and clear the screen.
            say("\x1b[H\x1b[2J");
        }
        show(args, place, &place.store.inspect(false)?)?;
        match crate::slurm::jobs() {
            Ok(jobs) => say(format!("\n{jobs}")),
            Err(why) => say(format!("\nno jobs: {}", why.words())),
        }
        for _ in 0..50 {
            if crate::interrupt::requested() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Runs of a figure by state.
struct Counts {
    figure: String,
    done: usize,
    running: usize,
    interrupted: usize,
    missing: usize,
}

/// Runs that are not done, by key.
#[derive(Default)]
struct Unfinished {
    /// Steps done.
    interrupted: BTreeMap<String, usize>,
    /// Reason of the last failure on a cluster.
    failed: BTreeMap<String, String>,
}

/// Counts the runs of every figure.
fn tally(args: &Status, place: &Context) -> Result<(Vec<Counts>, Unfinished), CommandError> {
    let change = Change { scale: args.scale.clone(), variant: None, seeds: None, sets: Vec::new() };
    let mut unfinished = Unfinished::default();
    let mut figures = Vec::new();
    for plan in place.plans(&["all".to_owned()], &change.choice(&[]))? {
        let runs: BTreeSet<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
        let mut counts = Counts { figure: plan.name, done: 0, running: 0, interrupted: 0, missing: 0 };
        for key in runs {
            let status = place.store.status(&key);
            if status != store::Status::Done
                && let Some(last) = place.store.failures(&key)?.pop()
            {
                unfinished.failed.insert(key.clone(), last);
            }
            match status {
                store::Status::Done => counts.done += 1,
                store::Status::Running => counts.running += 1,
                store::Status::Partial(step) => {
                    counts.interrupted += 1;
                    unfinished.interrupted.insert(key, step);
                }
                store::Status::Missing => counts.missing += 1,
            }
        }
        figures.push(counts);
    }
    Ok((figures, unfinished))
}

/// Prints the tables, or one object of JSON.
fn show(args: &Status, place: &Context, found: &Inspection) -> Result<(), CommandError> {
    let (figures, Unfinished { interrupted, failed }) = tally(args, place)?;
    if args.json {
        let errors = |errors: &BTreeMap<String, StoreError>| -> BTreeMap<String, String> {
            errors.iter().map(|(key, error)| (key.clone(), error.to_string())).collect()
        };
        let figures: Vec<_> = figures
            .iter()
            .map(|Counts { figure, done, running, interrupted, missing }| {
                json!({
                    "figure": figure, "done": done, "running": running, "interrupted": interrupted, "missing": missing
                })
            })
            .collect();
        let document = json!({
            "store": place.store.root(),
            "records": found.sound,
            "figures": figures,
            "interrupted": interrupted,
            "failed": failed,
            "damaged": errors(&found.damaged),
            "older": errors(&found.older),
            "unreadable": errors(&found.unreadable),
            "leftovers": found.leftovers,
        });
        say(serde_json::to_string_pretty(&document).map_err(CommandError::failed)?);
        return Ok(());
    }
    let root = place.shown(place.store.root());
    say(format!("{} in {root}\n", count(found.sound, "record")));
    say(format!("{:<6} {:>6} {:>8} {:>12} {:>8}", "figure", "done", "running", "interrupted", "missing"));
    for Counts { figure, done, running, interrupted, missing } in figures {
        say(format!("{figure:<6} {done:>6} {running:>8} {interrupted:>12} {missing:>8}"));
    }
    if !interrupted.is_empty() {
        say("\nInterrupted runs, which go on where they were:");
        for (key, step) in interrupted {
            say(format!("  {key} after {} steps", thousands(step)));
        }
    }
    if !failed.is_empty() {
        say(format!("\nRuns that failed on a cluster; it leaves them after {} attempts:", store::ATTEMPTS));
        for (key, reason) in failed {
            say(format!("  {key}: {reason}"));
        }
    }
    name("Damaged records, which are not used", found.damaged.values());
    name("Records of older versions, which are not used", found.older.values());
    name("Records that cannot be read", found.unreadable.values());
    if !found.leftovers.is_empty() {
        say(format!("\nLeft over by processes that ended: {}", count(found.leftovers.len(), "item")));
        let shown = |path: &PathBuf| format!("  {}", place.shown(path));
        found.leftovers.iter().take(NAMED).for_each(|path| say(shown(path)));
    }
    Ok(())
}

/// Names records under a title.
fn name<'a>(title: &str, errors: impl ExactSizeIterator<Item = &'a StoreError>) {
    let number = errors.len();
    if number == 0 {
        return;
    }
    say(format!("\n{title}: {number}"));
    for error in errors.take(NAMED) {
        say(format!("  {error}"));
    }
    if number > NAMED {
        say(format!("  and {} more", number - NAMED));
    }
}

/// Fails where there are damaged records.
fn judge(place: &Context, found: &Inspection, args: &Status) -> Result<(), CommandError> {
    let damaged = found.damaged.len() + found.unreadable.len();
    if args.verify {
        tell!("verified: {} whole, {} damaged", count(found.sound, "record"), found.damaged.len());
    }
    if damaged == 0 {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "{} in {} cannot be used; `cargo xtask status --verify --prune` removes the damaged ones, and their runs are trained again \
         by the next `cargo xtask reproduce`",
        count(damaged, "record"),
        place.shown(place.store.root())
    )))
}
