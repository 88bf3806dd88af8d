//! [`Runs`]: the records of an experiment.
use std::collections::BTreeMap;
use std::sync::Arc;

use runs::record::{Outcome, Record};

/// Records by slug of the loss and seed. Losses that amount to the same training may share a record.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    by_loss: BTreeMap<String, BTreeMap<u64, Arc<Record>>>,
    /// Factors that multiply the logits in an evaluation, by slug of the loss and seed.
    factors: BTreeMap<String, BTreeMap<u64, f64>>,
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

    /// Adds the record of a loss that was evaluated with logits multiplied by a factor fitted to its seed.
    pub fn insert_softened(&mut self, loss: &str, record: Arc<Record>, factor: f64) {
        let _ = self.factors.entry(loss.to_owned()).or_default().insert(record.run.spec.seed, factor);
        self.insert(loss, record);
    }

    /// Smallest and largest factor of a loss over its seeds; none where the evaluation is the trained network's.
    pub fn factors(&self, loss: &str) -> Option<(f64, f64)> {
        let factors = self.factors.get(loss)?.values();
        Some(factors.fold((f64::INFINITY, 0.0), |(least, most), &factor| (factor.min(least), factor.max(most))))
    }

    /// Finished record of a loss and a seed.
    pub fn of_seed(&self, loss: &str, seed: u64) -> Option<&Record> {
        let record = self.by_loss.get(loss)?.get(&seed)?;
        (record.run.outcome == Outcome::Finished).then_some(record)
    }

    /// Takes the record of a loss and a seed away.
    pub fn remove(&mut self, loss: &str, seed: u64) {
        if let Some(records) = self.by_loss.get_mut(loss) {
            let _ = records.remove(&seed);
        }
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
