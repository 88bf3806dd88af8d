//! `bench`: the speed of training beside PyTorch.
use std::process::Command;

use bench::{BenchError, Options, bench, memory, table};
use datasets::{self, Cache};

use crate::error::CommandError;
use crate::flags::Bench;
use crate::text::say;

/// Runs the command.
pub fn run(args: &Bench) -> Result<(), CommandError> {
    if let Some(name) = &args.memory_of {
        say(memory(name, args.quick).map_err(CommandError::failed)?.to_string());
        return Ok(());
    }
    let cache = Cache::open(args.data.clone())?;
    let load = |name| {
        let why = match cache.load(name) {
            Ok(dataset) => return Some(dataset),
            Err(datasets::Error::Missing { .. }) => format!("`cargo xtask data fetch {name}` gets the real images"),
            Err(error) => error.to_string(),
        };
        crate::text::tell!("a stand-in for {name}: {}", crate::hint::complete(&why));
        None
    };
    let options =
        Options { only: args.only.clone(), quick: args.quick, load: &load, alone: &|name| alone(name, args.quick) };
    let rows = bench(&options, &mut |line| crate::text::tell!("{line}")).map_err(|error| match error {
        BenchError::UnknownRow(_) | BenchError::Kernels { .. } => CommandError::Usage(error.to_string()),
        other => CommandError::failed(other),
    })?;
    say(table(&rows));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&rows).map_err(CommandError::failed)?;
        std::fs::write(path, text + "\n")
            .map_err(|error| CommandError::Failed(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// Measures the memory of a run in a process that does nothing else.
fn alone(name: &str, quick: bool) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let mut command = Command::new(program);
    command.args(["bench", "--memory-of", name]).args(quick.then_some("--quick"));
    let output = command.output().map_err(|error| format!("this program cannot be started again: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
