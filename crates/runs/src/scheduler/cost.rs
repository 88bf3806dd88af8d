//! Lengths of runs: compared with each other, and in seconds.
use twoscale::models::ModelKind;

use experiment::spec::RunSpec;

/// Work left of a run, in seconds of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Steps to be done.
    pub steps: usize,
    /// Seconds of a step, with its share of the measurements on the test set in training.
    pub step: f64,
    /// Seconds of everything else: the beginning, and the final evaluation of both sets.
    pub end: f64,
}

impl Cost {
    /// Seconds of the whole run.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.of_steps(self.steps) + self.end
    }

    /// Seconds of `steps` of the run's steps.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn of_steps(&self, steps: usize) -> f64 {
        self.step * steps as f64
    }
}

/// Returns a rough length of a run, in objects that the dense network of MNIST passes in the same time. The scheduler trains the longest
/// runs first, for which rough numbers suffice, and guesses a time where nothing was measured. Networks without a number of their own
/// count as LeNet-5.
#[must_use]
pub fn relative(spec: &RunSpec) -> usize {
    let per_object = match spec.model.kind {
        ModelKind::Mlp => 1,
        // Each of depth - 4 convolutions takes six times as long as LeNet-5, times width².
        ModelKind::WideResNet => {
            let passes = 1 + usize::from(spec.optimiser.sam.is_some() || spec.optimiser.asam.is_some());
            let (depth, width) = (spec.model.depth.unwrap_or(0), spec.model.width.unwrap_or(0));
            width.saturating_mul(width).saturating_mul(depth.saturating_sub(4)).saturating_mul(43 * passes)
        }
        _ => 7,
    };
    spec.schedule.steps.saturating_mul(spec.schedule.batch).saturating_mul(per_object)
}

/// Returns true where a step of one run takes as long as a step of the other: same data, network, batch, optimiser and norm. The
/// loss itself is a few operations on the logits, and learning rate, momentum and weight decay are numbers that cost nothing.
pub(super) fn alike(left: &RunSpec, right: &RunSpec) -> bool {
    let priced = |spec: &RunSpec| {
        let mut optimiser = spec.optimiser;
        (optimiser.learning_rate, optimiser.momentum, optimiser.weight_decay) = (0.0, 0.0, 0.0);
        optimiser
    };
    left.data == right.data
        && left.model == right.model
        && left.schedule.batch == right.schedule.batch
        && priced(left) == priced(right)
        && left.loss_options.norm == right.loss_options.norm
        && left.loss_options.normalisation == right.loss_options.normalisation
}

/// Returns true where two runs take equally long as a whole.
pub(super) fn equal(left: &RunSpec, right: &RunSpec) -> bool {
    alike(left, right)
        && left.schedule.steps == right.schedule.steps
        && left.schedule.test_every == right.schedule.test_every
}

/// Returns the time at which the last of `jobs` workers is done, in the units of `lengths`, each worker taking the longest run
/// that is left.
pub(super) fn makespan(mut lengths: Vec<f64>, jobs: usize) -> f64 {
    lengths.sort_by(|left, right| right.total_cmp(left));
    let mut busy_until = vec![0.0_f64; jobs.max(1)];
    for length in lengths {
        if let Some(first) = busy_until.iter_mut().min_by(|left, right| left.total_cmp(right)) {
            *first += length;
        }
    }
    busy_until.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::samples::spec;

    #[test]
    fn workers_share_the_runs() {
        assert!((makespan(vec![2.0, 3.0, 2.0, 3.0], 2) - 5.0).abs() < 1e-12);
        assert!((makespan(vec![1.0, 7.0], 3) - 7.0).abs() < 1e-12);
        assert!(makespan(Vec::new(), 2).abs() < 1e-12);
    }

    #[test]
    fn every_network_has_its_own_price() {
        let mut other = spec();
        (other.seed, other.optimiser.learning_rate) = (7, 0.3);
        assert!(equal(&spec(), &other));
        other.schedule.test_every += 1;
        assert!(alike(&spec(), &other) && !equal(&spec(), &other));
        other.model.hidden.push(5);
        assert!(!alike(&spec(), &other));
    }
}
