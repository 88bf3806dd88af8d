//! Options of a multi-scale loss. Defaults are the options that fit the paper's MNIST curves.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Findings, KeyPath, number};
use crate::limits;

/// Options of a loss and of the training of its scales.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LossOptions {
    /// Normalisation of the logits: X̂ = X(α)/R(α), eq. (9).
    pub normalisation: Normalisation,
    /// Definition of R(α).
    pub norm: NormOptions,
    /// The numbers that gradient descent moves to train the scales.
    #[serde(skip_serializing_if = "ScaleForm::is_value")]
    pub scale_form: ScaleForm,
    /// Margin that the gate compares with η.
    pub gate: Gate,
    /// Training of the scale R1 of the single-scale baseline.
    pub baseline: Trained,
    /// Training of the base R of the separation loss (17).
    pub separation_base: SeparationBase,
    /// Average over the losses of the objects.
    pub reduction: Reduction,
}

impl LossOptions {
    /// Lists the settings that make no sense, alone or together: R can be kept for several steps only where it is computed anew but
    /// constant for the gradient.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, path) = (Findings::default(), KeyPath::top().key("norm"));
        findings.add(self.norm.findings(), &path);
        let reason = "R can be kept for several steps only with `normalisation: detached`: otherwise it is part of every step's \
                      gradient, or never changes";
        let detached = self.normalisation == Normalisation::Detached;
        findings.require(self.norm.every <= 1 || detached, &path.key("every"), reason);
        findings
    }
}

/// Normalisation of the logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// X̂ = X(α)/R(α), the gradient flows through R(α).
    #[default]
    Through,
    /// X̂ = X(α)/R(α), R(α) computed anew each step but constant for the gradient.
    Detached,
    /// X̂ = X(α)/R(α⁰): the scales are multipliers on the raw logits.
    Direct,
    /// α⁰ is divided by R(α⁰)^(1/(M-1)) once; X̂ = X(α) from then on.
    RescaledOnce,
}

/// Definition of R(α), eq. (9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NormOptions {
    /// The layers that count.
    pub layers: Layers,
    /// The norm of a layer.
    pub kind: NormKind,
    /// Part of the biases.
    pub biases: BiasNorm,
    /// R is the product of the layers' norms to this power (1 in the paper; 2: the root forgotten).
    pub power: f64,
    /// Steps between two computations of R (1: every step; 390: once an epoch on CIFAR). Only with a detached normalisation.
    pub every: usize,
}

impl Default for NormOptions {
    fn default() -> Self {
        Self { layers: Layers::default(), kind: NormKind::default(), biases: BiasNorm::default(), power: 1.0, every: 1 }
    }
}

impl NormOptions {
    /// Lists the settings that make no sense, whatever the network is.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        let (power, path) = (self.power, top.key("power"));
        findings.require_positive(power, &path);
        findings.require(
            power.is_nan() || power <= limits::POWER,
            &path,
            format!("must be at most {}, is {}", limits::POWER, number(power)),
        );
        findings.require_within(self.every, 1, limits::STEPS, &top.key("every"));
        if let Layers::Named(names) = &self.layers {
            findings.require(!names.is_empty(), &top.key("layers"), "no layer counts in R(α): name one, or take `all`");
        }
        findings
    }
}

/// The layers that count in R(α).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// Every fully connected layer.
    #[default]
    Dense,
    /// Every linear layer, convolutions included.
    All,
    /// Every convolution.
    Convolutions,
    /// The layers of these names.
    Named(Vec<String>),
}

/// The norm of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Product over layers of the Euclidean norm of all entries (the text's).
    #[default]
    Frobenius,
    /// Product over layers of the Euclidean norm of the matrix that acts on the layer's input. A convolution's is the Toeplitz matrix
    /// of §2.1, which holds the kernel w once for each of its P positions: √P ‖w‖. With scales that begin at R(α⁰) the
    /// factor √P cancels in R1 X̂, but eq. (14) then hardly moves R1 and R2: relative to themselves by 1/P of it.
    Toeplitz,
    /// Product over layers of the largest singular value of the weight as an (out, rest) matrix.
    Spectral,
    /// No product, but the Euclidean norm of all counted parameters as one vector.
    Whole,
}

/// Part of the biases in R(α).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BiasNorm {
    /// Weights only.
    #[default]
    Excluded,
    /// One norm over weights and biases of a layer together.
    Joint,
    /// Biases are a factor of their own (as a loop over PyTorch's `parameters()` gives).
    Separate,
}

/// Margin that the gate compares with η.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// δX, as eq. (13) says.
    #[default]
    Raw,
    /// δX̂ = δX/R(α).
    Normalised,
    /// R1·δX̂: the margin on the scale on which probabilities are computed.
    Scaled,
}

/// The numbers behind the scales R_k. The choice does not change the loss, but its gradient: a step of descent moves the
/// scale by τ ∂L/∂R_k (`value`), by R(α⁰)² times that (`ratio`), or by R_k² times that (`logarithm`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleForm {
    /// R_k itself, as eq. (14) says.
    #[default]
    Value,
    /// R_k/R(α⁰), as eq. (17) writes R_s R.
    Ratio,
    /// log R_k.
    Logarithm,
}

impl ScaleForm {
    fn is_value(&self) -> bool {
        *self == Self::Value
    }
}

/// Training of a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trained {
    /// The scale is a parameter of the optimiser.
    #[default]
    Trained,
    /// The scale keeps its initial value.
    Constant,
}

/// The base of the separation loss, eq. (17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeparationBase {
    /// R stays R(α⁰) (§2.3 and §4).
    #[default]
    Fixed,
    /// R "evolves via gradient descent as normal" (§3.5).
    Trained,
}

/// Reduction of the losses Lᵢ of a batch of N objects to one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// The mean over the batch: (1/N) Σ Lᵢ.
    #[default]
    Mean,
    /// Sum of the means over the scales: Σₖ (1/nₖ) Σ Lᵢ over the nₖ objects i on scale k.
    PerScale,
    /// Sum over the batch divided by the number n₁ of objects on R1, those not yet well classified (at least 1): (1/n₁) Σ Lᵢ. Where
    /// objects become well classified and their losses small, the share of the others does not shrink. Equal to `mean` for one scale.
    PerFirstScale,
}
