//! `status`: what the store holds.
use std::collections::BTreeSet;

use runs::store;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{Change, Status};
use crate::text::{count, say, thousands};

/// Runs the command.
pub fn run(args: &Status) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let change = Change { scale: args.scale.clone(), variant: None, seeds: None, sets: Vec::new() };
    let keys = place.store.keys()?;
    say(format!("{} in {}\n", count(keys.len(), "record"), place.shown(place.store.root())));
    say(format!("{:<6} {:>6} {:>8} {:>12} {:>8}", "figure", "done", "running", "interrupted", "missing"));
    let mut interrupted = BTreeSet::new();
    for plan in place.plans(&["all".to_owned()], &change.choice(&[]))? {
        let mut counts = [0_usize; 4];
        let runs: BTreeSet<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
        for key in runs {
            let column = match place.store.status(&key) {
                store::Status::Done => 0,
                store::Status::Running => 1,
                store::Status::Partial(step) => {
                    interrupted.insert((key, step));
                    2
                }
                store::Status::Missing => 3,
            };
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
    Ok(())
}
