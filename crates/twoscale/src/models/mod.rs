//! The networks of the paper. A model maps a batch of inputs to logits X^{M-1}, its last activation applied.
use candle_core::{DType, Device, Tensor, Var};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Findings, KeyPath};
use crate::initialisation::{BiasInitialisation, Initialisation};
use crate::parameters::Parameters;
use crate::{Result, limits};

mod batch_norm;
mod dense;
mod factory;
mod lenet5;
mod mlp;
mod wide_resnet;

pub use lenet5::LeNet5;
pub use mlp::Mlp;
pub use wide_resnet::WideResNet;

/// A network: logits of a batch, and named parameters. Can be sent to another thread.
pub trait Model: Send {
    /// Logits (N, K) of a batch in evaluation; inputs are (N, C, H, W), which a dense network flattens.
    ///
    /// # Errors
    /// Fails when the shapes do not fit.
    fn forward(&self, inputs: &Tensor) -> Result<Tensor>;

    /// Logits (N, K) of a batch in training, differentiable in the parameters. Differs from [`Model::forward`] where the network
    /// normalises by the statistics of the batch.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn forward_training(&self, inputs: &Tensor, statistics: Statistics) -> Result<Tensor> {
        let _ = statistics;
        self.forward(inputs)
    }

    /// The trainable parameters, in the order in which data passes them.
    fn parameters(&self) -> &Parameters;

    /// State that training changes beside the parameters, such as the running statistics of batch normalisation: part of every
    /// checkpoint.
    fn buffers(&self) -> &[Buffer] {
        &[]
    }
}

/// Whether a pass in training moves the running statistics of batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Moves them towards the batch's.
    Update,
    /// Leaves them.
    Keep,
}

/// A tensor that training changes by other means than gradients.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Name, such as `bn.running_mean`.
    pub name: String,
    /// Values.
    pub var: Var,
}

/// Specification of a network and of its initial parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelSpec {
    /// The architecture.
    pub kind: ModelKind,
    /// Widths of the hidden dense layers: `[100]` is the paper's MNIST network 784-100-10, `[120]` LeNet's 400-120-K. None in a wide
    /// residual network.
    #[serde(default)]
    pub hidden: Vec<usize>,
    /// Output channels of the two convolutions (LeNet-5 only).
    #[serde(default = "lenet_channels")]
    pub channels: [usize; 2],
    /// Side of the convolution kernels (LeNet-5 only).
    #[serde(default = "lenet_kernel")]
    pub kernel: usize,
    /// Biases in linear layers: yes or no.
    #[serde(default = "yes")]
    pub biases: bool,
    /// Activation on the last linear layer, before the soft-max.
    #[serde(default)]
    pub last_activation: LastActivation,
    /// Law of the initial weights.
    #[serde(default)]
    pub initialisation: Initialisation,
    /// Law of the initial biases.
    #[serde(default)]
    pub bias_initialisation: BiasInitialisation,
    /// Layers of the wide residual network on the way of the data, 6n + 4: 10, 16, 22, 28, ... (wide residual network only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// Factor on the channels 16, 32, 64 of its three groups (wide residual network only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Makes weight and bias of the last layer begin at zero, as in a public training script (wide residual network only). R(α⁰)
    /// is 0 where that layer counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_layer_begins_at_zero: bool,
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
            depth: None,
            width: None,
            last_layer_begins_at_zero: false,
        }
    }

    /// The paper's LeNet-5: convolutions of 6 and 16 channels with 5x5 kernels, one hidden dense layer of 120.
    #[must_use]
    pub fn lenet5() -> Self {
        Self { kind: ModelKind::LeNet5, ..Self::mlp([120]) }
    }

    /// The wide residual network WRN-depth-width: Kaiming's initialisation, as is usual for it, and no activation on the logits.
    #[must_use]
    pub fn wide_resnet(depth: usize, width: usize) -> Self {
        Self {
            kind: ModelKind::WideResNet,
            last_activation: LastActivation::None,
            initialisation: Initialisation::Kaiming,
            bias_initialisation: BiasInitialisation::Zero,
            depth: Some(depth),
            width: Some(width),
            ..Self::mlp([])
        }
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

    /// The same with this law of the initial weights.
    #[must_use]
    pub fn with_initialisation(self, initialisation: Initialisation) -> Self {
        Self { initialisation, ..self }
    }

    /// The same with this law of the initial biases.
    #[must_use]
    pub fn with_bias_initialisation(self, bias_initialisation: BiasInitialisation) -> Self {
        Self { bias_initialisation, ..self }
    }

    /// Lists the settings that make no sense whatever the data are: widths of zero, numbers beyond [`limits`].
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        let (hidden, count) = (top.key("hidden"), self.hidden.len());
        let reason = format!("a network has at most {} hidden layers, this one {count}", limits::LAYERS);
        findings.require(count <= limits::LAYERS, &hidden, reason);
        for (index, width) in self.hidden.iter().enumerate().take(limits::LAYERS) {
            findings.require_within(*width, 1, limits::WIDTH, &hidden.index(index));
        }
        findings.add(self.initialisation.findings(), &top.key("initialisation"));
        if self.kind == ModelKind::LeNet5 {
            for (index, channels) in self.channels.iter().enumerate() {
                findings.require_within(*channels, 1, limits::WIDTH, &top.key("channels").index(index));
            }
            findings.require_within(self.kernel, 1, limits::KERNEL, &top.key("kernel"));
        }
        findings.add(wide_resnet::findings(self), &top);
        findings
    }

    /// [`ModelSpec::findings`], and what makes no sense for inputs (C, H, W) and K classes: images that are too small for the
    /// architecture, more weights than [`limits::PARAMETERS`].
    #[must_use]
    pub fn findings_for(&self, input: [usize; 3], classes: usize) -> Findings {
        let (mut findings, top) = (self.findings(), KeyPath::top());
        findings.require(classes >= 2, &top, format!("a network needs at least 2 classes, has {classes}"));
        findings.require(!input.contains(&0), &top, format!("no side of the inputs (C, H, W) = {input:?} may be zero"));
        if !findings.0.is_empty() {
            return findings;
        }
        let size = match self.kind {
            ModelKind::Mlp => Ok(dense::count(self, product(&input), classes)),
            ModelKind::LeNet5 => lenet5::count(self, input, classes),
            ModelKind::WideResNet => wide_resnet::count(self, input, classes),
        };
        match size {
            Ok(parameters) => {
                let most = limits::PARAMETERS;
                let reason = format!("the network has {parameters} weights and biases; at most {most} are possible");
                let key = if self.kind == ModelKind::WideResNet { "width" } else { "hidden" };
                findings.require(parameters <= most, &top.key(key), reason);
            }
            Err(reason) if self.kind == ModelKind::LeNet5 => findings.require(false, &top.key("kernel"), reason),
            Err(reason) => findings.require(false, &top.key("kind"), reason),
        }
        findings
    }

    /// Makes the network: [`build`].
    ///
    /// # Errors
    /// Fails as [`build`].
    pub fn build(&self, input: [usize; 3], classes: usize, seed: u64, device: &Device) -> Result<Box<dyn Model>> {
        build(self, input, classes, seed, device)
    }
}

/// A product that stays at the largest number where it would overflow.
fn product(factors: &[usize]) -> usize {
    factors.iter().fold(1, |all: usize, factor| all.saturating_mul(*factor))
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
    /// Wide residual network of `depth` and `width` (Zagoruyko and Komodakis 2016).
    #[serde(rename = "wide-resnet")]
    WideResNet,
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
/// Fails when a width is zero, there are fewer than two classes, or the image is too small for the architecture.
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
/// Fails as [`build`].
pub fn build_as(
    spec: &ModelSpec,
    input: [usize; 3],
    classes: usize,
    seed: u64,
    dtype: DType,
    device: &Device,
) -> Result<Box<dyn Model>> {
    Ok(match spec.kind {
        ModelKind::Mlp => Box::new(Mlp::new(spec, input, classes, seed, dtype, device)?),
        ModelKind::LeNet5 => Box::new(LeNet5::new(spec, input, classes, seed, dtype, device)?),
        ModelKind::WideResNet => Box::new(WideResNet::new(spec, input, classes, seed, dtype, device)?),
    })
}
