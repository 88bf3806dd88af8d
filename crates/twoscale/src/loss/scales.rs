//! [`Scales`]: how R_1, ..., R_{m+1} follow from trainable numbers.
use candle_core::{DType, Device, Tensor, Var};

use super::{LossKind, LossSpec};
use crate::reading::{Base, Reading, Trained};
use crate::{Error, Result};

/// A number that scales are made of.
#[derive(Clone, Debug)]
pub struct ScaleParameter {
    /// `R1`, `R2`, ... or, for the separation loss, `R` and `Rs`.
    pub name: String,
    /// Its value, f64, no dimensions.
    pub var: Var,
    /// Whether gradient descent moves it.
    pub trained: bool,
}

/// The scales of a loss, in double precision: their values reach 10⁷⁰ for deep networks, where single precision ends at 10³⁸.
/// They live on the host, whatever device the network is on.
///
/// | kind | parameters | scales |
/// |---|---|---|
/// | single | R1 (trained, or constant) | R1 |
/// | two-scale, (13)-(14) | R1, R2, ... trained | R1, R2, ... |
/// | fixed, (16) | R1, R2, ... constant | R1, R2, ... |
/// | separation, (17)-(18) | R (constant, or trained), Rs trained | R, Rs·R, Rs²·R, ... |
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
    /// When the specification makes no sense or `first` is not a positive number.
    pub fn new(spec: &LossSpec, reading: &Reading, first: f64) -> Result<Self> {
        spec.validate()?;
        if !(first > 0.0 && first.is_finite()) {
            return Err(Error::Setting(format!(
                "R(α⁰) = {first}, but the scales must begin at a positive number: a layer counted in R is all zero or too large; \
                 count other layers, or leave biases that begin at zero out (`biases: out`)"
            )));
        }
        let count = spec.scales();
        let parameter = |name: String, value: f64, trained: bool| -> Result<ScaleParameter> {
            Ok(ScaleParameter { name, var: Var::new(value, &Device::Cpu)?, trained })
        };
        let numbered = |trained: bool| -> Result<Vec<ScaleParameter>> {
            let value = |k: usize| first * spec.ratio.powi(k as i32);
            (0..count).map(|k| parameter(format!("R{}", k + 1), value(k), trained)).collect()
        };
        let parameters = match spec.kind {
            LossKind::Single => numbered(reading.baseline == Trained::Trained)?,
            LossKind::TwoScale => numbered(true)?,
            LossKind::Fixed => numbered(false)?,
            LossKind::Separation => vec![
                parameter("R".into(), first, reading.separation_base == Base::Trained)?,
                parameter("Rs".into(), spec.ratio, true)?,
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
    /// When an operation fails.
    pub fn tensor(&self) -> Result<Tensor> {
        let mut scales = Vec::with_capacity(self.count);
        for k in 0..self.count {
            scales.push(match self.parameters.get(k) {
                Some(own) if !self.separation || k == 0 => own.tracked(),
                _ => (&scales[k - 1] * self.parameters[1].tracked())?,
            });
        }
        Ok(Tensor::stack(&scales, 0)?)
    }

    /// The multipliers c_k = R_k/R(α) (m+1), f64; `log_size` is log R(α), f64 without dimensions, so that R(α) itself may
    /// be any size.
    ///
    /// # Errors
    /// When an operation fails.
    pub fn multipliers(&self, log_size: &Tensor) -> Result<Tensor> {
        Ok(self.tensor()?.broadcast_mul(&log_size.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.neg()?.exp()?)?)
    }

    /// R_1, ..., R_{m+1} as numbers.
    ///
    /// # Errors
    /// When a value cannot be copied.
    pub fn values(&self) -> Result<Vec<f64>> {
        Ok(self.tensor()?.to_vec1()?)
    }
}

impl ScaleParameter {
    /// The variable where it is trained, else a constant: no gradient is computed for nothing.
    fn tracked(&self) -> Tensor {
        if self.trained { self.var.as_tensor().clone() } else { self.var.as_detached_tensor() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Inner;

    fn scales(kind: LossKind, thresholds: &[f64], reading: &Reading) -> Scales {
        let spec = LossSpec { kind, thresholds: thresholds.to_vec(), ratio: 10.0, inner: Inner::default() };
        Scales::new(&spec, reading, 3.0).unwrap()
    }

    fn trained(scales: &Scales) -> Vec<&str> {
        scales.parameters().iter().filter(|p| p.trained).map(|p| p.name.as_str()).collect()
    }

    #[test]
    fn every_kind_begins_at_the_same_scales_and_trains_its_own() {
        let reading = Reading::default();
        for (kind, expected) in [
            (LossKind::TwoScale, vec!["R1", "R2", "R3"]),
            (LossKind::Fixed, vec![]),
            (LossKind::Separation, vec!["Rs"]),
        ] {
            let scales = scales(kind, &[0.1, 1.0], &reading);
            assert_eq!(scales.values().unwrap(), [3.0, 30.0, 300.0], "{kind:?}");
            assert_eq!(trained(&scales), expected, "{kind:?}");
        }
        assert_eq!(trained(&scales(LossKind::Single, &[], &reading)), ["R1"]);
    }

    #[test]
    fn readings_decide_who_is_trained() {
        let reading = Reading { baseline: Trained::Constant, separation_base: Base::Trained, ..Reading::default() };
        assert!(trained(&scales(LossKind::Single, &[], &reading)).is_empty());
        assert_eq!(trained(&scales(LossKind::Separation, &[0.1], &reading)), ["R", "Rs"]);
    }

    #[test]
    fn a_size_beyond_single_precision_is_no_trouble() {
        let spec = LossSpec { kind: LossKind::TwoScale, thresholds: vec![0.1], ratio: 10.0, inner: Inner::default() };
        let scales = Scales::new(&spec, &Reading::default(), 1e70).unwrap();
        let log_size = Tensor::new(70.0 * 10f64.ln(), &Device::Cpu).unwrap();
        let multipliers = scales.multipliers(&log_size).unwrap().to_vec1::<f64>().unwrap();
        assert!((multipliers[0] - 1.0).abs() < 1e-12 && (multipliers[1] - 10.0).abs() < 1e-11, "{multipliers:?}");
    }

    #[test]
    fn a_first_scale_that_makes_no_sense_is_refused() {
        let spec = LossSpec { kind: LossKind::Single, thresholds: vec![], ratio: 10.0, inner: Inner::default() };
        for first in [0.0, f64::NAN, f64::INFINITY] {
            assert!(Scales::new(&spec, &Reading::default(), first).is_err());
        }
    }
}
