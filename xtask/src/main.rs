//! `cargo xtask`: the command line of the reproduction. Arguments are in [`flags`], each command has a file of its own, and the
//! work itself is done in the crates below `crates/`.
mod bench;
mod check;
mod context;
mod data;
mod error;
mod estimate;
mod figure;
mod flags;
mod hint;
mod interrupt;
mod list;
mod one_thread;
mod progress;
mod report;
mod reproduce;
mod runs;
mod schema;
mod search;
mod show;
mod slurm;
mod soften;
mod status;
mod style;
mod sweep;
mod text;
mod torture;
mod verdict;

use std::process::ExitCode;

use clap::Parser;
use error::CommandError;
use flags::{Cli, Command};

/// A training step makes and drops tensors of the same few sizes. Mimalloc keeps their pages instead of giving them
/// back to the system each time, which is 15-25 % of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(status) = one_thread::ensure() {
        return status;
    }
    let command = Cli::parse().command;
    hint::remember(&command);
    let done = match command {
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Figure(args) => figure::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Show(args) => show::run(&args),
        Command::List(args) => list::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Verdict(args) => verdict::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Torture(args) => torture::run(&args),
        Command::SlurmTask(args) => slurm::task(&args),
    };
    let unwritten = text::unwritten().map(|error| {
        CommandError::Failed(format!("cannot write to standard output: {error}; make room or give it another file"))
    });
    match done.and_then(|()| unwritten.map_or(Ok(()), Err)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.exit(),
    }
}
