//! Initial parameters, from our own seeded streams.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How weights begin. fan_in = inputs of one output unit (in · k · k for a convolution), fan_out likewise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// PyTorch's default of a linear layer: uniform on ±1/√fan_in.
    #[default]
    Pytorch,
    /// Gaussian of variance 1/fan_in.
    FanIn,
    /// Kaiming: Gaussian of variance 2/fan_in.
    Kaiming,
    /// Xavier: uniform on ±√(6/(fan_in + fan_out)).
    Xavier,
    /// Gaussian of this standard deviation.
    Normal(f64),
}

/// How biases begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BiasInitialisation {
    /// PyTorch's default: uniform on ±1/√fan_in of the layer.
    #[default]
    Pytorch,
    /// Zero.
    Zero,
}
