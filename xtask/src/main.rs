//! `cargo xtask`: the command line of the reproduction. Arguments are in [`flags`], one file a command; the work itself is
//! done in `harness`.
mod bench;
mod check;
mod context;
mod data;
mod error;
mod figure;
mod flags;
mod interrupt;
mod list;
mod one_thread;
mod progress;
mod report;
mod reproduce;
mod schema;
mod search;
mod status;
mod text;
mod verdict;

use std::process::ExitCode;

use clap::Parser;
use flags::{Cli, Command};

/// A training step makes and drops tensors of the same few sizes. This allocator keeps their pages instead of giving them
/// back to the system each time, which is 15-25 % of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(status) = one_thread::ensure() {
        return status;
    }
    let done = match Cli::parse().command {
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Figure(args) => figure::run(&args),
        Command::Search(args) => search::run(&args),
        Command::List(args) => list::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Verdict(args) => verdict::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.exit(),
    }
}
