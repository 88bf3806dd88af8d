//! The largest numbers that an experiment may hold, beside those of [`twoscale::limits`]: far above any use, low enough that nothing
//! overflows and memory can be had.
pub use twoscale::limits::STEPS;

/// Objects in a batch.
pub const BATCH: usize = 1_000_000;
/// Objects of a data set.
pub const OBJECTS: usize = 1_000_000_000;
/// Seeds of an experiment.
pub const SEEDS: u64 = 10_000;
/// Items of a list of numbers.
pub const LIST: usize = 10_000;
/// Points of a curve.
pub const POINTS: usize = 100_000;
