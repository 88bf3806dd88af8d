//! Every argument of every command.
use std::num::NonZeroUsize;
use std::path::PathBuf;

use bench::ROWS;
use clap::builder::PossibleValuesParser;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use experiment::Choice;
use runs::train::Processor;
use search::Varied;

const EXAMPLES: &str = "\
Examples:
  cargo xtask reproduce fig13 --scale smoke    first figure, no download, seconds
  cargo xtask list                             what there is, what is done, what it takes
  cargo xtask reproduce fig13                  the paper's figure 13: MNIST, 30 seeds, minutes
  cargo xtask reproduce all --jobs 8           everything; Ctrl-C stops, the same command goes on
  cargo xtask verdict fig13                    what of the paper's claims holds

Folders (options win over the environment):
  TWOSCALE_DATA    data sets, as their official archives unpack; default: the user's cache folder
  TWOSCALE_STORE   records of finished runs; default: runs/ in this repository

Exit status: 0 done; 1 a run or a check failed; 2 wrong usage or input; 130, 143 or 129 interrupted by Ctrl-C, SIGTERM or
SIGHUP: what is trained is kept, and the same command goes on.

Colours are used on a terminal, unless NO_COLOR is set.";

/// Colours of the help.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Reproduces the figures of 'A novel multi-scale loss function for classification problems in machine learning'.
///
/// Every figure is a file in experiments/. `reproduce` trains what the figure needs, once and for ever, and then draws it and
/// judges the paper's claims.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES, styles = STYLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Reproduce(Reproduce),
    Figure(Figure),
    Sweep(Sweep),
    Runs(Runs),
    Search(Search),
    Show(Show),
    List(List),
    Status(Status),
    Verdict(Verdict),
    Report(Report),
    Data(Data),
    Bench(Bench),
    Check(Check),
    Schema(Schema),
    Torture(crate::torture::Torture),
    SlurmTask(crate::slurm::Task),
}

/// Changes of an experiment.
#[derive(Args, Clone, Debug)]
pub struct Change {
    /// Scale: `paper`, `reduced` (CI) or `smoke` (embedded data, seconds).
    #[arg(long, value_name = "SCALE", default_value = "paper")]
    pub scale: String,
    /// A variant that the experiment file offers: other assumptions, such as `coarse` of fig9.
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// Number of seeds, in place of the file's.
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// Changes a value of the experiment file, such as `schedule.steps=100`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

impl Change {
    /// Returns the choice that these options stand for.
    pub fn choice(&self, only: &[String]) -> Choice {
        Choice {
            scale: Some(self.scale.clone()),
            variant: self.variant.clone(),
            sets: self.sets.clone(),
            seeds: self.seeds,
            only: only.to_vec(),
        }
    }
}

/// Folders of records, data sets and figures.
#[derive(Args, Clone, Debug, Default)]
pub struct Folders {
    /// Folder of finished runs [default: $TWOSCALE_STORE, else runs/].
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Folder of data sets [default: $TWOSCALE_DATA, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of figures [default: figures/ for the paper's runs, target/figures/ for all others].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Trains nothing: gives made-up curves at once, for tests of this command line.
    #[arg(long, hide = true)]
    pub fake_trainer: bool,
    /// Time that a step of the fake trainer takes.
    #[arg(long, hide = true, value_name = "MICROSECONDS", default_value_t = 0)]
    pub fake_delay: u64,
}

/// Options of every command that trains.
#[derive(Args, Clone, Debug)]
pub struct Training {
    #[command(flatten)]
    pub change: Change,
    /// Trains, draws and judges by this loss only; may be given several times.
    #[arg(long, value_name = "LOSS")]
    pub only: Vec<String>,
    /// Runs trained at a time [default: as many as there are cores; 1 on a GPU].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Device that trains: `cpu`, `cuda` (the first GPU) or `cuda:N`. A GPU needs a program compiled with `--features cuda`, which
    /// was never tried: the same operations are tested on the CPU alone. Runs have the same keys on every device; records name the device.
    #[arg(long, value_name = "DEVICE", default_value_t = Processor::Cpu)]
    pub device: Processor,
    #[command(flatten)]
    pub folders: Folders,
}

impl Training {
    /// Returns the choice that these options stand for.
    pub fn choice(&self) -> Choice {
        self.change.choice(&self.only)
    }

    /// Returns the number of runs at a time; 0: as many as there are cores.
    pub fn jobs(&self) -> usize {
        let usual = if self.device == Processor::Cpu { 0 } else { 1 };
        self.jobs.map_or(usual, usize::from)
    }
}

/// Trains what figures need, draws them and judges the paper's claims.
///
/// Runs that are done are not trained again, whichever figure they were trained for. Ctrl-C stops cleanly: what is trained is
/// kept and the same command goes on from there.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask reproduce fig13 --scale smoke
  cargo xtask reproduce fig10 fig15 --seeds 3
  cargo xtask reproduce fig13 --only single --only two-scale-0.01
  cargo xtask reproduce fig13 --set loss-options.normalisation=detached --set 'model.hidden=[64]'
  cargo xtask reproduce fig9 --variant coarse
  cargo xtask reproduce all --dry-run

Only the paper's runs, unchanged, are published in figures/. With another scale, --seeds, --only or --set, figures go to
target/figures/, or where --out says.")]
pub struct Reproduce {
    /// Figures, such as fig13, or `all`.
    #[arg(required = true, value_name = "FIG")]
    pub figures: Vec<String>,
    #[command(flatten)]
    pub training: Training,
    /// Trains and writes nothing: only says what would be trained, how long that takes and where it goes.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub slurm: crate::slurm::Flags,
}

/// Trains an experiment with every combination of some values, and compares the final accuracies.
///
/// Prints a table of final accuracies (mean and 95 % interval over seeds) for each loss and combination, and writes it as CSV beside
/// small multiples of the figure's panels, one row for each combination. Runs are shared with `reproduce`; Ctrl-C stops, and the same
/// command goes on.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask sweep fig13 --vary optimiser.learning-rate=0.05,0.1,0.2 --seeds 5
  cargo xtask sweep fig13 --vary 'model.hidden=[50],[100]' --vary schedule.batch=64,128 --only single
  cargo xtask sweep fig13 --scale smoke --vary losses.two-scale-0.01.eta=0.001,0.01,0.1

Writes FIG.csv and FIG.svg into target/sweeps/, or where --out says.")]
pub struct Sweep {
    /// Figure whose experiment is varied, such as fig13.
    #[arg(value_name = "FIG")]
    pub figure: String,
    /// Key of the experiment file, as of --set, and the values to train with; may be given several times.
    #[arg(long, required = true, value_name = "KEY=A,B,C")]
    pub vary: Vec<Varied>,
    #[command(flatten)]
    pub training: Training,
}

/// Lists the runs in the store, shows one, or compares two.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask runs                             every run: key, figure, loss, seed, outcome, accuracy, age
  cargo xtask runs --figure fig13 --seed 3
  cargo xtask runs --outcome diverged
  cargo xtask runs show 1f0c                   settings and results of a run; a key may be shortened
  cargo xtask runs diff 1f0c 9ab3              the settings and results in which two runs differ")]
pub struct Runs {
    #[command(subcommand)]
    pub action: Option<RunsAction>,
    #[command(flatten)]
    pub filter: RunsFilter,
    /// Folder of finished runs [default: $TWOSCALE_STORE, else runs/].
    #[arg(long, value_name = "DIR", global = true)]
    pub store: Option<PathBuf>,
    /// Lists the runs of the fake trainer.
    #[arg(long, hide = true, global = true)]
    pub fake_trainer: bool,
}

/// Conditions that a listed run meets.
#[derive(Args, Clone, Debug, Default)]
pub struct RunsFilter {
    /// Figure that needs the runs, at any scale and in any variant.
    #[arg(long, value_name = "FIG")]
    pub figure: Option<String>,
    /// Loss of the runs: a slug of the experiment file, or a part of one.
    #[arg(long, value_name = "LOSS")]
    pub loss: Option<String>,
    /// Seed of the runs.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// End of the runs.
    #[arg(long, value_name = "OUTCOME", value_parser = ["finished", "diverged", "interrupted", "running"])]
    pub outcome: Option<String>,
    /// Prints JSON: a list of objects.
    #[arg(long)]
    pub json: bool,
}

/// Commands about single runs.
#[derive(Debug, Subcommand)]
pub enum RunsAction {
    /// Shows the settings and results of a run.
    Show {
        /// Key of the run, or its beginning.
        key: String,
    },
    /// Shows the settings and results in which two runs differ.
    Diff {
        /// Key of a run, or its beginning.
        a: String,
        /// Key of another run, or its beginning.
        b: String,
    },
}

/// Draws figures, without training: from the records there are, else from the published table.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask figure fig8                  from a fresh clone: the published figure, from its table
  cargo xtask figure fig13 --scale smoke   from the records of that scale")]
pub struct Figure {
    /// Figures, such as fig13, or `all`.
    #[arg(required = true, value_name = "FIG")]
    pub figures: Vec<String>,
    #[command(flatten)]
    pub change: Change,
    #[command(flatten)]
    pub folders: Folders,
}

/// Searches for the assumptions under which the training comes nearest to the paper's curves, by successive halving.
///
/// An assignment gives a value to each setting that the paper's text leaves open; every combination of the varied values is one.
/// The assignments are trained briefly first (few seeds, the beginning of the training), and the best third goes on for longer, in up to
/// three rounds. Only the losses that the paper draws are trained. Ctrl-C or the budget stops the search, and the same command goes on;
/// `reproduce` and other searches share the runs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask search fig13                     the keys under `vary` in experiments/fig13.yaml
  cargo xtask search fig10 fig14 fig15 --budget 60 --seeds 3
  cargo xtask search fig13 --vary loss-options.normalisation=through,detached --vary optimiser.learning-rate=0.05,0.1
  cargo xtask search fig10 --vary 'model.hidden=[120],[120,84]' --set loss-options.gate=scaled --grid

Writes FIGS.csv and FIGS.svg into target/assignments/, or where --out says.")]
pub struct Search {
    /// Figures whose curves decide together, such as fig10 fig14 fig15.
    #[arg(required = true, value_name = "FIG")]
    pub figures: Vec<String>,
    /// A key of the experiment file, as of --set, and the values to try; may be given several times [default: the files' `vary`].
    #[arg(long, value_name = "KEY=A,B,C")]
    pub vary: Vec<Varied>,
    /// A YAML file that lists assignments one by one, each a mapping from keys to values; with --vary, each is combined with each of
    /// its values.
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// Minutes after which the search stops [default: none].
    #[arg(long, value_name = "MINUTES")]
    pub budget: Option<f64>,
    /// Trains every assignment with all seeds and steps, without halving.
    #[arg(long)]
    pub grid: bool,
    #[command(flatten)]
    pub training: Training,
}

/// Prints a whole experiment as YAML: all values of its file, of the files that it extends, of the patches and of the defaults, each
/// with the place that it comes from.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask show fig4
  cargo xtask show fig4 --scale smoke --variant biases
  cargo xtask show my/experiment.yaml --set optimiser.learning-rate=0.1")]
pub struct Show {
    /// A figure, such as fig13, or the path of an experiment file, ending in .yaml.
    #[arg(value_name = "FIG")]
    pub figure: String,
    #[command(flatten)]
    pub change: Change,
}

/// Lists every figure: runs done of needed, time to do the rest, claims, what it shows.
#[derive(Args, Debug)]
pub struct List {
    /// Scale: `paper`, `reduced` or `smoke`.
    #[arg(long, value_name = "SCALE", default_value = "paper")]
    pub scale: String,
    /// Prints JSON: a list of objects.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub folders: Folders,
}

/// Shows the store: runs done, in training, interrupted and missing, figure by figure, and what is damaged or left over.
///
/// Every record holds digests of its files and of itself. A damaged record is named and never used.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask status --verify           reads every byte of every record
  cargo xtask status --verify --prune   removes damaged records and leftovers; the runs are trained again by `reproduce`
  cargo xtask status --watch            runs and Slurm's jobs, every five seconds

Exit status: 1 when a record is damaged or cannot be read.")]
pub struct Status {
    /// Scale: `paper`, `reduced` or `smoke`.
    #[arg(long, value_name = "SCALE", default_value = "paper")]
    pub scale: String,
    /// Prints JSON: an object.
    #[arg(long)]
    pub json: bool,
    /// Compares every byte of every record with its digest; without this option only run.json of each record is checked.
    #[arg(long)]
    pub verify: bool,
    /// Removes damaged records, and what ended processes left over: half-written records, checkpoints of finished runs, locks.
    #[arg(long)]
    pub prune: bool,
    /// With --prune, removes records of older versions of this program too.
    #[arg(long, requires = "prune")]
    pub older: bool,
    /// Shows runs and Slurm's jobs again and again, until Ctrl-C.
    #[arg(long, conflicts_with = "prune")]
    pub watch: bool,
    #[command(flatten)]
    pub folders: Folders,
}

/// Judges the paper's claims: from the records when all are there, else from what was published.
#[derive(Args, Debug)]
#[command(after_help = "\
How to read it: a claim holds when the whole 95 % interval over seeds lies in the accepted range, fails when it lies outside,
and is unclear otherwise. The range and the reason for it are in the experiment file.

Exit status: 0 judged; with --strict 1 where a claim fails or is not run; 2 wrong usage or input.")]
pub struct Verdict {
    /// Figures, such as fig13; none: all.
    #[arg(value_name = "FIG")]
    pub figures: Vec<String>,
    /// Prints JSON: an object as in figures/data/figN.json, or a list of them when not exactly one figure is named.
    #[arg(long)]
    pub json: bool,
    /// Ends with status 1 where a claim fails or is not run.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub change: Change,
    #[command(flatten)]
    pub folders: Folders,
}

/// Trains the reduced runs afresh and compares their curves with the baselines in tests/baselines/: the regression check of CI.
#[derive(Args, Debug)]
#[command(after_help = "\
Limits come from the spread over seeds that the baseline holds: the mean of a curve may move by two standard errors of a mean
over seeds, its end by four, its points by 0.2 (dense networks) or 2.5 along the curve. The seeds are the same, so on one kind of machine the curves are equal to the bit.

Examples:
  cargo xtask check                 every figure that has a baseline
  cargo xtask check fig13 --keep    after a change that is meant to change curves")]
pub struct Check {
    /// Figures, such as fig13; none: all that have a baseline.
    #[arg(value_name = "FIG")]
    pub figures: Vec<String>,
    /// Keeps the curves found as the new baseline.
    #[arg(long)]
    pub keep: bool,
    /// Runs trained at a time [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub folders: Folders,
}

/// Writes a report over all published figures, one HTML page that needs no network.
#[derive(Args, Debug)]
pub struct Report {
    /// File of the page [default: target/report/index.html].
    #[arg(long, value_name = "FILE", conflicts_with = "markdown")]
    pub out: Option<PathBuf>,
    /// Prints the report as Markdown and writes no file.
    #[arg(long)]
    pub markdown: bool,
    /// Folder of published figures [default: figures/].
    #[arg(long, value_name = "DIR")]
    pub figures: Option<PathBuf>,
}

/// Lists, fetches and verifies the data sets.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask data                   every set with state, size and digest
  cargo xtask data fetch cifar-100
  cargo xtask data verify mnist --data ~/sets

A set of your own needs no command: an experiment file names its .npy files, relative to itself,
  data: {set: files, images: x.npy, labels: y.npy}
Images are bytes (N, H, W), (N, C, H, W), (N, H, W, C) or (N, W), as numpy.save writes them; labels are whole numbers from \
0 without gaps. `test-images` and `test-labels` name a test part; without them a share of the objects, `test-share` (0.2), is \
kept for it.")]
pub struct Data {
    #[command(subcommand)]
    pub action: Option<DataAction>,
    /// Folder of data sets [default: $TWOSCALE_DATA, else the user's cache folder].
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Lists every set with state, size and digest (the default).
    List,
    /// Downloads a set, checks and unpacks it; goes on after a break.
    Fetch {
        /// mnist, cifar-10 or cifar-100.
        name: String,
    },
    /// Checks every file of a set against its published digest.
    Verify {
        /// mnist, cifar-10, cifar-100, digits or textures.
        name: String,
    },
}

/// Measures the speed of training, beside PyTorch where python3 has it.
///
/// Rows are steps, losses, evaluations, whole runs, two runs at once, and memory. Calls of this program and of PyTorch take turns, one
/// thread each, on the same images: those of the data sets where they are present, else of a stand-in.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask bench                                  everything, several minutes
  cargo xtask bench --quick --only mlp-step          a look, seconds
  cargo xtask bench --json bench.json                rows for scripts: name, unit, ours, peer, ratio, peer_name
  TWOSCALE_KERNELS=avx2 cargo xtask bench            the kernels for processors without AVX-512 (or: portable)

ratio = peer / ours: how many times faster ours is. A busy machine spoils times; CPU times suffer least.")]
pub struct Bench {
    /// File to which the rows are written as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measures these rows only.
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = PossibleValuesParser::new(ROWS.map(|(name, _)| name)))]
    pub only: Vec<String>,
    /// Measures for seconds in place of minutes, for a rough idea.
    #[arg(long)]
    pub quick: bool,
    /// Prints the value of this row of memory, in MB, measured in this process.
    #[arg(long, hide = true, value_name = "NAME")]
    pub memory_of: Option<String>,
    /// Folder of data sets [default: $TWOSCALE_DATA, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Writes experiments/schema.json, with which editors complete and check experiment files.
#[derive(Args, Debug)]
pub struct Schema {
    /// Checks only that the file is current.
    #[arg(long)]
    pub check: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
