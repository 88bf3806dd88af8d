//! Memory of a run.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::network::Network;
use super::row::Row;
use super::steps::data;
use super::{Bench, Result, stand_in};
use crate::record::History;
use crate::store::{Checkpoint, Store};
use crate::train::{Control, Ended, Problem, Real, TrainError, Trainers, execute};

/// Steps that are trained; those before them are in the checkpoint that the run begins from.
const STEPS: usize = 60;

impl Bench<'_> {
    /// The most memory that the end of a whole run takes beside its data: the last steps with the history of all, a test,
    /// checkpoints, the evaluation of all objects and the writing of the record. In MB of resident pages.
    #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
    pub(super) fn memory(&mut self, name: &'static str, network: Network) -> Result<Option<Row>> {
        let spec = network.spec();
        // Real images would leave with the allocator what reading them took, and a run could live off that unseen.
        let (train, test) = network.objects();
        let part = if self.options.quick { 10 } else { 1 };
        let dataset = stand_in::noise(network, train / part, test / part);
        let problem = Problem::new(&spec.data, Arc::new(dataset));
        let folder = tempfile::tempdir().map_err(|error| TrainError::Data(format!("no temporary folder: {error}")))?;
        let store = Store::open(folder.path());
        store.prepare()?;
        let from = checkpoint(&spec, &problem)?;
        let (key, device) = (spec.key(), Real.device());
        forget_peak();
        let Some(before) = kilobytes("VmRSS:") else {
            self.note(&format!("{name}: left out, this system does not tell how much memory a process uses"));
            return Ok(None);
        };
        let control = Control {
            stop: &AtomicBool::new(false),
            checkpoint_every: Duration::from_millis(50),
            save: &mut |checkpoint| Ok(store.save_checkpoint(&key, &device, checkpoint)?),
            steps: &|_| {},
        };
        if let Ended::Finished(run) = execute(&spec, &problem, &Real, Some(from), control)? {
            store.save(&run.record, &run.weights)?;
        }
        let peak = kilobytes("VmHWM:").unwrap_or(before);
        let used = peak.saturating_sub(before) as f64 * 1024.0 / 1e6;
        Ok(Some(Row::amount(name, "MB", used, &data(&problem))))
    }
}

/// A checkpoint some steps before the end of a run, with the untrained network.
fn checkpoint(spec: &crate::spec::RunSpec, problem: &Problem) -> Result<Checkpoint> {
    let training = Real.begin(spec, problem)?;
    let done = spec.schedule.steps - STEPS;
    let history = History {
        batch_accuracy: vec![0.1; done],
        batch_loss: vec![2.0; done],
        log_size: vec![1.0; done],
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
