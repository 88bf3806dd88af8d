//! `bench`: how fast training is, beside PyTorch in the same run.
//!
//! A [`Row`] is one measured thing. Ours and the peer's calls take turns (`measure.rs`): whatever else the machine does
//! meanwhile, it does to both. Ours is the code that trains the figures ([`Trainer`](twoscale::trainer::Trainer),
//! [`RunData`], [`execute`](runs::train::execute)) on the real data where they are
//! there; the peer is a Python program inside this one (`peer.py`) that does the same on the same images. Nothing here decides
//! whether a time is good: who reads the rows does.
mod jobs;
mod levels;
mod measure;
mod memory;
mod network;
mod ours;
mod peer;
mod row;
mod stand_in;
mod steps;
mod table;

use std::sync::Arc;

use datasets::{Dataset, Name};

pub use memory::memory;
pub use row::{Clock, Row, Time};
pub use table::table;

use measure::Effort;
use network::Network;
use peer::Peer;
use runs::train::{RunData, TrainError};

/// Every row's name and what it is, in the order of the table.
pub const ROWS: [(&str, &str); 12] = [
    ("mlp-step", "training step of the MLP 784-100-10, batch 128, two-scale loss with the gradient through R(α)"),
    ("lenet-step-10", "training step of LeNet-5 with 10 classes"),
    ("lenet-step-100", "training step of LeNet-5 with 100 classes"),
    ("loss-10", "the two-scale loss alone with its gradient, 10 classes"),
    ("loss-100", "the two-scale loss alone with its gradient, 100 classes"),
    ("lenet-evaluation-100", "evaluation of 10,000 images, every measure of a record"),
    ("mlp-run", "1000 steps of a whole run: batches gathered and scaled, tests, final evaluation"),
    ("lenet-run-100", "the same for LeNet-5 with 100 classes, in a run of 50,000 steps"),
    ("two-jobs", "throughput of two LeNet-5 runs at once over that of one"),
    ("kernels-avx2", "LeNet-5 step with 100 classes: time of the AVX2 kernels over that of the AVX-512 kernels"),
    ("mlp-memory", "memory of a whole MLP run beside its data set"),
    ("lenet-memory-100", "memory of a whole LeNet-5 run beside its data set"),
];

/// What to measure.
pub struct Options<'a> {
    /// Names of rows; none: all.
    pub only: Vec<String>,
    /// Seconds in place of a minute: a look, not a measurement.
    pub quick: bool,
    /// The data sets that are on this machine; a stand-in takes the place of one that is not.
    pub load: &'a (dyn Fn(Name) -> Option<Dataset> + Sync),
    /// Calls [`memory`] for a row in a process of its own; else says why it cannot.
    pub alone: &'a (dyn Fn(&str) -> std::result::Result<f64, String> + Sync),
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No row has this name.
    #[error("there is no row `{0}`; there are {list}", list = ROWS.map(|(name, _)| name).join(", "))]
    UnknownRow(String),
    /// `TWOSCALE_KERNELS` names kernels that cannot be had: measuring others would mislead.
    #[error("TWOSCALE_KERNELS={wanted}, but this machine would run {got}; take one of {available}, or unset it")]
    Kernels {
        /// What was asked for.
        wanted: String,
        /// What would be measured.
        got: &'static str,
        /// What can be.
        available: String,
    },
    /// The processor lacks the instructions of a level.
    #[error(transparent)]
    Unavailable(#[from] kernels::Unavailable),
    /// Our own training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Only Linux tells the memory of a process in a file.
    #[error("this system does not tell how much memory a process uses")]
    Unknowable,
    /// A thread of ours ended before its time.
    #[error("a thread of the measurement ended early; run the command again")]
    Thread,
}

impl From<twoscale::Error> for BenchError {
    fn from(error: twoscale::Error) -> Self {
        Self::Train(error.into())
    }
}

impl From<candle_core::Error> for BenchError {
    fn from(error: candle_core::Error) -> Self {
        Self::Train(error.into())
    }
}

impl From<runs::store::StoreError> for BenchError {
    fn from(error: runs::store::StoreError) -> Self {
        Self::Train(error.into())
    }
}

type Result<T> = std::result::Result<T, BenchError>;

/// Measures, and `tell`s in a line each what is being measured and what had to be left out.
///
/// # Errors
/// [`BenchError`]; a peer that is missing or breaks is no error, its numbers are.
pub fn bench(options: &Options<'_>, tell: &mut (dyn FnMut(&str) + Send)) -> Result<Vec<Row>> {
    if let Some(unknown) = options.only.iter().find(|name| ROWS.iter().all(|(known, _)| known != name)) {
        return Err(BenchError::UnknownRow(unknown.clone()));
    }
    levels::check()?;
    // As every run: where candle itself calls rayon, it stays on this thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(TrainError::from)?;
    pool.install(|| {
        let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
        let mut bench = Bench { options, effort, problems: Vec::new(), peer: None, tell };
        let mut rows = Vec::new();
        for name in bench.wanted() {
            (bench.tell)(&format!("measuring {name}"));
            rows.extend(bench.row(name)?);
        }
        Ok(rows)
    })
}

/// What the rows share.
struct Bench<'a> {
    options: &'a Options<'a>,
    effort: Effort,
    problems: Vec<(Network, Arc<RunData>)>,
    /// `None`: not yet started; `Some(None)`: there is none.
    peer: Option<Option<Peer>>,
    tell: &'a mut (dyn FnMut(&str) + Send),
}

impl Bench<'_> {
    fn wanted(&self) -> impl Iterator<Item = &'static str> + use<> {
        let only = self.options.only.clone();
        ROWS.into_iter().map(|(name, _)| name).filter(move |name| only.is_empty() || only.iter().any(|o| o == name))
    }

    fn row(&mut self, name: &'static str) -> Result<Option<Row>> {
        Ok(Some(match name {
            "mlp-step" => self.step(name, Network::Mlp)?,
            "lenet-step-10" => self.step(name, Network::LeNet10)?,
            "lenet-step-100" => self.step(name, Network::LeNet100)?,
            "loss-10" => self.loss(name, Network::LeNet10)?,
            "loss-100" => self.loss(name, Network::LeNet100)?,
            "lenet-evaluation-100" => self.evaluation(name, Network::LeNet100)?,
            "mlp-run" => self.whole_run(name, Network::Mlp)?,
            "lenet-run-100" => self.whole_run(name, Network::LeNet100)?,
            "two-jobs" => return self.two_jobs(name, Network::LeNet100),
            "kernels-avx2" => return self.levels(name, Network::LeNet100),
            _ => return Ok(self.memory(name)),
        }))
    }

    /// The data of a network, loaded once.
    fn run_data(&mut self, network: Network) -> Arc<RunData> {
        if let Some((_, run_data)) = self.problems.iter().find(|(known, _)| *known == network) {
            return Arc::clone(run_data);
        }
        let spec = network.spec();
        let dataset = (self.options.load)(spec.data.set).unwrap_or_else(|| stand_in::dataset(network));
        let run_data = Arc::new(RunData::new(&spec.data, Arc::new(dataset)));
        self.problems.push((network, Arc::clone(&run_data)));
        run_data
    }

    /// The peer, with a network's images loaded.
    fn peer(&mut self, network: Network, run_data: &RunData) -> Option<Peer> {
        let tell = &mut self.tell;
        let mut peer =
            self.peer.take().unwrap_or_else(|| Peer::start().map_err(|why| tell(&format!("no peer: {why}"))).ok());
        if let Some(running) = &mut peer
            && let Err(why) = running.load(network, run_data)
        {
            (self.tell)(&format!("the peer stopped: {why}"));
            peer = None;
        }
        if peer.is_none() {
            self.peer = Some(None);
        }
        peer
    }

    fn note(&mut self, text: &str) {
        (self.tell)(text);
    }
}
