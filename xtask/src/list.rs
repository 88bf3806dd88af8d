//! `list`: a table of all figures.
use std::collections::BTreeMap;

use experiment::Plan;
use experiment::spec::RunSpec;
use results::claims::{Verdict, wrap_words};
use results::publish::Standing;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::estimate::{self, Expected};
use crate::flags::{Change, List};
use crate::style;
use crate::text::say;

/// Columns of the table.
const WIDTH: usize = 80;
/// Columns before a figure's title.
const INDENT: usize = 9;

/// Runs the command.
pub fn run(args: &List) -> Result<(), CommandError> {
    let place = Context::find(&args.folders)?;
    let change = Change { scale: args.scale.clone(), variant: None, seeds: None, sets: Vec::new() };
    let choice = change.choice(&[]);
    let mut rows = Vec::new();
    for plan in place.plans(&["all".to_owned()], &choice)? {
        let specs: Vec<RunSpec> = plan.runs.iter().map(|run| run.spec.clone()).collect();
        let done = specs.iter().filter(|spec| place.store.has(&spec.key())).count();
        let left = (done < specs.len()).then(|| estimate::from_records(&place, &specs, 0));
        let (verdicts, other) = match place.published(&plan, &choice)?.standing {
            Standing::Current(document) => (Some(document.claims.iter().map(|claim| claim.verdict).collect()), None),
            Standing::OtherPlan { difference, .. } => (None, Some(difference)),
            Standing::Nothing => (None, None),
        };
        rows.push(FigureRow { runs: specs.len(), done, left, verdicts, other, plan });
    }
    if args.json {
        let rows: Vec<Value> = rows.iter().map(FigureRow::json).collect();
        say(serde_json::to_string_pretty(&rows).map_err(CommandError::failed)?);
        return Ok(());
    }
    say(style::bold(&format!("{:<8} {:>9}  {:<12} {}", "figure", "runs done", "time left", "claims")));
    for row in &rows {
        say(row.text());
    }
    say("\n`cargo xtask reproduce FIG` trains and draws one; figures share equal runs.");
    Ok(())
}

/// A figure, its runs and its claims.
struct FigureRow {
    plan: Plan,
    runs: usize,
    done: usize,
    /// Time to train the rest; none where nothing is left.
    left: Option<Expected>,
    /// Published verdicts; none where nothing is published for this plan.
    verdicts: Option<Vec<Verdict>>,
    /// Difference of the published plan from this one; none where they are equal.
    other: Option<String>,
}

impl FigureRow {
    fn text(&self) -> String {
        let Plan { name, experiment, .. } = &self.plan;
        let time = self.left.map_or_else(|| "done".to_owned(), |left| left.to_string());
        let claims = match (&self.verdicts, &self.other) {
            (Some(verdicts), _) => tally(verdicts.iter().copied()),
            (None, Some(_)) => "published for another plan".to_owned(),
            (None, None) => "not run".to_owned(),
        };
        let done = format!("{}/{}", self.done, self.runs);
        let mut text = format!("{name:<8} {done:>9}  {time:<12} {claims}");
        for line in
            [&experiment.title, &experiment.shows].into_iter().flat_map(|words| wrap_words(words, WIDTH - INDENT))
        {
            text += &format!("\n{:INDENT$}{line}", "");
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "figure": self.plan.name, "title": self.plan.experiment.title, "shows": self.plan.experiment.shows,
            "scale": self.plan.scale, "runs": self.runs, "done": self.done,
            "seconds-left": self.left.map_or(0.0, |left| left.seconds),
            "seconds-left-guessed": self.left.is_some_and(|left| left.guessed),
            "verdicts": self.verdicts, "published-for-another-plan": self.other,
        })
    }
}

/// Returns the numbers of verdicts in words: `3 hold, 1 fails`.
fn tally(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict).or_default() += 1;
    }
    let word = |verdict, n| match (verdict, n) {
        (Verdict::Holds, 1) => "holds",
        (Verdict::Holds, _) => "hold",
        (Verdict::DirectionOnly, _) => "direction only",
        (Verdict::Fails, 1) => "fails",
        (Verdict::Fails, _) => "fail",
        (Verdict::Unclear, _) => "unclear",
        (Verdict::NotRun, _) => "not run",
    };
    counts.into_iter().map(|(verdict, n)| format!("{n} {}", word(verdict, n))).collect::<Vec<_>>().join(", ")
}
