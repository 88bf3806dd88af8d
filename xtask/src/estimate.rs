//! Time that missing runs take, estimated even where no data set is present.
use datasets::{Dataset, Labels, Name};
use experiment::spec::RunSpec;
use runs::scheduler::{DataCache, Estimate, Scheduler, jobs, relative};

use crate::context::Context;
use crate::text::duration;

/// Seconds by records or measurement, or by a rule of thumb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Seconds until all runs are done.
    pub seconds: f64,
    /// True where nothing was measured.
    pub guessed: bool,
}

impl std::fmt::Display for Expected {
    /// Writes `~12 min`, with a question mark behind a guess.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "~{}{}", duration(self.seconds), if self.guessed { " ?" } else { "" })
    }
}

/// Returns the time from earlier records alone: nothing is loaded or trained for it.
pub fn from_records(place: &Context, specs: &[RunSpec], jobs: usize) -> Expected {
    let nothing =
        DataCache::new(|_: Name, _: Labels| -> anyhow::Result<Dataset> { Err(anyhow::anyhow!("not loaded")) });
    let Ok(factory) = place.factory() else { return expected(None, place, specs, jobs) };
    let scheduler = Scheduler { store: &place.store, data: &nothing, factory: factory.as_ref() };
    expected(scheduler.estimate(specs, jobs).as_ref().ok(), place, specs, jobs)
}

/// Returns the time of an estimate where there is one, else a guess.
pub fn expected(estimate: Option<&Estimate>, place: &Context, specs: &[RunSpec], jobs: usize) -> Expected {
    match estimate {
        Some(estimate) => Expected { seconds: estimate.seconds, guessed: false },
        None => Expected { seconds: guess(place, specs, jobs), guessed: true },
    }
}

/// Seconds that the dense network of MNIST takes for an object: 0.7 ms for a step of 128.
const OBJECT: f64 = 0.7e-3 / 128.0;

/// Seconds by rule of thumb, for a machine that has not trained such a network yet.
#[expect(clippy::cast_precision_loss, reason = "counts of steps and cores")]
fn guess(place: &Context, specs: &[RunSpec], asked_jobs: usize) -> f64 {
    let missing = specs.iter().filter(|spec| !place.store.has(&spec.key()));
    missing.map(|spec| OBJECT * relative(spec) as f64).sum::<f64>() / jobs(asked_jobs) as f64
}
