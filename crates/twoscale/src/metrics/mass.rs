//! Masses of well, poorly and marginally classified objects, §2.4.
use super::{Evaluation, share};

/// Shares of the objects, which add up to 1 unless a margin is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masses {
    /// |W|: δX̂ > μ.
    pub well: f64,
    /// |P|: δX̂ < -μ.
    pub poor: f64,
    /// |M|: |δX̂| ≤ μ.
    pub marginal: f64,
}

/// The masses at the cut-off μ > 0.
///
/// ```
/// use twoscale::metrics::{Evaluation, masses};
/// let evaluation = Evaluation { label: vec![0; 4], normalised_margin: vec![0.5, 0.1, -0.1, -0.2], ..Evaluation::default() };
/// let masses = masses(&evaluation, 0.15);
/// assert_eq!((masses.well, masses.marginal, masses.poor), (0.25, 0.5, 0.25));
/// ```
#[must_use]
pub fn masses(evaluation: &Evaluation, mu: f64) -> Masses {
    let of = |holds: &dyn Fn(f64) -> bool| {
        share(evaluation.normalised_margin.iter().map(|margin| holds(f64::from(*margin))), evaluation.len())
    };
    Masses { well: of(&|m| m > mu), poor: of(&|m| m < -mu), marginal: of(&|m| m.abs() <= mu) }
}
