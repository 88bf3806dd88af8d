//! Sharpness-aware minimisation: SAM (Foret et al. 2021) and ASAM (Kwon et al. 2021, the paper's reference \[21\]).
use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::finding::{Findings, KeyPath, number};

/// Keeps the quotient finite where the gradient is zero, as in public code.
const TINY: f64 = 1e-12;

/// SAM: every step takes the gradient at w + ε, ε = ρ g/‖g‖ with the gradient g at w, and descends along it from w.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SamSpec {
    /// ρ, the length of ε (0.05 in its paper).
    pub rho: f64,
    /// The passes that move the running statistics of batch normalisation.
    #[serde(default)]
    pub statistics: StatisticsOf,
    /// Whether the trained scales R1, R2 are perturbed together with the parameters.
    #[serde(default)]
    pub perturb_scales: bool,
}

/// ASAM: as SAM with ε = ρ T² g/‖T g‖, the diagonal T following the size of the parameters, so that ε does not depend on how
/// a network of the same function is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AsamSpec {
    /// ρ (0.5 in its paper, 2 in a public training script).
    pub rho: f64,
    /// T.
    #[serde(default)]
    pub operator: Operator,
    /// The passes that move the running statistics of batch normalisation.
    #[serde(default)]
    pub statistics: StatisticsOf,
    /// Whether the trained scales R1, R2 are perturbed together with the parameters.
    #[serde(default)]
    pub perturb_scales: bool,
}

impl SamSpec {
    /// Lists what makes no sense: ρ must be 0 or more.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut findings = Findings::default();
        require_not_negative(self.rho, &KeyPath::top().key("rho"), &mut findings);
        findings
    }
}

impl AsamSpec {
    /// Lists what makes no sense: ρ and η must be 0 or more.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        require_not_negative(self.rho, &top.key("rho"), &mut findings);
        if let Operator::WeightMagnitude(eta) = self.operator {
            require_not_negative(eta, &top.key("operator").key("weight-magnitude"), &mut findings);
        }
        findings
    }
}

/// The normalisation operator T of ASAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// |w| on every parameter.
    #[default]
    Magnitude,
    /// |w| + η, with this η, on every weight (of a linear layer or the scale of a batch normalisation) and 1 on everything else, as
    /// in its authors' code.
    WeightMagnitude(f64),
}

/// The passes of a step that move the running statistics of batch normalisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsOf {
    /// The pass at w and the pass at w + ε.
    #[default]
    BothPasses,
    /// The pass at w alone.
    FirstPass,
}

/// SAM or ASAM around any optimiser, which sees nothing of it but the gradient: two passes a step.
///
/// ```
/// use candle_core::{Device, Var};
/// use twoscale::optimiser::{AsamSpec, Operator, Sharpness};
/// # fn main() -> twoscale::Result<()> {
/// let asam = Sharpness::asam(AsamSpec {
///     rho: 0.5,
///     operator: Operator::Magnitude,
///     statistics: Default::default(),
///     perturb_scales: false,
/// })?;
/// let w = Var::new(&[3.0f64, 4.0], &Device::Cpu)?;
/// let loss = || -> twoscale::Result<_> { Ok((w.as_tensor().sqr()?.sum_all()? * 0.5)?) }; // its gradient is w
/// let perturbed = asam.perturb([(&w, true)], &loss()?.backward()?)?; // T g = (9, 16), of norm √337
/// let gradients = loss()?.backward()?;
/// perturbed.restore()?;
/// // Now any optimiser steps along `gradients` from w.
/// let g = gradients.get(&w).unwrap().to_vec1::<f64>()?;
/// let root = 337f64.sqrt();
/// assert!((g[0] - 3.0 - 0.5 * 27.0 / root).abs() < 1e-9 && (g[1] - 4.0 - 0.5 * 64.0 / root).abs() < 1e-9);
/// assert_eq!(w.to_vec1::<f64>()?, [3.0, 4.0]);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpness {
    rho: f64,
    /// T; the identity where there is none.
    operator: Option<Operator>,
    statistics: StatisticsOf,
    perturb_scales: bool,
}

impl Sharpness {
    /// SAM.
    ///
    /// # Errors
    /// Fails when ρ is no number of 0 or more.
    pub fn sam(spec: SamSpec) -> Result<Self> {
        let SamSpec { rho, statistics, perturb_scales } = spec;
        spec.findings().into_result()?;
        Ok(Self { rho, operator: None, statistics, perturb_scales })
    }

    /// ASAM.
    ///
    /// # Errors
    /// Fails when ρ or η are no numbers of 0 or more.
    pub fn asam(spec: AsamSpec) -> Result<Self> {
        let AsamSpec { rho, operator, statistics, perturb_scales } = spec;
        spec.findings().into_result()?;
        Ok(Self { rho, operator: Some(operator), statistics, perturb_scales })
    }

    /// Whether the second pass moves the running statistics of batch normalisation.
    #[must_use]
    pub fn second_pass_moves_statistics(&self) -> bool {
        self.statistics == StatisticsOf::BothPasses
    }

    /// Whether trained scales are perturbed.
    #[must_use]
    pub fn perturbs_scales(&self) -> bool {
        self.perturb_scales
    }

    /// Moves every variable w to w + ε, ε = ρ T² g/(‖T g‖ + 10⁻¹²) with the norm over all variables together. Each comes with
    /// whether it is a weight in the sense of [`Operator::WeightMagnitude`]; one without a gradient stays.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn perturb<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a Var, bool)>,
        gradients: &GradStore,
    ) -> Result<Perturbed> {
        let mut moved = Vec::new();
        let mut squares = 0.0;
        for (var, is_weight) in variables {
            let Some(gradient) = gradients.get(var) else { continue };
            let w = var.as_detached_tensor().copy()?;
            let diagonal = match self.operator {
                None => None,
                Some(Operator::Magnitude) => Some(w.abs()?),
                Some(Operator::WeightMagnitude(eta)) if is_weight => Some((w.abs()? + eta)?),
                Some(Operator::WeightMagnitude(_)) => None,
            };
            let scaled = match &diagonal {
                Some(t) => (t * gradient)?,
                None => gradient.clone(),
            };
            squares += scaled.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?;
            moved.push((var, w, diagonal, scaled));
        }
        let factor = self.rho / (squares.sqrt() + TINY);
        let mut before = Vec::with_capacity(moved.len());
        for (var, w, diagonal, scaled) in moved {
            let direction = match diagonal {
                Some(t) => (t * scaled)?,
                None => scaled,
            };
            var.set(&(&w + (direction * factor)?)?)?;
            before.push((var.clone(), w));
        }
        Ok(Perturbed { before })
    }
}

/// Variables at w + ε, with the w to return to.
#[derive(Debug)]
#[must_use = "the variables are at w + ε until `restore`"]
pub struct Perturbed {
    before: Vec<(Var, Tensor)>,
}

impl Perturbed {
    /// Puts every variable back to w, bit for bit.
    ///
    /// # Errors
    /// Fails when a value cannot be copied.
    pub fn restore(self) -> Result<()> {
        for (var, w) in self.before {
            var.set(&w)?;
        }
        Ok(())
    }
}

fn require_not_negative(value: f64, path: &KeyPath, findings: &mut Findings) {
    let reason = format!("must be 0 or more, is {}", number(value));
    findings.require(value >= 0.0 && value.is_finite(), path, reason);
}
