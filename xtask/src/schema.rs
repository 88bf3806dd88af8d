//! `schema`: the JSON schema of experiment files.
use experiment::schema::schema_text;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{self, Schema};
use crate::text::say;

/// Runs the command.
pub fn run(args: &Schema) -> Result<(), CommandError> {
    let place = Context::find(&flags::Folders::default())?;
    let path = place.root.join("experiments/schema.json");
    let text = schema_text();
    let shown = place.shown(&path);
    if args.check {
        return match std::fs::read_to_string(&path) {
            Ok(old) if old == text => Ok(()),
            _ => Err(CommandError::Failed(format!("{shown} is out of date; `cargo xtask schema` writes it"))),
        };
    }
    std::fs::write(&path, text).map_err(|error| CommandError::Failed(format!("cannot write {shown}: {error}")))?;
    say(format!("written: {shown}"));
    Ok(())
}
