//! Fresh parameters, one after the other.
use candle_core::{DType, Device, Tensor, Var};

use super::batch_norm::BatchNorm;
use super::{Buffer, ModelSpec};
use crate::Result;
use crate::parameters::{LayerKind, Parameter, Parameters, Role};

/// Makes the parameters of a network in the order in which data passes them; each has a random stream of its own.
pub(super) struct Factory<'a> {
    pub spec: &'a ModelSpec,
    pub seed: u64,
    pub dtype: DType,
    pub device: &'a Device,
    pub made: Parameters,
}

impl Factory<'_> {
    /// A layer's weight of this shape, (out, in) or (out, in, k, k), and its bias if the network has biases.
    pub fn layer(&mut self, name: &str, kind: LayerKind, shape: &[usize]) -> Result<()> {
        let taps: usize = shape.iter().skip(2).product();
        let (fan_in, fan_out) = (shape[1] * taps, shape[0] * taps);
        let index = self.made.len() as u64;
        let weight = self.spec.initialisation.fill(shape, fan_in, fan_out, self.seed, index);
        self.push(name, kind, Role::Weight, weight, shape)?;
        if self.spec.biases {
            let shape = &shape[..1];
            let bias = self.spec.bias_initialisation.fill(shape, fan_in, self.seed, index + 1);
            self.push(name, kind, Role::Bias, bias, shape)?;
        }
        Ok(())
    }

    /// A convolution's weight (out, in, k, k), applied at `positions` places, without a bias; its position.
    pub fn convolution(&mut self, name: &str, positions: usize, shape: &[usize; 4]) -> Result<usize> {
        let taps = shape[2] * shape[3];
        let index = self.made.len();
        let values = self.spec.initialisation.fill(shape, shape[1] * taps, shape[0] * taps, self.seed, index as u64);
        self.push(name, LayerKind::Convolution { positions }, Role::Weight, values, shape)?;
        Ok(index)
    }

    /// A layer of zeros: its weight and, if the network has biases, its bias.
    pub fn zeros(&mut self, name: &str, kind: LayerKind, shape: &[usize; 2]) -> Result<()> {
        self.push(name, kind, Role::Weight, vec![0.0; shape[0] * shape[1]], shape)?;
        if self.spec.biases {
            self.push(name, kind, Role::Bias, vec![0.0; shape[0]], &shape[..1])?;
        }
        Ok(())
    }

    /// A batch normalisation of so many channels, γ = 1 and β = 0; its running statistics are added to `buffers`.
    pub fn batch_norm(&mut self, name: &str, channels: usize, buffers: &mut Vec<Buffer>) -> Result<BatchNorm> {
        let scale = self.made.len();
        self.push(name, LayerKind::BatchNorm, Role::Scale, vec![1.0; channels], &[channels])?;
        self.push(name, LayerKind::BatchNorm, Role::Shift, vec![0.0; channels], &[channels])?;
        let mean = Var::zeros(channels, self.dtype, self.device)?;
        let variance = Var::ones(channels, self.dtype, self.device)?;
        let norm = BatchNorm { scale, mean, variance };
        buffers.extend(norm.buffers(name));
        Ok(norm)
    }

    fn push(&mut self, name: &str, kind: LayerKind, role: Role, values: Vec<f32>, shape: &[usize]) -> Result<()> {
        let values = Tensor::from_vec(values, shape, self.device)?.to_dtype(self.dtype)?;
        let var = Var::from_tensor(&values)?;
        self.made.push(Parameter { layer: name.to_owned(), kind, role, var });
        Ok(())
    }
}

/// Weight and bias of the layer at `index`, counted from the first parameter of `parameters`.
pub(super) fn layer(parameters: &[Parameter], index: usize, biases: bool) -> (&Tensor, Option<&Tensor>) {
    if biases {
        (parameters[2 * index].var.as_tensor(), Some(parameters[2 * index + 1].var.as_tensor()))
    } else {
        (parameters[index].var.as_tensor(), None)
    }
}
