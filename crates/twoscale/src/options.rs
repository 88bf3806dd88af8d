//! What the paper's text leaves open, as switches. Each field is one *reading*; the variants are the ways in which the text
//! can be read. Defaults are the readings that fit the paper's MNIST curves.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// All readings that concern the loss and its training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LossOptions {
    /// How the logits are normalised: X̂ = X(α)/R(α), eq. (9).
    pub normalisation: Normalisation,
    /// What R(α) is.
    pub norm: NormOptions,
    /// The numbers that gradient descent moves to train the scales.
    #[serde(skip_serializing_if = "ScaleForm::is_value")]
    pub scale_form: ScaleForm,
    /// Which margin the gate compares with η.
    pub gate: Gate,
    /// Whether the single-scale baseline trains its scale R1.
    pub baseline: Trained,
    /// Whether the base R of the separation loss (17) is trained.
    pub separation_base: SeparationBase,
    /// How the losses of the objects are averaged.
    pub reduction: Reduction,
}

impl LossOptions {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// When R is to be kept for several steps where no normalisation allows it.
    pub fn validate(&self) -> Result<()> {
        match (self.norm.every, self.normalisation) {
            (0, _) => Err(Error::Setting("norm: every 0 steps: take 1 to compute R(α) at every step".into())),
            (1, _) | (_, Normalisation::Detached) => Ok(()),
            (every, _) => Err(Error::Setting(format!(
                "norm: every {every} steps needs `normalisation: detached`: otherwise R(α) is part of every step's gradient, or never changes"
            ))),
        }
    }
}

/// How the logits are normalised.
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

/// What R(α), eq. (9), is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NormOptions {
    /// The layers that count.
    pub layers: Layers,
    /// The norm of a layer.
    pub kind: NormKind,
    /// Whether biases count.
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

/// The layers that count in R(α).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// Every fully connected layer.
    #[default]
    Dense,
    /// Every linear layer, convolutions included.
    All,
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
    /// Not a product: the Euclidean norm of all counted parameters as one vector.
    Whole,
}

/// Whether biases count in R(α).
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

/// Which margin the gate compares with η.
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

/// The numbers behind the scales R_k. In real arithmetic the loss does not care, but its gradient does: a step of descent moves the
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

/// Whether a scale is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trained {
    /// It is a parameter of the optimiser.
    #[default]
    Trained,
    /// It keeps its initial value.
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

/// How the losses Lᵢ of a batch of N objects become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// The mean over the batch: (1/N) Σ Lᵢ.
    #[default]
    Mean,
    /// Each side of the gate by its own number of objects nₖ, then added: Σₖ (1/nₖ) Σ Lᵢ over the objects i on side k.
    PerScale,
    /// All by the number n₁ of objects on R1, those not yet well classified (at least 1): (1/n₁) Σ Lᵢ. As objects become well
    /// classified and their losses small, the others' share does not shrink. The same as `batch` for a single scale.
    PerFirstScale,
}
