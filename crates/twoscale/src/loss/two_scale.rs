//! [`TwoScaleLoss`]: scales, gate, norm and reduction together, for any network and any optimiser.
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;

use super::margin::{self, Logits};
use super::{LossSpec, MultiScale, ScaledLogits, Scales};
use crate::finding::{Findings, KeyPath};
use crate::metrics::{Evaluation, check_superclasses};
use crate::norm::{NormGradient, ParameterNorm};
use crate::options::{Layers, LossOptions, Normalisation};
use crate::parameters::{LayerKind, Parameter, Parameters, Role, from_varmap, from_weights};
use crate::{Error, Result};

/// Specification of a [`TwoScaleLoss`]: the loss, and the options of its norm, gate, scales and reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoScaleConfig {
    /// Kind, thresholds, ratio of the scales, inner loss.
    pub loss: LossSpec,
    /// Normalisation, norm, gate, training of the scales, reduction.
    pub options: LossOptions,
}

impl TwoScaleConfig {
    /// A loss with the given options.
    #[must_use]
    pub fn new(loss: LossSpec, options: LossOptions) -> Self {
        Self { loss, options }
    }
}

/// The default options, except that R(α) counts every layer, as eq. (9) says.
impl From<LossSpec> for TwoScaleConfig {
    fn from(loss: LossSpec) -> Self {
        let mut options = LossOptions::default();
        options.norm.layers = Layers::All;
        Self { loss, options }
    }
}

/// A multi-scale loss (13)-(18) of any network: R(α) follows the network's weights, the scales are variables for any optimiser.
///
/// ```text
/// logits X(α) ----------------------------------------------------+--> MultiScale -> losses -> Reduction -> loss
/// weights -> ParameterNorm -> log R(α) -> Scales -> multipliers --+
/// ```
///
/// Scales begin at R1 = R(α⁰) of the weights that the network has when the loss is made, R_{k+1} = ratio·R_k.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{Module, Optimizer, SGD, VarBuilder, VarMap, linear};
/// use twoscale::loss::{LossSpec, TwoScaleLoss};
/// # fn main() -> twoscale::Result<()> {
/// let varmap = VarMap::new();
/// let network = linear(4, 3, VarBuilder::from_varmap(&varmap, DType::F32, &Device::Cpu).pp("fc1"))?;
/// let loss = TwoScaleLoss::new(LossSpec::two_scale([0.1]), &varmap)?;
/// let mut optimiser = SGD::new([varmap.all_vars(), loss.vars()].concat(), 0.1)?;
/// let inputs = Tensor::rand(0f32, 1.0, (8, 4), &Device::Cpu)?;
/// let labels = Tensor::new(&[0u32, 1, 2, 0, 1, 2, 0, 1], &Device::Cpu)?;
/// optimiser.backward_step(&loss.forward(&network.forward(&inputs)?, &labels)?)?;
/// assert_eq!(loss.scales().values()?.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TwoScaleLoss {
    loss: MultiScale,
    scales: Scales,
    norm: ParameterNorm,
    options: LossOptions,
    parameters: Parameters,
    kept: Mutex<Kept>,
}

/// Numbers that last from one batch to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kept {
    /// log R(α⁰), before any rescaling.
    pub initial_log_norm: f64,
    /// log R where R is not computed anew for every batch.
    pub log_norm: f64,
    /// Batches so far.
    pub steps: u64,
}

/// log R in the graph of one batch's loss.
pub(crate) struct StepNorm {
    /// A constant, a function of the weights, or, where `slopes` are known, a variable of its own.
    pub log: Tensor,
    /// ∂log R/∂w = slope·w for every parameter; empty where the graph holds the gradient, or there is none.
    pub slopes: Vec<f64>,
}

impl TwoScaleLoss {
    /// The loss of a network whose weights are the `*.weight` tensors of rank 2 and more in `varmap`, sorted by name.
    ///
    /// A tensor `fc1.weight` makes a layer `fc1`, with the bias `fc1.bias` where there is one: fully connected where it has two
    /// dimensions (out, in), else a convolution. [`Layers`] says which layers count; `config` may be a [`LossSpec`] alone.
    ///
    /// # Errors
    /// Fails when a setting makes no sense, no layer counts, or the norm is a Toeplitz one and a convolution counts: the size of its image
    /// is not in the map, see [`TwoScaleLoss::with_parameters`].
    pub fn new(config: impl Into<TwoScaleConfig>, varmap: &VarMap) -> Result<Self> {
        Self::with_parameters(config, from_varmap(varmap))
    }

    /// The loss of a network with these weights, the layers `0`, `1`, ... in their order.
    ///
    /// # Errors
    /// Fails as [`TwoScaleLoss::new`].
    pub fn with_weights(config: impl Into<TwoScaleConfig>, weights: &[Var]) -> Result<Self> {
        Self::with_parameters(config, from_weights(weights))
    }

    /// The loss of a network with these parameters.
    ///
    /// # Errors
    /// Fails when a setting makes no sense, or no layer counts.
    pub fn with_parameters(config: impl Into<TwoScaleConfig>, parameters: Parameters) -> Result<Self> {
        let TwoScaleConfig { loss, options } = config.into();
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        findings.add(loss.findings(), &top.key("loss"));
        findings.add(options.findings(), &top.key("loss-options"));
        findings.into_result()?;
        let norm = ParameterNorm::new(&options.norm, &parameters)?;
        let initial_log_norm = norm.log(&parameters)?.to_scalar::<f64>()?;
        if initial_log_norm == f64::NEG_INFINITY {
            refuse_zero_layer(&norm, &parameters)?;
        }
        let has_batch_norm = parameters.iter().any(|p| p.kind == LayerKind::BatchNorm);
        if options.normalisation == Normalisation::RescaledOnce && has_batch_norm {
            return Err(Error::Setting(
                "normalisation: `rescaled-once` divides the weights, which batch normalisation undoes: take `direct`, which divides \
                 the logits by R(α⁰)"
                    .into(),
            ));
        }
        let scales = Scales::new(&loss, &options, initial_log_norm.exp())?;
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
        let kept = Mutex::new(Kept { initial_log_norm, log_norm, steps: 0 });
        Ok(Self { loss, scales, norm, options, parameters, kept })
    }

    /// The loss of a batch of training, without dimensions: logits X(α) (N, K) of any floating type, labels (N) of an integer type,
    /// below K. Differentiable in the logits, the trained scales and, with [`Normalisation::Through`], the weights that count in R(α).
    ///
    /// R(α) with [`Normalisation::Detached`] and `norm.every` above 1 is computed anew at every so many calls.
    ///
    /// # Errors
    /// Fails when shapes do not fit, a label is no class, or the batch is empty. A loss that is not finite is no error.
    pub fn forward(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let labels = host_labels(labels)?;
        self.begin_step()?;
        let loss = self.batch(logits, &labels, &self.graph_norm()?)?;
        self.end_step();
        Ok(loss)
    }

    /// The losses of the objects (N), as [`TwoScaleLoss::forward`] reduces them; does not count as a batch of training.
    ///
    /// # Errors
    /// Fails as [`TwoScaleLoss::forward`].
    pub fn per_object(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let log_norm = self.graph_norm()?;
        let factor = self.gate_factor(&log_norm)?;
        self.loss.per_object(logits, &host_labels(labels)?, &self.scales.multipliers(&log_norm)?, factor)
    }

    /// The trained scales, f64 without dimensions, on the host: variables for an optimiser beside those of the network. None where
    /// all scales are constant. Weight decay of an optimiser acts on the scales too; the paper has none.
    #[must_use]
    pub fn vars(&self) -> Vec<Var> {
        self.scales.parameters().iter().filter(|p| p.trained).map(|p| p.var.clone()).collect()
    }

    /// The scales R1, R2, ...
    #[must_use]
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// Thresholds and inner loss.
    #[must_use]
    pub fn multi_scale(&self) -> &MultiScale {
        &self.loss
    }

    /// Normalisation, norm, gate, training of the scales, reduction.
    #[must_use]
    pub fn options(&self) -> &LossOptions {
        &self.options
    }

    /// The parameters of the network that the loss knows.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// log R of the normalisation X̂ = X(α)/R with the present weights: log R(α), log R(α⁰) with [`Normalisation::Direct`], 0 with
    /// [`Normalisation::RescaledOnce`].
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn log_norm(&self) -> Result<f64> {
        Ok(if self.computes_norm_at_every_step() {
            self.norm.log(&self.parameters)?.to_scalar()?
        } else {
            self.kept().log_norm
        })
    }

    /// The probabilities p = softmax(R1 X̂) (N, K) of logits (N, K), on the scale R1; without gradient.
    ///
    /// # Errors
    /// Fails when the logits are no matrix.
    pub fn probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        let scaled = (logits.detach() * self.first_multiplier(self.log_norm()?)?)?;
        Ok(candle_nn::ops::softmax(&scaled, 1)?)
    }

    /// Evaluates logits (N, K) on the scale R1: probabilities, ranks and margins, as [`crate::metrics`] measures them.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    pub fn evaluate(&self, logits: &Tensor, labels: &Tensor) -> Result<Evaluation> {
        let mut evaluation = Evaluation::default();
        self.evaluate_into(logits, &host_labels(labels)?, None, &mut evaluation)?;
        Ok(evaluation)
    }

    /// Evaluates as [`TwoScaleLoss::evaluate`] does and appends the result to `into`. `superclass[k]` is the super-class of class k.
    ///
    /// # Errors
    /// Fails when shapes do not fit.
    pub fn evaluate_into(
        &self,
        logits: &Tensor,
        labels: &[u32],
        superclass: Option<&[u32]>,
        into: &mut Evaluation,
    ) -> Result<()> {
        let logits = margin::check(logits, labels)?;
        check_superclasses(superclass, logits.classes())?;
        self.scaled(logits)?.evaluate_into(1.0, labels, superclass, into);
        Ok(())
    }

    /// Logits with what scales them at the present weights.
    pub(crate) fn scaled(&self, logits: Logits) -> Result<ScaledLogits> {
        let log_norm = self.log_norm()?;
        Ok(ScaledLogits { logits, multiplier: self.first_multiplier(log_norm)?, norm: log_norm.exp() })
    }

    /// Begins a batch of training: computes R(α) anew where it is kept for several batches and this is the batch for it.
    pub(crate) fn begin_step(&self) -> Result<()> {
        let due = self.kept().steps.is_multiple_of(self.options.norm.every as u64);
        if self.options.normalisation == Normalisation::Detached && due {
            let log_norm = self.norm.log(&self.parameters)?.to_scalar()?;
            self.kept().log_norm = log_norm;
        }
        Ok(())
    }

    /// Ends a batch of training.
    pub(crate) fn end_step(&self) {
        self.kept().steps += 1;
    }

    /// log R as a batch's loss sees it, its gradient along the weights apart where that is possible: a step of descent along it is a
    /// weight decay, which costs nothing.
    pub(crate) fn step_norm(&self) -> Result<StepNorm> {
        if self.options.normalisation == Normalisation::Through
            && let Some(NormGradient { log, slopes }) = self.norm.log_with_slopes(&self.parameters)?
        {
            return Ok(StepNorm { log: Var::new(log, &Device::Cpu)?.into_inner(), slopes });
        }
        Ok(StepNorm { log: self.graph_norm()?, slopes: Vec::new() })
    }

    /// The loss of a batch, given log R.
    pub(crate) fn batch(&self, logits: &Tensor, labels: &[u32], log_norm: &Tensor) -> Result<Tensor> {
        let factor = self.gate_factor(log_norm)?;
        let losses = self.loss.per_object(logits, labels, &self.scales.multipliers(log_norm)?, factor)?;
        self.options.reduction.apply(&losses, || self.loss.sides(logits, labels, factor))
    }

    /// Numbers that last from one batch to the next.
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// log R as the present batch's loss sees it, in candle's graph.
    fn graph_norm(&self) -> Result<Tensor> {
        Ok(match self.options.normalisation {
            Normalisation::Through => self.norm.log(&self.parameters)?,
            _ => Tensor::new(self.kept().log_norm, &Device::Cpu)?,
        })
    }

    /// Returns `true` where R follows the weights from batch to batch.
    fn computes_norm_at_every_step(&self) -> bool {
        match self.options.normalisation {
            Normalisation::Through => true,
            Normalisation::Detached => self.options.norm.every == 1,
            Normalisation::Direct | Normalisation::RescaledOnce => false,
        }
    }

    fn gate_factor(&self, log_norm: &Tensor) -> Result<f64> {
        Ok(self.options.gate.factor(self.scales.values()?[0], log_norm.to_scalar()?))
    }

    /// c_1 = R1/R.
    fn first_multiplier(&self, log_norm: f64) -> Result<f64> {
        Ok(self.scales.values()?[0] * (-log_norm).exp())
    }
}

/// Refuses a counted layer whose weight is all zero: R(α⁰) is 0 and nothing can be divided by it.
fn refuse_zero_layer(norm: &ParameterNorm, parameters: &[Parameter]) -> Result<()> {
    for parameter in norm.members().iter().map(|position| &parameters[*position]) {
        let squares =
            || -> Result<f64> { Ok(parameter.var.as_tensor().to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar()?) };
        if parameter.role == Role::Weight && squares()? == 0.0 {
            return Err(Error::Setting(format!(
                "layer `{}` begins at zero and counts in R(α), so that R(α⁰) = 0: count other layers (`norm: {{layers: convolutions}}`), \
                 or let it begin like the others (`last-layer-begins-at-zero: false`)",
                parameter.layer
            )));
        }
    }
    Ok(())
}

/// Labels (N) of any integer type, N at least 1, copied to the host.
pub(crate) fn host_labels(labels: &Tensor) -> Result<Vec<u32>> {
    if labels.rank() != 1 || labels.dtype().is_float() {
        return Err(Error::Setting(format!(
            "labels are {:?} of shape {:?}: give one integer per object, shape (N)",
            labels.dtype(),
            labels.dims()
        )));
    }
    if labels.elem_count() == 0 {
        return Err(Error::Setting("a batch without objects: give at least one".into()));
    }
    Ok(labels.to_dtype(DType::U32)?.to_vec1()?)
}
