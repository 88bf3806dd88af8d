//! The gate of (13): the margin that is compared with the thresholds.
use crate::options::Gate;

impl Gate {
    /// Number that margins δX are multiplied with before they are compared with the thresholds η: 1, 1/R(α) or R1/R(α).
    ///
    /// `first_scale` is R1, `log_norm` is log R(α).
    ///
    /// ```
    /// use twoscale::options::Gate;
    /// let factor = |gate: Gate| gate.factor(6.0, 2f64.ln()); // R1 = 6, R(α) = 2
    /// assert_eq!(factor(Gate::Raw), 1.0);
    /// assert!((factor(Gate::Normalised) - 0.5).abs() < 1e-15);
    /// assert!((factor(Gate::Scaled) - 3.0).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn factor(self, first_scale: f64, log_norm: f64) -> f64 {
        match self {
            Self::Raw => 1.0,
            Self::Normalised => (-log_norm).exp(),
            Self::Scaled => first_scale * (-log_norm).exp(),
        }
    }
}
