//! `figure`: draws without training.
use results::publish::{Origin, publish, render};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Figure;
use crate::text::{count, say};

/// Runs the command.
pub fn run(args: &Figure) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let choice = args.change.choice(&[]);
    for plan in place.plans(&args.figures, &choice)? {
        let gathered = place.gather(&plan)?;
        let mut folders = place.folders(&plan, &choice);
        if gathered.runs.is_empty() {
            let path = render(&plan.experiment, &plan.name, &folders)?;
            say(format!("{} drawn from {}", place.shown(&path), place.shown(&folders.csv(&plan.name))));
            continue;
        }
        if gathered.missing > 0 && args.folders.out.is_none() {
            // What is published is never replaced by half of it.
            folders.out = place.root.join("target/figures").join(format!("{}-partial", plan.scale));
        }
        let origin = Origin { experiment: &plan.experiment, full: &plan.full, scale: &plan.scale };
        let published = publish(origin, &plan.name, &gathered.runs, &folders)?;
        let files: Vec<String> = published.files.iter().map(|file| place.shown(file)).collect();
        let of =
            if gathered.missing > 0 { format!(" of {}", gathered.missing + gathered.found) } else { String::new() };
        say(format!("{} drawn from {}{of}", files.join(", "), count(gathered.found, "record")));
    }
    Ok(())
}
