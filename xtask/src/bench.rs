//! `bench`: the speed of training steps. Not there yet: the measuring belongs to the library.
use crate::flags::Bench;
use crate::stop::Stop;

/// Runs the command.
pub fn run(args: &Bench) -> Result<(), Stop> {
    let _ = &args.json;
    Err(Stop::Failed("`bench` is not there yet".into()))
}
