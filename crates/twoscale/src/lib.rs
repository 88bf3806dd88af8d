//! Multi-scale losses for classification with [candle](candle_core): trained scales of the logits, one for objects that are not yet
//! well classified and larger ones for those that are.
//!
//! Notation and equation numbers are those of Berlyand, Creese, Jabin, *A novel multi-scale loss function for
//! classification problems in machine learning* (arXiv 2106.02676v2). Tensors in, tensors out: this crate knows no
//! files, no clock and no network.
//!
//! # The loss
//!
//! A network with parameters α maps an object s to logits X(α, s), K numbers; i(s) is its class. Cross-entropy of the soft-max is
//!
//! ```text
//! (4)   L(α) = Σ_s -log p_i(s)(X(α, s)),    p_j(X) = exp X_j / Σ_k exp X_k
//! ```
//!
//! The logits are normalised by R(α), the product of the norms of the layers' parameters, so that a scale can take the place of R:
//!
//! ```text
//! (9)   X̂ = X(α) / R(α),    R(α) = ‖α¹‖ ‖α²‖ ... ‖α^(M-1)‖
//! (10)  L = Σ_s -log p_i(s)(R1 X̂)
//! ```
//!
//! The two-scale loss looks at the margin δX = X_i(s) - max_(j≠i(s)) X_j of each object: the scale is R1 below the
//! threshold η, and the larger R2 from η on:
//!
//! ```text
//! (13)  L = Σ_(δX < η) -log p_i(s)(R1 X̂)  +  Σ_(δX ≥ η) -log p_i(s)(R2 X̂)
//! (14)  R_k ← R_k - τ ∂L/∂R_k,    α ← α - τ ∂L/∂α        scales trained ("varying")
//! (15)  ∂L/∂R2 ≤ 0                                         R2 only grows
//! (16)  R1, R2 constant                                    "fixed"
//! (17)  R1 = R,  R2 = Rs R                                 "separation"
//! (18)  Rs ← Rs - τ ∂L/∂Rs                                 Rs trained
//! ```
//!
//! The gate δX ≥ η is not differentiated. More thresholds η₁ < η₂ < ... make more scales.
//!
//! | quantity | shape | type |
//! |---|---|---|
//! | logits X | (N, K) | f32, f64 or half precision, any device |
//! | labels | (N) | any integer |
//! | scales R1, R2, ... | m + 1, each a variable without dimensions | f64, on the host |
//! | loss of a batch | no dimensions | that of the logits |
//!
//! # Any network, any optimiser
//!
//! [`TwoScaleLoss`](loss::TwoScaleLoss) takes the weights from a [`VarMap`](candle_nn::VarMap) and gives its scales to the optimiser
//! (`examples/own_network.rs`):
//!
//! ```
//! # fn main() -> twoscale::Result<()> {
//! use candle_core::{DType, Device, Tensor};
//! use candle_nn::{Module, Optimizer, SGD, VarBuilder, VarMap, linear, seq};
//! use twoscale::loss::{LossSpec, TwoScaleLoss};
//!
//! let (varmap, cpu) = (VarMap::new(), Device::Cpu);
//! let vb = VarBuilder::from_varmap(&varmap, DType::F32, &cpu);
//! let network = seq().add(linear(2, 16, vb.pp("fc1"))?).add_fn(|x| x.relu()).add(linear(16, 2, vb.pp("fc2"))?);
//! let loss = TwoScaleLoss::new(LossSpec::two_scale([0.1]), &varmap)?;
//! let mut optimiser = SGD::new([varmap.all_vars(), loss.vars()].concat(), 0.1)?;
//! let points = Tensor::randn(0f32, 1.0, (256, 2), &cpu)?;
//! let labels = points.sum(1)?.gt(0f32)?;
//! for _ in 0..200 {
//!     optimiser.backward_step(&loss.forward(&network.forward(&points)?, &labels)?)?;
//! }
//! let accuracy = twoscale::metrics::accuracy(&loss.evaluate(&network.forward(&points)?, &labels)?);
//! assert!(accuracy > 0.9);
//! # Ok(()) }
//! ```
//!
//! [Options](options::LossOptions) choose among the ways to read the paper: the gradient through R(α), the layers that count in it,
//! the margin that the gate compares with η, and more.
//!
//! # The networks of the paper
//!
//! [`models`] has the paper's networks on fast CPU kernels (and, with the feature `cuda`, on GPUs through candle's operations, which was
//! never run on one: see [`ops`]), [`trainer`] steps one of them with a loss and SGD, [`metrics`] has the
//! paper's measures of performance.

pub mod finding;
pub mod initialisation;
pub mod limits;
pub mod loss;
pub mod metrics;
pub mod models;
pub mod norm;
pub mod ops;
pub mod optimiser;
pub mod options;
pub mod parameters;
pub mod random;
pub mod trainer;

/// The error of this crate: candle's, or a value that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of a tensor operation.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A setting that makes no sense; the sentence names the setting and says what to do.
    #[error("{0}")]
    Setting(String),
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
