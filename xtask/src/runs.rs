//! `runs`: lists the runs in the store, shows one, or compares two.
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use experiment::{Choice, PAPER};
use results::summary::{RunAccuracy, of_history};
use runs::record::{History, Outcome, Run};
use runs::store::{Status, Store, StoreError};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{Folders, Runs, RunsAction, RunsFilter};
use crate::progress::loss_and_seed;
use crate::style;
use crate::text::{count, duration, say, thousands};

/// Digits of a key in the list: enough to name a run.
const SHORT: usize = 8;

/// Runs the command.
pub fn run(args: &Runs) -> Result<(), CommandError> {
    let folders = Folders { store: args.store.clone(), fake_trainer: args.fake_trainer, ..Folders::default() };
    let place = Context::find(&folders)?;
    match &args.action {
        None => list(&place, &args.filter),
        Some(RunsAction::Show { key }) => show(&place, key),
        Some(RunsAction::Diff { a, b }) => diff(&place, a, b),
    }
}

/// Figures and losses of the experiment files that need a run.
#[derive(Clone, Debug, Default)]
struct Uses {
    figures: Vec<String>,
    losses: BTreeSet<String>,
    seed: u64,
}

/// The uses of every run that an experiment file plans: at the paper's scale in every variant, and at every other scale.
fn uses(place: &Context) -> Result<BTreeMap<String, Uses>, CommandError> {
    let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
    for name in place.catalogue.names() {
        // A file that is invalid now says nothing about runs of the past; `list` tells what is wrong with it.
        let Ok(source) = place.catalogue.source(name) else { continue };
        let variants = source.variants().into_iter().map(|variant| (PAPER, Some(variant)));
        for (scale, variant) in source.scales().into_iter().map(|scale| (scale, None)).chain(variants) {
            let choice =
                Choice { scale: Some(scale.to_owned()), variant: variant.map(str::to_owned), ..Choice::default() };
            let Ok(plan) = source.plan(&choice) else { continue };
            let figure = if scale == PAPER { plan.name.clone() } else { format!("{}@{scale}", plan.name) };
            for run in plan.runs {
                let entry = uses.entry(run.spec.key()).or_default();
                entry.seed = run.seed;
                entry.losses.insert(run.loss);
                if !entry.figures.contains(&figure) {
                    entry.figures.push(figure.clone());
                }
            }
        }
    }
    Ok(uses)
}

/// A row of the list.
struct Entry {
    key: String,
    figures: Vec<String>,
    loss: String,
    seed: u64,
    outcome: &'static str,
    steps: usize,
    accuracy: Option<RunAccuracy>,
    /// Time at which the record was put in place or the checkpoint was written.
    when: Option<SystemTime>,
}

fn list(place: &Context, filter: &RunsFilter) -> Result<(), CommandError> {
    let uses = uses(place)?;
    let figure = filter.figure.as_deref().map(|name| place.catalogue.source(name)).transpose()?;
    let wanted = |entry: &Entry| {
        let of_figure = |source: &experiment::Source| {
            entry.figures.iter().any(|own| own.split(['@', '-']).next() == Some(source.name.as_str()))
        };
        figure.as_ref().is_none_or(of_figure)
            && filter.loss.as_deref().is_none_or(|loss| entry.loss.contains(loss))
            && filter.seed.is_none_or(|seed| entry.seed == seed)
            && filter.outcome.as_deref().is_none_or(|outcome| entry.outcome == outcome)
    };
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for key in place.store.keys()? {
        match finished(&place.store, &key, uses.get(&key)) {
            Ok(entry) => entries.push(entry),
            Err(error) => unreadable.push(error),
        }
    }
    entries.extend(unfinished(&place.store, &uses));
    entries.retain(wanted);
    let figure_of = |entry: &Entry| entry.figures.first().cloned().unwrap_or_else(|| "~".to_owned());
    entries.sort_by_cached_key(|entry| (natural(&figure_of(entry)), entry.loss.clone(), entry.seed, entry.key.clone()));
    if filter.json {
        let rows: Vec<Value> = entries.iter().map(json_row).collect();
        say(serde_json::to_string_pretty(&rows).map_err(CommandError::failed)?);
    } else {
        say(format!("{} in {}\n", count(entries.len(), "run"), place.shown(place.store.root())));
        say(format!(
            "{:<SHORT$} {:<13} {:<17} {:>4} {:<11} {:>6} {:>6} {:>8}",
            "key", "figure", "loss", "seed", "outcome", "train", "test", "age"
        ));
        for entry in &entries {
            say(text_row(entry));
        }
    }
    for error in &unreadable {
        crate::text::tell!("left out: {error}");
    }
    Ok(())
}

fn finished(store: &Store, key: &str, uses: Option<&Uses>) -> Result<Entry, StoreError> {
    let run = store.run(key)?;
    let history = store.history(key)?;
    let (outcome, steps) = match run.outcome {
        Outcome::Finished => ("finished", run.spec.schedule.steps),
        Outcome::Diverged { step } => ("diverged", step),
    };
    Ok(Entry {
        key: key.to_owned(),
        figures: uses.map(|uses| uses.figures.clone()).unwrap_or_default(),
        loss: uses.and_then(|uses| uses.losses.first().cloned()).unwrap_or_else(|| slug(&run)),
        seed: run.spec.seed,
        outcome,
        steps,
        accuracy: accuracy(&run, &history),
        when: modified(&store.root().join(key).join("run.json")),
    })
}

/// Runs of experiment files that are in training or have a checkpoint. A checkpoint says nothing about its settings: others are
/// not listed.
fn unfinished(store: &Store, uses: &BTreeMap<String, Uses>) -> Vec<Entry> {
    let entry = |(key, uses): (&String, &Uses)| {
        let (outcome, steps) = match store.status(key) {
            Status::Running => ("running", 0),
            Status::Partial(steps) => ("interrupted", steps),
            Status::Done | Status::Missing => return None,
        };
        Some(Entry {
            key: key.clone(),
            figures: uses.figures.clone(),
            loss: uses.losses.first().cloned().unwrap_or_default(),
            seed: uses.seed,
            outcome,
            steps,
            accuracy: None,
            when: modified(&store.root().join(format!("{key}.partial")).join("checkpoint.safetensors")),
        })
    };
    uses.iter().filter_map(entry).collect()
}

/// The loss of a run that no experiment file plans: `two-scale-0.01`.
fn slug(run: &Run) -> String {
    let loss = &run.spec.loss;
    let kind = serde_json::to_value(loss.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let parts = kind.into_iter().chain(loss.thresholds.iter().map(f64::to_string));
    parts.collect::<Vec<_>>().join("-")
}

fn accuracy(run: &Run, history: &History) -> Option<RunAccuracy> {
    let finished = run.outcome == Outcome::Finished;
    finished.then(|| of_history(history, run.train_objects, run.spec.schedule.batch)).flatten()
}

fn modified(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// A key that sorts fig3 before fig13.
fn natural(name: &str) -> (u64, String) {
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (digits.parse().unwrap_or(u64::MAX), name.to_owned())
}

fn text_row(entry: &Entry) -> String {
    let figure = match entry.figures.as_slice() {
        [] => "-".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    };
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", 100.0 * value));
    let age = entry.when.and_then(|when| when.elapsed().ok()).map_or_else(|| "-".to_owned(), age);
    format!(
        "{:<SHORT$} {:<13} {:<17} {:>4} {:<11} {:>6} {:>6} {age:>8}",
        entry.key.get(..SHORT).unwrap_or(&entry.key),
        shortened(&figure, 13),
        shortened(&entry.loss, 17),
        entry.seed,
        entry.outcome,
        percent(entry.accuracy.map(|accuracy| accuracy.train)),
        percent(entry.accuracy.map(|accuracy| accuracy.test)),
    )
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { text.chars().take(width - 1).chain(['…']).collect() }
}

/// An age in one unit: `40 s`, `12 min`, `3 h`, `21 days`.
fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", seconds / 60),
        5_400..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn json_row(entry: &Entry) -> Value {
    let when = entry.when.and_then(|when| when.duration_since(SystemTime::UNIX_EPOCH).ok());
    json!({
        "key": entry.key, "figures": entry.figures, "loss": entry.loss, "seed": entry.seed, "outcome": entry.outcome,
        "steps": entry.steps, "accuracy": entry.accuracy, "unix-time": when.map(|when| when.as_secs()),
    })
}

/// Finds the key with this beginning.
fn key(place: &Context, beginning: &str) -> Result<String, CommandError> {
    let keys = place.store.keys()?;
    let found: Vec<&String> = keys.iter().filter(|key| key.starts_with(beginning)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(CommandError::Usage(format!(
            "no finished run in {} has a key that begins with `{beginning}`; `cargo xtask runs` lists them",
            place.shown(place.store.root())
        ))),
        many => Err(CommandError::Usage(format!(
            "the keys of {} begin with `{beginning}`; give more digits: {}",
            count(many.len(), "run"),
            many.iter().take(5).map(|key| key.as_str()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Settings of a run by dotted key, and its results in words.
struct Facts {
    settings: BTreeMap<String, String>,
    results: BTreeMap<String, String>,
}

fn facts(place: &Context, key: &str) -> Result<Facts, CommandError> {
    let run = place.store.run(key)?;
    let history = place.store.history(key)?;
    let mut settings = BTreeMap::new();
    flatten(&serde_json::to_value(&run.spec).map_err(CommandError::failed)?, "", &mut settings);
    let percent = |value: f64| format!("{:.2} %", 100.0 * value);
    let mut results: BTreeMap<String, String> = [
        (
            "outcome",
            match run.outcome {
                Outcome::Finished => "finished".to_owned(),
                Outcome::Diverged { step } => format!("diverged at step {}", thousands(step)),
            },
        ),
        ("kernels", run.device.clone()),
        ("host", run.host.clone()),
        ("version", run.version.clone()),
        ("training time", duration(run.wall_seconds)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(accuracy) = accuracy(&run, &history) {
        results.insert("train accuracy, last epoch".to_owned(), percent(accuracy.train));
        results.insert("test accuracy".to_owned(), percent(accuracy.test));
    }
    for (index, scale) in history.scales.iter().enumerate() {
        if let (Some(first), Some(last)) = (scale.first(), scale.last()) {
            results.insert(format!("scale R{}", index + 1), format!("{first:.4} to {last:.4}"));
        }
    }
    if let Some(stand_in) = &run.stand_in {
        results.insert("stand-in data".to_owned(), stand_in.clone());
    }
    Ok(Facts { settings, results })
}

/// Writes the leaves of a JSON value by dotted key; lists stay whole.
fn flatten(value: &Value, path: &str, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, &path, into);
            }
        }
        Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}

fn show(place: &Context, beginning: &str) -> Result<(), CommandError> {
    let key = key(place, beginning)?;
    let Facts { settings, results } = facts(place, &key)?;
    say(format!("{}: {}", style::bold(&key), loss_and_seed(&place.store.run(&key)?.spec)));
    if let Some(uses) = uses(place)?.get(&key) {
        say(format!("needed by {}", uses.figures.join(", ")));
    }
    for (title, facts) in [("Settings", settings), ("Results", results)] {
        say(format!("\n{}", style::bold(title)));
        for (name, value) in facts {
            say(format!("  {name:<32} {value}"));
        }
    }
    Ok(())
}

fn diff(place: &Context, a: &str, b: &str) -> Result<(), CommandError> {
    let keys = [key(place, a)?, key(place, b)?];
    let [first, second] = [facts(place, &keys[0])?, facts(place, &keys[1])?];
    let heads = keys.each_ref().map(|key| key.get(..SHORT).unwrap_or(key).to_owned());
    say(format!("{:<30} {:<24} {}", "", heads[0], heads[1]));
    for (title, left, right) in
        [("Settings", first.settings, second.settings), ("Results", first.results, second.results)]
    {
        say(style::bold(title));
        let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        let mut differ = false;
        for name in names {
            let [left, right] = [left.get(name), right.get(name)].map(|value| value.map_or("-", String::as_str));
            if left != right {
                differ = true;
                say(format!("  {name:<28} {left:<24} {right}"));
            }
        }
        if !differ {
            say("  no difference");
        }
    }
    let [left, right] = [place.store.history(&keys[0])?, place.store.history(&keys[1])?];
    let same = left.batch_loss.iter().zip(&right.batch_loss).take_while(|(a, b)| a.to_bits() == b.to_bits()).count();
    let steps = left.steps().min(right.steps());
    say(match same {
        0 => "\nThe losses differ from the first step on.".to_owned(),
        same if same == steps => format!("\nThe losses of all {} steps are equal to the bit.", thousands(steps)),
        same => format!("\nThe losses of the first {} are equal to the bit.", count(same, "step")),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{age, natural, shortened};

    #[test]
    fn ages_and_names_fit_their_columns() {
        let ages = [5, 600, 7_200, 1_000_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["5 s", "10 min", "2 h", "11 days"]);
        assert_eq!([shortened("two-scale-0.01", 17), shortened("two-scale", 5)], ["two-scale-0.01", "two-…"]);
        assert!(natural("fig3@smoke") < natural("fig13"));
    }
}
