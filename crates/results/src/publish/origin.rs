//! Caption of a figure: seeds, scale, data, assumptions, departures and warnings.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::words;
use crate::figure::Caption;
use crate::measure::{Runs, parts};
use crate::text::thousands;
use experiment::Plan;
use experiment::file::{Experiment, Softened};
use runs::record::FAKE_DEVICE;

/// Experiment beside the same experiment file without the patches of a scale or of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The experiment as run.
    pub experiment: &'a Experiment,
    /// The experiment at the paper's scale.
    pub full: &'a Experiment,
    /// Scale's name.
    pub scale: &'a str,
    /// Sentence about the user's own experiment, which is not the figure that it extends.
    pub note: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Origin of a plan's figure.
    pub fn of(plan: &'a Plan) -> Self {
        Self { experiment: &plan.experiment, full: &plan.full, scale: &plan.scale, note: plan.note.as_deref() }
    }
}

/// Caption of a figure made from these runs.
pub fn caption(origin: Origin, runs: &Runs) -> Caption {
    Caption {
        subtitle: subtitle(&seeds(origin.experiment, runs), origin.experiment),
        banners: banners(origin, runs),
        notes: notes(origin, runs),
        without_paper: origin.experiment.data.set.is_stand_in() && !origin.full.data.set.is_stand_in(),
    }
}

/// Line under the title: number of seeds, length, data set, size of the network, options.
pub(super) fn subtitle(seeds: &str, experiment: &Experiment) -> String {
    let network = words::network(&experiment.model);
    let parts = [seeds.to_owned(), length(experiment), data(experiment), network, words::options(experiment)];
    parts.join(" · ")
}

fn drawn(experiment: &Experiment) -> BTreeSet<&str> {
    experiment.panels.iter().flat_map(|p| &p.series).map(|s| parts(s).1).collect()
}

/// Smallest and largest number of seeds of the losses drawn that have runs.
fn seed_range(experiment: &Experiment, runs: &Runs) -> Option<(usize, usize)> {
    let counts = drawn(experiment).into_iter().map(|loss| runs.finished(loss).count()).filter(|n| *n > 0);
    counts.fold(None, |range, n| match range {
        None => Some((n, n)),
        Some((least, most)) => Some((n.min(least), n.max(most))),
    })
}

fn seeds(experiment: &Experiment, runs: &Runs) -> String {
    match seed_range(experiment, runs) {
        None => "no runs".to_owned(),
        Some((1, 1)) => "1 seed".to_owned(),
        Some((least, most)) if least == most => format!("{least} seeds"),
        Some((least, most)) => format!("{least} to {most} seeds"),
    }
}

fn length(experiment: &Experiment) -> String {
    let (steps, batch) = (thousands(experiment.schedule.steps), experiment.schedule.batch);
    format!("{steps} steps of {batch} objects, learning rate {}", experiment.optimiser.learning_rate)
}

fn data(experiment: &Experiment) -> String {
    let set = experiment.data.set.title();
    let labels = if experiment.data.label_kind() == datasets::Labels::Coarse { ", super-class labels" } else { "" };
    format!("{set}{labels}")
}

/// Options of loss, network, optimiser and schedule, as published beside a figure.
pub fn settings(experiment: &Experiment) -> Value {
    let value = |v: Result<Value, serde_json::Error>| v.unwrap_or(Value::Null);
    let mut per_loss = Map::new();
    for (slug, loss) in &experiment.losses {
        if !loss.with.is_null() {
            per_loss.insert(slug.clone(), value(serde_json::to_value(&loss.with)));
        }
    }
    let mut all = json!({
        "loss-options": value(serde_json::to_value(&experiment.loss_options)),
        "model": value(serde_json::to_value(&experiment.model)),
        "optimiser": value(serde_json::to_value(experiment.optimiser)),
        "schedule": value(serde_json::to_value(&experiment.schedule)),
        "input": value(serde_json::to_value(experiment.data.input)),
        "labels": value(serde_json::to_value(&experiment.data.labels)),
    });
    if let (Some(map), false) = (all.as_object_mut(), per_loss.is_empty()) {
        map.insert("per-loss".to_owned(), Value::Object(per_loss));
    }
    all
}

fn banners(origin: Origin, runs: &Runs) -> Vec<String> {
    let mut banners = Vec::new();
    let stand_ins: BTreeSet<&str> = runs.all().filter_map(|(_, _, r)| r.run.stand_in.as_deref()).collect();
    for text in stand_ins {
        banners.push(format!("STAND-IN DATA: {}; these are not the paper's data", text.trim_end_matches('.')));
    }
    if runs.all().any(|(_, _, record)| record.run.device == FAKE_DEVICE) {
        banners.push("FAKE TRAINER: made-up curves that test the command line; nothing was trained".to_owned());
    }
    banners.extend(reduced(origin, runs));
    banners
}

/// Warning that names everything smaller than the paper's.
fn reduced(Origin { experiment, full, scale, .. }: Origin, runs: &Runs) -> Option<String> {
    let mut what = Vec::new();
    // A diverged run is a seed that was run; losses without any run are named in a note instead.
    let counts = drawn(experiment).into_iter().map(|loss| runs.count(loss)).filter(|n| *n > 0);
    let seeds = counts.min().unwrap_or(0);
    if !runs.is_empty() && (seeds as u64) < full.seeds {
        what.push(format!("{seeds} of {} seeds", full.seeds));
    }
    if experiment.schedule.steps < full.schedule.steps {
        what.push(format!("{} of {} steps", thousands(experiment.schedule.steps), thousands(full.schedule.steps)));
    }
    if experiment.schedule.batch != full.schedule.batch {
        what.push(format!("batches of {} instead of {}", experiment.schedule.batch, full.schedule.batch));
    }
    let cuts = [(experiment.data.train, full.data.train, "training"), (experiment.data.test, full.data.test, "test")];
    for (ours, papers, set) in cuts {
        if let Some(n) = ours.filter(|_| ours != papers) {
            what.push(format!("{} {set} objects", thousands(n)));
        }
    }
    let named = if scale == "paper" { String::new() } else { format!(" (scale {scale})") };
    if what.is_empty() && named.is_empty() {
        return None;
    }
    let colon = if what.is_empty() { "" } else { ": " };
    Some(format!("REDUCED RUN{named}{colon}{}", what.join(", ")))
}

fn notes(Origin { experiment, note, .. }: Origin, runs: &Runs) -> Vec<String> {
    let label = |slug: &str| experiment.losses.get(slug).map_or_else(|| slug.to_owned(), |l| l.label.clone());
    let mut notes: Vec<String> =
        note.map(|note| format!("{note}.")).into_iter().chain(words::departures(experiment)).collect();
    for (slug, loss) in &experiment.losses {
        if let (Some(how), Some((least, most))) = (&loss.softened, runs.factors(slug)) {
            let to = match how {
                Softened::ConfidenceOf(other) => format!("the mean largest probability is that of {}", label(other)),
                Softened::Likelihood => "the likelihood is greatest".to_owned(),
            };
            notes.push(format!(
                "{}: logits of the finished networks times {least:.2} to {most:.2}, by seed, so that {to} on the training set.",
                loss.label
            ));
        }
    }
    for (loss, diverged) in diverged(experiment, runs) {
        let seeds: Vec<_> =
            diverged.iter().map(|(seed, step)| format!("seed {seed} at step {}", thousands(*step))).collect();
        let shown = seeds.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let more = if seeds.len() > 4 { format!(" and {} more", seeds.len() - 4) } else { String::new() };
        notes.push(format!("Diverged and left out, {}: {shown}{more}.", label(&loss)));
    }
    let missing =
        |loss: &&str| !runs.is_empty() && runs.finished(loss).next().is_none() && runs.diverged(loss).is_empty();
    let missing: Vec<_> = drawn(experiment).into_iter().filter(missing).map(label).collect();
    if !missing.is_empty() {
        notes.push(format!("No runs yet: {}.", missing.join(", ")));
    }
    notes
}

/// Seeds and steps of the runs that diverged, by loss.
pub fn diverged(experiment: &Experiment, runs: &Runs) -> BTreeMap<String, Vec<(u64, usize)>> {
    let of = |loss: &String| (loss.clone(), runs.diverged(loss));
    experiment.losses.keys().map(of).filter(|(_, seeds)| !seeds.is_empty()).collect()
}
