//! The rungs of the search: how many assignments climb each, with how many seeds and how much of the training.
use experiment::spec::{Decay, Schedule};

/// Of the assignments on a rung, one in so many goes on to the next.
pub const KEEP_ONE_IN: usize = 3;

/// Share of the training that the first rung runs.
const FIRST_SHARE: f64 = 0.25;

/// One rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// Its number, from 1.
    pub number: usize,
    /// Candidates that run on it.
    pub assignments: usize,
    /// Seeds: 1, 2, ... this.
    pub seeds: u64,
    /// Share of each training that is run, from its beginning.
    pub share: f64,
}

/// The rungs for so many assignments, the last with `seeds` seeds and whole trainings.
///
/// One assignment needs no search and up to [`KEEP_ONE_IN`] need two rungs, more have three. Each rung keeps one assignment in
/// [`KEEP_ONE_IN`]; the seeds of a rung are that fraction of the next rung's. Only the first shortens trainings: a longer prefix is a
/// training of its own, so that every shortening is paid for again above.
pub fn ladder(assignments: usize, seeds: u64) -> Vec<Rung> {
    let rungs = match assignments {
        0 | 1 => 1,
        2..=KEEP_ONE_IN => 2,
        _ => 3,
    };
    let fewer = |number: usize, of: u64| (number..rungs).fold(of, |n, _| n.div_ceil(KEEP_ONE_IN as u64));
    let mut left = assignments;
    (1..=rungs)
        .map(|number| {
            let share = if number < rungs && number == 1 { FIRST_SHARE } else { 1.0 };
            let rung = Rung { number, assignments: left, seeds: fewer(number, seeds).max(1), share };
            left = left.div_ceil(KEEP_ONE_IN);
            rung
        })
        .collect()
}

/// A grid: every assignment on one rung, with whole trainings.
pub fn grid(assignments: usize, seeds: u64) -> Vec<Rung> {
    vec![Rung { number: 1, assignments, seeds: seeds.max(1), share: 1.0 }]
}

/// Steps of the first `share` of a training, rounded up to a measurement of the test set, so that the short training is the
/// beginning of the whole one bit for bit. A cosine depends on the whole length: such a training is not shortened.
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
