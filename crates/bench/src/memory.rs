//! Memory use of a run.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::network::Network;
use super::row::Row;
use super::{Bench, BenchError, Result, stand_in};
use runs::record::History;
use runs::store::{Checkpoint, Store};
use runs::train::{Control, Ended, LearnerFactory, NetworkFactory, RunData, TrainError, execute};

/// Number of trained steps; the steps before are in the checkpoint from which the run begins.
const STEPS: usize = 60;

impl Bench<'_> {
    /// Row with the result of [`memory`] in a separate process.
    pub(super) fn memory(&mut self, name: &'static str) -> Option<Row> {
        match (self.options.alone)(name) {
            Ok(megabytes) => Some(Row::amount(name, "MB", megabytes, "random bytes")),
            Err(why) => {
                self.note(&format!("{name}: left out: {why}"));
                None
            }
        }
    }
}

/// Peak memory of the end of a whole run beside its data: the last steps with the history of all, a test,
/// checkpoints, the evaluation of all objects and the writing of the record. In MB of resident pages. `name` is that of a
/// row; `quick` takes a tenth of the images.
///
/// The process must have done no earlier work, since pages that the allocator keeps from it hide a run's use. For the same reason the
/// images are random bytes; reading real ones leaves pages as well.
///
/// # Errors
/// [`BenchError::UnknownRow`] when the row does not measure memory, [`BenchError::Unknowable`] outside Linux, and the error of a
/// failed run.
#[expect(clippy::cast_precision_loss, reason = "kilobytes")]
pub fn memory(name: &str, quick: bool) -> Result<f64> {
    let network = match name {
        "mlp-memory" => Network::Mlp,
        "lenet-memory-100" => Network::LeNet100,
        other => return Err(BenchError::UnknownRow(other.to_owned())),
    };
    let spec = network.spec();
    let (train, test) = network.objects();
    let part = if quick { 10 } else { 1 };
    let run_data = RunData::new(&spec.data, Arc::new(stand_in::noise(network, train / part, test / part)));
    let folder = tempfile::tempdir().map_err(|error| TrainError::Data(format!("no temporary folder: {error}")))?;
    let store = Store::open(folder.path());
    store.prepare()?;
    let from = checkpoint(&spec, &run_data)?;
    let (key, device) = (spec.key(), NetworkFactory.device());
    forget_peak();
    let before = kilobytes("VmRSS:").ok_or(BenchError::Unknowable)?;
    let control = Control {
        stop: &AtomicBool::new(false),
        checkpoint_every: Duration::from_millis(50),
        save: &mut |checkpoint| Ok(store.save_checkpoint(&key, &device, checkpoint)?),
        steps: &|_| {},
    };
    if let Ended::Finished(run) = execute(&spec, &run_data, &NetworkFactory, Some(from), control)? {
        store.save(&run.record, &run.weights)?;
    }
    let peak = kilobytes("VmHWM:").ok_or(BenchError::Unknowable)?;
    Ok(peak.saturating_sub(before) as f64 * 1024.0 / 1e6)
}

/// Checkpoint some steps before the end of a run, with the untrained network.
fn checkpoint(spec: &experiment::spec::RunSpec, run_data: &RunData) -> Result<Checkpoint> {
    let training = NetworkFactory.begin(spec, run_data)?;
    let done = spec.schedule.steps - STEPS;
    let history = History {
        batch_accuracy: vec![0.1; done],
        batch_loss: vec![2.0; done],
        log_norm: vec![1.0; done],
        scales: vec![vec![1.0; done]; spec.loss.scales()],
        test_step: Vec::new(),
        test_accuracy: Vec::new(),
    };
    Ok(Checkpoint { step: done, wall_seconds: 0.0, history, state: training.state()? })
}

/// Makes the system count the peak of memory anew (Linux).
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of the system's account of this process (Linux).
fn kilobytes(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().trim_end_matches("kB").trim_end().parse().ok()
}
