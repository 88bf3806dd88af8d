//! Named parameters in a stable order (candle's `VarMap` has none).
use std::collections::BTreeMap;

use candle_core::Var;
use candle_nn::VarMap;

/// Role of a parameter in its layer; decides what counts in R(α).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Matrix or kernel of a linear layer.
    Weight,
    /// Bias of a linear layer.
    Bias,
    /// Scale γ of a batch normalisation.
    Scale,
    /// Shift β of a batch normalisation.
    Shift,
}

/// The kind of the layer that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Fully connected.
    Dense,
    /// Convolution.
    Convolution {
        /// Places of the image at which the kernel is applied; 784 where a 5x5 kernel meets a 32x32 image.
        positions: usize,
    },
    /// Batch normalisation: no linear layer, so that it never counts in R(α).
    BatchNorm,
}

impl LayerKind {
    /// Number of times that the matrix of the layer holds each of its weights: 1 where it is fully connected.
    #[must_use]
    pub fn positions(self) -> f64 {
        match self {
            Self::Dense | Self::BatchNorm => 1.0,
            Self::Convolution { positions } => positions as f64,
        }
    }
}

/// One trainable tensor of a model.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The layer's name, such as `conv1`.
    pub layer: String,
    /// The layer's kind.
    pub kind: LayerKind,
    /// Role of the tensor in that layer.
    pub role: Role,
    /// The variable itself. Weights have PyTorch's layout: dense (out, in), convolution (out, in, k, k).
    pub var: Var,
}

impl Parameter {
    /// `conv1.weight`, `conv1.bias`, `bn.weight`, ...: PyTorch's names, in which a batch normalisation's scale is its weight.
    #[must_use]
    pub fn name(&self) -> String {
        let role = match self.role {
            Role::Weight | Role::Scale => "weight",
            Role::Bias | Role::Shift => "bias",
        };
        format!("{}.{role}", self.layer)
    }
}

/// All parameters of a model, in the order in which data passes them.
pub type Parameters = Vec<Parameter>;

/// Parameters of a network of `candle_nn`, sorted by name, as a `VarMap` has no order of its own: every tensor `L.weight` of rank 2
/// and more makes a layer `L`, with the bias `L.bias` (rank 1) where there is one. Other tensors, such as those of a normalisation,
/// are left out.
///
/// A rank of 2 makes a fully connected layer, a higher one a convolution. How many positions the kernel has is not in the map: 0
/// stands for unknown.
#[must_use]
pub fn from_varmap(varmap: &VarMap) -> Parameters {
    let variables: BTreeMap<String, Var> = {
        let data = varmap.data().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        data.iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    };
    let mut parameters = Parameters::new();
    for (name, weight) in &variables {
        let layer = match name.strip_suffix("weight") {
            Some("") => "",
            Some(prefix) if prefix.ends_with('.') => &prefix[..prefix.len() - 1],
            _ => continue,
        };
        if weight.rank() < 2 {
            continue;
        }
        let bias = if layer.is_empty() { "bias".to_owned() } else { format!("{layer}.bias") };
        let kind = kind_by_rank(weight);
        let parameter = |role, var: &Var| Parameter { layer: layer.to_owned(), kind, role, var: var.clone() };
        parameters.push(parameter(Role::Weight, weight));
        parameters.extend(variables.get(&bias).filter(|bias| bias.rank() == 1).map(|bias| parameter(Role::Bias, bias)));
    }
    parameters
}

/// Parameters of a network whose weights are these variables, in layers `0`, `1`, ...; as [`from_varmap`].
#[must_use]
pub fn from_weights(weights: &[Var]) -> Parameters {
    let parameter = |(position, var): (usize, &Var)| Parameter {
        layer: position.to_string(),
        kind: kind_by_rank(var),
        role: Role::Weight,
        var: var.clone(),
    };
    weights.iter().enumerate().map(parameter).collect()
}

fn kind_by_rank(weight: &Var) -> LayerKind {
    if weight.rank() > 2 { LayerKind::Convolution { positions: 0 } } else { LayerKind::Dense }
}
