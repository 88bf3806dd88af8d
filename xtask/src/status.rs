//! `status`: contents of the store, and what is damaged or left over in it.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use runs::store::{self, Inspection, StoreError};

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
        say(format!("\nremoved: {} of {}", count(removed, "item"), place.shown(place.store.root())));
        // What is left after pruning is what nobody asked to remove, or what is in use.
        return judge(&place, &place.store.inspect(args.verify)?, args);
    }
    judge(&place, &found, args)
}

/// Runs and jobs, again and again until Ctrl-C.
fn watch(args: &Status, place: &Context) -> Result<(), CommandError> {
    crate::interrupt::listen();
    while !crate::interrupt::requested() {
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            // Home and clear, as every terminal has it since the VT100.
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

/// The tables.
fn show(args: &Status, place: &Context, found: &Inspection) -> Result<(), CommandError> {
    let change = Change { scale: args.scale.clone(), variant: None, seeds: None, sets: Vec::new() };
    let root = place.shown(place.store.root());
    say(format!("{} in {root}\n", count(found.sound, "record")));
    say(format!("{:<6} {:>6} {:>8} {:>12} {:>8}", "figure", "done", "running", "interrupted", "missing"));
    let mut interrupted = BTreeSet::new();
    let mut failed = BTreeMap::new();
    for plan in place.plans(&["all".to_owned()], &change.choice(&[]))? {
        let mut counts = [0_usize; 4];
        let runs: BTreeSet<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
        for key in runs {
            let column = match place.store.status(&key) {
                store::Status::Done => 0,
                store::Status::Running => 1,
                store::Status::Partial(step) => {
                    interrupted.insert((key.clone(), step));
                    2
                }
                store::Status::Missing => 3,
            };
            if column > 0
                && let Some(last) = place.store.failures(&key)?.pop()
            {
                failed.insert(key, last);
            }
            counts[column] += 1;
        }
        let [done, running, partial, missing] = counts;
        say(format!("{:<6} {done:>6} {running:>8} {partial:>12} {missing:>8}", plan.name));
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

/// Damaged records make the command fail.
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
