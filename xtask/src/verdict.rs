//! `verdict`: which of the paper's claims hold.
use experiment::{Choice, PAPER, Plan};
use results::claims;
use results::distance::of_published;
use results::publish::{Document, Folders, Reported, Standing, judged, paper_series, published_series};
use results::series::Series;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Verdict;
use crate::hint;
use crate::style;
use crate::text::{count, say};

/// Columns of a note, beside an indent of two.
const WIDTH: usize = 78;

/// Runs the command.
pub fn run(args: &Verdict) -> Result<(), CommandError> {
    let context = Context::find(&args.folders)?;
    let choice = args.change.choice(&[]);
    let figures = if args.figures.is_empty() { vec!["all".to_owned()] } else { args.figures.clone() };
    let plans = context.plans(&figures, &choice)?;
    let mut documents = Vec::new();
    for plan in &plans {
        let Found { document, origin, curves } = find(&context, plan, args)?;
        if !args.json {
            say(format!("{}: {} ({origin})", plan.name, plan.experiment.title));
            for note in &document.caption.notes {
                say(claims::wrap_words(note, WIDTH).join("\n  "));
            }
            if plan.experiment.in_sample && document.scale == PAPER {
                say("In sample: the paper's curves in this figure helped to choose the assumptions.");
            }
            say(style::verdicts(&claims::table(&document.claims, &document.scale)));
            if let Some(sentence) = distance(&context, plan, &choice, &document, curves)? {
                say(claims::wrap_words(&sentence, WIDTH).join("\n  "));
            }
            if let Some(others) = under_variants(&context, plan, &choice, &document)? {
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

/// Table of the claims under the published variants of a figure; none where the command line chose the assumptions.
fn under_variants(
    context: &Context,
    plan: &Plan,
    choice: &Choice,
    document: &Document,
) -> Result<Option<String>, CommandError> {
    let figure = &plan.experiment.figure;
    if plan.scale != PAPER || plan.name != *figure || choice.is_changed() {
        return Ok(None);
    }
    let variants = context.published_variants(plan, choice)?;
    if variants.is_empty() {
        return Ok(None);
    }
    let reported = Reported { own: document.clone(), variants };
    let table = claims::comparison(&reported.names(), &reported.compared());
    Ok(Some(format!("{figure} under other assumptions (verdict {figure} --variant NAME tells more):\n{table}")))
}

/// Sentence on how far our curves are from the paper's; none at other scales, or where there is nothing to compare.
fn distance(
    context: &Context,
    plan: &Plan,
    choice: &Choice,
    document: &Document,
    curves: Curves,
) -> Result<Option<String>, CommandError> {
    if plan.scale != PAPER {
        return Ok(None);
    }
    let paper = paper_series(&plan.experiment, &context.folders(plan, choice))?;
    let score = of_published(&plan.experiment, &curves.of(document)?, &paper, plan.full.seeds);
    let Some(rms) = score.rms else { return Ok(None) };
    let noise = score.noise.map_or_else(String::new, |noise| format!("; seed noise alone: {:.1}", 100.0 * noise));
    Ok(Some(format!("Distance from the paper's curves: {:.1} points (root mean square{noise})", 100.0 * rms)))
}

/// Document of a plan.
struct Found {
    document: Document,
    /// Place that it comes from.
    origin: String,
    /// Curves that belong to it.
    curves: Curves,
}

/// Curves that belong to a document.
enum Curves {
    /// Made of records.
    Made(Vec<Series>),
    /// Published in these folders, and read only where they are asked for.
    Published(Folders),
}

impl Curves {
    fn of(self, document: &Document) -> Result<Vec<Series>, CommandError> {
        match self {
            Self::Made(curves) => Ok(curves),
            Self::Published(folders) => Ok(published_series(document, &folders)?),
        }
    }
}

/// Finds the document of a plan, and says where it comes from: all records, else what was published for this very plan, else what
/// records there are.
fn find(context: &Context, plan: &Plan, args: &Verdict) -> Result<Found, CommandError> {
    let choice = args.change.choice(&[]);
    let gathered = context.gather(plan)?;
    let mut other = String::new();
    if gathered.missing > 0 {
        let found = context.published(plan, &choice)?;
        let path = context.shown(&found.folders.json(&found.name));
        match found.standing {
            Standing::Current(document) => {
                let curves = Curves::Published(found.folders);
                return Ok(Found { document: *document, origin: format!("from {path}"), curves });
            }
            Standing::OtherPlan { difference, .. } => {
                other = format!("; {path} was published for another plan: {difference}");
            }
            Standing::Nothing => {}
        }
    }
    let words = match (gathered.found, gathered.missing) {
        (0, _) => hint::complete(&format!("not run; cargo xtask reproduce {}", plan.argument())),
        (found, 0) => format!("from {}", count(found, "record")),
        (found, missing) => format!("from {} of {}", found, count(found + missing, "record")),
    };
    let (document, curves) = judged(plan, &context.name(plan, &choice), &gathered.runs)?;
    Ok(Found { document, origin: words + &other, curves: Curves::Made(curves) })
}
