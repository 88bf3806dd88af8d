//! Experiment file -> runs -> records -> statistics -> figure, claims, report.
//!
//! The way of the data, never backwards: [`experiment`] parses `experiments/figN.yaml` and expands it into
//! [`spec::RunSpec`]s; [`train`] executes one; [`store`] keeps its [`record::Record`]; [`measure`] turns records into
//! [`series::Series`]; [`figure`] draws them, [`claims`] judges.
#![warn(missing_docs)]

pub mod claims;
pub mod experiment;
pub mod figure;
pub mod measure;
pub mod publish;
pub mod record;
pub mod schedule;
pub mod series;
pub mod spec;
pub mod statistics;
pub mod store;
#[cfg(test)]
mod testing;
pub mod train;
