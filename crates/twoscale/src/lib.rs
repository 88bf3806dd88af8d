//! Multi-scale losses for classification, and everything needed to train small networks with them.
//!
//! Notation and equation numbers are those of Berlyand, Creese, Jabin, *A novel multi-scale loss function for
//! classification problems in machine learning* (arXiv 2106.02676v2). Tensors in, tensors out: this crate knows no
//! files, no clock and no network.

pub mod initialisation;
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
    /// A setting that makes no sense; the sentence says which and what to do.
    #[error("{0}")]
    Setting(String),
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
