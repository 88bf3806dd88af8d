//! Logits with what scales them in an evaluation.
use super::margin::Logits;
use crate::metrics::Evaluation;

/// Logits X of a batch (N, K) with what scales them in an evaluation: probabilities are softmax(c·X), c = R1/R(α).
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledLogits {
    /// X.
    pub logits: Logits,
    /// c = R1/R(α).
    pub multiplier: f64,
    /// R(α), by which a normalised margin is divided.
    pub norm: f64,
}

impl ScaledLogits {
    /// Evaluates by the probabilities softmax(s·c·X) and appends to `into`; the factor s is 1 for the network's own. `superclass[k]` is the
    /// super-class of class k.
    ///
    /// # Panics
    /// Panics when there are fewer labels than objects, or as [`Evaluation::push`] does.
    pub fn evaluate_into(&self, factor: f64, labels: &[u32], superclass: Option<&[u32]>, into: &mut Evaluation) {
        let multiplier = factor * self.multiplier;
        self.logits.for_each_row(|i, x| into.push(x, labels[i], superclass, multiplier, self.norm));
    }
}
