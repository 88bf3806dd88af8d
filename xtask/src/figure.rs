//! `figure`: draws without training.
use results::publish::{publish, render};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Figure;
use crate::text::{count, say};

/// Runs the command.
pub fn run(args: &Figure) -> Result<(), CommandError> {
    let context = Context::find(&args.folders)?;
    let choice = args.change.choice(&[]);
    for plan in context.plans(&args.figures, &choice)? {
        let gathered = context.gather(&plan)?;
        let mut folders = context.folders(&plan, &choice);
        if gathered.runs.is_empty() {
            let found = context.published(&plan, &choice)?;
            let path = render(&plan, &found.name, &found.folders, &folders)?;
            let table = found.folders.csv(&found.name);
            say(format!("{} drawn from {}", context.shown(&path), context.shown(&table)));
            continue;
        }
        if gathered.missing > 0 && args.folders.out.is_none() {
            // A figure of incomplete runs never replaces a published figure.
            folders.out = context.root.join("target/figures").join(format!("{}-partial", plan.scale));
        }
        let published = publish(&plan, &context.name(&plan, &choice), &gathered.runs, &folders)?;
        let files: Vec<String> = published.files.iter().map(|file| context.shown(file)).collect();
        let of =
            if gathered.missing > 0 { format!(" of {}", gathered.missing + gathered.found) } else { String::new() };
        say(format!("{} drawn from {}{of}", files.join(", "), count(gathered.found, "record")));
    }
    Ok(())
}
