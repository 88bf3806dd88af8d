//! `reproduce --slurm` and its tasks: the missing runs as a Slurm job array on a shared store.
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use experiment::Plan;
use experiment::own_data::Folder;
use experiment::spec::RunSpec;
use runs::scheduler::{CHECKPOINT_EVERY, Options, Scheduler};
use runs::slurm::{Array, JOB_PREFIX, MAX_ARRAY_SIZE, Time, arrays, from_task, max_array_size};
use runs::store::ATTEMPTS;
use runs::train::Processor;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{Folders, Reproduce};
use crate::interrupt;
use crate::progress::Line;
use crate::reproduce::stopped_or;
use crate::text::{count, say, tell};

/// Failed runs that are named one by one.
const SHOWN: usize = 5;

/// Options of `--slurm`.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Submits the missing runs to Slurm, one task for each run, and returns at once; store and data have to be on a shared file system.
    /// sbatch's own variables give it further options, such as SBATCH_CONSTRAINT: nodes with other kernels begin runs anew.
    #[arg(long)]
    pub slurm: bool,
    /// Slurm's partition [default: the cluster's].
    #[arg(long, value_name = "P", requires = "slurm")]
    pub partition: Option<String>,
    /// Time limit of a task, such as 90 (minutes) or 4:00:00 [default: the partition's]. A run cut off goes on in the task's next turn.
    #[arg(long, value_name = "T", requires = "slurm")]
    pub time: Option<Time>,
    /// Tasks at a time [default: as many as the cluster gives].
    #[arg(long, value_name = "N", requires = "slurm", value_parser = clap::value_parser!(u32).range(1..))]
    pub array_limit: Option<u32>,
}

/// Trains the runs of a list that no other process trains: a task of an array. Called by the scripts alone.
#[derive(Args, Debug)]
#[command(hide = true)]
pub struct Task {
    /// The runs.
    #[arg(long, value_name = "FILE")]
    pub list: PathBuf,
    /// Device that trains.
    #[arg(long, default_value_t = Processor::Cpu)]
    pub device: Processor,
    #[command(flatten)]
    pub folders: Folders,
}

/// A run in the list of an array. A specification is written without the folder of its data files, which is no part of the run: a task
/// works in another folder than the command that submitted it, and needs it.
#[derive(Deserialize, Serialize)]
struct Listed {
    spec: RunSpec,
    folder: PathBuf,
}

impl Listed {
    fn of(spec: RunSpec) -> Self {
        Self { folder: spec.data.folder.0.clone(), spec }
    }

    fn spec(self) -> RunSpec {
        let Self { mut spec, folder } = self;
        spec.data.folder = Folder(folder);
        spec
    }
}

/// Submits what is missing of `plans`, or prints the script for it.
pub fn submit(args: &Reproduce, place: &Context, plans: &[Plan]) -> Result<(), CommandError> {
    args.training.device.compiled()?;
    let missing = missing(place, plans)?;
    if missing.is_empty() {
        say(format!("no run to submit; draw with: cargo xtask figure {}", args.figures.join(" ")));
        return Ok(());
    }
    // The user's own experiment is named by a path, of which the name is a part.
    let stem = |figure: &String| Path::new(figure).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = args.figures.iter().map(stem).collect::<Vec<_>>().join("-");
    let store = absolute(place.store.root())?;
    let config = slurm("scontrol", &["show", "config"]);
    if args.dry_run {
        let largest = config.ok().and_then(|config| max_array_size(&config)).unwrap_or(MAX_ARRAY_SIZE);
        let folder = store.join("slurm").join(format!("{name}-XXXXXX"));
        for tasks in arrays(missing.len(), largest) {
            say(array(args, &name, tasks, &folder, &command(args, place, &folder)?).script());
        }
        return Ok(());
    }
    let largest = max_array_size(&config?).unwrap_or(MAX_ARRAY_SIZE);
    if let Some(what) = place.store.prepare()? {
        return Err(CommandError::Failed(what));
    }
    // Data are fetched here, once, since many tasks would fetch the same files at the same time.
    let data = place.sets()?;
    for spec in &missing {
        data.get(&spec.data).map_err(CommandError::failed)?;
    }
    let folder = folder(&store, &name)?;
    let written = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| CommandError::Failed(format!("cannot write {path}: {error}"))
    };
    // Tasks run a copy of the program, since those that begin tomorrow must not run what is compiled until then.
    let program = folder.join("xtask");
    let current = std::env::current_exe().map_err(CommandError::failed)?;
    std::fs::copy(current, &program).map_err(written(&program))?;
    let list = folder.join("runs.json");
    let listed: Vec<Listed> = missing.iter().cloned().map(Listed::of).collect();
    let text = serde_json::to_vec(&listed).map_err(CommandError::failed)?;
    std::fs::write(&list, text).map_err(written(&list))?;
    let command = command(args, place, &folder)?;
    let mut jobs = Vec::new();
    for (index, tasks) in arrays(missing.len(), largest).into_iter().enumerate() {
        let script = folder.join(format!("array-{index}.sh"));
        std::fs::write(&script, array(args, &name, tasks, &folder, &command).script()).map_err(written(&script))?;
        let script = script.display().to_string();
        match slurm("sbatch", &["--parsable", &script]) {
            Ok(job) => jobs.push(job.trim().split(';').next().unwrap_or_default().to_owned()),
            Err(error) if jobs.is_empty() => return Err(error),
            Err(error) => {
                return Err(CommandError::Failed(format!(
                    "{}; submitted before: {}, which train all runs too, with fewer tasks",
                    error.words(),
                    jobs.join(", ")
                )));
            }
        }
    }
    say(format!(
        "{} to train: submitted as job {}, output in {}\n`cargo xtask status --watch` shows jobs and runs; when all are done: cargo \
         xtask figure {}",
        count(missing.len(), "run"),
        jobs.join(", "),
        place.shown(&folder),
        args.figures.join(" ")
    ));
    Ok(())
}

/// Does the work of a task.
pub fn task(args: &Task) -> Result<(), CommandError> {
    let text = std::fs::read(&args.list)
        .map_err(|error| CommandError::Failed(format!("cannot read {}: {error}", args.list.display())))?;
    let listed: Vec<Listed> = serde_json::from_slice(&text)
        .map_err(|error| CommandError::Failed(format!("{} is no list of runs: {error}", args.list.display())))?;
    let specs = listed.into_iter().map(Listed::spec).collect();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let specs = from_task(specs, number("SLURM_ARRAY_TASK_ID").unwrap_or(0));
    let place = Context::find(&args.folders)?.on(args.device)?;
    let data = place.sets()?;
    let factory = place.factory()?;
    let scheduler = Scheduler { store: &place.store, data: &data, factory: factory.as_ref() };
    interrupt::listen();
    let jobs = number("SLURM_CPUS_PER_TASK").unwrap_or(1).max(1);
    let options = Options { jobs, checkpoint_every: CHECKPOINT_EVERY, stop: &interrupt::STOP };
    let summary = scheduler.claim(&specs, options, &Line::new()).map_err(stopped_or)?;
    if summary.interrupted {
        return Err(CommandError::Interrupted("stopped: the run in training left a checkpoint".to_owned()));
    }
    if let Some(failure) = summary.failures.first() {
        return Err(CommandError::Failed(format!(
            "{} failed, the first: run {}: {}",
            count(summary.failures.len(), "run"),
            failure.key,
            failure.error
        )));
    }
    say(format!("{} trained here, {} by other tasks", count(summary.trained, "run"), summary.elsewhere + summary.left));
    Ok(())
}

/// Jobs of this project that Slurm knows of, as a table.
pub fn jobs() -> Result<String, CommandError> {
    let table = slurm("squeue", &["--me", "--format", "%.18i %.24j %.12P %.10T %.12M %R"])?;
    let ours = |line: &&str| line.split_whitespace().nth(1).is_some_and(|name| name.starts_with(JOB_PREFIX));
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let jobs: Vec<&str> = lines.filter(ours).collect();
    Ok(if jobs.is_empty() { "no jobs".to_owned() } else { format!("{header}\n{}", jobs.join("\n")) })
}

/// Runs to be trained, without those that tasks gave up, which are printed.
fn missing(place: &Context, plans: &[Plan]) -> Result<Vec<RunSpec>, CommandError> {
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    let mut given_up = Vec::new();
    for run in plans.iter().flat_map(|plan| &plan.runs) {
        let key = run.spec.key();
        if place.store.has(&key) || !seen.insert(key.clone()) {
            continue;
        }
        let failures = place.store.failures(&key)?;
        match failures.last() {
            Some(last) if failures.len() >= ATTEMPTS => given_up.push(format!("  {key}: {last}")),
            _ => missing.push(run.spec.clone()),
        }
    }
    if !given_up.is_empty() {
        tell!(
            "{} failed {ATTEMPTS} times and are not submitted; train them here without --slurm, or remove KEY.failures in {}:\n{}",
            count(given_up.len(), "run"),
            place.shown(place.store.root()),
            given_up[..given_up.len().min(SHOWN)].join("\n")
        );
    }
    Ok(missing)
}

fn array<'a>(args: &'a Reproduce, name: &'a str, tasks: usize, logs: &'a Path, command: &'a [String]) -> Array<'a> {
    let Flags { partition, time, array_limit, .. } = &args.slurm;
    let limit = array_limit.map(|limit| limit as usize);
    Array { name, tasks, limit, partition: partition.as_deref(), time: time.as_ref(), logs, command }
}

/// Command of a task. Folders are absolute: a task may begin anywhere.
fn command(args: &Reproduce, place: &Context, folder: &Path) -> Result<Vec<String>, CommandError> {
    let word = |path: PathBuf| path.display().to_string();
    let root = place.store.root();
    // The fake trainer's store is a folder in the one that --store names.
    let named = if args.training.folders.fake_trainer { root.parent().unwrap_or(root) } else { root };
    let mut command =
        vec![word(folder.join("xtask")), "slurm-task".to_owned(), "--list".to_owned(), word(folder.join("runs.json"))];
    command.extend(["--store".to_owned(), word(absolute(named)?)]);
    if args.training.device != Processor::Cpu {
        command.extend(["--device".to_owned(), args.training.device.to_string()]);
    }
    command.extend(["--data".to_owned(), word(absolute(&place.cache()?.root)?)]);
    if args.training.folders.fake_trainer {
        command.extend([
            "--fake-trainer".to_owned(),
            "--fake-delay".to_owned(),
            args.training.folders.fake_delay.to_string(),
        ]);
    }
    Ok(command)
}

fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path).map_err(CommandError::failed)
}

/// A folder of its own for a submission, in the store.
fn folder(store: &Path, name: &str) -> Result<PathBuf, CommandError> {
    let base = store.join("slurm");
    std::fs::create_dir_all(&base)
        .map_err(|e| CommandError::Failed(format!("cannot create {}: {e}", base.display())))?;
    let mut number = 1_u64;
    loop {
        let folder = base.join(format!("{name}-{number}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(CommandError::Failed(format!("cannot create {}: {error}", folder.display()))),
        }
    }
}

/// Runs a command of Slurm and returns its output.
fn slurm(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    let output = Command::new(program).args(arguments).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            CommandError::Failed(format!("there is no `{program}` here: --slurm needs a host that submits to Slurm"))
        }
        _ => CommandError::Failed(format!("cannot run {program}: {error}")),
    })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(CommandError::Failed(format!("{program} failed: {}", words.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
