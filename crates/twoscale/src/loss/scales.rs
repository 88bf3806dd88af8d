//! [`Scales`]: R_1, ..., R_{m+1} as functions of trainable numbers.
use candle_core::{DType, Device, Tensor, Var};

use super::{LossKind, LossSpec};
use crate::finding::KeyPath;
use crate::options::{LossOptions, ScaleForm, SeparationBase, Trained};
use crate::{Error, Result};

/// A number that scales are made of.
#[derive(Clone, Debug)]
pub struct ScaleParameter {
    /// `R1`, `R2`, ... or, for the separation loss, `R` and `Rs`.
    pub name: String,
    /// The number, f64, no dimensions: the scale, its ratio to R(α⁰) or its logarithm, see [`ScaleForm`].
    pub var: Var,
    /// `true` where gradient descent moves it.
    pub trained: bool,
    /// Quantity that the number stands for.
    meaning: Meaning,
}

/// Quantity that a number stands for.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// The scale, in this unit.
    Times(f64),
    /// The scale's logarithm.
    Logarithm,
}

/// The scales of a loss, in double precision: their values reach 10⁷⁰ for deep networks, where single precision ends at 10³⁸.
/// Scales live on the host, whatever device the network is on.
///
/// | kind | parameters | scales |
/// |---|---|---|
/// | single | R1 (trained, or constant) | R1 |
/// | two-scale, (13)-(14) | R1, R2, ... trained | R1, R2, ... |
/// | fixed, (16) | R1, R2, ... constant | R1, R2, ... |
/// | separation, (17)-(18) | R (constant, or trained), Rs trained | R, Rs·R, Rs²·R, ... |
///
/// [`ScaleForm`] says whether a number is R_k itself, its ratio to R(α⁰) or its logarithm; Rs is always the ratio itself.
#[derive(Clone, Debug)]
pub struct Scales {
    parameters: Vec<ScaleParameter>,
    /// Scales in all; more than parameters only for the separation loss.
    count: usize,
    separation: bool,
}

impl Scales {
    /// Scales that begin at R_1 = `first` and R_{k+1} = ratio·R_k.
    ///
    /// # Errors
    /// Fails when the specification makes no sense or `first` is not a positive number.
    pub fn new(spec: &LossSpec, options: &LossOptions, first: f64) -> Result<Self> {
        spec.findings().under(&KeyPath::top().key("loss")).into_result()?;
        if !(first > 0.0 && first.is_finite()) {
            return Err(Error::Setting(format!(
                "R(α⁰) = {first}, but the scales must begin at a positive number: a layer counted in R is all zero or too large; \
                 count other layers, or leave biases that begin at zero out (`biases: excluded`)"
            )));
        }
        let count = spec.scales();
        let parameter = |name: String, value: f64, trained: bool| -> Result<ScaleParameter> {
            let (number, meaning) = match options.scale_form {
                ScaleForm::Value => (value, Meaning::Times(1.0)),
                ScaleForm::Ratio => (value / first, Meaning::Times(first)),
                ScaleForm::Logarithm => (value.ln(), Meaning::Logarithm),
            };
            Ok(ScaleParameter { name, var: Var::new(number, &Device::Cpu)?, trained, meaning })
        };
        let numbered = |trained: bool| -> Result<Vec<ScaleParameter>> {
            let value = |k: usize| first * spec.ratio.powi(k as i32);
            (0..count).map(|k| parameter(format!("R{}", k + 1), value(k), trained)).collect()
        };
        let parameters = match spec.kind {
            LossKind::Single => numbered(options.baseline == Trained::Trained)?,
            LossKind::TwoScale => numbered(true)?,
            LossKind::Fixed => numbered(false)?,
            LossKind::Separation => vec![
                parameter("R".into(), first, options.separation_base == SeparationBase::Trained)?,
                ScaleParameter {
                    name: "Rs".into(),
                    var: Var::new(spec.ratio, &Device::Cpu)?,
                    trained: true,
                    meaning: Meaning::Times(1.0),
                },
            ],
        };
        Ok(Self { parameters, count, separation: spec.kind == LossKind::Separation })
    }

    /// The numbers behind the scales, in a stable order.
    #[must_use]
    pub fn parameters(&self) -> &[ScaleParameter] {
        &self.parameters
    }

    /// R_1, ..., R_{m+1} as one f64 tensor (m+1), differentiable in the trained parameters.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn tensor(&self) -> Result<Tensor> {
        let mut scales = Vec::with_capacity(self.count);
        for k in 0..self.count {
            scales.push(match self.parameters.get(k) {
                Some(own) if !self.separation || k == 0 => own.scale()?,
                _ => (&scales[k - 1] * self.parameters[1].scale()?)?,
            });
        }
        Ok(Tensor::stack(&scales, 0)?)
    }

    /// The multipliers c_k = R_k/R(α) (m+1), f64; `log_norm` is log R(α), f64 without dimensions, so that R(α) itself may
    /// be any number.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn multipliers(&self, log_norm: &Tensor) -> Result<Tensor> {
        Ok(self.tensor()?.broadcast_mul(&log_norm.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.neg()?.exp()?)?)
    }

    /// R_1, ..., R_{m+1} as numbers.
    ///
    /// # Errors
    /// Fails when a value cannot be copied.
    pub fn values(&self) -> Result<Vec<f64>> {
        Ok(self.tensor()?.to_vec1()?)
    }
}

impl ScaleParameter {
    /// The variable where it is trained, else a constant: then no gradient is computed.
    fn tracked(&self) -> Tensor {
        if self.trained { self.var.as_tensor().clone() } else { self.var.as_detached_tensor() }
    }

    fn scale(&self) -> Result<Tensor> {
        Ok(match self.meaning {
            Meaning::Times(1.0) => self.tracked(),
            Meaning::Times(unit) => (self.tracked() * unit)?,
            Meaning::Logarithm => self.tracked().exp()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scales(kind: LossKind, thresholds: &[f64], options: &LossOptions) -> Scales {
        let spec = LossSpec { kind, ..LossSpec::two_scale(thresholds) };
        Scales::new(&spec, options, 3.0).unwrap()
    }

    fn trained(scales: &Scales) -> Vec<&str> {
        scales.parameters().iter().filter(|p| p.trained).map(|p| p.name.as_str()).collect()
    }

    #[test]
    fn every_kind_begins_at_the_same_scales_and_trains_its_own() {
        let options = LossOptions::default();
        for (kind, expected) in [
            (LossKind::TwoScale, vec!["R1", "R2", "R3"]),
            (LossKind::Fixed, vec![]),
            (LossKind::Separation, vec!["Rs"]),
        ] {
            let scales = scales(kind, &[0.1, 1.0], &options);
            assert_eq!(scales.values().unwrap(), [3.0, 30.0, 300.0], "{kind:?}");
            assert_eq!(trained(&scales), expected, "{kind:?}");
        }
        assert_eq!(trained(&scales(LossKind::Single, &[], &options)), ["R1"]);
    }

    #[test]
    fn options_decide_what_is_trained() {
        let options = LossOptions {
            baseline: Trained::Constant,
            separation_base: SeparationBase::Trained,
            ..LossOptions::default()
        };
        assert!(trained(&scales(LossKind::Single, &[], &options)).is_empty());
        assert_eq!(trained(&scales(LossKind::Separation, &[0.1], &options)), ["R", "Rs"]);
    }

    #[test]
    fn the_form_of_a_scale_changes_its_gradient_and_nothing_else() {
        // R1 = 3, R2 = 30, R(α⁰) = 3: dR/d(number) is 1, R(α⁰), or R itself.
        let expected =
            [(ScaleForm::Value, [1.0, 1.0]), (ScaleForm::Ratio, [3.0, 3.0]), (ScaleForm::Logarithm, [3.0, 30.0])];
        for (form, slopes) in expected {
            let scales =
                scales(LossKind::TwoScale, &[0.1], &LossOptions { scale_form: form, ..LossOptions::default() });
            let values = scales.values().unwrap();
            assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 30.0).abs() < 1e-13, "{form:?}: {values:?}");
            let gradients = scales.tensor().unwrap().sum_all().unwrap().backward().unwrap();
            for (parameter, slope) in scales.parameters().iter().zip(slopes) {
                let gradient = gradients.get(&parameter.var).unwrap().to_scalar::<f64>().unwrap();
                assert!((gradient - slope).abs() < 1e-13, "{form:?}, {}: {gradient}", parameter.name);
            }
            // Rs is a ratio already, whatever form the scales have.
            let separation =
                self::scales(LossKind::Separation, &[0.1], &LossOptions { scale_form: form, ..LossOptions::default() });
            assert_eq!(separation.parameters()[1].var.to_scalar::<f64>().unwrap(), 10.0);
        }
    }

    #[test]
    fn a_norm_beyond_single_precision_is_no_trouble() {
        let spec = LossSpec::two_scale([0.1]);
        let scales = Scales::new(&spec, &LossOptions::default(), 1e70).unwrap();
        let log_norm = Tensor::new(70.0 * 10f64.ln(), &Device::Cpu).unwrap();
        let multipliers = scales.multipliers(&log_norm).unwrap().to_vec1::<f64>().unwrap();
        assert!((multipliers[0] - 1.0).abs() < 1e-12 && (multipliers[1] - 10.0).abs() < 1e-11, "{multipliers:?}");
    }

    #[test]
    fn a_first_scale_that_makes_no_sense_is_refused() {
        let spec = LossSpec::single();
        for first in [0.0, f64::NAN, f64::INFINITY] {
            assert!(Scales::new(&spec, &LossOptions::default(), first).is_err());
        }
    }
}
