//! Restriction of candle's own work to one thread, even where the program is started without cargo.
use std::process::{Command, ExitCode};

const VARIABLE: &str = "CANDLE_NUM_THREADS";

/// Starts this program anew with `CANDLE_NUM_THREADS=1` when the variable is not set; an exit status when that was done.
///
/// candle reads the variable once and otherwise spreads every elementwise operation of 64 Ki entries and more over a pool of
/// spinning, pinned threads that all runs queue for. Cargo's `[env]` sets it for `cargo xtask`, but not for the program
/// when it is started directly, by a scheduler of a cluster, say. Setting it from within is `unsafe`, since other threads may be
/// reading the environment; starting the program anew is not.
pub fn ensure() -> Option<ExitCode> {
    if std::env::var_os(VARIABLE).is_some() {
        return None;
    }
    let mut again = Command::new(std::env::current_exe().ok()?);
    again.args(std::env::args_os().skip(1)).env(VARIABLE, "1");
    restart(again)
}

/// Replaces this process; returns only when that fails, and then this process goes on with more threads.
#[cfg(unix)]
fn restart(mut again: Command) -> Option<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let _ = again.exec();
    None
}

/// Waits for a process in this one's place.
#[cfg(not(unix))]
fn restart(mut again: Command) -> Option<ExitCode> {
    let code = again.status().ok()?.code()?;
    Some(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
