//! Which assignment of the paper its own curves speak for: a search of assignments by successive halving.
//!
//! What the text leaves open is a [`Varied`] each; their [`product`] are the [`Assignment`]s. [`candidates()`] plans every assignment's
//! trainings for the figures that judge, a [`Halving`] runs them on the [`Rung`]s of a [`ladder()`] (few seeds and the beginning of the
//! training first, the best third longer) through the ordinary [`Scheduler`](runs::scheduler::Scheduler) and store, so that nothing
//! is trained twice and a search that was stopped goes on. Each [`Ranking`] is the distance from the paper's curves
//! ([`claims::score`](results::claims::score)), beside the distance that seed noise alone would give; [`table`], [`csv`](fn@csv) and
//! [`picture`] show them.
//!
//! Accuracies, shares and cumulated histograms count alike, each series once. Measures taken at the end of training count only where
//! a rung reached the end.
mod assignment;
mod candidates;
mod halving;
mod ladder;
mod noise;
mod picture;
mod records;
mod score;
mod table;
#[cfg(test)]
mod tests;

pub use assignment::{Assignment, AssignmentError, Varied, combined, keys, listed, of_files, product};
pub use candidates::{Candidate, Candidates, CandidatesError, Figure, candidates};
pub use halving::{Ending, Halving, Left, Observer, Outcome};
pub use ladder::{KEEP_ONE_IN, Rung, grid, ladder};
pub use picture::picture;
pub use score::{FigureScore, Ranking, ScoredPanel, tolerance};
pub use table::{csv, table};
