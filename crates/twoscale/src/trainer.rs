//! One step of training: model, loss, reading and optimiser together.
//!
//! ```text
//! inputs -> Model -> logits X(α) ----------------+--> MultiScale -> losses -> mean -> backward -> Sgd
//! weights -> ModelSize -> log R(α) -> Scales -> multipliers c_k
//! ```
use candle_core::{DType, Device, Tensor, Var};

use crate::loss::margin::{self, Logits};
use crate::loss::{LossSpec, MultiScale, Scales, side_weights};
use crate::metrics::{Evaluation, check_superclasses};
use crate::models::{Model, ModelSpec};
use crate::optimiser::{OptimiserSpec, Sgd};
use crate::reading::{Gate, Mean, Normalisation, Reading};
use crate::size::{ModelSize, Radial};
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
    pub log_size: f64,
    /// R1, R2, ...
    pub scales: Vec<f64>,
}

/// A network in training.
pub struct Trainer {
    model: Box<dyn Model>,
    loss: MultiScale,
    scales: Scales,
    size: ModelSize,
    reading: Reading,
    optimiser: Sgd,
    /// log R(α⁰), before any rescaling.
    initial_log_size: f64,
    /// log R where it is not computed anew at every step.
    log_size: f64,
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
        reading: &Reading,
        optimiser: &OptimiserSpec,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let model = crate::models::build(model, input, classes, seed, device)?;
        Self::with_model(model, loss, reading, optimiser)
    }

    /// Any network, of any floating type, with the parameters that it has.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn with_model(
        model: Box<dyn Model>,
        loss: &LossSpec,
        reading: &Reading,
        optimiser: &OptimiserSpec,
    ) -> Result<Self> {
        validate(reading)?;
        let parameters = model.parameters();
        let size = ModelSize::new(&reading.size, parameters)?;
        let initial_log_size = size.log(parameters)?.to_scalar::<f64>()?;
        let scales = Scales::new(loss, reading, initial_log_size.exp())?;
        let optimiser = Sgd::new(optimiser, parameters, &scales)?;
        let mut log_size = initial_log_size;
        if reading.normalisation == Normalisation::RescaledOnce {
            // α̂⁰ = α⁰ / R^(1/(M-1)): from here on the network's outputs are X̂ themselves.
            let factor = (-initial_log_size / size.layers() as f64).exp();
            for position in size.members() {
                let var = &parameters[*position].var;
                var.set(&(var.as_detached_tensor() * factor)?)?;
            }
            log_size = 0.0;
        }
        let loss = MultiScale::new(&loss.thresholds, loss.inner)?;
        Ok(Self {
            model,
            loss,
            scales,
            size,
            reading: reading.clone(),
            optimiser,
            initial_log_size,
            log_size,
            steps: 0,
        })
    }

    /// One step of (14), (16) or (18) on a batch: inputs (N, C, H, W), labels (N) u32. `step_size` is τ of this step.
    ///
    /// # Errors
    /// When shapes do not fit. A loss that is not finite is no error: the caller sees it in [`Step::loss`].
    pub fn step(&mut self, inputs: &Tensor, labels: &Tensor, step_size: f64) -> Result<Step> {
        let labels = labels.to_vec1::<u32>()?;
        if labels.is_empty() {
            return Err(Error::Setting("a batch without objects: give at least one".into()));
        }
        let logits = self.model.forward(inputs)?;
        let correct = margin::count_correct(&logits, &labels)?;
        let size = self.size_of_step()?;
        let log_size = size.log.to_scalar::<f64>()?;
        let scales = self.scales.values()?;
        let multipliers = self.scales.multipliers(&size.log)?;
        let factor = self.gate_factor(scales[0], log_size);
        let losses = self.loss.per_object(&logits, &labels, &multipliers, factor)?;
        let loss = match self.reading.mean {
            Mean::Batch => losses.mean_all()?,
            mean => {
                let weights = side_weights(mean, &self.loss.sides(&logits, &labels, factor)?);
                let weights = Tensor::new(weights, losses.device())?.to_dtype(losses.dtype())?;
                (losses * weights)?.sum_all()?
            }
        };
        let gradients = crate::ops::backward(&loss)?;
        // ∂L/∂w through R(α) = ∂L/∂log R · slope · w.
        let along = gradients.get(&size.log).map_or(Ok(0.0), Tensor::to_scalar::<f64>)?;
        let radial: Vec<f64> = size.slopes.iter().map(|slope| along * slope).collect();
        self.optimiser.step(self.model.parameters(), &self.scales, &gradients, &radial, step_size)?;
        self.steps += 1;
        let loss = loss.to_dtype(DType::F64)?.to_scalar()?;
        Ok(Step { loss, correct, log_size, scales })
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
        let log_size = self.present_log_size()?;
        let multiplier = self.scales.values()?[0] * (-log_size).exp();
        logits.for_each_row(|i, x| into.push(x, labels[i], superclass, multiplier, log_size.exp()));
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

    /// log R of the normalisation of the present weights, as in [`Step::log_size`].
    ///
    /// # Errors
    /// When an operation fails.
    pub fn present_log_size(&self) -> Result<f64> {
        Ok(if self.computes_size_at_every_step() {
            self.size.log(self.model.parameters())?.to_scalar()?
        } else {
            self.log_size
        })
    }

    fn checked_logits(&self, inputs: &Tensor, labels: &[u32]) -> Result<Logits> {
        margin::check(&self.model.forward(inputs)?, labels)
    }

    /// Whether R follows the weights step by step.
    fn computes_size_at_every_step(&self) -> bool {
        match self.reading.normalisation {
            Normalisation::Through => true,
            Normalisation::Detached => self.reading.size.every == 1,
            Normalisation::Direct | Normalisation::RescaledOnce => false,
        }
    }

    /// log R as this step's loss sees it.
    fn size_of_step(&mut self) -> Result<SizeOfStep> {
        let parameters = self.model.parameters();
        if self.reading.normalisation == Normalisation::Through {
            return Ok(match self.size.radial(parameters)? {
                Some(Radial { log, slopes }) => SizeOfStep { log: Var::new(log, &Device::Cpu)?.into_inner(), slopes },
                None => SizeOfStep { log: self.size.log(parameters)?, slopes: Vec::new() },
            });
        }
        let due = self.steps.is_multiple_of(self.reading.size.every as u64);
        if self.reading.normalisation == Normalisation::Detached && due {
            self.log_size = self.size.log(parameters)?.to_scalar()?;
        }
        Ok(SizeOfStep { log: Tensor::new(self.log_size, &Device::Cpu)?, slopes: Vec::new() })
    }

    /// What the margins δX are multiplied with before they are compared with the thresholds.
    fn gate_factor(&self, first_scale: f64, log_size: f64) -> f64 {
        match self.reading.gate {
            Gate::Raw => 1.0,
            Gate::Normalised => (-log_size).exp(),
            Gate::Scaled => first_scale * (-log_size).exp(),
        }
    }
}

/// log R in the graph of one step's loss.
struct SizeOfStep {
    /// A constant, a function of the weights, or, where `slopes` are known, a variable of its own.
    log: Tensor,
    /// ∂log R/∂w = slope·w for every parameter; empty where the graph holds the gradient, or there is none.
    slopes: Vec<f64>,
}

fn validate(reading: &Reading) -> Result<()> {
    match (reading.size.every, reading.normalisation) {
        (0, _) => Err(Error::Setting("size: every 0 steps: take 1 to compute R(α) at every step".into())),
        (1, _) | (_, Normalisation::Detached) => Ok(()),
        (every, _) => Err(Error::Setting(format!(
            "size: every {every} steps needs `normalisation: detached`: otherwise R(α) is part of every step's gradient, or never changes"
        ))),
    }
}
