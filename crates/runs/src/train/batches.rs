//! Order of the objects: the batch of each step.
use rand::Rng;
use twoscale::random::{Purpose, stream};

use experiment::spec::LastBatch;

/// The order of the training objects: every epoch a new permutation, from a random stream of the run's seed and the epoch
/// alone. A resumed run needs nothing but its step to go on with the same batches.
#[derive(Clone, Debug)]
pub struct Batches {
    seed: u64,
    objects: usize,
    batch: usize,
    last: LastBatch,
    /// The epoch that `order` belongs to.
    epoch: Option<usize>,
    order: Vec<u32>,
}

impl Batches {
    /// Batches of `batch` out of `objects` objects; `batch` is at least 1 and at most `objects`
    /// ([`RunSpec::validate_batch`](experiment::spec::RunSpec::validate_batch)).
    #[must_use]
    pub fn new(seed: u64, objects: usize, batch: usize, last: LastBatch) -> Self {
        Self { seed, objects, batch, last, epoch: None, order: Vec::new() }
    }

    /// Steps in an epoch.
    #[must_use]
    pub fn per_epoch(&self) -> usize {
        match self.last {
            LastBatch::Drop => self.objects / self.batch,
            LastBatch::Keep => self.objects.div_ceil(self.batch),
        }
    }

    /// Positions in the training set of the objects of step `step`, counted from 0.
    pub fn indices(&mut self, step: usize) -> &[u32] {
        let (epoch, position) = (step / self.per_epoch(), step % self.per_epoch());
        if self.epoch != Some(epoch) {
            self.shuffle(epoch);
        }
        let begin = position * self.batch;
        &self.order[begin..self.objects.min(begin + self.batch)]
    }

    /// Shuffles after Fisher and Yates. No function of `rand` is used, whose next version may change the order.
    fn shuffle(&mut self, epoch: usize) {
        let objects = u32::try_from(self.objects).unwrap_or(u32::MAX);
        self.order.clear();
        self.order.extend(0..objects);
        let mut random = stream(self.seed, Purpose::Shuffle, epoch as u64);
        for i in (1..self.order.len()).rev() {
            // 64 random bits scaled to 0..=i; the bias is below 2^-32.
            let bits = u128::from(random.next_u64());
            #[expect(clippy::cast_possible_truncation, reason = "at most i")]
            let j = ((bits * (i as u128 + 1)) >> 64) as usize;
            self.order.swap(i, j);
        }
        self.epoch = Some(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_object_once_and_the_last_batch_as_asked() {
        for (last, steps, seen) in [(LastBatch::Drop, 3, 9), (LastBatch::Keep, 4, 10)] {
            let mut batches = Batches::new(7, 10, 3, last);
            assert_eq!(batches.per_epoch(), steps);
            let mut objects: Vec<u32> = (0..steps).flat_map(|step| batches.indices(step).to_vec()).collect();
            objects.sort_unstable();
            objects.dedup();
            assert_eq!(objects.len(), seen, "{last:?}");
        }
    }

    #[test]
    fn a_batch_depends_on_seed_and_step_only() {
        let mut through = Batches::new(1, 50, 8, LastBatch::Drop);
        let all: Vec<Vec<u32>> = (0..20).map(|step| through.indices(step).to_vec()).collect();
        for step in [19, 0, 7, 6] {
            let mut fresh = Batches::new(1, 50, 8, LastBatch::Drop);
            assert_eq!(fresh.indices(step), all[step], "step {step}");
        }
        assert_ne!(all[0], all[6], "another epoch, another order");
        let mut other = Batches::new(2, 50, 8, LastBatch::Drop);
        assert_ne!(other.indices(0), all[0], "another seed, another order");
    }

    #[test]
    fn the_order_is_pinned() {
        // The order decides every published curve: a change must not go unnoticed.
        let mut batches = Batches::new(1, 10, 10, LastBatch::Drop);
        assert_eq!(batches.indices(0), [1, 7, 4, 6, 3, 0, 5, 8, 2, 9]);
    }
}
