//! Learning rate τ in the course of training.
use experiment::spec::{Decay, RunSpec};

/// Returns τ of step `step`, counted from 0: `optimiser.learning-rate` under [`Decay`].
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
pub fn learning_rate(spec: &RunSpec, step: usize) -> f64 {
    let first = spec.optimiser.learning_rate;
    match &spec.schedule.decay {
        Decay::None => first,
        Decay::Cosine => {
            let done = step as f64 / spec.schedule.steps as f64;
            first * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
        }
        // Multiplied one by one, as the schedulers of PyTorch do.
        Decay::Steps { at, factor } => at.iter().filter(|&&at| at <= step).fold(first, |size, _| size * factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::samples::spec;

    #[test]
    fn each_decay_has_its_values() {
        let mut spec = spec();
        spec.optimiser.learning_rate = 0.1;
        spec.schedule.steps = 100;
        assert_eq!(learning_rate(&spec, 99).to_bits(), 0.1_f64.to_bits());
        spec.schedule.decay = Decay::Steps { at: vec![10, 20], factor: 0.5 };
        let sizes = [9, 10, 19, 20].map(|step| learning_rate(&spec, step));
        assert_eq!(sizes, [0.1, 0.05, 0.05, 0.025]);
        spec.schedule.decay = Decay::Cosine;
        assert_eq!(learning_rate(&spec, 0).to_bits(), 0.1_f64.to_bits());
        assert!((learning_rate(&spec, 50) - 0.05).abs() < 1e-12);
        assert!(learning_rate(&spec, 99) > 0.0);
    }
}
