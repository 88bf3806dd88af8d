//! Training of runs: from the specification of a run to its record.
//!
//! [`scheduler::Scheduler`] takes the [`RunSpec`](experiment::spec::RunSpec)s of a plan, [`train::execute`] trains one of them, and
//! [`store::Store`] keeps each [`record::Record`] for ever, under the run's key. The crate knows neither figures nor claims.
pub mod files;
pub mod record;
pub mod scheduler;
pub mod slurm;
pub mod soften;
pub mod store;
pub mod train;
