//! The networks of the paper. A model maps a batch of inputs to logits X^{M-1}, its last activation applied.
use candle_core::{DType, Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::initialisation::{BiasInitialisation, Initialisation};
use crate::parameters::Parameters;
use crate::{Error, Result};

mod dense;
mod factory;
mod lenet5;
mod mlp;

pub use lenet5::LeNet5;
pub use mlp::Mlp;

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

impl ModelSpec {
    /// Dense layers with these hidden widths; `[100]` is the paper's MNIST network 784-100-10.
    #[must_use]
    pub fn mlp(hidden: impl Into<Vec<usize>>) -> Self {
        Self {
            kind: ModelKind::Mlp,
            hidden: hidden.into(),
            channels: lenet_channels(),
            kernel: lenet_kernel(),
            biases: true,
            last_activation: LastActivation::default(),
            initialisation: Initialisation::default(),
            bias_initialisation: BiasInitialisation::default(),
        }
    }

    /// The paper's LeNet-5: convolutions of 6 and 16 channels with 5x5 kernels, one hidden dense layer of 120.
    #[must_use]
    pub fn lenet5() -> Self {
        Self { kind: ModelKind::LeNet5, ..Self::mlp([120]) }
    }

    /// The same with these widths of the hidden dense layers.
    #[must_use]
    pub fn with_hidden(self, hidden: impl Into<Vec<usize>>) -> Self {
        Self { hidden: hidden.into(), ..self }
    }

    /// The same with these channels of the two convolutions.
    #[must_use]
    pub fn with_channels(self, channels: [usize; 2]) -> Self {
        Self { channels, ..self }
    }

    /// The same with kernels of this side.
    #[must_use]
    pub fn with_kernel(self, kernel: usize) -> Self {
        Self { kernel, ..self }
    }

    /// The same with biases, or without.
    #[must_use]
    pub fn with_biases(self, biases: bool) -> Self {
        Self { biases, ..self }
    }

    /// The same with this activation of the last linear layer.
    #[must_use]
    pub fn with_last_activation(self, last_activation: LastActivation) -> Self {
        Self { last_activation, ..self }
    }

    /// The same with weights that begin like this.
    #[must_use]
    pub fn with_initialisation(self, initialisation: Initialisation) -> Self {
        Self { initialisation, ..self }
    }

    /// The same with biases that begin like this.
    #[must_use]
    pub fn with_bias_initialisation(self, bias_initialisation: BiasInitialisation) -> Self {
        Self { bias_initialisation, ..self }
    }

    /// Makes the network: [`build`].
    ///
    /// # Errors
    /// As [`build`].
    pub fn build(&self, input: [usize; 3], classes: usize, seed: u64, device: &Device) -> Result<Box<dyn Model>> {
        build(self, input, classes, seed, device)
    }
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

/// A network with fresh parameters from the streams of `seed`, in single precision. `input` is (C, H, W), `classes` K.
///
/// # Errors
/// When a width is zero, there are fewer than two classes, or the image is too small for the architecture.
///
/// ```
/// use candle_core::{Device, Tensor, DType};
/// use twoscale::models::{ModelSpec, build};
/// let model = build(&ModelSpec::lenet5(), [3, 32, 32], 100, 1, &Device::Cpu)?;
/// let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward(&images)?.dims(), [2, 100]);
/// let weights: usize = model.parameters().iter().map(|p| p.var.elem_count()).sum();
/// assert_eq!(weights, 63_092);
/// # Ok::<(), twoscale::Error>(())
/// ```
pub fn build(
    spec: &ModelSpec,
    input: [usize; 3],
    classes: usize,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Model>> {
    build_as(spec, input, classes, seed, DType::F32, device)
}

/// [`build`] with parameters of another type: f64 for comparisons with golden values and finite differences. The
/// parameters begin at the same (single-precision) values.
///
/// # Errors
/// As [`build`].
pub fn build_as(
    spec: &ModelSpec,
    input: [usize; 3],
    classes: usize,
    seed: u64,
    dtype: DType,
    device: &Device,
) -> Result<Box<dyn Model>> {
    if classes < 2 {
        return Err(Error::Setting(format!("a network for {classes} classes: take at least 2")));
    }
    if input.contains(&0) {
        return Err(Error::Setting(format!("a network for inputs (C, H, W) = {input:?}: no side may be zero")));
    }
    if spec.hidden.contains(&0) {
        return Err(Error::Setting(format!("hidden: {:?}: a hidden layer needs at least one unit", spec.hidden)));
    }
    spec.initialisation.validate()?;
    Ok(match spec.kind {
        ModelKind::Mlp => Box::new(Mlp::new(spec, input, classes, seed, dtype, device)?),
        ModelKind::LeNet5 => Box::new(LeNet5::new(spec, input, classes, seed, dtype, device)?),
    })
}
