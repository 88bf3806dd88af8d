//! Folders that appear whole or not at all, made as [`files::replace`](crate::files::replace) makes a file: under a random name of
//! their own, created exclusively (two processes never share one, on one host or on several), and renamed when all is on the disk.
//! When writing fails, the half-written folder is removed.
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use tempfile::{Builder, TempDir};

use super::error::{Result, StoreError};
use crate::files::{UNFINISHED, shared, sync_folder};

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(StoreError::file("create", path))?;
    file.write_all(bytes).map_err(StoreError::file("write", path))?;
    file.sync_all().map_err(StoreError::file("write", path))
}

/// Makes a folder `NAME.RANDOM.new` to be filled and renamed. Dropping it removes it.
pub(super) fn unfinished_folder(root: &Path, name: &str) -> Result<TempDir> {
    let prefix = format!("{name}.");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    shared(&mut builder, 0o777);
    builder.tempdir_in(root).map_err(StoreError::file("create a folder in", root))
}

/// Renames and waits until the renaming is on the disk.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(StoreError::file("put in place", to))?;
    if let Some(parent) = to.parent() {
        sync_folder(parent);
    }
    Ok(())
}

/// Removes a file, a link or a folder with everything in it, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Tells whether something is at `path`, a link that leads nowhere included. A path that cannot be examined counts as there,
/// so that reading it gives the reason.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(
        fs::symlink_metadata(path),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
    )
}
