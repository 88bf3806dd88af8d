//! Stochastic gradient descent with momentum and weight decay, over named parameters in a stable order.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// SGD as PyTorch defines it: g ← g + λ w; v ← μ v + g; w ← w - τ v.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptimiserSpec {
    /// τ (0.1 in the paper).
    pub step: f64,
    /// μ.
    #[serde(default)]
    pub momentum: f64,
    /// λ; acts on weights and biases, not on the scales.
    #[serde(default)]
    pub weight_decay: f64,
}
