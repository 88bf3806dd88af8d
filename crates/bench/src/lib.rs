//! Benchmark of training beside PyTorch in the same run.
//!
//! A [`Row`] is one measured quantity. Our calls and the peer's alternate (`measure.rs`), so that other load on the machine affects
//! both. Our side is the code that trains the figures ([`Trainer`](twoscale::trainer::Trainer),
//! [`RunData`], [`execute`](runs::train::execute)) on the real data where they are
//! there; the peer is a Python program inside this one (`peer.py`) that does the same on the same images. The crate reports times
//! and does not judge them.
//!
//! ```
//! // Every row by its name; `cargo xtask bench NAME` measures one.
//! assert!(bench::ROWS.iter().any(|(name, _)| *name == "lenet-step-100"));
//! ```
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

/// Name and description of every row, in the order of the table.
pub const ROWS: [(&str, &str); 16] = [
    ("mlp-step", "training step of the MLP 784-100-10, batch 128, two-scale loss with the gradient through R(α)"),
    ("lenet-step-10", "training step of LeNet-5 with 10 classes"),
    ("lenet-step-100", "training step of LeNet-5 with 100 classes"),
    ("lenet-wide-step-10", "training step of LeNet-5 with 20 and 50 channels, 500 hidden units, 10 classes"),
    ("lenet-wide-step-100", "training step of LeNet-5 with 20 and 50 channels, 500 hidden units, 100 classes"),
    ("wrn-step", "training step of WRN-16-8 with 10 classes, SGD with momentum, batch 128; three calls"),
    ("wrn-small-step", "training step of WRN-10-1 with 100 classes, the network of figure 1 at the scale `reduced`"),
    ("loss-10", "the two-scale loss alone with its gradient, 10 classes"),
    ("loss-100", "the two-scale loss alone with its gradient, 100 classes"),
    ("lenet-evaluation-100", "evaluation of 10,000 images, every measure of a record"),
    ("mlp-run", "1000 steps of a whole run: batches gathered and scaled, tests, final evaluation"),
    ("lenet-run-100", "1000 steps of LeNet-5 with 100 classes in a run of 50,000 steps"),
    ("two-jobs", "throughput of two LeNet-5 runs at once over that of one"),
    ("kernels-avx2", "LeNet-5 step with 100 classes: time of the AVX2 kernels over that of the AVX-512 kernels"),
    ("mlp-memory", "memory of a whole MLP run beside its data set"),
    ("lenet-memory-100", "memory of a whole LeNet-5 run beside its data set"),
];

/// Selection and sources of a benchmark.
pub struct Options<'a> {
    /// Names of the rows to measure; empty: all.
    pub only: Vec<String>,
    /// True for a short run of seconds in place of a minute, for a rough idea only.
    pub quick: bool,
    /// Loads a data set of this machine; a stand-in replaces a missing one.
    pub load: &'a (dyn Fn(Name) -> Option<Dataset> + Sync),
    /// Calls [`memory`] for a row in a separate process, or returns the reason of a failure.
    pub alone: &'a (dyn Fn(&str) -> std::result::Result<f64, String> + Sync),
}

/// Reason why a benchmark failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Unknown name of a row.
    #[error("there is no row `{0}`; there are {list}", list = ROWS.map(|(name, _)| name).join(", "))]
    UnknownRow(String),
    /// `TWOSCALE_KERNELS` names unavailable kernels; times of other kernels would mislead.
    #[error("TWOSCALE_KERNELS={wanted}, but this machine would run {got}; take one of {available}, or unset it")]
    Kernels {
        /// Requested kernels.
        wanted: String,
        /// Kernels that would run.
        got: &'static str,
        /// Available kernels.
        available: String,
    },
    /// Level whose instructions the processor lacks.
    #[error(transparent)]
    Unavailable(#[from] kernels::Unavailable),
    /// Failure of our training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Memory use is known on Linux only.
    #[error("the memory use of a process is only known on Linux; leave the memory rows out")]
    Unknowable,
    /// Early end of a thread.
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

/// Measures the rows. `tell` receives a line for each row begun and for each one left out.
///
/// # Errors
/// [`BenchError`]. A missing or failing peer is not an error: its columns stay empty.
pub fn bench(options: &Options<'_>, tell: &mut (dyn FnMut(&str) + Send)) -> Result<Vec<Row>> {
    if let Some(unknown) = options.only.iter().find(|name| ROWS.iter().all(|(known, _)| known != name)) {
        return Err(BenchError::UnknownRow(unknown.clone()));
    }
    levels::check()?;
    // Candle's own calls of rayon get one thread, as in every run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(TrainError::from)?;
    pool.install(|| {
        let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
        let mut bench = Bench { options, effort, loaded: Vec::new(), peer: None, tell };
        let mut rows = Vec::new();
        for name in bench.wanted() {
            (bench.tell)(&format!("measuring {name}"));
            rows.extend(bench.row(name)?);
        }
        Ok(rows)
    })
}

/// State shared by the rows.
struct Bench<'a> {
    options: &'a Options<'a>,
    effort: Effort,
    loaded: Vec<(Network, Arc<RunData>)>,
    /// `None`: not yet started; `Some(None)`: not available.
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
            "lenet-wide-step-10" => self.step(name, Network::WideLeNet10)?,
            "lenet-wide-step-100" => self.step(name, Network::WideLeNet100)?,
            "wrn-step" => self.long_step(name, Network::WideResNet)?,
            "wrn-small-step" => self.step(name, Network::SmallWideResNet)?,
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

    /// Loads the data of a network once.
    fn run_data(&mut self, network: Network) -> Arc<RunData> {
        if let Some((_, run_data)) = self.loaded.iter().find(|(known, _)| *known == network) {
            return Arc::clone(run_data);
        }
        let spec = network.spec();
        let dataset = (self.options.load)(spec.data.set).unwrap_or_else(|| stand_in::dataset(network));
        let run_data = Arc::new(RunData::new(&spec.data, Arc::new(dataset)));
        self.loaded.push((network, Arc::clone(&run_data)));
        run_data
    }

    /// Returns the peer with a network's images loaded.
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
