//! Files that are there whole or not at all.
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::error::{Result, StoreError};

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(StoreError::file("create", path))?;
    file.write_all(bytes).map_err(StoreError::file("write", path))?;
    file.sync_all().map_err(StoreError::file("write", path))
}

/// Replaces `path` by a file of these bytes: at every moment it holds the old bytes or the new ones, also after a crash.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    write_synced(&fresh, bytes)?;
    rename(&fresh, path)
}

/// Renames and waits until the renaming is on the disk.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(StoreError::file("put in place", to))?;
    if let Some(parent) = to.parent() {
        sync_folder(parent);
    }
    Ok(())
}

/// Waits until a folder's entries are on the disk. Not every system can do that for a folder; then the order in which the
/// system writes is what protects the record.
pub(super) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

/// Removes a folder and everything in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file("remove", path)(error)),
        _ => Ok(()),
    }
}
