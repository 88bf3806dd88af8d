//! `show`: a whole experiment, each value with the place that it comes from.
use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{self, Show};
use crate::text::say;

/// Runs the command.
pub fn run(args: &Show) -> Result<(), CommandError> {
    let context = Context::find(&flags::Folders::default())?;
    let text = context.source(&args.figure)?.show(&args.change.choice(&[]))?;
    say(text.trim_end());
    Ok(())
}
