//! Results of runs: records become series, statistics, claims, figures and tables.
//!
//! Modules follow the way of the data: [`gather`] finds the records of a plan, [`measure`] makes [`series::Series`] of records,
//! [`figure`] draws series, [`claims`] judges the paper's claims by [`statistics`] over seeds, [`distance`] compares series
//! with the paper's curves, [`publish`] writes the files under `figures`. No module trains, and only [`publish`] writes files.
//!
//! ```
//! // Accuracies of three seeds at the end of training: the mean and its 95 % interval, Student's t over seeds.
//! let e = results::statistics::estimate(&[0.91, 0.93, 0.92]).unwrap();
//! assert!((e.mean - 0.92).abs() < 1e-12 && e.low < 0.91 && e.n == 3);
//! ```
pub mod baseline;
pub mod claims;
pub mod distance;
pub mod figure;
pub mod gather;
pub mod measure;
pub mod publish;
pub mod series;
pub mod statistics;
pub mod summary;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
