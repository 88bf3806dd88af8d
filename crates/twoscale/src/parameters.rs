//! Named parameters in a stable order (candle's `VarMap` has none).
use candle_core::Var;

/// What a parameter is; decides what counts in R(α) and what ASAM scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Matrix or kernel of a linear layer.
    Weight,
    /// Bias of a linear layer.
    Bias,
}

/// The kind of the linear layer that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Fully connected.
    Dense,
    /// Convolution.
    Convolution,
}

/// One trainable tensor of a model.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The layer's name, such as `conv1`.
    pub layer: String,
    /// The layer's kind.
    pub kind: LayerKind,
    /// Weight or bias.
    pub role: Role,
    /// The variable itself. Weights have PyTorch's layout: dense (out, in), convolution (out, in, k, k).
    pub var: Var,
}

impl Parameter {
    /// `conv1.weight`, `conv1.bias`, ...
    #[must_use]
    pub fn name(&self) -> String {
        let role = match self.role {
            Role::Weight => "weight",
            Role::Bias => "bias",
        };
        format!("{}.{role}", self.layer)
    }
}

/// All parameters of a model, in the order in which data passes them.
pub type Parameters = Vec<Parameter>;
