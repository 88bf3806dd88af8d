//! Records of a plan, looked up in a store.
use std::collections::HashMap;
use std::sync::Arc;

use crate::measure::Runs;
use experiment::Plan;
use runs::store::{Result, Store};

/// The records of a plan that are in a store.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Records by loss and seed.
    pub runs: Runs,
    /// Number of the plan's trainings that have a record; losses that amount to the same training count once.
    pub found: usize,
    /// Number of the plan's trainings without a record.
    pub missing: usize,
}

/// Loads the records of a plan that the store has.
///
/// # Errors
/// Fails when a record cannot be read or was made by another version of the program.
pub fn gather(plan: &Plan, store: &Store) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut loaded: HashMap<String, Option<Arc<_>>> = HashMap::new();
    for run in &plan.runs {
        let key = run.spec.key();
        if !loaded.contains_key(&key) {
            let record = if store.has(&key) { Some(Arc::new(store.load(&key)?)) } else { None };
            *if record.is_some() { &mut gathered.found } else { &mut gathered.missing } += 1;
            loaded.insert(key.clone(), record);
        }
        if let Some(Some(record)) = loaded.get(&key) {
            gathered.runs.insert(&run.loss, Arc::clone(record));
        }
    }
    Ok(gathered)
}
