//! Initial parameters α⁰, from our own seeded streams: candle cannot seed its CPU generator and its defaults are not PyTorch's.
//!
//! Numbers are drawn in double precision and then rounded, so that a network in single precision begins at the rounded
//! values of the same network in double precision.
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Findings, KeyPath};
use crate::random::{Purpose, stream};

/// Law of the initial weights. fan_in = inputs of one output unit (in · k · k for a convolution), fan_out likewise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// PyTorch's default of a linear layer: uniform on ±1/√fan_in.
    #[default]
    Pytorch,
    /// Gaussian of variance 1/fan_in.
    FanIn,
    /// Kaiming: Gaussian of variance 2/fan_in.
    Kaiming,
    /// Xavier: uniform on ±√(6/(fan_in + fan_out)).
    Xavier,
    /// Gaussian of this standard deviation.
    Normal(f64),
}

/// Law of the initial biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BiasInitialisation {
    /// PyTorch's default: uniform on ±1/√fan_in of the layer.
    #[default]
    Pytorch,
    /// Zero.
    Zero,
}

impl Initialisation {
    /// The entries of a weight of this shape, row by row, from the stream of `seed` for parameter number `index`
    /// (its position among the parameters of the model, biases counted).
    ///
    /// ```
    /// use twoscale::initialisation::Initialisation;
    /// let weight = Initialisation::Pytorch.fill(&[10, 100], 100, 10, 1, 0);
    /// assert_eq!(weight.len(), 1000);
    /// assert!(weight.iter().all(|w| w.abs() <= 0.1)); // 1/√100
    /// assert_eq!(weight, Initialisation::Pytorch.fill(&[10, 100], 100, 10, 1, 0));
    /// ```
    #[must_use]
    pub fn fill(self, shape: &[usize], fan_in: usize, fan_out: usize, seed: u64, index: u64) -> Vec<f32> {
        let (fan_in, fan_out) = (fan_in as f64, fan_out as f64);
        match self {
            Self::Pytorch => uniform(shape, fan_in.sqrt().recip(), seed, index),
            Self::FanIn => gaussian(shape, fan_in.sqrt().recip(), seed, index),
            Self::Kaiming => gaussian(shape, (2.0 / fan_in).sqrt(), seed, index),
            Self::Xavier => uniform(shape, (6.0 / (fan_in + fan_out)).sqrt(), seed, index),
            Self::Normal(deviation) => gaussian(shape, deviation, seed, index),
        }
    }

    /// Lists what makes no sense: the standard deviation of [`Initialisation::Normal`] must be greater than 0.
    #[must_use]
    pub fn findings(self) -> Findings {
        let mut findings = Findings::default();
        if let Self::Normal(deviation) = self {
            findings.require_positive(deviation, &KeyPath::top().key("normal"));
        }
        findings
    }
}

impl BiasInitialisation {
    /// The entries of a bias of this shape; arguments as in [`Initialisation::fill`], fan_in being that of the layer's weight.
    #[must_use]
    pub fn fill(self, shape: &[usize], fan_in: usize, seed: u64, index: u64) -> Vec<f32> {
        match self {
            Self::Pytorch => uniform(shape, (fan_in as f64).sqrt().recip(), seed, index),
            Self::Zero => vec![0.0; shape.iter().product()],
        }
    }
}

fn uniform(shape: &[usize], bound: f64, seed: u64, index: u64) -> Vec<f32> {
    let unit = |u: f64| (bound * (2.0 * u - 1.0)) as f32;
    draw(shape, seed, index, StandardUniform).map(unit).collect()
}

fn gaussian(shape: &[usize], deviation: f64, seed: u64, index: u64) -> Vec<f32> {
    draw(shape, seed, index, StandardNormal).map(|z| (deviation * z) as f32).collect()
}

fn draw<D: Distribution<f64>>(shape: &[usize], seed: u64, index: u64, law: D) -> impl Iterator<Item = f64> {
    law.sample_iter(stream(seed, Purpose::Initialisation, index)).take(shape.iter().product())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reduction, standard deviation and largest absolute value.
    fn moments(values: &[f32]) -> (f64, f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt(), values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max))
    }

    #[test]
    fn every_law_has_its_moments() {
        let third = 3f64.sqrt().recip(); // standard deviation of the uniform law on ±1
        for (law, deviation, bound) in [
            (Initialisation::Pytorch, 0.1 * third, 0.1),
            (Initialisation::FanIn, 0.1, f64::INFINITY),
            (Initialisation::Kaiming, 0.02f64.sqrt(), f64::INFINITY),
            (Initialisation::Xavier, 0.05f64.sqrt() * third, 0.05f64.sqrt()), // 6/(100 + 20)
            (Initialisation::Normal(0.3), 0.3, f64::INFINITY),
        ] {
            let (mean, seen, largest) = moments(&law.fill(&[200, 500], 100, 20, 3, 1));
            assert!(mean.abs() < 5.0 * deviation / 100_000f64.sqrt(), "{law:?}: mean {mean}");
            assert!((seen / deviation - 1.0).abs() < 0.02, "{law:?}: deviation {seen}, expected {deviation}");
            assert!(largest <= bound * (1.0 + 1e-6), "{law:?}: {largest} > {bound}");
        }
    }

    #[test]
    fn parameters_and_seeds_have_streams_of_their_own() {
        let fill = |seed, index| Initialisation::FanIn.fill(&[4, 3], 3, 4, seed, index);
        assert_eq!(fill(1, 0), fill(1, 0));
        assert_ne!(fill(1, 0), fill(1, 1));
        assert_ne!(fill(1, 0), fill(2, 0));
    }

    #[test]
    fn biases_begin_within_their_bound_or_at_zero() {
        let bias = BiasInitialisation::Pytorch.fill(&[50], 25, 1, 1);
        assert!(bias.iter().all(|b| b.abs() <= 0.2) && bias.iter().any(|b| b.abs() > 0.1));
        assert_eq!(BiasInitialisation::Zero.fill(&[3], 25, 1, 1), [0.0; 3]);
    }

    #[test]
    fn a_deviation_that_makes_no_sense_is_refused() {
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Initialisation::Normal(deviation).findings().into_result().is_err());
        }
        assert!(Initialisation::Normal(0.1).findings().into_result().is_ok());
    }
}
