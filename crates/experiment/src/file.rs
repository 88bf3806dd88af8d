//! The structure of an experiment file; the JSON schema for editors is generated from it.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use twoscale::loss::LossKind;
use twoscale::models::ModelSpec;
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::LossOptions;

use crate::claims::Claim;
use crate::spec::{DataSpec, Schedule};

/// One figure: what is trained, what is drawn, what is claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Experiment {
    /// Name, equal to the file's: `fig13`. May be left out.
    #[serde(default)]
    pub figure: String,
    /// File over which this one is laid: `base/cifar100-lenet5.yaml` or `fig4.yaml`, looked for beside this file, then in the
    /// repository's `experiments`. The present file is a patch then, as an entry of `scales` is: mappings are merged, `null` takes a
    /// key away, everything else is replaced; a mapping laid over `panels` or `claims` names the items that it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Title above the figure.
    pub title: String,
    /// Contents of the figure in a sentence, for `cargo xtask list` and the report.
    pub shows: String,
    /// Statements of the paper's text about the training, assumptions where the text is silent, and departures from the text.
    #[serde(default)]
    pub setup: String,
    /// Remarks on this figure.
    #[serde(default)]
    pub notes: String,
    /// The data set.
    pub data: DataSpec,
    /// The network.
    pub model: ModelSpec,
    /// Options of the loss and its training.
    #[serde(default)]
    pub loss_options: LossOptions,
    /// The optimiser.
    pub optimiser: OptimiserSpec,
    /// Length of the training, and its batches.
    pub schedule: Schedule,
    /// Number of seeds. The seeds are 1, 2, ... up to this number.
    pub seeds: u64,
    /// The losses compared, by slug.
    pub losses: BTreeMap<String, Loss>,
    /// The panels drawn, in order.
    pub panels: Vec<Panel>,
    /// Corrections that the paper's curves need before they are drawn below these.
    #[serde(default)]
    pub paper: Paper,
    /// The paper's claims about this figure.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Statements of the text: dotted keys with the text's values. A key whose value differs in this file is a departure from the text.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub text: BTreeMap<String, Value>,
    /// Dotted keys about which the text is silent: their values are assumptions.
    #[serde(default)]
    pub assumptions: Vec<String>,
    /// Whether the paper's curves of this figure helped to choose the assumptions.
    #[serde(default)]
    pub in_sample: bool,
    /// Scales beside `paper`, which is the file itself: `reduced` (CI), `smoke` (embedded data, seconds). Each is a patch laid
    /// over this file: mappings are merged, `null` takes a key away, everything else is replaced; a mapping laid over
    /// `panels` or `claims` names the items that it changes.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub scales: BTreeMap<String, Value>,
    /// Other assumptions to publish beside this file's, patches like `scales`: `reproduce fig9 --variant coarse` makes `fig9-coarse`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub variants: BTreeMap<String, Value>,
    /// Assumptions that `cargo xtask search` tries where the command line names none: dotted keys, as of `--set`, each with a
    /// list of values. Has no effect on the runs of this figure.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    pub vary: BTreeMap<String, Vec<Value>>,
}

/// One loss of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Loss {
    /// Parameterisation of the scales.
    pub kind: LossKind,
    /// η, where there is one threshold.
    #[serde(default)]
    pub eta: Option<f64>,
    /// η₁ < η₂ < ..., where there are several.
    #[serde(default)]
    pub thresholds: Vec<f64>,
    /// Initial R_{k+1}/R_k.
    #[serde(default = "ten")]
    pub ratio: f64,
    /// The loss on one scale.
    #[serde(default)]
    pub inner: twoscale::loss::Inner,
    /// Evaluation with softer or sharper probabilities than the trained network's: the same trainings as without this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softened: Option<Softened>,
    /// Name in the legend.
    pub label: String,
    /// Colour, as the paper draws it: `b`, `g`, `r`, `y`, `tab:blue`, ... or `#rrggbb`.
    pub colour: String,
    /// Patch laid over `data`, `model`, `loss-options`, `optimiser` and `schedule` for this loss alone.
    #[serde(default)]
    #[schemars(with = "serde_json::Value")]
    pub with: Value,
}

/// Fit of the factor s that multiplies the scaled logits R1 X̂ before the soft-max when a finished run is evaluated (1/s is a temperature,
/// Guo et al. 2017). One factor for each seed, fitted on the training set; no prediction and no rank changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Softened {
    /// The mean over objects of the largest probability equals that of this loss's run of the same seed.
    ConfidenceOf(String),
    /// The likelihood of the labels is greatest.
    Likelihood,
}

fn ten() -> f64 {
    10.0
}

/// One panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Panel {
    /// Slug, as in `figures/paper/figN.csv`.
    pub panel: String,
    /// Title above the panel.
    pub title: String,
    /// x axis.
    pub x: Axis,
    /// y axis.
    pub y: Axis,
    /// Measure drawn.
    pub measure: Measure,
    /// The set, for measures taken at the end of training.
    #[serde(default)]
    pub set: Set,
    /// Window in steps over which batch measures are smoothed (reflected at the ends, as the paper's curves are).
    #[serde(default)]
    pub smooth: usize,
    /// Batch measures are averaged over so many equal bins of x (the paper's are given at 400).
    #[serde(default = "four_hundred")]
    pub points: usize,
    /// x values, for measures that are functions of a threshold or of k.
    #[serde(default)]
    pub at: Vec<f64>,
    /// The series: slugs of losses, or mappings where slug, loss or set differ.
    pub series: Vec<PanelSeries>,
    /// x positions to mark (fig 5 marks the paper's six k).
    #[serde(default)]
    pub mark: Vec<f64>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Axis {
    /// Label.
    pub label: String,
    /// First value drawn.
    pub from: f64,
    /// Last value drawn.
    pub to: f64,
}

/// A series of a panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum PanelSeries {
    /// Series and loss have the same slug.
    Loss(String),
    /// Slugs that differ, or a set of its own.
    Named {
        /// Slug of the series.
        slug: String,
        /// Slug of the loss.
        loss: String,
        /// The set, where the panel's does not hold.
        #[serde(default)]
        set: Option<Set>,
    },
}

/// Training or test set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// The whole training set, at the end of training.
    Train,
    /// The whole test set, at the end of training.
    #[default]
    Test,
}

fn four_hundred() -> usize {
    400
}

/// Measures. Histograms are normalised to density, 100 bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Accuracy on the batch of each step; x in epochs.
    BatchAccuracy,
    /// Mean loss on the batch of each step; x in epochs.
    BatchLoss,
    /// Accuracy on the test set during training; x in epochs.
    TestAccuracy,
    /// R1/R(α⁰) in training; x in epochs.
    FirstScale,
    /// R2/R1 (or Rs) in training; x in epochs.
    Separation,
    /// R(α)/R(α⁰) in training; x in epochs.
    Norm,
    /// Close-enough accuracy acc_at; x is the tolerance at.
    CloseEnough,
    /// Top-k accuracy; x is k.
    TopK,
    /// Close-enough accuracy on super-classes; x is the tolerance at (at 0: super-class accuracy, eq. (20)).
    SuperclassCloseEnough,
    /// Average over classes of the accuracy of the class; x is 0.
    AverageAccuracy,
    /// Histogram of max p, the largest probability.
    MaxProbability,
    /// Histogram of p_{i(s)}, the probability of the correct class.
    CorrectProbability,
    /// Histogram of δp (19) of misclassified objects, on [-1, 0].
    Gap,
    /// Share of objects with max p < x.
    MaxProbabilityBelow,
    /// Share of misclassified objects with -δp <= x.
    GapWithin,
    /// Expected calibration error, 15 bins; x is 0.
    CalibrationError,
    /// Share of correct predictions among objects whose max p lies in one of 15 equal bins; x is the bin's centre.
    Reliability,
    /// Mean of -log p of the correct class; x is 0.
    NegativeLogLikelihood,
    /// Share of poorly classified objects, δX̂ < -x (§2.4).
    PoorlyClassified,
    /// Share of well classified objects, δX̂ > x (§2.4).
    WellClassified,
}

/// Relation of the paper's curves to these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Paper {
    /// Figure of the paper whose curves are drawn below these, such as `fig4`; default: the figure of this name, or the one
    /// that this file extends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curves: Option<String>,
    /// The paper drew x over [from, to] where it means [0, to]: fig 10's axis runs linspace(1, 51.2). True x = (x - from) to / (to - from).
    #[serde(default)]
    pub x_from: f64,
    /// The `to` of `x_from`.
    #[serde(default)]
    pub x_to: f64,
}
