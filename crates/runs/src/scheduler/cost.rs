//! How long runs take, compared with each other.
use twoscale::models::ModelKind;

use experiment::spec::RunSpec;

/// A rough measure of a run's length, to do the longest first: exact numbers change nothing but the last minutes.
pub(super) fn relative(spec: &RunSpec) -> usize {
    let per_object = match spec.model.kind {
        ModelKind::Mlp => 1,
        ModelKind::LeNet5 => 5,
    };
    spec.schedule.steps.saturating_mul(spec.schedule.batch).saturating_mul(per_object)
}

/// Whether a step of one run takes about as long as a step of the other.
pub(super) fn alike(left: &RunSpec, right: &RunSpec) -> bool {
    left.data.set == right.data.set && left.model == right.model && left.schedule.batch == right.schedule.batch
}

/// When the last of `jobs` workers is done, in the units of `lengths`, each taking the longest run that is left.
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

    #[test]
    fn workers_share_the_runs() {
        assert!((makespan(vec![2.0, 3.0, 2.0, 3.0], 2) - 5.0).abs() < 1e-12);
        assert!((makespan(vec![1.0, 7.0], 3) - 7.0).abs() < 1e-12);
        assert!(makespan(Vec::new(), 2).abs() < 1e-12);
    }
}
