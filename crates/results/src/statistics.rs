//! Means over seeds and their 95 % intervals.
//!
//! The interval is Student's t over seeds: mean ± t₀.₉₇₅(n−1) · s/√n with s the sample standard deviation. One seed has
//! no spread: its interval is the value itself, and a claim judged by one seed is *unclear*.
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean over seeds.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of seeds.
    pub n: usize,
}

impl Estimate {
    /// Value without spread: a count, or a property that either holds or does not.
    pub fn exact(value: f64, n: usize) -> Self {
        Self { mean: value, low: value, high: value, n }
    }

    /// Estimate in another unit: mean and interval times a positive `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        Self { mean: self.mean * factor, low: self.low * factor, high: self.high * factor, n: self.n }
    }
}

/// Intervals for a given number of seeds. The quantile is computed once for all points of a curve.
#[derive(Clone, Copy, Debug)]
pub struct Student {
    n: usize,
    quantile: f64,
}

impl Student {
    /// Prepares intervals for samples of `n` values.
    pub fn of(n: usize) -> Self {
        Self { n, quantile: quantile(n) }
    }

    /// Mean and interval of a sample; `None` when it is empty. A sample with other than `n`
    /// values gets the quantile of its own size.
    pub fn estimate(&self, values: &[f64]) -> Option<Estimate> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Some(Estimate::exact(mean, 1));
        }
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let t = if n == self.n { self.quantile } else { quantile(n) };
        let half = t * (variance / n as f64).sqrt();
        Some(Estimate { mean, low: mean - half, high: mean + half, n })
    }
}

/// Mean and 95 % interval of a sample; `None` when it is empty.
///
/// ```
/// let e = results::statistics::estimate(&[1.0, 2.0, 3.0]).unwrap();
/// assert_eq!((e.mean, e.n), (2.0, 3));
/// // t(0.975; 2) = 4.302653, s = 1, so the half width is 4.302653 / √3 = 2.484138.
/// assert!((e.high - 4.484138).abs() < 1e-6);
/// ```
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    Student::of(values.len()).estimate(values)
}

/// t₀.₉₇₅ of Student's distribution with n−1 degrees of freedom; 0 for n < 2, where there is no interval.
///
/// ```
/// // Tables give 2.262157 for 9 and 2.045230 for 29 degrees of freedom.
/// assert!((results::statistics::quantile(10) - 2.262157).abs() < 1e-6);
/// assert!((results::statistics::quantile(30) - 2.045230).abs() < 1e-6);
/// ```
pub fn quantile(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    StudentsT::new(0.0, 1.0, (n - 1) as f64).map_or(0.0, |t| t.inverse_cdf(0.975))
}

/// Standard error of the mean from the half width of its interval: (high − mean)/t₀.₉₇₅(n−1); `None` for n < 2.
pub fn standard_error(e: &Estimate) -> Option<f64> {
    (e.n > 1).then(|| (e.high - e.low) / 2.0 / quantile(e.n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_no_interval_and_none_has_no_estimate() {
        assert_eq!(estimate(&[0.25]), Some(Estimate::exact(0.25, 1)));
        assert_eq!(estimate(&[]), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_width_zero() {
        let e = estimate(&[0.5; 7]).unwrap();
        assert_eq!((e.low, e.mean, e.high, e.n), (0.5, 0.5, 0.5, 7));
    }

    #[test]
    fn a_sample_smaller_than_announced_gets_its_own_quantile() {
        assert_eq!(Student::of(30).estimate(&[1.0, 2.0]), estimate(&[1.0, 2.0]));
    }

    #[test]
    fn the_standard_error_is_recovered_from_the_interval() {
        let e = estimate(&[1.0, 2.0, 3.0]).unwrap();
        assert!((standard_error(&e).unwrap() - 1.0 / 3f64.sqrt()).abs() < 1e-9);
        assert_eq!(standard_error(&Estimate::exact(1.0, 1)), None);
    }
}
