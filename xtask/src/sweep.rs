//! `sweep`: trains every combination of some values and compares the final accuracies.
use std::collections::HashMap;
use std::fmt::Write as _;

use experiment::{Choice, Plan};
use results::figure::{Row, Small, SmallCurve, draw_multiples};
use results::gather::Gathered;
use results::measure::{parts, series};
use results::statistics::Estimate;
use results::summary::{FinalAccuracy, final_accuracies, table};
use search::Assignment;

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Sweep;
use crate::reproduce::{check_writable, refuse_failures, train};
use crate::style;
use crate::text::{count, say};

/// One combination of values, trained.
struct Combination {
    assignment: Assignment,
    plan: Plan,
}

/// Runs the command.
pub fn run(args: &Sweep) -> Result<(), CommandError> {
    let place = Context::find(&args.training.folders)?.on(args.training.device)?;
    let combinations = combinations(&place, args)?;
    let folder = args.training.folders.out.clone().unwrap_or_else(|| place.root.join("target/sweeps"));
    check_writable(&folder, &place)?;
    let plans: Vec<Plan> = combinations.iter().map(|combination| combination.plan.clone()).collect();
    let runs = plans.first().map_or(0, |plan| plan.runs.len());
    crate::text::tell!("{}: {} of {} each", args.figure, count(combinations.len(), "combination"), count(runs, "run"));
    let summary = train(&place, &plans, args.training.jobs())?;
    let mut results = Vec::new();
    for combination in &combinations {
        let gathered = place.gather(&combination.plan)?;
        let finals = final_accuracies(&combination.plan.experiment, &gathered.runs);
        results.push((combination, gathered, finals));
    }
    let notes = notes(&place, &plans);
    for note in &notes {
        say(note);
    }
    say("\nFinal accuracy in percent, mean over seeds [95 % interval]");
    for loss in losses(&results) {
        say(format!("\n{}", style::bold(&loss)));
        let rows = results.iter().filter_map(|(combination, _, finals)| {
            Some((combination.assignment.name(), finals.iter().find(|row| row.loss == loss)?))
        });
        let rows: Vec<(String, &FinalAccuracy)> = rows.collect();
        say(table("values", rows.iter().map(|(name, row)| (name.as_str(), *row))).trim_end());
    }
    let fake = if place.is_fake() { "fake-" } else { "" };
    let name = plans.first().map_or(args.figure.as_str(), |plan| plan.name.as_str());
    let files = [
        (folder.join(format!("{fake}{name}.csv")), csv(&results)),
        (folder.join(format!("{fake}{name}.svg")), picture(name, &results, &notes)?),
    ];
    for (path, text) in &files {
        std::fs::write(path, text)
            .map_err(|error| CommandError::Failed(format!("cannot write {}: {error}", place.shown(path))))?;
    }
    say(format!("\nwritten: {}", files.map(|(path, _)| place.shown(&path)).join(", ")));
    refuse_failures(&summary, &place)
}

/// Every combination with its plan; those that amount to the same training as an earlier one are named and left out.
fn combinations(place: &Context, args: &Sweep) -> Result<Vec<Combination>, CommandError> {
    let source = place.source(&args.figure)?;
    let base = args.training.choice();
    // Mistakes that have nothing to do with the varied values are reported without them.
    source.plan(&base)?;
    let mut combinations: Vec<Combination> = Vec::new();
    let mut seen: HashMap<Vec<String>, String> = HashMap::new();
    for assignment in search::product(&args.vary) {
        let sets = base.sets.iter().cloned().chain(assignment.sets()).collect();
        let plan = source.plan(&Choice { sets, ..base.clone() }).map_err(|error| {
            // The values came with --vary and not with the --set that they are laid with.
            CommandError::Usage(error.to_string().replace("--set ", "--vary "))
        })?;
        let keys: Vec<String> = plan.runs.iter().map(|run| run.spec.key()).collect();
        if let Some(equal) = seen.get(&keys) {
            crate::text::tell!("{} is left out: it is the same training as {equal}", assignment.name());
            continue;
        }
        seen.insert(keys, assignment.name());
        combinations.push(Combination { assignment, plan });
    }
    Ok(combinations)
}

type Swept<'a> = (&'a Combination, Gathered, Vec<FinalAccuracy>);

/// Slugs of the losses that have runs, in the order of the experiment file.
fn losses(results: &[Swept<'_>]) -> Vec<String> {
    let mut losses: Vec<String> = Vec::new();
    for row in results.iter().flat_map(|(_, _, finals)| finals) {
        if !losses.contains(&row.loss) {
            losses.push(row.loss.clone());
        }
    }
    losses
}

/// Notes that a reader of the accuracies must not miss.
fn notes(place: &Context, plans: &[Plan]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(plan) = plans.iter().find(|plan| plan.experiment.data.set != plan.full.data.set) {
        notes
            .push(format!("STAND-IN DATA: trained on {} in place of {}", plan.experiment.data.set, plan.full.data.set));
    }
    if place.is_fake() {
        notes.push("FAKE TRAINER: nothing was trained".to_owned());
    }
    notes
}

/// The table as CSV: the varied keys, then loss, set, mean, interval and seeds.
fn csv(results: &[Swept<'_>]) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    let mut out = String::new();
    let keys = results.first().map_or_else(Vec::new, |(first, _, _)| first.assignment.changes.clone());
    for (key, _) in &keys {
        let _ = write!(out, "{},", quoted(key));
    }
    out.push_str("loss,set,mean,low,high,n,diverged\n");
    for (combination, _, finals) in results {
        for row in finals {
            for (set, value) in [("train", row.train), ("test", row.test)] {
                for (_, value) in &combination.assignment.changes {
                    let _ = write!(out, "{},", quoted(value));
                }
                let numbers = value.map_or_else(
                    || ",,,0".to_owned(),
                    |Estimate { mean, low, high, n }| format!("{mean:.6},{low:.6},{high:.6},{n}"),
                );
                let _ = writeln!(out, "{},{set},{numbers},{}", quoted(&row.loss), row.diverged);
            }
        }
    }
    out
}

/// Draws small multiples: one row for each combination, one column for each panel of the figure.
fn picture(name: &str, results: &[Swept<'_>], notes: &[String]) -> Result<String, CommandError> {
    let rows: Vec<Row> = results.iter().map(|(combination, gathered, _)| row(combination, gathered)).collect();
    let seeds = results.first().map_or(0, |(combination, _, _)| combination.plan.experiment.seeds);
    let title = format!("Sweep of {name}");
    let subtitles: Vec<String> = std::iter::once(format!("mean over {seeds} seeds with its 95 % interval"))
        .chain(notes.iter().cloned())
        .collect();
    draw_multiples(&title, &subtitles, &rows).map_err(CommandError::failed)
}

fn row(combination: &Combination, gathered: &Gathered) -> Row {
    let experiment = &combination.plan.experiment;
    let ours = series(experiment, &gathered.runs);
    let panels = experiment.panels.iter().map(|panel| {
        let curve = |one: &experiment::file::PanelSeries| {
            let (slug, loss, _) = parts(one);
            let points = ours.iter().find(|own| own.panel == panel.panel && own.series == slug);
            let loss = experiment.losses.get(loss);
            SmallCurve {
                label: loss.map_or_else(|| slug.to_owned(), |loss| loss.label.clone()),
                colour: loss.map_or_else(|| "k".to_owned(), |loss| loss.colour.clone()),
                ours: points.map_or_else(Vec::new, |own| own.points.clone()),
                paper: Vec::new(),
            }
        };
        Small {
            title: panel.title.clone(),
            panel: panel.clone(),
            curves: panel.series.iter().map(curve).filter(|curve| !curve.ours.is_empty()).collect(),
        }
    });
    Row { title: combination.assignment.name(), panels: panels.collect() }
}
