//! Files that are there whole or not at all.
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::path::Path;

use tempfile::Builder;

use super::{Error, io};

/// Largest published file that is read, in bytes: the largest of the repository has about 0.4 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The text of a file; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    if size > MAX_BYTES {
        let reason = format!("it has {size} bytes, at most {MAX_BYTES} are read");
        return Err(Error::Document { path: path.display().to_string(), reason });
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io("read", path, e)),
    }
}

/// Replaces a file: at every moment it holds the old text or the new one, also after a crash, and a failure leaves nothing
/// behind. The folder is made where it is missing.
pub(super) fn write_atomically(path: &Path, text: &str) -> Result<(), Error> {
    // A file that is the same already keeps its time: nothing looks changed where nothing is.
    if read(path).is_ok_and(|old| old.as_deref() == Some(text)) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| io("make the folder", folder, e))?;
    let mut builder = Builder::new();
    let _ = builder.prefix(".").suffix(".part");
    // Readable by everyone whom the umask lets read, as any other file: a temporary file is the owner's alone.
    #[cfg(unix)]
    let _ = builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder).map_err(|e| io("write", path, e))?;
    temporary.write_all(text.as_bytes()).map_err(|e| io("write", path, e))?;
    temporary.as_file().sync_all().map_err(|e| io("write", path, e))?;
    let _ = temporary.persist(path).map_err(|e| io("write", path, e.error))?;
    // Some systems cannot do this for a folder; the order of their writes protects the file there.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{read, write_atomically};

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/fig13.csv");
        write_atomically(&path, "one").unwrap();
        write_atomically(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
        let blocked = folder.path().join("new/blocked");
        std::fs::create_dir_all(blocked.join("inside")).unwrap();
        assert!(write_atomically(&blocked, "three").is_err(), "a folder stands in its place");
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 2, "the failure leaves nothing");
    }
}
