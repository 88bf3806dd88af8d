//! Time that missing runs take, also where no data set is at hand.
use datasets::{Dataset, Labels, Name};
use experiment::spec::RunSpec;
use runs::scheduler::{DataCache, Estimate, Scheduler, jobs};

use crate::context::Context;
use crate::text::duration;

/// Seconds by records or measurement, or by a rule of thumb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Seconds until all runs are done.
    pub seconds: f64,
    /// Set where nothing was measured.
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

/// Seconds by rule of thumb, for a machine that has not trained such a network yet: a step of the dense network takes about
/// 0.7 ms, one of LeNet-5 about 5.
#[expect(clippy::cast_precision_loss, reason = "counts of steps and cores")]
fn guess(place: &Context, specs: &[RunSpec], asked_jobs: usize) -> f64 {
    let seconds = |spec: &RunSpec| match spec.model.kind {
        twoscale::models::ModelKind::Mlp => 0.7e-3,
        twoscale::models::ModelKind::LeNet5 => 5e-3,
        // 30 ms for each of depth - 4 convolutions and each pass, times width².
        twoscale::models::ModelKind::WideResNet => {
            let (depth, width) = (spec.model.depth.unwrap_or(0), spec.model.width.unwrap_or(0));
            let passes = if spec.optimiser.asam.is_some() || spec.optimiser.sam.is_some() { 2.0 } else { 1.0 };
            0.03 * passes * (width * width * depth.saturating_sub(4)) as f64
        }
    };
    let missing = specs.iter().filter(|spec| !place.store.has(&spec.key()));
    missing.map(|spec| seconds(spec) * spec.schedule.steps as f64).sum::<f64>() / jobs(asked_jobs) as f64
}
