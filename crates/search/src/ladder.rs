//! Rungs of successive halving: number of candidates, number of seeds and share of the training.
use experiment::spec::{Decay, Schedule};

/// Divisor of successive halving: one candidate in this many goes on to the next rung.
pub const KEEP_ONE_IN: usize = 3;

/// Share of the training on the first rung.
const FIRST_SHARE: f64 = 0.25;

/// Rung of successive halving.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// Number of the rung, from 1.
    pub number: usize,
    /// Number of candidates on the rung.
    pub assignments: usize,
    /// Number of seeds: 1, 2, ..., `seeds`.
    pub seeds: u64,
    /// Share of each training that is run, from its beginning.
    pub share: f64,
}

/// Plans the rungs for this many candidates, the last with `seeds` seeds and whole trainings.
///
/// One candidate needs one rung, up to [`KEEP_ONE_IN`] candidates two, more three. A rung keeps one candidate in [`KEEP_ONE_IN`]
/// and has that fraction of the next rung's seeds. Only the first rung shortens trainings: a shortened training is a run of its own and
/// has to be trained again in full on the next rung.
pub fn ladder(assignments: usize, seeds: u64) -> Vec<Rung> {
    let rungs = match assignments {
        0 | 1 => 1,
        2..=KEEP_ONE_IN => 2,
        _ => 3,
    };
    let fewer = |number: usize, of: u64| (number..rungs).fold(of, |n, _| n.div_ceil(KEEP_ONE_IN as u64));
    let mut remaining = assignments;
    (1..=rungs)
        .map(|number| {
            let share = if number < rungs && number == 1 { FIRST_SHARE } else { 1.0 };
            let rung = Rung { number, assignments: remaining, seeds: fewer(number, seeds).max(1), share };
            remaining = remaining.div_ceil(KEEP_ONE_IN);
            rung
        })
        .collect()
}

/// Plans a grid search: every candidate on one rung, with whole trainings.
pub fn grid(assignments: usize, seeds: u64) -> Vec<Rung> {
    vec![Rung { number: 1, assignments, seeds: seeds.max(1), share: 1.0 }]
}

/// Number of steps in the first `share` of a training, rounded up to a measurement of the test set: the short training is the
/// beginning of the whole one bit for bit. A cosine schedule depends on the whole length and is not shortened.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "fewer than 2^32"
)]
pub fn steps(schedule: &Schedule, share: f64) -> usize {
    if share >= 1.0 || matches!(schedule.decay, Decay::Cosine) {
        return schedule.steps;
    }
    let least = (schedule.steps as f64 * share).ceil() as usize;
    (least.div_ceil(schedule.test_every.max(1)) * schedule.test_every.max(1)).min(schedule.steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiment::spec::LastBatch;

    fn shape(assignments: usize, seeds: u64) -> Vec<(usize, u64, f64)> {
        ladder(assignments, seeds).iter().map(|rung| (rung.assignments, rung.seeds, rung.share)).collect()
    }

    #[test]
    fn each_rung_keeps_a_third_and_has_thrice_the_seeds() {
        assert_eq!(shape(48, 10), [(48, 2, 0.25), (16, 4, 1.0), (6, 10, 1.0)]);
        assert_eq!(shape(5, 30), [(5, 4, 0.25), (2, 10, 1.0), (1, 30, 1.0)]);
        assert_eq!(shape(3, 3), [(3, 1, 0.25), (1, 3, 1.0)]);
        assert_eq!(shape(1, 3), [(1, 3, 1.0)]);
        assert_eq!(grid(48, 3), [Rung { number: 1, assignments: 48, seeds: 3, share: 1.0 }]);
    }

    #[test]
    fn a_short_training_ends_with_a_measurement() {
        let of =
            |steps, test_every, decay| Schedule { steps, batch: 1, test_every, last_batch: LastBatch::Drop, decay };
        assert_eq!(steps(&of(20_000, 2000, Decay::None), 0.25), 6000);
        assert_eq!(steps(&of(1000, 100, Decay::None), 0.25), 300);
        assert_eq!(steps(&of(40, 100, Decay::None), 0.25), 40);
        assert_eq!(steps(&of(1000, 100, Decay::Cosine), 0.25), 1000);
        assert_eq!(steps(&of(1000, 100, Decay::None), 1.0), 1000);
    }
}
