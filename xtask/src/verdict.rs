//! `verdict`: which of the paper's claims hold.
use experiment::{Choice, PAPER, Plan};
use results::claims;
use results::publish::{Document, Origin, Reported, document, published_document, published_variants};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Verdict;
use crate::hint;
use crate::style;
use crate::text::{count, say};

/// Runs the command.
pub fn run(args: &Verdict) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let choice = args.change.choice(&[]);
    let figures = if args.figures.is_empty() { vec!["all".to_owned()] } else { args.figures.clone() };
    let plans = place.plans(&figures, &choice)?;
    let mut documents = Vec::new();
    for plan in &plans {
        let (document, origin) = find(&place, plan, args)?;
        if !args.json {
            say(format!("{}: {} ({origin})", plan.name, plan.experiment.title));
            say(style::verdicts(&claims::table(&document.claims, &document.scale)));
            if let Some(others) = other_readings(&place, plan, &choice, &document)? {
                say(style::verdicts(&others));
            }
        }
        documents.push(document);
    }
    if args.json {
        let json = match documents.as_slice() {
            [one] if args.figures.len() == 1 => serde_json::to_string_pretty(one),
            all => serde_json::to_string_pretty(all),
        };
        say(json.map_err(CommandError::failed)?);
    }
    let bad = |verdict| matches!(verdict, claims::Verdict::Fails | claims::Verdict::NotRun);
    if args.strict && documents.iter().flat_map(|document| &document.claims).any(|claim| bad(claim.verdict)) {
        return Err(CommandError::Told);
    }
    Ok(())
}

/// What the published variants of a figure make of its claims; nothing to say where the reading was chosen by the user.
fn other_readings(
    place: &Context,
    plan: &Plan,
    choice: &Choice,
    document: &Document,
) -> Result<Option<String>, CommandError> {
    let figure = &plan.experiment.figure;
    if plan.scale != PAPER || plan.name != *figure || !choice.sets.is_empty() {
        return Ok(None);
    }
    let source = place.catalogue.source(figure)?;
    let folders = place.folders(plan, choice);
    let variants = published_variants(figure, &source.variants(), &folders)?;
    if variants.is_empty() {
        return Ok(None);
    }
    let reported = Reported { own: document.clone(), variants };
    let table = claims::comparison(&reported.readings(), &reported.compared());
    Ok(Some(format!(
        "{figure} under other readings of the text (verdict {figure} --variant NAME tells more):\n{table}"
    )))
}

/// The document of a plan, and in words where it comes from: all records, else what was published, else what records there are.
fn find(place: &Context, plan: &Plan, args: &Verdict) -> Result<(Document, String), CommandError> {
    let gathered = place.gather(plan)?;
    let folders = place.folders(plan, &args.change.choice(&[]));
    if gathered.missing > 0
        && let Some(published) = published_document(&plan.name, &folders)?
    {
        return Ok((published, format!("from {}", place.shown(&folders.json(&plan.name)))));
    }
    let origin = Origin { experiment: &plan.experiment, full: &plan.full, scale: &plan.scale };
    let words = match (gathered.found, gathered.missing) {
        (0, _) => hint::complete(&format!("not run; cargo xtask reproduce {}", plan.experiment.figure)),
        (found, 0) => format!("from {}", count(found, "record")),
        (found, missing) => format!("from {} of {}", found, count(found + missing, "record")),
    };
    Ok((document(origin, &plan.name, &gathered.runs), words))
}
