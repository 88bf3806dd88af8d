//! `bench`: the speed of training beside PyTorch.
use std::process::Command;

use harness::bench::{BenchError, Options, bench, memory, table};
use harness::datasets::{self, Cache};

use crate::flags::Bench;
use crate::stop::Stop;
use crate::words::say;

/// Runs the command.
pub fn run(args: &Bench) -> Result<(), Stop> {
    if let Some(name) = &args.memory_of {
        say(memory(name, args.quick).map_err(Stop::failed)?.to_string());
        return Ok(());
    }
    let cache = Cache::open(args.data.clone())?;
    let load = |name| {
        let why = match cache.load(name) {
            Ok(dataset) => return Some(dataset),
            Err(datasets::Error::Missing { .. }) => format!("`cargo xtask data fetch {name}` gets the real images"),
            Err(error) => error.to_string(),
        };
        crate::words::tell!("a stand-in for {name}: {why}");
        None
    };
    let options =
        Options { only: args.only.clone(), quick: args.quick, load: &load, alone: &|name| alone(name, args.quick) };
    let rows = bench(&options, &mut |line| crate::words::tell!("{line}")).map_err(|error| match error {
        BenchError::UnknownRow(_) | BenchError::Kernels { .. } => Stop::Usage(error.to_string()),
        other => Stop::failed(other),
    })?;
    say(table(&rows));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&rows).map_err(Stop::failed)?;
        std::fs::write(path, text + "\n")
            .map_err(|error| Stop::Failed(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// Memory of a run, in a process that does nothing else.
fn alone(name: &str, quick: bool) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let mut command = Command::new(program);
    command.args(["bench", "--memory-of", name]).args(quick.then_some("--quick"));
    let output = command.output().map_err(|error| format!("this program cannot be started again: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
