//! Tests of the losses, the trainer and the metrics against golden values, finite differences and their own properties.
//! One binary: linking it once is most of what these tests cost.
mod checkpoints;
mod finite_differences;
mod golden_losses;
mod golden_metrics;
mod golden_training;
mod mutations;
mod options;
mod properties;
mod refusals;
mod support;
mod two_scale_loss;
