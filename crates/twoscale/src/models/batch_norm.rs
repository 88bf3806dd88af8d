//! Batch normalisation (Ioffe and Szegedy 2015), with ReLU behind it.
use candle_core::{Tensor, Var};

use super::{Buffer, Statistics};
use crate::Result;
use crate::ops::{Activation, batch_norm_evaluation, batch_norm_relu};

/// ε added to the variance, PyTorch's.
const EPSILON: f64 = 1e-5;

/// Share of the batch in the running statistics, PyTorch's.
const MOMENTUM: f64 = 0.1;

/// Batch normalisation of x (N, C, H, W) over N, H and W, channel by channel, then ReLU:
/// y = max(0, γ (x - m) / √(v + ε) + β).
///
/// In training m and v are the batch's mean and (biased) variance, and the running statistics move towards them by a tenth, the
/// variance towards the unbiased one; in evaluation m and v are the running statistics. All as PyTorch defines it.
#[derive(Clone, Debug)]
pub(super) struct BatchNorm {
    /// Position of γ among the parameters; β follows.
    pub scale: usize,
    /// Running mean (C).
    pub mean: Var,
    /// Running variance (C), unbiased.
    pub variance: Var,
}

impl BatchNorm {
    /// The result for a batch in training.
    pub fn train(&self, x: &Tensor, gamma: &Tensor, beta: &Tensor, statistics: Statistics) -> Result<Tensor> {
        let (y, mean, variance) = batch_norm_relu(x, gamma, beta, EPSILON)?;
        if statistics == Statistics::Update {
            let (images, channels, height, width) = x.dims4()?;
            let count = (images * height * width) as f64;
            let unbiased = (variance.detach() * (count / (count - 1.0).max(1.0)))?;
            debug_assert_eq!(unbiased.dims(), [channels]);
            follow(&self.mean, &mean.detach())?;
            follow(&self.variance, &unbiased)?;
        }
        Ok(y)
    }

    /// The result in evaluation.
    pub fn evaluate(&self, x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Result<Tensor> {
        let moments = (&self.mean.as_detached_tensor(), &self.variance.as_detached_tensor());
        batch_norm_evaluation(x, gamma, beta, moments, EPSILON, Activation::Relu)
    }

    /// The running statistics under the layer's name.
    pub fn buffers(&self, layer: &str) -> [Buffer; 2] {
        let buffer = |what: &str, var: &Var| Buffer { name: format!("{layer}.{what}"), var: var.clone() };
        [buffer("running_mean", &self.mean), buffer("running_var", &self.variance)]
    }
}

/// running ← (1 - m) running + m batch.
fn follow(running: &Var, batch: &Tensor) -> Result<()> {
    Ok(running.set(&((running.as_detached_tensor() * (1.0 - MOMENTUM))? + (batch * MOMENTUM)?)?)?)
}
