use candle_core::{DType, Device, Tensor};

use super::factory::{Factory, layer};
use super::{LastActivation, Model, ModelSpec, dense};
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
    /// When the image is too small for two convolutions and pools, or a channel number is zero.
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
        if c1 == 0 || c2 == 0 || k == 0 {
            return Err(Error::Setting(format!(
                "channels: {:?}, kernel: {k}: LeNet-5 needs at least one channel in each convolution and a kernel of at least 1",
                spec.channels
            )));
        }
        let convolved = |side: usize| (side + 1).saturating_sub(k);
        let first = [height, width].map(convolved);
        let second = first.map(|side| convolved(side / 2));
        let [h, w] = second.map(|side| side / 2);
        if h == 0 || w == 0 {
            return Err(Error::Setting(format!(
                "an image of {height}x{width} is too small for LeNet-5 with {k}x{k} kernels: it needs at least {0}x{0}; take larger \
                 images or a smaller kernel",
                3 * k + 1
            )));
        }
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
