//! Files and folders that are there whole or not at all.
//!
//! Writers use names of their own (random, and created exclusively: two processes never share one, on one host or on several),
//! wait until all is on the disk, and rename. When writing fails, the half-written file or folder is removed.
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use tempfile::{Builder, TempDir};

use super::error::{Result, StoreError};

/// Ends the names of files and folders that are being written.
pub(super) const UNFINISHED: &str = ".new";

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(StoreError::file("create", path))?;
    file.write_all(bytes).map_err(StoreError::file("write", path))?;
    file.sync_all().map_err(StoreError::file("write", path))
}

/// Replaces `path` by a file of these parts: at every moment it holds the old bytes or the new ones, also after a crash.
pub(super) fn replace(path: &Path, parts: &[&[u8]]) -> Result<()> {
    let (folder, name) = (path.parent().unwrap_or(Path::new(".")), path.file_name().unwrap_or_default());
    let prefix = format!("{}.", name.to_string_lossy());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    shared(&mut builder, 0o666);
    let mut fresh = builder.tempfile_in(folder).map_err(StoreError::file("write", path))?;
    for part in parts {
        fresh.write_all(part).map_err(StoreError::file("write", path))?;
    }
    fresh.as_file().sync_all().map_err(StoreError::file("write", path))?;
    fresh.persist(path).map_err(|error| StoreError::file("put in place", path)(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes a folder `NAME.RANDOM.new` to be filled and renamed. Dropping it removes it.
pub(super) fn unfinished_folder(root: &Path, name: &str) -> Result<TempDir> {
    let prefix = format!("{name}.");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    shared(&mut builder, 0o777);
    builder.tempdir_in(root).map_err(StoreError::file("create a folder in", root))
}

/// Grants what the user's umask grants, since several users may share a store; the library's default is the owner alone.
#[cfg(unix)]
fn shared(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn shared(_: &mut Builder<'_, '_>, _: u32) {}

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

/// Tells whether something is at `path`, a link that leads nowhere included. What cannot be looked at counts as there, so that
/// reading it tells why.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(
        fs::symlink_metadata(path),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
    )
}
