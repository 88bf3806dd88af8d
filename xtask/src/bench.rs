//! `bench`: the speed of training beside PyTorch.
use harness::bench::{BenchError, Options, bench, table};
use harness::datasets::{self, Cache};

use crate::flags::Bench;
use crate::stop::Stop;
use crate::words::say;

/// Runs the command.
pub fn run(args: &Bench) -> Result<(), Stop> {
    let cache = Cache::open(args.data.clone())?;
    let load = |name| {
        let why = match cache.load(name) {
            Ok(dataset) => return Some(dataset),
            Err(datasets::Error::Missing { .. }) => format!("`cargo xtask data fetch {name}` gets the real images"),
            Err(error) => error.to_string(),
        };
        eprintln!("a stand-in for {name}: {why}");
        None
    };
    let options = Options { only: args.only.clone(), quick: args.quick, load: &load };
    let rows = bench(&options, &mut |line| eprintln!("{line}")).map_err(|error| match error {
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
