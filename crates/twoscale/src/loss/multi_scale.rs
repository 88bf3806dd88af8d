//! [`MultiScale`]: the gate of (13), generalised to m thresholds.
use candle_core::{DType, Tensor};

use super::{Inner, margin};
use crate::finding::{Findings, KeyPath, number};
use crate::limits;
use crate::ops::{has_kernels, multi_scale_cross_entropy};
use crate::{Error, Result};

/// Eq. (13) with m thresholds η₁ < ... < η_m and any inner loss L (the form below (14)): an object is on side
/// k = #{j : factor·δX ≥ η_j} and its loss is L(c_k·X, y). The paper's two-scale loss has m = 1, the single-scale baseline m = 0.
///
/// The thresholds are compared with *factor*·δX ([`Gate`](crate::options::Gate)): the factor is 1 for the raw margin δX, 1/R(α) for δX̂,
/// R1/R(α) for the margin on the scale R1. An object whose margin equals a threshold is past the threshold, as in (13); an
/// object whose margin is NaN is past none, and its loss is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiScale {
    thresholds: Vec<f64>,
    inner: Inner,
}

impl MultiScale {
    /// A loss of `thresholds.len() + 1` scales.
    ///
    /// # Errors
    /// Fails when thresholds are not positive and increasing, or `inner` makes no sense.
    pub fn new(thresholds: &[f64], inner: Inner) -> Result<Self> {
        let mut findings = threshold_findings(thresholds);
        findings.add(inner.findings(), &KeyPath::top().key("inner"));
        findings.into_result()?;
        Ok(Self { thresholds: thresholds.to_vec(), inner })
    }

    /// η₁, ..., η_m.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// L.
    #[must_use]
    pub fn inner(&self) -> Inner {
        self.inner
    }

    /// The side, 0 to m, of an object whose margin on the gate's scale is `gated` = factor·δX.
    ///
    /// ```
    /// use twoscale::loss::{Inner, MultiScale};
    /// let three = MultiScale::new(&[0.1, 1.0], Inner::CrossEntropy).unwrap();
    /// assert_eq!([-1.0, 0.1, 0.5, 2.0].map(|margin| three.side(margin)), [0, 1, 1, 2]);
    /// ```
    #[must_use]
    pub fn side(&self, gated: f64) -> u32 {
        self.thresholds.iter().filter(|eta| gated >= **eta).count() as u32
    }

    /// The side of every object of a batch; logits (N, K), labels (N).
    ///
    /// # Errors
    /// Fails when the shapes do not fit or a label is no class.
    pub fn sides(&self, logits: &Tensor, labels: &[u32], factor: f64) -> Result<Vec<u32>> {
        Ok(margin::margins(logits, labels)?.into_iter().map(|margin| self.side(factor * margin)).collect())
    }

    /// One loss per object (N), differentiable in the logits (N, K) and the multipliers (m+1), f64; the gate is not
    /// differentiated. `factor` as in [`MultiScale`].
    ///
    /// Cross-entropy of f32 logits on the CPU, the case of training, is one fused operation; everything else is a
    /// composition of candle's operations.
    ///
    /// # Errors
    /// Fails when the shapes do not fit or a label is no class.
    pub fn per_object(&self, logits: &Tensor, labels: &[u32], multipliers: &Tensor, factor: f64) -> Result<Tensor> {
        self.check(multipliers)?;
        if self.inner == Inner::CrossEntropy && has_kernels(logits) {
            return multi_scale_cross_entropy(logits, multipliers, labels, &self.thresholds, factor);
        }
        let sides = self.sides(logits, labels, factor)?;
        self.composed(logits, labels, multipliers, &sides)
    }

    /// The composition of candle's operations behind [`MultiScale::per_object`], with given sides.
    ///
    /// # Errors
    /// Fails when the shapes do not fit.
    pub fn composed(&self, logits: &Tensor, labels: &[u32], multipliers: &Tensor, sides: &[u32]) -> Result<Tensor> {
        self.check(multipliers)?;
        let sides = Tensor::new(sides, multipliers.device())?;
        let own = multipliers.index_select(&sides, 0)?.to_dtype(logits.dtype())?.to_device(logits.device())?;
        self.inner.per_object(&logits.broadcast_mul(&own.unsqueeze(1)?)?, labels)
    }

    fn check(&self, multipliers: &Tensor) -> Result<()> {
        let expected = self.thresholds.len() + 1;
        if multipliers.dims() == [expected] && multipliers.dtype() == DType::F64 {
            return Ok(());
        }
        Err(Error::Setting(format!(
            "multipliers are {:?} of shape {:?}: {} thresholds need {expected} of them, as F64",
            multipliers.dtype(),
            multipliers.dims(),
            self.thresholds.len()
        )))
    }
}

/// Lists the thresholds that make no sense, at `thresholds[i]`: below 0 a large second scale would raise the loss of misclassified
/// objects (§2.3).
pub(super) fn threshold_findings(thresholds: &[f64]) -> Findings {
    let (mut findings, path) = (Findings::default(), KeyPath::top().key("thresholds"));
    let count = thresholds.len();
    let reason = format!("a loss has at most {} thresholds, this one {count}", limits::THRESHOLDS);
    findings.require(count <= limits::THRESHOLDS, &path, reason);
    for (index, eta) in thresholds.iter().enumerate().take(limits::THRESHOLDS) {
        findings.require_positive(*eta, &path.index(index));
    }
    for (index, pair) in thresholds.windows(2).enumerate().take(limits::THRESHOLDS) {
        let reason = format!("thresholds must grow, {} follows {}", number(pair[1]), number(pair[0]));
        findings.require(pair[0] < pair[1] || pair.iter().any(|eta| eta.is_nan()), &path.index(index + 1), reason);
    }
    findings
}
