//! The networks of the paper. A model maps a batch of inputs to logits X^{M-1}, its last activation applied.
use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::initialisation::{BiasInitialisation, Initialisation};
use crate::parameters::Parameters;

/// A network. Cheap to call, safe to send to a run's thread.
pub trait Model: Send {
    /// Logits (N, K) of a batch; inputs are (N, C, H, W), which a dense network flattens.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn forward(&self, inputs: &Tensor) -> Result<Tensor>;

    /// The trainable parameters, in the order in which data passes them.
    fn parameters(&self) -> &Parameters;
}

/// Which network, and how it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelSpec {
    /// The architecture.
    pub kind: ModelKind,
    /// Widths of the hidden dense layers: `[100]` is the paper's MNIST network 784-100-10, `[120]` LeNet's 400-120-K.
    pub hidden: Vec<usize>,
    /// Output channels of the two convolutions (LeNet-5 only).
    #[serde(default = "lenet_channels")]
    pub channels: [usize; 2],
    /// Side of the convolution kernels (LeNet-5 only).
    #[serde(default = "lenet_kernel")]
    pub kernel: usize,
    /// Whether linear layers have biases.
    #[serde(default = "yes")]
    pub biases: bool,
    /// Activation on the last linear layer, before the soft-max.
    #[serde(default)]
    pub last_activation: LastActivation,
    /// How weights begin.
    #[serde(default)]
    pub initialisation: Initialisation,
    /// How biases begin.
    #[serde(default)]
    pub bias_initialisation: BiasInitialisation,
}

fn lenet_channels() -> [usize; 2] {
    [6, 16]
}
fn lenet_kernel() -> usize {
    5
}
fn yes() -> bool {
    true
}

/// The architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ModelKind {
    /// Dense layers with ReLU between them.
    #[serde(rename = "mlp")]
    Mlp,
    /// Two convolutions with ReLU and 2x2 max-pooling, then dense layers (LeCun et al. 1995).
    #[serde(rename = "lenet-5")]
    LeNet5,
}

/// Activation λ on the last linear layer, eq. (1)-(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastActivation {
    /// λ(x) = max(x, 0): the paper applies λ to every linear layer.
    #[default]
    Relu,
    /// None.
    None,
    /// λ(x) = |x|.
    Abs,
}

/// A network with fresh parameters.
///
/// # Errors
/// Always: placeholder until the networks land.
pub fn build(
    spec: &ModelSpec,
    input: [usize; 3],
    classes: usize,
    seed: u64,
    device: &candle_core::Device,
) -> Result<Box<dyn Model>> {
    let _ = (spec, input, classes, seed, device);
    Err(crate::Error::Setting("no networks yet".into()))
}
