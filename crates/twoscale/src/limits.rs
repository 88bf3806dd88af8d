//! The largest numbers that specifications may hold: far above any use, low enough that nothing overflows and memory can be had.

/// Hidden layers of a network.
pub const LAYERS: usize = 64;
/// Units of a layer, channels of a convolution.
pub const WIDTH: usize = 65_536;
/// Side of a convolution's kernel.
pub const KERNEL: usize = 1024;
/// Weights and biases of a network: 400 MB in single precision.
pub const PARAMETERS: usize = 100_000_000;
/// Thresholds of a loss.
pub const THRESHOLDS: usize = 16;
/// Initial ratio of neighbouring scales, and its inverse.
pub const RATIO: f64 = 1e9;
/// Power of the product of norms.
pub const POWER: f64 = 100.0;
/// Steps of a training.
pub const STEPS: usize = 100_000_000;
