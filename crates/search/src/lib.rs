//! Search over the assumptions that the paper's text leaves open, by successive halving against the paper's own curves.
//!
//! A [`Varied`] is one key of the experiment file with its possible values; the [`product`] of all gives the [`Assignment`]s. [`candidates()`] plans every assignment's
//! trainings for the figures that judge, a [`Halving`] runs them on the [`Rung`]s of a [`ladder()`] (few seeds and the beginning of the
//! training on the first rung, more seeds and whole trainings for the best third) through the ordinary [`Scheduler`](runs::scheduler::Scheduler) and store, so that no run
//! is trained twice and an interrupted search continues. Each [`Ranking`] is the distance from the paper's curves
//! ([`distance::score`](results::distance::score)), beside the distance expected from seed noise alone; [`table`], [`csv`](fn@csv) and
//! [`picture`] show them.
//!
//! Accuracies, shares and cumulated histograms count alike, each series once. Measures taken at the end of training count only on
//! rungs with whole trainings.
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
pub use halving::{Ending, Halving, Observer, Outcome, Remaining};
pub use ladder::{KEEP_ONE_IN, Rung, grid, ladder};
pub use picture::picture;
pub use score::{FigureScore, Ranking, ScoredPanel};
pub use table::{csv, table};
