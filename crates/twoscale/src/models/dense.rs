//! A chain of dense layers, `fc1`, `fc2`, ...: the whole of an MLP, the end of LeNet-5.
use candle_core::Tensor;

use super::factory::{Factory, layer};
use super::{LastActivation, ModelSpec};
use crate::Result;
use crate::ops::{Activation, linear};
use crate::parameters::{LayerKind, Parameter};

/// Makes the layers `inputs` - hidden widths - `classes`.
pub(super) fn make(factory: &mut Factory, inputs: usize, classes: usize) -> Result<()> {
    let hidden = factory.spec.hidden.clone();
    let mut width = inputs;
    for (i, next) in hidden.into_iter().chain([classes]).enumerate() {
        factory.layer(&format!("fc{}", i + 1), LayerKind::Dense, &[next, width])?;
        width = next;
    }
    Ok(())
}

/// Number of weights and biases of the layers `inputs` - hidden widths - `classes`.
pub(super) fn count(spec: &ModelSpec, inputs: usize, classes: usize) -> usize {
    let widths: Vec<usize> = std::iter::once(inputs).chain(spec.hidden.iter().copied()).chain([classes]).collect();
    widths.windows(2).fold(0, |sum: usize, pair| sum.saturating_add(pair[0].saturating_add(1).saturating_mul(pair[1])))
}

/// Runs x (N, in) through the layers of `parameters`, ReLU between them, `last` at the end.
pub(super) fn forward(parameters: &[Parameter], biases: bool, last: LastActivation, x: Tensor) -> Result<Tensor> {
    let layers = parameters.len() / if biases { 2 } else { 1 };
    let mut x = x;
    for i in 0..layers {
        let (w, b) = layer(parameters, i, biases);
        let relu = i + 1 < layers || last == LastActivation::Relu;
        x = linear(&x, w, b, if relu { Activation::Relu } else { Activation::None })?;
    }
    Ok(if last == LastActivation::Abs { x.abs()? } else { x })
}

/// The last dense layer alone: x (N, in), w (K, in), b (K), with the activation `last`.
pub(super) fn logits(x: &Tensor, w: &Tensor, b: Option<&Tensor>, last: LastActivation) -> Result<Tensor> {
    let relu = last == LastActivation::Relu;
    let x = linear(x, w, b, if relu { Activation::Relu } else { Activation::None })?;
    Ok(if last == LastActivation::Abs { x.abs()? } else { x })
}
