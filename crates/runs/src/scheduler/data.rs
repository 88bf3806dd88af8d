//! Data sets, loaded once and shared by all runs.
use std::sync::{Arc, Mutex, PoisonError};

use datasets::{Dataset, Labels, Name};

use crate::record::Run;
use crate::store::{Result, Store, StoreError};
use crate::train::RunData;
use experiment::spec::DataSpec;

/// A source of data sets. Functions of a name and of labels are sources of the sets that have names.
pub trait DataSource: Send + Sync {
    /// Loads the data set of a specification, with its labels.
    ///
    /// # Errors
    /// Fails when the set cannot be had; the message says what to do.
    fn dataset(&self, data: &DataSpec) -> anyhow::Result<Dataset>;
}

impl<F: Fn(Name, Labels) -> anyhow::Result<Dataset> + Send + Sync> DataSource for F {
    fn dataset(&self, data: &DataSpec) -> anyhow::Result<Dataset> {
        self(data.set, data.label_kind())
    }
}

/// Loaded data sets, and the data of runs that are made of them: each is loaded once, however many schedulers and calls use it.
pub struct DataCache<'a> {
    source: Box<dyn DataSource + 'a>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    datasets: Vec<(DataSpec, Arc<Dataset>)>,
    of_runs: Vec<(DataSpec, Arc<RunData>)>,
}

impl Made {
    fn dataset(&self, source: &DataSpec) -> Option<&Arc<Dataset>> {
        self.datasets.iter().find(|(known, _)| known == source).map(|(_, dataset)| dataset)
    }
}

impl std::fmt::Debug for DataCache<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataCache").finish_non_exhaustive()
    }
}

impl<'a> DataCache<'a> {
    /// Returns an empty cache.
    pub fn new(source: impl DataSource + 'a) -> Self {
        Self { source: Box::new(source), made: Mutex::default() }
    }

    /// Returns the data as `spec` wants them. The lock is held while loading: a second thread waits instead of loading too.
    ///
    /// # Errors
    /// Fails as [`DataSource::dataset`] does.
    pub fn get(&self, spec: &DataSpec) -> anyhow::Result<Arc<RunData>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, data)) = made.of_runs.iter().find(|(known, _)| known == spec) {
            return Ok(Arc::clone(data));
        }
        let source = spec.source();
        let dataset = match made.dataset(&source) {
            Some(dataset) => Arc::clone(dataset),
            None => {
                let dataset = Arc::new(self.source.dataset(spec)?);
                made.datasets.push((source, Arc::clone(&dataset)));
                dataset
            }
        };
        let data = Arc::new(RunData::new(spec, dataset));
        made.of_runs.push((spec.clone(), Arc::clone(&data)));
        Ok(data)
    }

    /// Passes on a finished run whose data files are the ones at hand. Data that no run needs are not loaded for this:
    /// a figure can be drawn from records where there are no data.
    pub(super) fn check(&self, spec: &DataSpec, run: Run, store: &Store) -> Result<Run> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = made.dataset(&spec.source());
        let other = loaded.and_then(|dataset| run.data.iter().find(|digest| !dataset.digests.contains(digest)));
        match other {
            Some(digest) => Err(StoreError::OtherData { path: store.root().join(&run.key), file: digest.file.clone() }),
            None => Ok(run),
        }
    }
}
