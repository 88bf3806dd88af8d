//! One step of training: model, loss and optimiser together.
//!
//! ```text
//! inputs -> Model -> logits X(α) ----------------+--> MultiScale -> losses -> mean -> backward -> Sgd
//! weights -> ParameterNorm -> log R(α) -> Scales -> multipliers c_k
//! ```
use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor};

use crate::Result;
use crate::loss::margin::Logits;
use crate::loss::{LossSpec, ScaledLogits, Scales, TwoScaleConfig, TwoScaleLoss, host_labels, margin};
use crate::metrics::Evaluation;
use crate::models::{Model, Statistics};
use crate::optimiser::{OptimiserSpec, Sgd, Sharpness};
use crate::options::LossOptions;
use crate::parameters::{Parameter, Role};

mod checkpoint;

/// Report of one step of training: values before the step's update.
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
    loss: TwoScaleLoss,
    optimiser: Sgd,
    /// SAM or ASAM around the optimiser.
    sharpness: Option<Sharpness>,
}

/// A [`Trainer`] in the making, see [`Trainer::builder`].
pub struct TrainerBuilder {
    model: Box<dyn Model>,
    loss: LossSpec,
    options: LossOptions,
    optimiser: OptimiserSpec,
}

impl TrainerBuilder {
    /// Sets the loss; without this call [`LossSpec::single`].
    #[must_use]
    pub fn loss(self, loss: LossSpec) -> Self {
        Self { loss, ..self }
    }

    /// Sets the options of the loss; without this call the default ones.
    #[must_use]
    pub fn options(self, options: LossOptions) -> Self {
        Self { options, ..self }
    }

    /// Sets the optimiser; without this call SGD with the learning rate 0.1 of the paper.
    #[must_use]
    pub fn optimiser(self, optimiser: OptimiserSpec) -> Self {
        Self { optimiser, ..self }
    }

    /// Makes the trainer.
    ///
    /// # Errors
    /// Fails when a setting makes no sense.
    pub fn build(self) -> Result<Trainer> {
        let loss = TwoScaleLoss::with_parameters(
            TwoScaleConfig::new(self.loss, self.options),
            self.model.parameters().clone(),
        )?;
        // First, because it tells every mistake of the specification with its place.
        let optimiser = Sgd::new(&self.optimiser, self.model.parameters(), loss.scales())?;
        let sharpness = self.optimiser.sharpness()?;
        Ok(Trainer { model: self.model, loss, optimiser, sharpness })
    }
}

impl Trainer {
    /// Begins with a network, of any floating type, with the parameters that it has.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use twoscale::loss::LossSpec;
    /// use twoscale::models::ModelSpec;
    /// use twoscale::optimiser::OptimiserSpec;
    /// use twoscale::trainer::Trainer;
    /// # fn main() -> twoscale::Result<()> {
    /// let model = ModelSpec::mlp([100]).build([1, 28, 28], 10, 1, &Device::Cpu)?;
    /// let loss = LossSpec::two_scale([0.1]);
    /// let mut trainer = Trainer::builder(model).loss(loss).optimiser(OptimiserSpec::sgd(0.1)).build()?;
    /// let images = Tensor::ones((2, 1, 28, 28), DType::F32, &Device::Cpu)?;
    /// let step = trainer.step(&images, &Tensor::new(&[3u32, 7], &Device::Cpu)?, 0.1)?;
    /// assert!(step.loss > 0.0 && step.scales.len() == 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn builder(model: Box<dyn Model>) -> TrainerBuilder {
        TrainerBuilder {
            model,
            loss: LossSpec::single(),
            options: LossOptions::default(),
            optimiser: OptimiserSpec::sgd(0.1),
        }
    }

    /// One step of (14), (16) or (18) on a batch: inputs (N, C, H, W), labels (N) u32. `learning_rate` is τ of this step.
    ///
    /// # Errors
    /// Fails when shapes do not fit. A loss that is not finite is no error: the caller sees it in [`Step::loss`].
    pub fn step(&mut self, inputs: &Tensor, labels: &Tensor, learning_rate: f64) -> Result<Step> {
        let labels = host_labels(labels)?;
        let first = self.pass(inputs, &labels, Pass::First)?;
        match self.sharpness {
            None => {
                let (gradients, radial) = (&first.gradients, &first.radial);
                self.optimiser.step(self.model.parameters(), self.loss.scales(), gradients, radial, learning_rate)?;
            }
            Some(sharpness) => {
                let parameters = self.model.parameters();
                let gradients = complete(first.gradients, parameters, &first.radial)?;
                let weights = parameters.iter().map(|p| (&p.var, matches!(p.role, Role::Weight | Role::Scale)));
                let scales = self.loss.scales().parameters().iter();
                let scales = scales.filter(|p| p.trained && sharpness.perturbs_scales()).map(|p| (&p.var, false));
                let perturbed = sharpness.perturb(weights.chain(scales), &gradients)?;
                drop(gradients);
                let moves_statistics = sharpness.second_pass_moves_statistics();
                let second = self.pass(inputs, &labels, Pass::Second { moves_statistics })?;
                // The part along the weights is of the weights of this pass: added before they are put back.
                let gradients = complete(second.gradients, parameters, &second.radial)?;
                perturbed.restore()?;
                self.optimiser.step(parameters, self.loss.scales(), &gradients, &[], learning_rate)?;
            }
        }
        self.loss.end_step();
        Ok(first.step)
    }

    /// Loss and gradients of a batch at the present parameters.
    fn pass(&self, inputs: &Tensor, labels: &[u32], pass: Pass) -> Result<Gradients> {
        let moves_statistics = !matches!(pass, Pass::Second { moves_statistics: false });
        let statistics = if moves_statistics { Statistics::Update } else { Statistics::Keep };
        let logits = self.model.forward_training(inputs, statistics)?;
        let correct = margin::count_correct(&logits, labels)?;
        // R that is kept for several steps is kept for both passes of a step too.
        if pass == Pass::First || self.loss.options().norm.every == 1 {
            self.loss.begin_step()?;
        }
        let norm = self.loss.step_norm()?;
        let log_norm = norm.log.to_scalar::<f64>()?;
        let scales = self.loss.scales().values()?;
        let loss = self.loss.batch(&logits, labels, &norm.log)?;
        let gradients = crate::ops::backward(&loss)?;
        // ∂L/∂w through R(α) = ∂L/∂log R · slope · w.
        let along = gradients.get(&norm.log).map_or(Ok(0.0), Tensor::to_scalar::<f64>)?;
        let radial: Vec<f64> = norm.slopes.iter().map(|slope| along * slope).collect();
        let loss = loss.to_dtype(DType::F64)?.to_scalar()?;
        Ok(Gradients { step: Step { loss, correct, log_norm, scales }, gradients, radial })
    }

    /// Evaluates a batch on the scale R1 and appends to `into`. `superclass[k]` is the super-class of class k.
    ///
    /// Logits are normalised as in training: with R(α) of the present weights, unless the options keep R.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    pub fn evaluate(
        &self,
        inputs: &Tensor,
        labels: &[u32],
        superclass: Option<&[u32]>,
        into: &mut Evaluation,
    ) -> Result<()> {
        self.loss.evaluate_into(&self.model.forward(inputs)?, labels, superclass, into)
    }

    /// Returns what [`Trainer::evaluate`] evaluates of a batch.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    pub fn scaled_logits(&self, inputs: &Tensor) -> Result<ScaledLogits> {
        self.loss.scaled(Logits::new(&self.model.forward(inputs)?)?)
    }

    /// Number of objects of a batch that are correctly classified: the measure during training.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
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
        self.loss.scales()
    }

    /// The loss.
    #[must_use]
    pub fn loss(&self) -> &TwoScaleLoss {
        &self.loss
    }

    /// log R of the normalisation of the present weights, as in [`Step::log_norm`].
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn current_log_norm(&self) -> Result<f64> {
        self.loss.log_norm()
    }
}

/// One of the passes of a step; without SAM or ASAM there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// At the parameters w.
    First,
    /// At w + ε.
    Second { moves_statistics: bool },
}

/// The result of one pass.
struct Gradients {
    step: Step,
    gradients: GradStore,
    /// κ of a further part κ·w of the gradient of every parameter w; may be empty.
    radial: Vec<f64>,
}

/// Gradients with the further part κ·w of each parameter added.
fn complete(mut gradients: GradStore, parameters: &[Parameter], radial: &[f64]) -> Result<GradStore> {
    for (parameter, slope) in parameters.iter().zip(radial).filter(|(_, slope)| **slope != 0.0) {
        let mut gradient = (parameter.var.as_detached_tensor() * *slope)?;
        if let Some(own) = gradients.remove(&parameter.var) {
            gradient = (gradient + own)?;
        }
        gradients.insert(&parameter.var, gradient);
    }
    Ok(gradients)
}
