//! Experiment file -> runs -> records -> statistics -> figure, claims, report.
//!
//! The way of the data, never backwards: [`experiment`] parses `experiments/figN.yaml` and expands it into
//! [`spec::RunSpec`]s; [`schedule`] and [`train`] execute them; [`store`] keeps each [`record::Record`]; [`gather`] finds
//! those of a plan, [`measure`] turns them into [`series::Series`]; [`figure`] draws them, [`claims`] judges, [`publish`]
//! writes.
#![warn(missing_docs)]

pub use datasets;
pub use twoscale;

pub mod baseline;
pub mod bench;
pub mod claims;
pub mod experiment;
pub mod figure;
pub mod gather;
pub mod measure;
pub mod publish;
pub mod readings;
pub mod record;
pub mod schedule;
pub mod series;
pub mod spec;
pub mod statistics;
pub mod store;
#[cfg(test)]
mod testing;
pub mod train;
