//! Experiment files `experiments/figN.yaml`, each with everything about one figure of the paper, and their expansion into runs.
//!
//! [`file::Experiment`] is the structure of a file. A [`Catalogue`] is the folder, a [`Source`] one file that was read;
//! with a [`Choice`] (scale, variant, `--set`s) it gives a checked [`file::Experiment`] or the [`Plan`] of its runs:
//!
//! ```
//! use experiment::{Choice, Source};
//!
//! let text = "
//! figure: fig99
//! title: One run
//! shows: How an experiment reads
//! data: {set: digits}
//! model: {kind: mlp, hidden: [10]}
//! optimiser: {learning-rate: 0.1}
//! schedule: {steps: 100, batch: 32, test-every: 50}
//! seeds: 2
//! losses:
//!   single: {kind: single, label: single, colour: r}
//! panels:
//!   - panel: left
//!     title: Test set
//!     measure: test-accuracy
//!     x: {label: Epochs, from: 0, to: 2.2}
//!     y: {label: accuracy, from: 0, to: 1}
//!     series: [single]
//! ";
//! let source = Source::parse("fig99.yaml", "fig99", text.into())?;
//! let plan = source.plan(&Choice { sets: vec!["schedule.steps=20".into()], ..Choice::default() })?;
//! assert_eq!(plan.runs.len(), 2);
//! assert_eq!(plan.runs[0].spec.schedule.steps, 20);
//! # Ok::<(), experiment::Error>(())
//! ```
//!
//! A file passes these stages: text within [`limits`], YAML values, checked against the [`schema`] ([`check`]), laid over the files
//! that it extends and under the patches that are chosen ([`patch`]), read into structures, checked for what the schema cannot say
//! ([`validate`]), expanded. Every error names file, line and key, or the option of the command line that is wrong;
//! [`locate`] finds the line. [`show`] prints the result with the place of every value.
pub mod catalogue;
pub mod check;
pub mod claims;
pub mod colour;
pub mod digest;
pub mod error;
pub mod expand;
pub mod file;
mod labels;
mod layers;
pub mod limits;
pub mod load;
pub mod locate;
pub mod maxima;
mod other_training;
pub mod own_data;
pub mod patch;
pub mod path;
pub mod schema;
pub mod show;
pub mod spec;
pub mod suggest;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod validate;
mod validate_claims;
mod validate_panels;

pub use catalogue::Catalogue;
pub use digest::PlanDigest;
pub use error::Error;
pub use expand::{Plan, PlannedRun};
pub use layers::Merged;
pub use load::{Choice, PAPER, Source};
