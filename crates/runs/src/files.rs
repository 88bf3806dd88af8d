//! Atomic replacement of files.
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::Builder;

/// Ends the names of files and folders that are being written.
pub(crate) const UNFINISHED: &str = ".new";

/// Replaces a file by these parts: at every moment it holds the old bytes or the new ones, also after a crash, and a failure
/// leaves nothing behind. The parts are written under a random name beside it, which no two processes share, waited for until they
/// are on the disk, and renamed.
///
/// # Errors
/// Passes on the system's reason.
pub fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    shared(&mut builder, 0o666);
    let mut fresh = builder.tempfile_in(folder)?;
    for part in parts {
        fresh.write_all(part)?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    sync_folder(folder);
    Ok(())
}

/// Grants what the user's umask grants, since several users may share a folder; the library's default is the owner alone.
#[cfg(unix)]
pub(crate) fn shared(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
pub(crate) fn shared(_: &mut Builder<'_, '_>, _: u32) {}

/// Waits until a folder's entries are on the disk. Not every system can do that for a folder; then the order in which the
/// system writes is what protects the file.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::replace;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("fig13.csv");
        replace(&path, &[b"one"]).expect("written");
        replace(&path, &[b"t", b"wo"]).expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
        let blocked = folder.path().join("blocked");
        fs::create_dir_all(blocked.join("inside")).expect("made");
        assert!(replace(&blocked, &[b"three"]).is_err(), "a folder stands in its place");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2, "the failure leaves nothing");
    }
}
