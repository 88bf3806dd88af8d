//! Which reading of the paper its own curves speak for: a race of readings by successive halving.
//!
//! What the text leaves open is a [`Vary`] each; their [`product`] are the [`Reading`]s. [`field()`] plans every reading's
//! trainings for the figures that judge, a [`Race`] runs them on the [`Rung`]s of a [`ladder()`] (few seeds and the beginning of the
//! training first, the best third longer) through the ordinary [`Scheduler`](crate::schedule::Scheduler) and store, so that nothing
//! is trained twice and a race that was stopped goes on. Each [`Standing`] is the distance from the paper's curves
//! ([`claims::score`](crate::claims::score)), beside the distance that seed noise alone would give; [`table`], [`csv`](fn@csv) and
//! [`picture`] show them.
//!
//! Accuracies, shares and cumulated histograms count alike, each series once. Measures taken at the end of training count only where
//! a rung reached the end.
mod field;
mod ladder;
mod noise;
mod picture;
mod race;
mod runs;
mod score;
mod table;
#[cfg(test)]
mod tests;
mod vary;

pub use field::{Entrant, Field, FieldError, Figure, field};
pub use ladder::{KEEP_ONE_IN, Rung, grid, ladder};
pub use picture::picture;
pub use race::{Ending, Left, Observer, Outcome, Race};
pub use score::{FigureScore, ScoredPanel, Standing, tolerance};
pub use table::{csv, table};
pub use vary::{Reading, Vary, VaryError, combined, keys, listed, of_files, product};
