//! Tests of the losses, the trainer and the metrics against golden values, finite differences and their own properties.
//! One binary, as linking is most of the cost of these tests.
mod checkpoints;
mod composed;
mod finite_differences;
mod golden_losses;
mod golden_metrics;
mod golden_training;
mod golden_wide_resnet;
mod mutations;
mod options;
mod properties;
mod refusals;
mod support;
mod two_scale_loss;
mod wide_resnet;
