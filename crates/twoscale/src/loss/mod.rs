//! Losses, one value per object.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which loss a run is trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LossSpec {
    /// How the scales are parameterised.
    pub kind: LossKind,
    /// Thresholds η₁ < η₂ < ... (one in the paper; none for `single`).
    #[serde(default)]
    pub thresholds: Vec<f64>,
    /// Initial R_{k+1}/R_k (10 in the paper).
    #[serde(default = "ten")]
    pub ratio: f64,
    /// The loss on one scale.
    #[serde(default)]
    pub inner: Inner,
}

fn ten() -> f64 {
    10.0
}

/// How the scales of a [`LossSpec`] are parameterised. All begin at R1 = R(α⁰), R_{k+1} = ratio · R_k.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// One scale for every object: eq. (13) with R2 replaced by R1.
    Single,
    /// R1, R2, ... trained: eq. (13), (14).
    TwoScale,
    /// R1, R2, ... constant: eq. (13), (16).
    Fixed,
    /// The first scale is the base R, the others are Rs·R with Rs trained: eq. (17), (18).
    Separation,
}

/// The loss on one scale, of scaled logits z = R_k X̂.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Inner {
    /// Soft-max cross-entropy, eq. (4)/(10).
    #[default]
    CrossEntropy,
    /// Truncated cross-entropy, eq. (12), with its k.
    Truncated(f64),
    /// Squared error between the soft-max and the one-hot label, summed over classes.
    SquaredError,
}
