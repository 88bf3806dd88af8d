//! Failed attempts at a run, kept beside its checkpoint: a cluster must not try for ever what cannot work.
use std::fs::{self, File};
use std::io::Write as _;

use super::error::{Result, StoreError};
use super::{Store, disk, host_name};

/// Attempts after which a run is left.
pub const ATTEMPTS: usize = 3;

impl Store {
    /// Reasons of the failed attempts at the run `key`, the first first.
    ///
    /// # Errors
    /// Fails when they cannot be read.
    pub fn failures(&self, key: &str) -> Result<Vec<String>> {
        let path = self.root.join(format!("{key}.failures"));
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            other => Ok(other.map_err(StoreError::file("read", &path))?.lines().map(str::to_owned).collect()),
        }
    }

    /// Adds a failed attempt. The caller holds the run's [`Lock`](super::Lock).
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub fn add_failure(&self, key: &str, reason: &str) -> Result<()> {
        let path = self.root.join(format!("{key}.failures"));
        let line = format!(
            "{} (process {} on {})\n",
            reason.lines().next().unwrap_or_default(),
            std::process::id(),
            host_name()
        );
        let file = File::options().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(StoreError::file("write", &path))
    }

    /// Forgets the failed attempts at the run `key`.
    ///
    /// # Errors
    /// Fails when they cannot be removed.
    pub fn forget_failures(&self, key: &str) -> Result<()> {
        disk::remove(&self.root.join(format!("{key}.failures")))
    }
}
