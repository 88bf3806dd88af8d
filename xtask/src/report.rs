//! `report`: everything published, as one Markdown text.
use experiment::{Choice, Plan};
use results::measure::Runs;
use results::publish::{Document, Folders, Reported, Standing, document, report, standing};

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
        let document = |variant: Option<&str>| -> Result<Option<Document>, CommandError> {
            let plan = source.plan(&Choice { variant: variant.map(str::to_owned), ..Choice::default() })?;
            standing_document(&plan, &folders)
        };
        let Some(own) = document(None)? else { continue };
        let mut variants = Vec::new();
        for variant in source.variants() {
            variants.extend(document(Some(variant))?);
        }
        figures.push(Reported { own, variants });
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

/// Document that is published of a plan. Where it is of another plan, its numbers are left out and the document says so: a verdict of
/// yesterday's file is not one of today's.
fn standing_document(plan: &Plan, folders: &Folders) -> Result<Option<Document>, CommandError> {
    Ok(match standing(plan, &plan.name, folders)? {
        Standing::Nothing => None,
        Standing::Current(document) => Some(*document),
        Standing::OtherPlan { difference, .. } => {
            let mut empty = document(plan, &plan.name, &Runs::new())?;
            empty.caption.notes.push(format!("Published for another plan ({difference}); not run for this one."));
            Some(empty)
        }
    })
}
