//! Training of one run: from a [`RunSpec`](experiment::spec::RunSpec) and its data to a [`Record`](crate::record::Record).
//!
//! [`RunData`] holds the data of a run, [`Batches`] their order, [`Learner`] is a network that learns from them (a
//! [`LearnerFactory`] makes them: [`NetworkFactory`], or [`FakeFactory`] for tests of the command line), [`execute`] the loop around all three.
mod augmentation;
mod batches;
mod data;
mod execute;
mod fake;
mod input;
mod learner;
mod learning_rate;
mod processor;
#[cfg(any(test, feature = "testing"))]
pub mod samples;
#[cfg(test)]
mod tests;

pub use batches::Batches;
pub use data::{Batch, RunData};
pub use execute::{Advance, Control, Ended, Finished, Interruption, execute};
pub use fake::FakeFactory;
pub use input::Scaling;
pub use learner::{Learner, LearnerFactory, NetworkFactory, fresh};
pub use learning_rate::learning_rate;
pub use processor::{Processor, ProcessorError};

use experiment::spec::SpecError;

/// Objects evaluated at a time: enough to keep the kernels busy, few enough that a run stays below some 60 MB.
pub const EVALUATION_BATCH: usize = 500;

/// Errors of a training.
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
