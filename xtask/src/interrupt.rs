//! Ctrl-C: asks once to stop cleanly, and the second time ends at once.
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::INTERRUPTED;

/// Set when the user asked to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Begins to listen. Without a handler (some sandboxes forbid one) Ctrl-C ends the process, which loses no more than
/// what was trained since the last checkpoint.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        crate::text::tell!("\nstopping: keeping what is trained (Ctrl-C once more ends at once) ...");
    });
}

/// Whether the user asked to stop.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}
