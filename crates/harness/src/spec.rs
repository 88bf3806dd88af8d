//! [`RunSpec`]: one training, as plain data. Its canonical JSON's BLAKE3 hash is the run's key.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that decides the bits of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSpec {
    /// What it is trained on.
    pub data: DataSpec,
    /// The network.
    pub model: twoscale::models::ModelSpec,
    /// The loss.
    pub loss: twoscale::loss::LossSpec,
    /// Readings of the loss and its training.
    pub reading: twoscale::reading::Reading,
    /// The optimiser.
    pub optimiser: twoscale::optimiser::OptimiserSpec,
    /// How long, in which batches, what is measured when.
    pub schedule: Schedule,
    /// Seed of all its random streams.
    pub seed: u64,
}

/// What a run is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSpec {
    /// The data set.
    pub set: datasets::Name,
    /// Classes or super-classes.
    #[serde(default)]
    pub labels: datasets::Labels,
    /// How pixels are scaled.
    #[serde(default)]
    pub input: Input,
    /// Only the first so many training objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Only the first so many test objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
}

/// How pixels are scaled; x is the pixel on [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// x.
    #[default]
    Unit,
    /// (x - 1/2) / (1/2).
    Half,
    /// x minus the channel's mean over the training set.
    Centred,
    /// (x - mean) / standard deviation, per channel over the training set.
    Standard,
}

/// How long a run is, in which batches, and what is measured when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Objects in a batch.
    pub batch: usize,
    /// Test accuracy is measured after every so many steps (and after the last).
    pub test_every: usize,
    /// What happens to the objects that do not fill a batch at the end of an epoch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// How τ changes.
    #[serde(default)]
    pub decay: Decay,
}

/// The incomplete batch at the end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// Left out: 390 steps an epoch on CIFAR.
    #[default]
    Drop,
    /// A smaller batch.
    Keep,
}

/// How the step τ changes in training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// It does not.
    #[default]
    None,
    /// Half a cosine from τ to 0 over the run.
    Cosine,
    /// Multiplied by `factor` at each of these steps.
    Steps {
        /// Steps, counted from 0.
        at: Vec<usize>,
        /// Factor.
        factor: f64,
    },
}
