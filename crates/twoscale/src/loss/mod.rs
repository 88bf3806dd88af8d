//! Losses, one value per object; the caller averages.
//!
//! A network gives logits X(α) (N, K). The paper writes X = R(α)·X̂ and puts a scale of its own in the place of R(α), so
//! that an object's loss is the [`Inner`] loss of c_k·X with the *multiplier* c_k = R_k/R(α). [`MultiScale`]
//! chooses one of the m+1 scales for each object, by its [margin](margin::margins) and the m thresholds. [`Scales`] computes the scales
//! R_k from trainable numbers: varying (13)-(14), fixed (16), separation (17)-(18) and the single-scale baseline differ in
//! nothing else. [`TwoScaleLoss`] puts both together with R(α), for any network and optimiser.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use twoscale::loss::{Inner, MultiScale};
//! # fn main() -> twoscale::Result<()> {
//! let two_scale = MultiScale::new(&[0.5], Inner::CrossEntropy)?;
//! let logits = Tensor::new(&[[1.0, 0.0], [0.0, 0.1f64]], &Device::Cpu)?;
//! let multipliers = Tensor::new(&[1.0, 10.0f64], &Device::Cpu)?;
//! // The first object's margin 1 is past the threshold, the second's -0.1 is not.
//! let losses = two_scale.per_object(&logits, &[0, 0], &multipliers, 1.0)?.to_vec1::<f64>()?;
//! assert!((losses[0] - (1.0 + (-10f64).exp()).ln()).abs() < 1e-12);
//! assert!((losses[1] - (1.0 + 0.1f64.exp()).ln()).abs() < 1e-12);
//! # Ok(()) }
//! ```
mod gate;
mod inner;
pub mod margin;
mod multi_scale;
mod reduction;
mod scaled_logits;
mod scales;
mod two_scale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use multi_scale::MultiScale;
use multi_scale::threshold_findings;
pub use scaled_logits::ScaledLogits;
pub use scales::{ScaleParameter, Scales};
pub(crate) use two_scale::{Kept, host_labels};
pub use two_scale::{TwoScaleConfig, TwoScaleLoss};

use crate::finding::{Findings, KeyPath, number};
use crate::limits;

/// Specification of a loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LossSpec {
    /// Parameterisation of the scales.
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

/// Parameterisation of the scales of a [`LossSpec`]. All begin at R1 = R(α⁰), R_{k+1} = ratio · R_k.
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
    /// Cross-entropy with label smoothing ε: -Σ_j q_j log p_j with q = 1-ε for the label and ε/(K-1) for every other class.
    Smoothed(f64),
    /// Squared error between the soft-max and the one-hot label, summed over classes.
    SquaredError,
    /// Focal loss (Lin et al. 2017) with its γ: -(1 - p)^γ log p, p the probability of the correct class.
    Focal(f64),
    /// Cross-entropy of logits of length 1/t (LogitNorm, Wei et al. 2022) with its temperature t: of z/(t‖z‖₂).
    LogitNorm(f64),
}

impl LossSpec {
    /// One scale for every object: eq. (13) with R2 replaced by R1.
    #[must_use]
    pub fn single() -> Self {
        Self { kind: LossKind::Single, thresholds: Vec::new(), ratio: ten(), inner: Inner::default() }
    }

    /// Trained scales, (13)-(14), with these thresholds η₁ < η₂ < ...
    #[must_use]
    pub fn two_scale(thresholds: impl Into<Vec<f64>>) -> Self {
        Self { kind: LossKind::TwoScale, thresholds: thresholds.into(), ..Self::single() }
    }

    /// Constant scales, (16), with these thresholds.
    #[must_use]
    pub fn fixed(thresholds: impl Into<Vec<f64>>) -> Self {
        Self { kind: LossKind::Fixed, ..Self::two_scale(thresholds) }
    }

    /// Trained separation Rs of the scales, (17)-(18), with these thresholds.
    #[must_use]
    pub fn separation(thresholds: impl Into<Vec<f64>>) -> Self {
        Self { kind: LossKind::Separation, ..Self::two_scale(thresholds) }
    }

    /// The same with R_{k+1}/R_k = `ratio` at the beginning.
    #[must_use]
    pub fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// The same with another loss on one scale.
    #[must_use]
    pub fn with_inner(self, inner: Inner) -> Self {
        Self { inner, ..self }
    }

    /// Number of scales: one more than thresholds.
    #[must_use]
    pub fn scales(&self) -> usize {
        self.thresholds.len() + 1
    }

    /// Lists the settings that make no sense, alone or together: a single scale has no threshold, several scales have thresholds
    /// 0 < η₁ < η₂ < ..., the ratio is greater than 0, the truncation a probability.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        let (single, path) = (self.kind == LossKind::Single, top.key("thresholds"));
        let reason = "a loss of kind `single` has one scale and no threshold; leave it out";
        findings.require(!single || self.thresholds.is_empty(), &path, reason);
        let reason = "a loss of several scales needs a threshold, such as 0.01";
        findings.require(single || !self.thresholds.is_empty(), &path, reason);
        findings.add(threshold_findings(&self.thresholds), &top);
        let (ratio, most) = (self.ratio, limits::RATIO);
        findings.require_positive(ratio, &top.key("ratio"));
        let within = !(ratio > 0.0 && ratio.is_finite()) || (most.recip()..=most).contains(&ratio);
        findings.require(
            within,
            &top.key("ratio"),
            format!("must be from {} to {}, is {}", number(most.recip()), number(most), number(ratio)),
        );
        findings.add(self.inner.findings(), &top.key("inner"));
        findings
    }
}
