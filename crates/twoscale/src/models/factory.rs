//! Fresh parameters, one after the other.
use candle_core::{DType, Device, Tensor, Var};

use super::ModelSpec;
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
