//! [`Runs`]: the records of an experiment.
use std::collections::BTreeMap;
use std::sync::Arc;

use runs::record::{Outcome, Record};

/// Records by slug of the loss and seed. Losses that amount to the same training may share a record.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    by_loss: BTreeMap<String, BTreeMap<u64, Arc<Record>>>,
}

impl Runs {
    /// Returns an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the record of a loss; its seed is the record's. A second record of the same loss and seed replaces the first.
    pub fn insert(&mut self, loss: &str, record: Arc<Record>) {
        let seed = record.run.spec.seed;
        self.by_loss.entry(loss.to_owned()).or_default().insert(seed, record);
    }

    /// Returns whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.by_loss.values().all(BTreeMap::is_empty)
    }

    /// Finished records of a loss, by seed.
    pub fn finished(&self, loss: &str) -> impl Iterator<Item = (u64, &Record)> {
        self.of(loss).filter(|(_, record)| record.run.outcome == Outcome::Finished)
    }

    /// Diverged runs of a loss: seed and step of divergence.
    pub fn diverged(&self, loss: &str) -> Vec<(u64, usize)> {
        self.of(loss)
            .filter_map(|(seed, record)| match record.run.outcome {
                Outcome::Diverged { step } => Some((seed, step)),
                Outcome::Finished => None,
            })
            .collect()
    }

    /// Number of records of a loss, finished and diverged.
    pub fn count(&self, loss: &str) -> usize {
        self.of(loss).count()
    }

    /// Every record, by loss and seed.
    pub fn all(&self) -> impl Iterator<Item = (&str, u64, &Record)> {
        self.by_loss.iter().flat_map(|(loss, records)| {
            records.iter().map(move |(seed, record)| (loss.as_str(), *seed, record.as_ref()))
        })
    }

    fn of(&self, loss: &str) -> impl Iterator<Item = (u64, &Record)> {
        self.by_loss.get(loss).into_iter().flatten().map(|(seed, record)| (*seed, record.as_ref()))
    }
}
