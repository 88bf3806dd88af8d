//! The loss on one scale, of scaled logits z = c·X, as compositions of candle's operations: any device, any floating type.
use candle_core::{D, Tensor};

use super::Inner;
use crate::Result;
use crate::finding::{Findings, KeyPath, number};

impl Inner {
    /// One loss per object: scaled logits (N, K), labels (N) below K; result (N), of the logits' type, differentiable.
    ///
    /// # Errors
    /// Fails when the shapes do not fit.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use twoscale::loss::Inner;
    /// # fn main() -> twoscale::Result<()> {
    /// let logits = Tensor::new(&[[0.0, 3f64.ln()]], &Device::Cpu)?; // probabilities 1/4 and 3/4
    /// let loss = |inner: Inner| inner.per_object(&logits, &[0])?.to_vec1::<f64>().map_err(twoscale::Error::from);
    /// assert!((loss(Inner::CrossEntropy)?[0] - 4f64.ln()).abs() < 1e-12);
    /// assert!((loss(Inner::Truncated(0.5))?[0] - 2f64.ln()).abs() < 1e-12);
    /// let smoothed = 0.9 * 4f64.ln() + 0.1 * (4f64 / 3.0).ln();
    /// assert!((loss(Inner::Smoothed(0.1))?[0] - smoothed).abs() < 1e-12);
    /// assert!((loss(Inner::SquaredError)?[0] - 1.125).abs() < 1e-12); // (3/4)² + (3/4)²
    /// assert!((loss(Inner::Focal(2.0))?[0] - 0.5625 * 4f64.ln()).abs() < 1e-12); // (3/4)² · log 4
    /// let normed = (1.0 + (1f64 / 0.5).exp()).ln(); // logits (0, 1)/t
    /// assert!((loss(Inner::LogitNorm(0.5))?[0] - normed).abs() < 1e-9);
    /// # Ok(()) }
    /// ```
    pub fn per_object(self, scaled: &Tensor, labels: &[u32]) -> Result<Tensor> {
        let labels = Tensor::new(labels, scaled.device())?.unsqueeze(1)?;
        match self {
            Self::CrossEntropy => cross_entropy(scaled, &labels),
            Self::Truncated(k) => {
                // p < k, where the loss is constant and has no gradient, is -log p > -log k. (12) writes δX ≥ k for the other
                // case, a slip of the pen. A NaN is not above the bound and stays.
                let loss = cross_entropy(scaled, &labels)?;
                let bound = Tensor::full(-k.ln(), loss.shape(), loss.device())?.to_dtype(loss.dtype())?;
                Ok(loss.gt(&bound)?.where_cond(&bound, &loss)?)
            }
            Self::Smoothed(epsilon) => {
                let shifted = scaled.broadcast_sub(&scaled.max_keepdim(D::Minus1)?.detach())?;
                let classes = shifted.dims2()?.1 as f64;
                let correct = shifted.gather(&labels, 1)?.squeeze(1)?;
                let others = ((shifted.sum(D::Minus1)? - &correct)? * (epsilon / (classes - 1.0)))?;
                let normaliser = shifted.exp()?.sum(D::Minus1)?.log()?;
                // Σ_j q_j = 1, so that the normaliser counts once.
                Ok(((normaliser - (correct * (1.0 - epsilon))?)? - others)?)
            }
            Self::SquaredError => {
                let shifted = scaled.broadcast_sub(&scaled.max_keepdim(D::Minus1)?.detach())?.exp()?;
                let probabilities = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
                let ones = Tensor::ones(labels.shape(), scaled.dtype(), scaled.device())?;
                let one_hot = probabilities.zeros_like()?.scatter_add(&labels, &ones, 1)?;
                Ok((probabilities - one_hot)?.sqr()?.sum(D::Minus1)?)
            }
            Self::Focal(gamma) => {
                let loss = cross_entropy(scaled, &labels)?;
                // Kept away from 0, where the gradient of a power γ < 1 is infinite.
                let others = (1.0 - loss.neg()?.exp()?)?.clamp(1e-12, 1.0)?;
                Ok((others.powf(gamma)? * loss)?)
            }
            Self::LogitNorm(temperature) => {
                // 1e-7, as in the authors' code, keeps the gradient finite where every logit is 0.
                let length = (scaled.sqr()?.sum_keepdim(D::Minus1)? + 1e-14)?.sqrt()?;
                cross_entropy(&scaled.broadcast_div(&(length * temperature)?)?, &labels)
            }
        }
    }

    /// Lists what makes no sense: the γ of [`Inner::Focal`] must not be negative, the t of [`Inner::LogitNorm`] must be positive, the k of [`Inner::Truncated`] must be a probability, the ε of [`Inner::Smoothed`] below 1.
    #[must_use]
    pub fn findings(self) -> Findings {
        let mut findings = Findings::default();
        if let Self::Smoothed(epsilon) = self {
            let reason = format!(
                "the share of the label that goes to the other classes must be at least 0 and below 1, is {}; 0.1 is usual",
                number(epsilon)
            );
            findings.require((0.0..1.0).contains(&epsilon), &KeyPath::top().key("smoothed"), reason);
        }
        if let Self::Focal(gamma) = self {
            let reason = format!("must be from 0 to 100 (0 is the cross-entropy, 2 is usual), is {}", number(gamma));
            findings.require((0.0..=100.0).contains(&gamma), &KeyPath::top().key("focal"), reason);
        }
        if let Self::LogitNorm(temperature) = self {
            findings.require_positive(temperature, &KeyPath::top().key("logit-norm"));
        }
        if let Self::Truncated(k) = self {
            let reason = format!(
                "must be greater than 0 and at most 1, since eq. (12) caps the loss at -log k; is {}",
                number(k)
            );
            findings.require(k > 0.0 && k <= 1.0, &KeyPath::top().key("truncated"), reason);
        }
        findings
    }
}

/// Eq. (4)/(10): log Σ_j exp(z_j - max z) - (z_y - max z). The maximum is detached: its gradient is zero in exact
/// arithmetic, and candle's gradient would count several equal maxima each.
fn cross_entropy(scaled: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let shifted = scaled.broadcast_sub(&scaled.max_keepdim(D::Minus1)?.detach())?;
    let correct = shifted.gather(labels, 1)?.squeeze(1)?;
    let normaliser = shifted.exp()?.sum(D::Minus1)?.log()?;
    Ok((normaliser - correct)?)
}
