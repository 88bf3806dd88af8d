use candle_core::{DType, Device, Tensor};

use super::factory::Factory;
use super::{LastActivation, Model, ModelSpec, dense};
use crate::Result;
use crate::finding::KeyPath;
use crate::parameters::Parameters;

/// Dense layers `fc1`, `fc2`, ... with ReLU between them: 784-100-10 on MNIST in the paper.
#[derive(Clone, Debug)]
pub struct Mlp {
    parameters: Parameters,
    inputs: usize,
    biases: bool,
    last: LastActivation,
}

impl Mlp {
    /// A network C·H·W - hidden widths - `classes` with fresh parameters.
    ///
    /// # Errors
    /// Fails when a parameter cannot be made.
    pub fn new(
        spec: &ModelSpec,
        input: [usize; 3],
        classes: usize,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        spec.findings_for(input, classes).under(&KeyPath::top().key("model")).into_result()?;
        let inputs = input.iter().product();
        let mut factory = Factory { spec, seed, dtype, device, made: Vec::new() };
        dense::make(&mut factory, inputs, classes)?;
        Ok(Self { parameters: factory.made, inputs, biases: spec.biases, last: spec.last_activation })
    }
}

impl Model for Mlp {
    /// Inputs (N, C, H, W) or (N, C·H·W).
    fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        let x = if inputs.rank() > 2 { inputs.flatten_from(1)? } else { inputs.clone() };
        if x.dims().get(1) != Some(&self.inputs) {
            return Err(crate::Error::Setting(format!(
                "a dense network of {} inputs was given objects of shape {:?}",
                self.inputs,
                inputs.dims()
            )));
        }
        dense::forward(&self.parameters, self.biases, self.last, x)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}
