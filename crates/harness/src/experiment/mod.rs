//! `experiments/figN.yaml`: everything about one figure of the paper.
//!
//! [`file`] is the file's structure.
pub mod file;
