//! `report`: everything published, as one Markdown text.
use results::publish::{Folders, published, report};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{self, Report};
use crate::text::say;

/// Runs the command.
pub fn run(args: &Report) -> Result<(), CommandError> {
    let place = Context::find(&flags::Folders::default())?;
    let mut folders = Folders::of(&place.root.join("figures"));
    if let Some(out) = &args.out {
        folders.out.clone_from(out);
    }
    let mut figures = Vec::new();
    for name in place.catalogue.names() {
        let source = place.catalogue.source(name)?;
        figures.extend(published(name, &source.variants(), &folders)?);
    }
    if figures.is_empty() {
        let folder = place.shown(&folders.out);
        return Err(CommandError::Failed(format!(
            "nothing is published in {folder}; `cargo xtask reproduce all` makes it"
        )));
    }
    say(report(&figures));
    Ok(())
}
