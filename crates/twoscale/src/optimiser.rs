//! Stochastic gradient descent with momentum and weight decay, over named parameters in a stable order, and sharpness-aware
//! minimisation around it.
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::finding::{Findings, KeyPath, number};
use crate::loss::Scales;
use crate::ops::sgd_update;
use crate::parameters::Parameter;

mod sharpness;

pub use sharpness::{AsamSpec, Operator, Perturbed, SamSpec, Sharpness, StatisticsOf};

/// SGD as PyTorch defines it: g ← g + λ w; v ← μ v + g (v = g at first); w ← w - τ v.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptimiserSpec {
    /// τ (0.1 in the paper).
    pub learning_rate: f64,
    /// μ.
    #[serde(default)]
    pub momentum: f64,
    /// λ; acts on weights and biases, not on the scales.
    #[serde(default)]
    pub weight_decay: f64,
    /// SAM around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam: Option<SamSpec>,
    /// ASAM around it, the optimiser of figures 1, 2, 11 and 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asam: Option<AsamSpec>,
}

impl OptimiserSpec {
    /// SGD of this learning rate, without momentum and weight decay.
    #[must_use]
    pub fn sgd(learning_rate: f64) -> Self {
        Self { learning_rate, momentum: 0.0, weight_decay: 0.0, sam: None, asam: None }
    }

    /// The same with momentum μ.
    #[must_use]
    pub fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// The same with ASAM around it.
    #[must_use]
    pub fn with_asam(self, asam: AsamSpec) -> Self {
        Self { asam: Some(asam), ..self }
    }

    /// The same with weight decay λ.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Lists the numbers that make no sense: the learning rate must be greater than 0, 0 ≤ μ < 1, λ ≥ 0.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        findings.require_positive(self.learning_rate, &top.key("learning-rate"));
        let momentum = self.momentum;
        let reason = format!("must be in [0, 1), is {}", number(momentum));
        findings.require((0.0..1.0).contains(&momentum), &top.key("momentum"), reason);
        let decay = self.weight_decay;
        let reason = format!("must be 0 or more, is {}", number(decay));
        findings.require(decay.is_finite() && decay >= 0.0, &top.key("weight-decay"), reason);
        if let Some(sam) = self.sam {
            findings.add(sam.findings(), &top.key("sam"));
        }
        if let Some(asam) = self.asam {
            findings.add(asam.findings(), &top.key("asam"));
        }
        let both = self.sam.is_some() && self.asam.is_some();
        findings.require(!both, &top.key("sam"), "`sam` and `asam` exclude each other; take one");
        findings
    }

    /// SAM or ASAM, if either is asked for.
    ///
    /// # Errors
    /// Fails when its numbers make no sense.
    pub fn sharpness(&self) -> Result<Option<Sharpness>> {
        match (self.sam, self.asam) {
            (None, None) => Ok(None),
            (Some(spec), _) => Sharpness::sam(spec).map(Some),
            (None, Some(spec)) => Sharpness::asam(spec).map(Some),
        }
    }
}

/// SGD on the parameters of a model and on the scales of its loss.
///
/// Both follow the same rule, except that weight decay does not act on scales. A parameter that the loss does not depend
/// on has gradient zero: momentum still moves the parameter, as in PyTorch where the loss masks it out.
#[derive(Clone, Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    /// v of every parameter; empty without momentum.
    velocities: Vec<Var>,
    /// v of every scale parameter.
    scale_velocities: Vec<f64>,
}

impl Sgd {
    /// SGD with velocities of zero.
    ///
    /// # Errors
    /// Fails when a setting makes no sense or memory cannot be had.
    pub fn new(spec: &OptimiserSpec, parameters: &[Parameter], scales: &Scales) -> Result<Self> {
        spec.findings().under(&KeyPath::top().key("optimiser")).into_result()?;
        let velocities = if spec.momentum == 0.0 {
            Vec::new()
        } else {
            parameters.iter().map(|p| Ok(Var::from_tensor(&p.var.zeros_like()?)?)).collect::<Result<_>>()?
        };
        Ok(Self {
            momentum: spec.momentum,
            weight_decay: spec.weight_decay,
            velocities,
            scale_velocities: vec![0.0; scales.parameters().len()],
        })
    }

    /// One step with the learning rate τ along the gradients of a loss. Scales that are not trained stay.
    ///
    /// `slopes` holds, for every parameter w, the κ of a further part κ·w of its gradient (see
    /// [`crate::norm::ParameterNorm::log_with_slopes`]); `slopes` may be empty.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn step(
        &mut self,
        parameters: &[Parameter],
        scales: &Scales,
        gradients: &GradStore,
        slopes: &[f64],
        learning_rate: f64,
    ) -> Result<()> {
        for (position, parameter) in parameters.iter().enumerate() {
            let gradient = match gradients.get(&parameter.var) {
                Some(gradient) => gradient.clone(),
                None => parameter.var.zeros_like()?,
            };
            let velocity = self.velocities.get(position);
            let decay = self.weight_decay + slopes.get(position).copied().unwrap_or(0.0);
            sgd_update(&parameter.var, &gradient, velocity, learning_rate, self.momentum, decay)?;
        }
        for (parameter, velocity) in scales.parameters().iter().zip(&mut self.scale_velocities) {
            if !parameter.trained {
                continue;
            }
            let gradient = gradients.get(&parameter.var).map_or(Ok(0.0), Tensor::to_scalar::<f64>)?;
            *velocity = self.momentum * *velocity + gradient;
            let value = parameter.var.to_scalar::<f64>()? - learning_rate * *velocity;
            parameter.var.set(&Tensor::new(value, &Device::Cpu)?)?;
        }
        Ok(())
    }

    /// Velocities of the parameters, in their order; empty without momentum.
    #[must_use]
    pub fn velocities(&self) -> &[Var] {
        &self.velocities
    }

    /// Velocities of the scale parameters, in their order.
    #[must_use]
    pub fn scale_velocities(&self) -> &[f64] {
        &self.scale_velocities
    }

    /// Takes over the velocity of a scale parameter from a checkpoint.
    pub(crate) fn set_scale_velocity(&mut self, position: usize, velocity: f64) {
        self.scale_velocities[position] = velocity;
    }
}
