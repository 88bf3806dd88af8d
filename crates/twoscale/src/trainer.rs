//! One step of training: model, loss, reading and optimiser together.
//!
//! ```text
//! inputs -> Model -> logits X(α) ----------------+--> MultiScale -> losses -> mean -> backward -> Sgd
//! weights -> ParameterNorm -> log R(α) -> Scales -> multipliers c_k
//! ```
use candle_core::{DType, Device, Tensor, Var};

use crate::loss::margin::{self, Logits};
use crate::loss::{LossSpec, MultiScale, Scales, reduction_weights};
use crate::metrics::{Evaluation, check_superclasses};
use crate::models::{Model, ModelSpec};
use crate::norm::{NormGradient, ParameterNorm};
use crate::optimiser::{OptimiserSpec, Sgd};
use crate::options::{Gate, LossOptions, Normalisation, Reduction};
use crate::{Error, Result};

mod checkpoint;

/// What one step of training reports: values before the step's update.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Objects of the batch that are correctly classified (argmax, the first of equals).
    pub correct: usize,
    /// log R of the normalisation X̂ = X(α)/R: log R(α), or log R(α⁰) (`direct`), or 0 (`rescaled-once`).
    pub log_norm: f64,
    /// R1, R2, ...
    pub scales: Vec<f64>,
}

/// A network in training.
pub struct Trainer {
    model: Box<dyn Model>,
    loss: MultiScale,
    scales: Scales,
    norm: ParameterNorm,
    options: LossOptions,
    optimiser: Sgd,
    /// log R(α⁰), before any rescaling.
    initial_log_norm: f64,
    /// log R where it is not computed anew at every step.
    log_norm: f64,
    steps: u64,
}

impl Trainer {
    /// A network with fresh parameters from the streams of `seed`; `input` is (C, H, W).
    ///
    /// # Errors
    /// When a setting makes no sense.
    #[expect(clippy::too_many_arguments, reason = "each is one part of a run's specification")]
    pub fn new(
        model: &ModelSpec,
        input: [usize; 3],
        classes: usize,
        loss: &LossSpec,
        options: &LossOptions,
        optimiser: &OptimiserSpec,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let model = crate::models::build(model, input, classes, seed, device)?;
        Self::with_model(model, loss, options, optimiser)
    }

    /// Any network, of any floating type, with the parameters that it has.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn with_model(
        model: Box<dyn Model>,
        loss: &LossSpec,
        options: &LossOptions,
        optimiser: &OptimiserSpec,
    ) -> Result<Self> {
        validate(options)?;
        let parameters = model.parameters();
        let norm = ParameterNorm::new(&options.norm, parameters)?;
        let initial_log_norm = norm.log(parameters)?.to_scalar::<f64>()?;
        let scales = Scales::new(loss, options, initial_log_norm.exp())?;
        let optimiser = Sgd::new(optimiser, parameters, &scales)?;
        let mut log_norm = initial_log_norm;
        if options.normalisation == Normalisation::RescaledOnce {
            // α̂⁰ = α⁰ / R^(1/(M-1)): from here on the network's outputs are X̂ themselves.
            let factor = (-initial_log_norm / norm.layers() as f64).exp();
            for position in norm.members() {
                let var = &parameters[*position].var;
                var.set(&(var.as_detached_tensor() * factor)?)?;
            }
            log_norm = 0.0;
        }
        let loss = MultiScale::new(&loss.thresholds, loss.inner)?;
        Ok(Self {
            model,
            loss,
            scales,
            norm,
            options: options.clone(),
            optimiser,
            initial_log_norm,
            log_norm,
            steps: 0,
        })
    }

    /// One step of (14), (16) or (18) on a batch: inputs (N, C, H, W), labels (N) u32. `learning_rate` is τ of this step.
    ///
    /// # Errors
    /// When shapes do not fit. A loss that is not finite is no error: the caller sees it in [`Step::loss`].
    pub fn step(&mut self, inputs: &Tensor, labels: &Tensor, learning_rate: f64) -> Result<Step> {
        let labels = labels.to_vec1::<u32>()?;
        if labels.is_empty() {
            return Err(Error::Setting("a batch without objects: give at least one".into()));
        }
        let logits = self.model.forward(inputs)?;
        let correct = margin::count_correct(&logits, &labels)?;
        let norm = self.step_norm()?;
        let log_norm = norm.log.to_scalar::<f64>()?;
        let scales = self.scales.values()?;
        let multipliers = self.scales.multipliers(&norm.log)?;
        let factor = self.gate_factor(scales[0], log_norm);
        let losses = self.loss.per_object(&logits, &labels, &multipliers, factor)?;
        let loss = match self.options.reduction {
            Reduction::Mean => losses.mean_all()?,
            reduction => {
                let weights = reduction_weights(reduction, &self.loss.sides(&logits, &labels, factor)?);
                let weights = Tensor::new(weights, losses.device())?.to_dtype(losses.dtype())?;
                (losses * weights)?.sum_all()?
            }
        };
        let gradients = crate::ops::backward(&loss)?;
        // ∂L/∂w through R(α) = ∂L/∂log R · slope · w.
        let along = gradients.get(&norm.log).map_or(Ok(0.0), Tensor::to_scalar::<f64>)?;
        let radial: Vec<f64> = norm.slopes.iter().map(|slope| along * slope).collect();
        self.optimiser.step(self.model.parameters(), &self.scales, &gradients, &radial, learning_rate)?;
        self.steps += 1;
        let loss = loss.to_dtype(DType::F64)?.to_scalar()?;
        Ok(Step { loss, correct, log_norm, scales })
    }

    /// Evaluates a batch on the scale R1 and appends to `into`. `superclass[k]` is the super-class of class k.
    ///
    /// Logits are normalised as in training: with R(α) of the present weights, unless the reading keeps R.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn evaluate(
        &self,
        inputs: &Tensor,
        labels: &[u32],
        superclass: Option<&[u32]>,
        into: &mut Evaluation,
    ) -> Result<()> {
        let logits = self.checked_logits(inputs, labels)?;
        check_superclasses(superclass, logits.classes())?;
        let log_norm = self.current_log_norm()?;
        let multiplier = self.scales.values()?[0] * (-log_norm).exp();
        logits.for_each_row(|i, x| into.push(x, labels[i], superclass, multiplier, log_norm.exp()));
        Ok(())
    }

    /// Objects of a batch that are correctly classified: what is measured during training.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn count_correct(&self, inputs: &Tensor, labels: &[u32]) -> Result<usize> {
        margin::count_correct(&self.model.forward(inputs)?, labels)
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// The scales R1, R2, ...
    #[must_use]
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// log R of the normalisation of the present weights, as in [`Step::log_norm`].
    ///
    /// # Errors
    /// When an operation fails.
    pub fn current_log_norm(&self) -> Result<f64> {
        Ok(if self.computes_norm_at_every_step() {
            self.norm.log(self.model.parameters())?.to_scalar()?
        } else {
            self.log_norm
        })
    }

    fn checked_logits(&self, inputs: &Tensor, labels: &[u32]) -> Result<Logits> {
        margin::check(&self.model.forward(inputs)?, labels)
    }

    /// Whether R follows the weights step by step.
    fn computes_norm_at_every_step(&self) -> bool {
        match self.options.normalisation {
            Normalisation::Through => true,
            Normalisation::Detached => self.options.norm.every == 1,
            Normalisation::Direct | Normalisation::RescaledOnce => false,
        }
    }

    /// log R as this step's loss sees it.
    fn step_norm(&mut self) -> Result<StepNorm> {
        let parameters = self.model.parameters();
        if self.options.normalisation == Normalisation::Through {
            return Ok(match self.norm.log_with_slopes(parameters)? {
                Some(NormGradient { log, slopes }) => {
                    StepNorm { log: Var::new(log, &Device::Cpu)?.into_inner(), slopes }
                }
                None => StepNorm { log: self.norm.log(parameters)?, slopes: Vec::new() },
            });
        }
        let due = self.steps.is_multiple_of(self.options.norm.every as u64);
        if self.options.normalisation == Normalisation::Detached && due {
            self.log_norm = self.norm.log(parameters)?.to_scalar()?;
        }
        Ok(StepNorm { log: Tensor::new(self.log_norm, &Device::Cpu)?, slopes: Vec::new() })
    }

    /// What the margins δX are multiplied with before they are compared with the thresholds.
    fn gate_factor(&self, first_scale: f64, log_norm: f64) -> f64 {
        match self.options.gate {
            Gate::Raw => 1.0,
            Gate::Normalised => (-log_norm).exp(),
            Gate::Scaled => first_scale * (-log_norm).exp(),
        }
    }
}

/// log R in the graph of one step's loss.
struct StepNorm {
    /// A constant, a function of the weights, or, where `slopes` are known, a variable of its own.
    log: Tensor,
    /// ∂log R/∂w = slope·w for every parameter; empty where the graph holds the gradient, or there is none.
    slopes: Vec<f64>,
}

fn validate(options: &LossOptions) -> Result<()> {
    match (options.norm.every, options.normalisation) {
        (0, _) => Err(Error::Setting("norm: every 0 steps: take 1 to compute R(α) at every step".into())),
        (1, _) | (_, Normalisation::Detached) => Ok(()),
        (every, _) => Err(Error::Setting(format!(
            "norm: every {every} steps needs `normalisation: detached`: otherwise R(α) is part of every step's gradient, or never changes"
        ))),
    }
}
