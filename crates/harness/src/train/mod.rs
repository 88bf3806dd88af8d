//! One training: a [`RunSpec`](crate::spec::RunSpec) and its data in, a [`Record`](crate::record::Record) out.
//!
//! [`Problem`] is the data as a run sees them, [`Batches`] their order, [`Training`] whatever learns from them (a
//! [`Trainers`] makes them: [`Real`], or [`Fake`] for tests of the command line), [`execute`] the loop around all three.
mod batches;
mod execute;
mod fake;
mod input;
mod problem;
#[cfg(test)]
pub(crate) mod samples;
mod step_size;
#[cfg(test)]
mod tests;
mod trainer;

pub use batches::Batches;
pub use execute::{Control, Ended, Finished, Interruption, execute};
pub use fake::Fake;
pub use input::Scaling;
pub use problem::{Batch, Problem};
pub use step_size::step_size;
pub use trainer::{Real, Trainers, Training, fresh};

use crate::spec::SpecError;

/// Objects evaluated at a time: enough to keep the kernels busy, few enough that a run stays below some 60 MB.
pub const EVALUATION_BATCH: usize = 500;

/// What can go wrong with a training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The specification makes no sense, alone or with these data.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The library refused.
    #[error(transparent)]
    Library(#[from] twoscale::Error),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The data cannot be had.
    #[error("{0}")]
    Data(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The thread of the run could not be started.
    #[error("cannot start a thread for a run: {0}")]
    Thread(#[from] rayon::ThreadPoolBuildError),
}

/// Result with a [`TrainError`].
pub type Result<T> = std::result::Result<T, TrainError>;
