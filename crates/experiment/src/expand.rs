//! Expansion of an experiment into the trainings that it needs.
use std::path::Path;

use twoscale::loss::{LossKind, LossSpec};
use twoscale::models::{ModelKind, ModelSpec};
use twoscale::options::{Gate, LossOptions, Reduction, ScaleForm, SeparationBase, Trained};

use super::error::{Diagnostic, Error, Finding, refuse};
use super::file::{Experiment, Loss};
use super::load::{Choice, PAPER, Source};
use super::other_training::OtherTraining;
use super::path::KeyPath;
use super::suggest;
use crate::own_data::DataFinding;
use crate::spec::{self, DataSpec, RunSpec};

/// An experiment with all patches laid, and the runs that its figure needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The figure's name, with the variant's where one was chosen: `fig13`, `fig9-coarse`. The figure's files have this name.
    pub name: String,
    /// The scale.
    pub scale: String,
    /// True for one of the paper's figures from the repository's folder, false for the user's own experiment.
    pub of_paper: bool,
    /// Sentence that the claims and curves of a figure of the paper do not apply, where the experiment extends that figure with other data
    /// or another network.
    pub note: Option<String>,
    /// The file, as messages name it.
    pub file: String,
    /// The experiment, resolved.
    pub experiment: Experiment,
    /// The same experiment at the paper's scale and without the command line's changes; the caption states the difference from it.
    pub full: Experiment,
    /// Runs, all losses of a seed together: an interrupted reproduction has whole seeds.
    pub runs: Vec<PlannedRun>,
}

impl Plan {
    /// Argument that names the plan's figure on the command line: `fig13`, or `my/experiment.yaml`; a variant is an option beside it.
    #[must_use]
    pub fn argument(&self) -> &str {
        if self.of_paper { &self.experiment.figure } else { &self.file }
    }
}

/// One run of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRun {
    /// Slug of the loss.
    pub loss: String,
    /// Seed of the run.
    pub seed: u64,
    /// Specification of the training. Two figures that need the same training have equal specifications.
    pub spec: RunSpec,
}

impl Source {
    /// Resolves a choice and lists the runs that it needs.
    ///
    /// # Errors
    /// [`Error::Invalid`], as [`Source::resolve`]; also when `only` names no loss of this figure.
    pub fn plan(&self, choice: &Choice) -> Result<Plan, Error> {
        let experiment = self.resolve(choice)?;
        let unknown = choice.only.iter().filter(|slug| !experiment.losses.contains_key(*slug));
        let diagnostics: Vec<_> = unknown
            .map(|slug| {
                let hint = suggest::clause(slug, experiment.losses.keys().map(String::as_str));
                let reason = format!("`{}` has no loss `{slug}`{hint}", self.name);
                Diagnostic { place: format!("--only {slug}"), path: KeyPath::top(), reason }
            })
            .collect();
        refuse(diagnostics)?;
        let merged = self.merge(choice)?;
        let folder = Path::new(&self.file).parent().unwrap_or(Path::new("")).to_owned();
        let mut settled = Vec::new();
        let mut losses = Vec::new();
        for (slug, loss) in &experiment.losses {
            let mut own = merged.for_loss(slug)?;
            match own.data.settle(&folder, &mut settled) {
                Ok(Some(images)) => merged.refuse(spec::for_images(&own.data, &own.model, images).0)?,
                Ok(None) => {}
                Err(finding) => merged.refuse(vec![of_data(finding)])?,
            }
            if choice.only.is_empty() || choice.only.contains(slug) {
                losses.push((slug, loss, own));
            }
        }
        let run = |seed| losses.iter().map(move |(slug, loss, own)| planned(slug, loss, own, seed));
        let runs = (1..=experiment.seeds).flat_map(run).collect();
        let name =
            choice.variant.as_ref().map_or_else(|| self.name.clone(), |variant| format!("{}-{variant}", self.name));
        let scale = choice.scale.clone().unwrap_or_else(|| PAPER.to_owned());
        let full = self.resolve(&Choice { variant: choice.variant.clone(), ..Choice::default() })?;
        let note = self.other.as_ref().map(OtherTraining::note);
        Ok(Plan { name, scale, of_paper: self.of_paper, note, file: self.file.clone(), experiment, full, runs })
    }
}

/// A finding about a key of `data`.
fn of_data((key, reason): DataFinding) -> Finding {
    Finding { path: KeyPath::top().key("data").key(key), reason }
}

fn planned(slug: &str, loss: &Loss, own: &Experiment, seed: u64) -> PlannedRun {
    let spec = RunSpec {
        data: data(&own.data),
        model: model(&own.model),
        loss: loss_spec(loss),
        loss_options: relevant(&own.loss_options, loss.kind),
        optimiser: own.optimiser,
        schedule: own.schedule.clone(),
        seed,
    };
    PlannedRun { loss: slug.to_owned(), seed, spec }
}

impl Loss {
    /// The specification of a loss as the file writes it.
    #[must_use]
    pub fn spec(&self) -> LossSpec {
        let thresholds = self.eta.map_or_else(|| self.thresholds.clone(), |eta| vec![eta]);
        LossSpec { kind: self.kind, thresholds, ratio: self.ratio, inner: self.inner }
    }
}

/// The specification of a loss in a run: a single scale has no ratio.
fn loss_spec(loss: &Loss) -> LossSpec {
    match loss.kind {
        LossKind::Single => LossSpec::single().with_inner(loss.inner),
        _ => loss.spec(),
    }
}

/// Returns the options that matter to a kind of loss, the others at their default, so that figures and assumptions that differ in them alone
/// share the training.
fn relevant(options: &LossOptions, kind: LossKind) -> LossOptions {
    let mut options = options.clone();
    if kind == LossKind::Single {
        options.gate = Gate::default();
        options.reduction = Reduction::default();
    } else {
        options.baseline = Trained::default();
    }
    if kind == LossKind::Fixed {
        options.scale_form = ScaleForm::default();
    }
    if kind != LossKind::Separation {
        options.separation_base = SeparationBase::default();
    }
    options
}

/// Removes random changes that change nothing, so that equal trainings have equal specifications.
fn data(data: &DataSpec) -> DataSpec {
    let mut data = data.clone();
    data.augmentation = data.augmentation.filter(|a| a.crop > 0 || a.flip || a.cutout > 0);
    if let Some(augmentation) = data.augmentation.as_mut().filter(|augmentation| augmentation.cutout == 0) {
        augmentation.cutout_probability = 0.5;
    }
    data
}

/// Removes the shape of convolutions from a network without any, so that equal trainings have equal specifications.
pub(super) fn model(model: &ModelSpec) -> ModelSpec {
    let mut model = model.clone();
    if model.kind != ModelKind::LeNet5 {
        (model.channels, model.kernel) = ([6, 16], 5);
    }
    model
}
