use candle_core::{DType, Device, Tensor};

use super::factory::{Factory, layer};
use super::{LastActivation, Model, ModelSpec, dense, product};
use crate::finding::KeyPath;
use crate::ops::conv_relu_pool_twice;
use crate::parameters::{LayerKind, Parameters};
use crate::{Error, Result};

/// LeNet-5 (LeCun et al. 1995) as in the paper's §3.4: two convolutions `conv1`, `conv2`, each with ReLU and 2x2
/// max-pooling, then dense layers `fc1`, `fc2`, ...: 3x32x32 - 6 channels - 16 channels - 400 - 120 - K on CIFAR.
#[derive(Clone, Debug)]
pub struct LeNet5 {
    parameters: Parameters,
    input: [usize; 3],
    biases: bool,
    last: LastActivation,
}

impl LeNet5 {
    /// A network with fresh parameters for images (C, H, W).
    ///
    /// # Errors
    /// Fails when the image is too small for two convolutions and pools, or a channel number is zero.
    pub fn new(
        spec: &ModelSpec,
        input: [usize; 3],
        classes: usize,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let [colours, height, width] = input;
        let ([c1, c2], k) = (spec.channels, spec.kernel);
        spec.findings_for(input, classes).under(&KeyPath::top().key("model")).into_result()?;
        let [first, second, [h, w]] = sides([height, width], k);
        let mut factory = Factory { spec, seed, dtype, device, made: Vec::new() };
        factory.layer("conv1", LayerKind::Convolution { positions: first.iter().product() }, &[c1, colours, k, k])?;
        factory.layer("conv2", LayerKind::Convolution { positions: second.iter().product() }, &[c2, c1, k, k])?;
        dense::make(&mut factory, c2 * h * w, classes)?;
        Ok(Self { parameters: factory.made, input, biases: spec.biases, last: spec.last_activation })
    }
}

impl Model for LeNet5 {
    fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        if inputs.dims().get(1..) != Some(&self.input) {
            return Err(Error::Setting(format!(
                "a LeNet-5 for images (C, H, W) = {:?} was given a batch of shape {:?}",
                self.input,
                inputs.dims()
            )));
        }
        let convolutions = if self.biases { 4 } else { 2 };
        let (first, rest) = self.parameters.split_at(convolutions);
        let features = conv_relu_pool_twice(inputs, layer(first, 0, self.biases), layer(first, 1, self.biases))?;
        dense::forward(rest, self.biases, self.last, features)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// (height, width) after the first convolution, after the second, and after the second pool; 0 where nothing is left.
fn sides(image: [usize; 2], kernel: usize) -> [[usize; 2]; 3] {
    let convolved = |side: usize| (side + 1).saturating_sub(kernel);
    let first = image.map(convolved);
    let second = first.map(|side| convolved(side / 2));
    [first, second, second.map(|side| side / 2)]
}

/// Number of weights and biases.
///
/// # Errors
/// Gives one clause where the images are too small.
pub(super) fn count(
    spec: &ModelSpec,
    [colours, height, width]: [usize; 3],
    classes: usize,
) -> std::result::Result<usize, String> {
    let ([c1, c2], k) = (spec.channels, spec.kernel);
    let [_, _, [h, w]] = sides([height, width], k);
    if h == 0 || w == 0 {
        return Err(format!(
            "images of {height}x{width} are too small for two {k}x{k} convolutions with pooling, which need {0}x{0}; take larger images, \
             a smaller kernel, or an `mlp`",
            3 * k + 1
        ));
    }
    let convolution = |fan_in: usize, fan_out: usize| product(&[product(&[fan_in, k, k]).saturating_add(1), fan_out]);
    let dense = dense::count(spec, product(&[c2, h, w]), classes);
    Ok(convolution(colours, c1).saturating_add(convolution(c1, c2)).saturating_add(dense))
}
