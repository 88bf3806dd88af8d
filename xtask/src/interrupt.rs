//! Requests to stop: Ctrl-C (SIGINT), SIGTERM and SIGHUP all end trainings with a checkpoint.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Flag that is set as soon as a signal asks to stop.
pub static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Number of the signal that arrived last; 0: none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Number that shells add to a signal's number in an exit status.
const BY_SIGNAL: u8 = 128;

/// Time between two checks for a signal, only to report its arrival: trainings read [`STOP`] themselves.
const LOOK: Duration = Duration::from_millis(50);

/// Begins to listen. Where no handler can be installed (some sandboxes forbid it), a signal ends the process, which loses no
/// more than what was trained since the last checkpoint.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The shutdown is registered first, so that the first Ctrl-C finds STOP unset and only the second one ends the process. SIGTERM
        // and SIGHUP never end it, since schedulers of clusters send them more than once.
        let _ = flag::register_conditional_shutdown(SIGINT, i32::from(BY_SIGNAL) + SIGINT, Arc::clone(&STOP));
        for signal in signals() {
            let _ = flag::register_usize(signal, Arc::clone(&SIGNAL), usize::try_from(signal).unwrap_or(0));
            let _ = flag::register(signal, Arc::clone(&STOP));
        }
        std::thread::spawn(|| {
            while !requested() {
                std::thread::sleep(LOOK);
            }
            crate::text::tell!("\nstopping: keeping what is trained (Ctrl-C once more ends at once) ...");
        });
    });
}

/// Returns true once a signal asked to stop.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Returns the exit status of a command that was interrupted: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
pub fn status() -> u8 {
    match u8::try_from(SIGNAL.load(Ordering::SeqCst)) {
        Ok(signal @ 1..) => BY_SIGNAL.saturating_add(signal),
        _ => BY_SIGNAL + 2,
    }
}

#[cfg(unix)]
fn signals() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    // A process begun by `nohup` ignores this signal and must go on doing so.
    if !is_ignored(signal_hook::consts::SIGHUP) {
        signals.push(signal_hook::consts::SIGHUP);
    }
    signals
}

#[cfg(not(unix))]
fn signals() -> Vec<i32> {
    vec![SIGINT, SIGTERM]
}

/// Returns true where this process was started with a signal ignored; false where the system does not tell.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
