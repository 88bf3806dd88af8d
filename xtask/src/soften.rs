//! Losses that are evaluated with softened probabilities: their records are made from the trained networks' final weights.
use std::collections::BTreeMap;

use experiment::Plan;
use experiment::file::Softened;
use results::gather::Gathered;
use runs::soften::{Network, Target};

use crate::context::Context;
use crate::error::CommandError;
use crate::text::{count, tell};

/// Replaces the records of softened losses by evaluations with the factor fitted to each seed.
pub fn soften(place: &Context, plan: &Plan, gathered: &mut Gathered) -> Result<(), CommandError> {
    let softened: Vec<(&String, &Softened)> =
        plan.experiment.losses.iter().filter_map(|(slug, loss)| Some((slug, loss.softened.as_ref()?))).collect();
    // Losses that soften the same trainings share the logits.
    let mut by_key: BTreeMap<String, Vec<(&String, &Softened, u64)>> = BTreeMap::new();
    for (slug, how) in softened {
        for (seed, record) in gathered.runs.finished(slug) {
            by_key.entry(record.run.key.clone()).or_default().push((slug, how, seed));
        }
    }
    if by_key.is_empty() {
        return Ok(());
    }
    tell!("{}: logits of {} from final weights", plan.name, count(by_key.len(), "finished run"));
    let (sets, factory) = (place.sets()?, place.factory()?);
    let before = gathered.runs.clone();
    for (key, losses) in by_key {
        let Some((slug, _, seed)) = losses.first() else { continue };
        let Some(record) = before.of_seed(slug, *seed) else { continue };
        let data = sets.get(&record.run.spec.data).map_err(CommandError::failed)?;
        let weights = place.store.weights(&key)?;
        let network = Network::of(record, &weights, &data, factory.as_ref()).map_err(CommandError::failed)?;
        for (slug, how, seed) in losses {
            let target = match how {
                Softened::Likelihood => Target::Likelihood,
                Softened::ConfidenceOf(other) => match before.of_seed(other, seed) {
                    Some(other) => Target::Confidence(twoscale::metrics::confidence(&other.train)),
                    None => {
                        gathered.runs.remove(slug, seed);
                        continue;
                    }
                },
            };
            let factor = network.factor(target);
            gathered.runs.insert_softened(slug, network.softened(factor), factor);
        }
    }
    Ok(())
}
