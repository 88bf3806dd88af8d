//! Leftovers of processes that were killed: moved aside before their run is trained, never deleted unasked.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Result, StoreError};
use super::{Store, disk};
use crate::files::UNFINISHED;

/// Folder of what was moved out of the way.
pub(super) const ASIDE: &str = "aside";

/// Age from which a half-written record counts as left over. Where locks hold, no other process writes the record of a run that is
/// locked here; where they do not, a record being written stays younger than this. The store compares times nowhere else: hosts whose
/// clocks differ by more than this can move each other's half-written records aside, which are then written again.
const ABANDONED: Duration = Duration::from_secs(600);

impl Store {
    /// Moves leftovers of the run `key` aside: a folder or file in its record's place without `run.json`, half-written records, a
    /// checkpoint that is no folder. Returns the new places. The caller holds the run's [`Lock`](super::Lock), and no
    /// record is in place.
    ///
    /// # Errors
    /// Fails when something cannot be moved.
    pub fn set_leftovers_aside(&self, key: &str) -> Result<Vec<PathBuf>> {
        let mut leftovers: Vec<PathBuf> = Vec::new();
        let folder = self.folder(key);
        if disk::is_there(&folder) {
            leftovers.push(folder);
        }
        let partial = self.partial_folder(key);
        if disk::is_there(&partial) && !partial.is_dir() {
            leftovers.push(partial);
        }
        let old_name = format!("{key}{UNFINISHED}");
        for name in self.entries()? {
            let path = self.root.join(&name);
            if name == old_name || is_unfinished(&name, key) && self.is_abandoned(key, &path) {
                leftovers.push(path);
            }
        }
        leftovers.iter().map(|path| self.set_aside(path)).collect()
    }

    /// Moves something of the store to a place of its own in `aside/`, which nothing reads.
    pub(super) fn set_aside(&self, path: &Path) -> Result<PathBuf> {
        let aside = self.root.join(ASIDE);
        fs::create_dir_all(&aside).map_err(StoreError::file("create", &aside))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A folder of its own, so that a name set aside twice is kept twice.
        let place = disk::unfinished_folder(&aside, &name)?.keep();
        let place_of_name = place.join(&name);
        disk::rename(path, &place_of_name)?;
        Ok(place_of_name)
    }

    /// Tells whether a half-written record is old, by the clock of the file system: the run's lock was written just now.
    fn is_abandoned(&self, key: &str, path: &Path) -> bool {
        let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        match (changed(&self.lock_path(key)), changed(path)) {
            (Some(now), Some(then)) => now.duration_since(then).is_ok_and(|age| age > ABANDONED),
            _ => false,
        }
    }

    /// Removes what a finished run no longer needs and a killed process left: its checkpoint and its lock. Does nothing while a
    /// process holds the lock.
    ///
    /// # Errors
    /// Fails when the lock cannot be taken or something cannot be removed.
    pub fn tidy(&self, key: &str) -> Result<()> {
        if !disk::is_there(&self.partial_folder(key)) && !disk::is_there(&self.lock_path(key)) {
            return Ok(());
        }
        if let super::Locking::Held(_lock) = self.lock(key)? {
            self.discard_checkpoint(key)?;
        }
        Ok(())
    }
}

/// Tells whether `name` is `<key>.<random>.new`.
fn is_unfinished(name: &str, key: &str) -> bool {
    name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(UNFINISHED) && rest != UNFINISHED)
}
