//! From records to series, statistics, claims, figures and tables.
//!
//! [`gather`] finds the records of a plan, [`measure`] turns them into [`series::Series`], [`figure`] draws them, [`claims`] judges,
//! [`publish`] writes. Nothing here trains, and nothing is kept but what [`publish`] writes.
pub mod baseline;
pub mod claims;
pub mod figure;
pub mod gather;
pub mod measure;
pub mod publish;
pub mod series;
pub mod statistics;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
