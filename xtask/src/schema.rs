//! `schema`: the JSON schema of experiment files.
use harness::experiment::schema::schema_text;

use crate::flags::{self, Schema};
use crate::stop::Stop;
use crate::words::say;
use crate::workplace::Workplace;

/// Runs the command.
pub fn run(args: &Schema) -> Result<(), Stop> {
    let place = Workplace::find(&flags::Folders::default())?;
    let path = place.root.join("experiments/schema.json");
    let text = schema_text();
    let shown = place.shown(&path);
    if args.check {
        return match std::fs::read_to_string(&path) {
            Ok(old) if old == text => Ok(()),
            _ => Err(Stop::Failed(format!("{shown} is out of date; `cargo xtask schema` writes it"))),
        };
    }
    std::fs::write(&path, text).map_err(|error| Stop::Failed(format!("cannot write {shown}: {error}")))?;
    say(format!("written: {shown}"));
    Ok(())
}
