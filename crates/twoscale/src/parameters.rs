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
    Convolution {
        /// Places of the image at which the kernel is applied; 784 where a 5x5 kernel meets a 32x32 image.
        positions: usize,
    },
}

impl LayerKind {
    /// How many times the matrix of the layer holds each of its weights: 1 where it is fully connected.
    #[must_use]
    pub fn positions(self) -> f64 {
        match self {
            Self::Dense => 1.0,
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
