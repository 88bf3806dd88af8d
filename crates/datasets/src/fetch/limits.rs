//! Bounds on a download, so that no server can hold it for ever.

use std::time::Duration;

/// Bounds on a download. The defaults suit a slow line; tests shorten the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for a connection, for an answer, for the next byte.
    pub answer: Duration,
    /// Further attempts at an address that breaks off or asks to come back later. An attempt that brings at least a hundredth of
    /// the file does not count.
    pub retries: u32,
    /// Wait before the first further attempt; the wait doubles with each one.
    pub wait: Duration,
    /// Longest wait that a server may ask for (`Retry-After`).
    pub longest_wait: Duration,
    /// Bytes a second below which an address is given up, averaged over [`Limits::window`].
    pub slowest: u64,
    /// Time over which [`Limits::slowest`] is averaged.
    pub window: Duration,
    /// Time for one file over all addresses, in addition to the time that the file takes at [`Limits::pace`].
    pub total: Duration,
    /// Bytes a second that the whole time of a file allows for.
    pub pace: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            answer: Duration::from_secs(20),
            retries: 3,
            wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(15),
            slowest: 1_000,
            window: Duration::from_secs(15),
            total: Duration::from_secs(120),
            pace: 20_000,
        }
    }
}

impl Limits {
    /// Time for a file of `size` bytes over all addresses.
    pub(super) fn time_for(&self, size: u64) -> Duration {
        self.total.saturating_add(Duration::from_secs(size / self.pace.max(1)))
    }
}
