//! Measures of performance, §3.1 and §3.2. All are computed from the [`Evaluation`] of a finished run.
//!
//! Ties matter here: with ReLU on the logits, a network's outputs are often equal, all zero. *Accuracy* takes the predicted
//! class, the first of equals, as PyTorch's `argmax` does. *Rank* counts strictly larger probabilities only, so that top-1
//! accuracy and close-enough accuracy at 0 count an object right whose probability is one of several equal largest ones.
mod accuracy;
mod calibration;
mod histogram;
mod mass;
mod row;

pub use accuracy::{
    accuracy, average_accuracy, close_enough, superclass_accuracy, superclass_average_accuracy,
    superclass_close_enough, top_k,
};
pub use calibration::{confidence, expected_calibration_error, negative_log_likelihood, reliability};
pub use histogram::{Histogram, correct_probability, delta_p, delta_p_histogram, max_probability, share_below};
pub use mass::{Masses, masses};
pub use row::check_superclasses;

/// Columns that describe every object of a set, on the scale R1, at the end of a run; one entry per object in each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The correct class i(s).
    pub label: Vec<u32>,
    /// p_{i(s)}.
    pub correct_probability: Vec<f32>,
    /// max_i p_i.
    pub max_probability: Vec<f32>,
    /// Number of classes with a larger probability than the correct one (0: correctly classified).
    pub rank: Vec<u32>,
    /// argmax_i p_i, the first of equals.
    pub predicted: Vec<u32>,
    /// Largest probability inside the right super-class; equal to `correct_probability` where there are no super-classes.
    pub superclass_probability: Vec<f32>,
    /// Normalised classification confidence δX̂ = δX/R(α), §2.2.
    pub normalised_margin: Vec<f32>,
}

impl Evaluation {
    /// Number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Returns `true` where there is no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }
}

/// Share of `n` objects that satisfy a condition; NaN when there are none.
fn share(holds: impl Iterator<Item = bool>, n: usize) -> f64 {
    holds.filter(|holds| *holds).count() as f64 / n as f64
}
