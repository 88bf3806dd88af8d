//! Reading and atomic replacement of published files.
use std::path::Path;

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

/// Replaces a file as [`runs::files::replace`] does. The folder is made where it is missing.
pub(super) fn write_atomically(path: &Path, text: &str) -> Result<(), Error> {
    // An equal file keeps its time, so that it does not look changed.
    if read(path).is_ok_and(|old| old.as_deref() == Some(text)) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| io("make the folder", folder, e))?;
    runs::files::replace(path, &[text.as_bytes()]).map_err(|e| io("write", path, e))
}
