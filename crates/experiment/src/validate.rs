//! What the schema cannot say: values that are of the right type but mean nothing, and names that name nothing.
use std::collections::BTreeSet;

use datasets::Labels;
use twoscale::initialisation::Initialisation;
use twoscale::loss::{Inner, LossKind};
use twoscale::models::ModelKind;
use twoscale::options::{Layers, Normalisation};

use super::error::Finding;
use super::file::{Experiment, Loss};
use super::path::KeyPath;
use super::{colour, validate_claims, validate_panels};
use crate::spec::Decay;

/// Everything that is wrong with an experiment as a whole.
pub fn experiment(experiment: &Experiment) -> Vec<Finding> {
    let mut findings = Findings::default();
    let top = KeyPath::top();
    findings.require(!experiment.title.trim().is_empty(), &top.key("title"), "must say something");
    findings.require(!experiment.shows.trim().is_empty(), &top.key("shows"), "must say something");
    findings.require(experiment.seeds > 0, &top.key("seeds"), "there must be at least one seed");
    findings.require(!experiment.losses.is_empty(), &top.key("losses"), "there must be at least one loss");
    for (slug, loss) in &experiment.losses {
        self::loss(slug, loss, &mut findings);
    }
    findings.0.extend(training(experiment));
    validate_panels::panels(experiment, &mut findings);
    validate_claims::claims(experiment, &mut findings);
    findings.0
}

/// What is wrong with that part of an experiment that decides a training; checked once more for each loss that changes it.
pub fn training(experiment: &Experiment) -> Vec<Finding> {
    let mut findings = Findings::default();
    data(experiment, &mut findings);
    model(experiment, &mut findings);
    loss_options(experiment, &mut findings);
    schedule(experiment, &mut findings);
    findings.0
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes `reason` at `path` unless `holds`.
    pub fn require(&mut self, holds: bool, path: &KeyPath, reason: impl Into<String>) {
        if !holds {
            self.0.push(Finding { path: path.clone(), reason: reason.into() });
        }
    }

    /// Notes `path` unless `value` is finite and greater than 0.
    pub fn require_positive(&mut self, value: f64, path: &KeyPath) {
        self.require(value.is_finite() && value > 0.0, path, format!("must be greater than 0, is {value}"));
    }

    /// Notes items that come twice.
    pub fn require_distinct<'a>(&mut self, names: impl Iterator<Item = (&'a str, KeyPath)>) {
        let mut seen = BTreeSet::new();
        for (name, path) in names {
            self.require(seen.insert(name), &path, format!("`{name}` is there twice; give each its own name"));
        }
    }
}

fn loss(slug: &str, loss: &Loss, findings: &mut Findings) {
    let path = KeyPath::top().key("losses").key(slug);
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    findings.require(!slug.is_empty() && slug.chars().all(is_slug), &path, "a slug is made of a-z, 0-9, `-` and `.`");
    findings.require(!loss.label.trim().is_empty(), &path.key("label"), "must say something");
    let known = colour::is_colour(&loss.colour);
    let reason = format!(
        "`{}` is no colour; use one of {} or #rrggbb",
        loss.colour,
        colour::NAMES.map(|(name, _)| name).join(", ")
    );
    findings.require(known, &path.key("colour"), reason);
    findings.require_positive(loss.ratio, &path.key("ratio"));
    if let Inner::Truncated(k) = loss.inner {
        findings.require_positive(k, &path.key("inner").key("truncated"));
    }
    if let Some(eta) = loss.eta {
        findings.require_positive(eta, &path.key("eta"));
        let alone = loss.thresholds.is_empty();
        findings.require(alone, &path.key("thresholds"), "give either `eta` or `thresholds`, not both");
    }
    for (index, pair) in loss.thresholds.windows(2).enumerate() {
        let at = path.key("thresholds").index(index + 1);
        findings.require(pair[0] < pair[1], &at, format!("thresholds must grow, {} follows {}", pair[1], pair[0]));
    }
    for (index, eta) in loss.thresholds.iter().enumerate() {
        findings.require_positive(*eta, &path.key("thresholds").index(index));
    }
    let has_threshold = loss.eta.is_some() || !loss.thresholds.is_empty();
    let single = loss.kind == LossKind::Single;
    findings.require(single || has_threshold, &path, "this kind of loss needs a threshold: give `eta`");
    findings.require(
        !single || !has_threshold,
        &path,
        "a loss of kind `single` has one scale and no threshold; leave it out",
    );
}

fn data(experiment: &Experiment, findings: &mut Findings) {
    let (data, path) = (&experiment.data, KeyPath::top().key("data"));
    findings.require(data.train != Some(0), &path.key("train"), "there must be at least one training object");
    findings.require(data.test != Some(0), &path.key("test"), "there must be at least one test object");
    let has_coarse = data.set.superclasses().is_some();
    findings.require(
        data.labels == Labels::Fine || has_coarse,
        &path.key("labels"),
        "only cifar-100 and textures have coarse labels",
    );
    if let Some(train) = data.train {
        let batch = experiment.schedule.batch;
        findings.require(batch <= train, &path.key("train"), format!("{train} objects do not fill a batch of {batch}"));
    }
}

fn model(experiment: &Experiment, findings: &mut Findings) {
    let (model, path) = (&experiment.model, KeyPath::top().key("model"));
    for (index, width) in model.hidden.iter().enumerate() {
        findings.require(*width > 0, &path.key("hidden").index(index), "a layer needs at least one unit");
    }
    if let Initialisation::Normal(deviation) = model.initialisation {
        findings.require_positive(deviation, &path.key("initialisation").key("normal"));
    }
    if model.kind == ModelKind::LeNet5 {
        for (index, channels) in model.channels.iter().enumerate() {
            findings.require(*channels > 0, &path.key("channels").index(index), "there must be at least one channel");
        }
        findings.require(model.kernel > 0, &path.key("kernel"), "must be at least 1");
        // Known before the data are read, but for a set of files: there the network itself refuses images that are too small.
        let side = experiment.data.set.shape().map_or(usize::MAX / 2, |[_, side, _]| side);
        let pooled = (side + 1).saturating_sub(model.kernel) / 2;
        let fits = (pooled + 1).saturating_sub(model.kernel) / 2 > 0;
        let reason = format!(
            "images of {side}x{side} are too small for two {0}x{0} convolutions with pooling; take an `mlp` or another set",
            model.kernel
        );
        findings.require(fits || model.kernel == 0, &path.key("kind"), reason);
    }
}

fn loss_options(experiment: &Experiment, findings: &mut Findings) {
    let (options, path) = (&experiment.loss_options, KeyPath::top().key("loss-options"));
    let norm = path.key("norm");
    findings.require_positive(options.norm.power, &norm.key("power"));
    findings.require(options.norm.every > 0, &norm.key("every"), "must be at least 1");
    let detached = options.normalisation == Normalisation::Detached;
    findings.require(
        options.norm.every <= 1 || detached,
        &norm.key("every"),
        "R can be kept for several steps only where no gradient flows through it: set `normalisation: detached`",
    );
    if let Layers::Named(names) = &options.norm.layers {
        findings.require(!names.is_empty(), &norm.key("layers"), "at least one layer must count");
    }
}

fn schedule(experiment: &Experiment, findings: &mut Findings) {
    let (schedule, path) = (&experiment.schedule, KeyPath::top().key("schedule"));
    for (key, value) in [("steps", schedule.steps), ("batch", schedule.batch), ("test-every", schedule.test_every)] {
        findings.require(value > 0, &path.key(key), "must be at least 1");
    }
    if let Decay::Steps { at, factor } = &schedule.decay {
        let steps = path.key("decay").key("steps");
        findings.require_positive(*factor, &steps.key("factor"));
        for (index, pair) in at.windows(2).enumerate() {
            findings.require(pair[0] < pair[1], &steps.key("at").index(index + 1), "steps must grow");
        }
    }
    let (optimiser, path) = (&experiment.optimiser, KeyPath::top().key("optimiser"));
    findings.require_positive(optimiser.learning_rate, &path.key("learning-rate"));
    let momentum = optimiser.momentum;
    findings.require(
        (0.0..1.0).contains(&momentum),
        &path.key("momentum"),
        format!("must be in [0, 1), is {momentum}"),
    );
    let decay = optimiser.weight_decay;
    findings.require(
        decay.is_finite() && decay >= 0.0,
        &path.key("weight-decay"),
        format!("must be 0 or more, is {decay}"),
    );
}
