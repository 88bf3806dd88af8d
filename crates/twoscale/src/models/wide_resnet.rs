//! [`WideResNet`]: the network of figures 1, 2, 11 and 12.
use candle_core::{DType, Device, Tensor};

use super::batch_norm::BatchNorm;
use super::factory::Factory;
use super::{Buffer, LastActivation, Model, ModelKind, ModelSpec, Statistics};
use crate::finding::{Findings, KeyPath};
use crate::ops::{average_pool_all, conv2d};
use crate::parameters::{LayerKind, Parameters};
use crate::{Error, Result};

/// Channels of the first convolution, and of the first group at width 1.
const BASE: usize = 16;

/// More layers than any wide residual network that was published; also 6n + 4.
const DEEPEST: usize = 1000;

/// More channels (64 times this) than the memory of any machine holds activations of.
const WIDEST: usize = 128;

/// Wide residual network WRN-depth-width (Zagoruyko and Komodakis 2016), without dropout, for images (C, H, W).
///
/// A convolution to 16 channels, then three groups of n = (depth - 4)/6 units with 16·width, 32·width and 64·width channels;
/// the first unit of the second and of the third group halves the image. A unit is *pre-activated*: with
/// a(x) = ReLU(batch-norm(x)) it is x + conv(a(conv(a(x)))), kernels 3x3; where the shape changes, the shortcut x becomes a 1x1
/// convolution of a(x). At the end a(x), the mean over all places, and one dense layer to the K logits.
///
/// Convolutions have no biases (batch normalisation shifts), the dense layer has one where [`ModelSpec::biases`] says so.
/// Parameters, in the order in which data passes them (G = 1, 2, 3; U = 1, ..., n):
///
/// | name | shape | role |
/// |---|---|---|
/// | `conv1.weight` | (16, C, 3, 3) | weight |
/// | `groupG.unitU.bn1.weight`, `.bias` | (in) | scale γ, shift β |
/// | `groupG.unitU.conv1.weight` | (out, in, 3, 3) | weight |
/// | `groupG.unitU.bn2.weight`, `.bias` | (out) | scale γ, shift β |
/// | `groupG.unitU.conv2.weight` | (out, out, 3, 3) | weight |
/// | `groupG.unitU.shortcut.weight` | (out, in, 1, 1) | weight |
/// | `bn.weight`, `.bias` | (64·width) | scale γ, shift β |
/// | `fc.weight`, `fc.bias` | (K, 64·width), (K) | weight, bias |
///
/// The running statistics are `LAYER.running_mean` and `LAYER.running_var` of each batch normalisation.
///
/// With K = 10, WRN-16-8 has 10,961,370 parameters. The public training script whose schedule the paper's curves follow asks for
/// depth 16 but builds three units a group, which is WRN-22-8 with 17,158,106.
#[derive(Clone, Debug)]
pub struct WideResNet {
    parameters: Parameters,
    buffers: Vec<Buffer>,
    input: [usize; 3],
    first: usize,
    units: Vec<Unit>,
    norm: BatchNorm,
    /// Position of the dense layer's weight.
    dense: usize,
    biases: bool,
    last: LastActivation,
}

/// One residual unit: positions of its parameters.
#[derive(Clone, Debug)]
struct Unit {
    norms: [BatchNorm; 2],
    convolutions: [usize; 2],
    shortcut: Option<usize>,
    stride: usize,
}

/// Moments that the batch normalisations of a pass use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Training(Statistics),
    Evaluation,
}

impl WideResNet {
    /// A network with fresh parameters for images (C, H, W). Batch normalisations begin at γ = 1, β = 0, running mean 0 and
    /// running variance 1.
    ///
    /// # Errors
    /// When depth or width make no network, or the image is smaller than 4x4.
    pub fn new(
        spec: &ModelSpec,
        input: [usize; 3],
        classes: usize,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        spec.findings_for(input, classes).into_result()?;
        let (depth, width) = (spec.depth.unwrap_or(0), spec.width.unwrap_or(0));
        let [colours, height, side] = input;
        let mut factory = Factory { spec, seed, dtype, device, made: Vec::new() };
        let mut buffers = Vec::new();
        let first = factory.convolution("conv1", height * side, &[BASE, colours, 3, 3])?;
        let mut units = Vec::new();
        let (mut channels, mut size) = (BASE, [height, side]);
        for group in 1..=3 {
            let out = (BASE * width) << (group - 1);
            for unit in 1..=(depth - 4) / 6 {
                let stride = if group > 1 && unit == 1 { 2 } else { 1 };
                let name = |layer: &str| format!("group{group}.unit{unit}.{layer}");
                let before = factory.batch_norm(&name("bn1"), channels, &mut buffers)?;
                size = size.map(|side| side.div_ceil(stride));
                let places = size[0] * size[1];
                let one = factory.convolution(&name("conv1"), places, &[out, channels, 3, 3])?;
                let between = factory.batch_norm(&name("bn2"), out, &mut buffers)?;
                let two = factory.convolution(&name("conv2"), places, &[out, out, 3, 3])?;
                let shortcut = if channels == out && stride == 1 {
                    None
                } else {
                    Some(factory.convolution(&name("shortcut"), places, &[out, channels, 1, 1])?)
                };
                units.push(Unit { norms: [before, between], convolutions: [one, two], shortcut, stride });
                channels = out;
            }
        }
        let norm = factory.batch_norm("bn", channels, &mut buffers)?;
        let dense = factory.made.len();
        if spec.last_layer_begins_at_zero {
            factory.zeros("fc", LayerKind::Dense, &[classes, channels])?;
        } else {
            factory.layer("fc", LayerKind::Dense, &[classes, channels])?;
        }
        Ok(Self {
            parameters: factory.made,
            buffers,
            input,
            first,
            units,
            norm,
            dense,
            biases: spec.biases,
            last: spec.last_activation,
        })
    }

    fn pass(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor> {
        if inputs.dims().get(1..) != Some(&self.input) {
            return Err(Error::Setting(format!(
                "a wide residual network for images (C, H, W) = {:?} was given a batch of shape {:?}",
                self.input,
                inputs.dims()
            )));
        }
        let parameter = |position: usize| match mode {
            Mode::Training(_) => self.parameters[position].var.as_tensor().clone(),
            // No graph: an evaluation needs no gradient, and the graph would keep every layer's result.
            Mode::Evaluation => self.parameters[position].var.as_detached_tensor(),
        };
        let activate = |norm: &BatchNorm, x: &Tensor| {
            let (gamma, beta) = (parameter(norm.scale), parameter(norm.scale + 1));
            match mode {
                Mode::Training(statistics) => norm.train(x, &gamma, &beta, statistics),
                Mode::Evaluation => norm.evaluate(x, &gamma, &beta),
            }
        };
        let convolve = |position: usize, x: &Tensor, stride: usize| {
            let weight = parameter(position);
            let padding = weight.dims()[2] / 2;
            conv2d(x, &weight, stride, padding)
        };
        let mut x = convolve(self.first, inputs, 1)?;
        for unit in &self.units {
            let active = activate(&unit.norms[0], &x)?;
            let inner = convolve(unit.convolutions[0], &active, unit.stride)?;
            let inner = convolve(unit.convolutions[1], &activate(&unit.norms[1], &inner)?, 1)?;
            let shortcut = match unit.shortcut {
                Some(position) => convolve(position, &active, unit.stride)?,
                None => x,
            };
            x = (shortcut + inner)?;
        }
        let features = average_pool_all(&activate(&self.norm, &x)?)?;
        let bias = self.biases.then(|| parameter(self.dense + 1));
        super::dense::logits(&features, &parameter(self.dense), bias.as_ref(), self.last)
    }
}

/// Lists what makes no sense about depth and width, and what only a wide residual network has.
pub(super) fn findings(spec: &ModelSpec) -> Findings {
    let (mut findings, top) = (Findings::default(), KeyPath::top());
    if spec.kind != ModelKind::WideResNet {
        for (key, given) in [
            ("depth", spec.depth.is_some()),
            ("width", spec.width.is_some()),
            ("last-layer-begins-at-zero", spec.last_layer_begins_at_zero),
        ] {
            findings.require(!given, &top.key(key), "only a `wide-resnet` has it; leave it out");
        }
        return findings;
    }
    findings.require(spec.hidden.is_empty(), &top.key("hidden"), "a `wide-resnet` has no hidden dense layers");
    match spec.depth {
        None => findings.require(false, &top, "a `wide-resnet` needs `depth`, such as 16"),
        Some(depth) => {
            let reason = format!(
                "a wide residual network has 6n + 4 layers (10, 16, 22, 28, ...), at most {DEEPEST}; is {depth}"
            );
            let fits = (10..=DEEPEST).contains(&depth) && (depth - 4).is_multiple_of(6);
            findings.require(fits, &top.key("depth"), reason);
        }
    }
    match spec.width {
        None => findings.require(false, &top, "a `wide-resnet` needs `width`, such as 8"),
        Some(width) => findings.require_within(width, 1, WIDEST, &top.key("width")),
    }
    findings
}

/// Number of parameters of a network whose specification has no [`findings`].
///
/// # Errors
/// Gives one clause where the images are too small.
pub(super) fn count(
    spec: &ModelSpec,
    [colours, height, width]: [usize; 3],
    classes: usize,
) -> std::result::Result<usize, String> {
    if height < 4 || width < 4 {
        return Err(format!(
            "images of {height}x{width} are too small for a wide residual network, which halves them twice; it needs 4x4"
        ));
    }
    let units = (spec.depth.unwrap_or(0) - 4) / 6;
    let mut channels = BASE;
    let mut sum = 9 * colours.saturating_mul(BASE);
    for group in 0..3 {
        let out = (BASE * spec.width.unwrap_or(0)) << group;
        for unit in 0..units {
            let projection = if channels == out && (group == 0 || unit > 0) { 0 } else { channels * out };
            sum = sum.saturating_add(9 * channels * out + 9 * out * out + projection + 2 * channels + 2 * out);
            channels = out;
        }
    }
    let dense = (channels + usize::from(spec.biases)).saturating_mul(classes);
    Ok(sum.saturating_add(2 * channels).saturating_add(dense))
}

impl Model for WideResNet {
    /// Evaluation: batch normalisation by the running statistics; the result carries no gradient.
    fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        self.pass(inputs, Mode::Evaluation)
    }

    fn forward_training(&self, inputs: &Tensor, statistics: Statistics) -> Result<Tensor> {
        self.pass(inputs, Mode::Training(statistics))
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }
}
