//! MNIST is published as `.gz` files and its reader wants them unpacked: beside the packed ones, or, where that folder cannot be
//! written, in a temporary folder for the time of reading.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::GzDecoder;

use crate::catalogue::{Expected, Packed, Source};
use crate::error::{Error, Fault};
use crate::{Dataset, check};

/// Checks a packed file; its content too, unless the unpacked one beside it has been checked already.
pub(crate) fn check(source: &Source, file: &Expected, gzip: &Packed, dir: &Path, unpacked: bool) -> Result<(), Error> {
    check_at(source, file, gzip, &dir.join(&gzip.file), unpacked)
}

/// [`check`] of a packed file that is not yet at its place.
pub(crate) fn check_at(
    source: &Source,
    file: &Expected,
    gzip: &Packed,
    path: &Path,
    unpacked: bool,
) -> Result<(), Error> {
    let damaged = |fault| Error::Damaged { name: source.name, path: path.to_owned(), fault };
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let (found, expected) = (bytes.len() as u64, gzip.size);
    let digest = check::sha256(&bytes);
    if digest == gzip.sha256 {
        if unpacked {
            return Ok(());
        }
        return match check::content(source.name, file, GzDecoder::new(bytes.as_slice()), file.size) {
            Ok(result) => result.map_err(damaged),
            Err(error) => Err(damaged(Fault::Unpack(error.to_string()))),
        };
    }
    Err(damaged(match inside(source, file, &bytes) {
        Some(fault) => fault,
        None if found < expected => Fault::Truncated { found, expected },
        None if found > expected => Fault::TooLong { found, expected },
        None => Fault::Digest { found: digest, expected: gzip.sha256.clone() },
    }))
}

/// What is wrong inside a file that is not the published one, if it is whole in itself: another set, or a label that is no class,
/// says more than a digest does.
fn inside(source: &Source, file: &Expected, bytes: &[u8]) -> Option<Fault> {
    let size = io::copy(&mut GzDecoder::new(bytes), &mut io::sink()).ok()?; // gzip's own checksum is verified here
    match check::content(source.name, file, GzDecoder::new(bytes), size).ok()?.err()? {
        Fault::Digest { .. } => None,
        fault => Some(fault),
    }
}

/// Calls `read` with a folder in which every file of the (checked) set lies unpacked.
pub(crate) fn with_unpacked(
    source: &Source,
    dir: &Path,
    read: impl FnOnce(&Path) -> Result<Dataset, Error>,
) -> Result<Dataset, Error> {
    let missing: Vec<&Expected> = source.files.iter().filter(|f| !dir.join(&f.file).exists()).collect();
    if missing.iter().try_for_each(|file| unpack(file, dir, dir)).is_ok() {
        return read(dir);
    }
    // Not writable (or full): the user's data folder may well be read-only.
    let scratch = tempfile::tempdir().map_err(Error::io("create", &std::env::temp_dir()))?;
    for file in &source.files {
        let from = dir.join(&file.file);
        if from.exists() {
            let to = scratch.path().join(&file.file);
            fs::copy(&from, &to).map_err(Error::io("write", &to))?;
        } else {
            unpack(file, dir, scratch.path()).map_err(Error::io("write", &scratch.path().join(&file.file)))?;
        }
    }
    read(scratch.path())
}

/// Unpacks `from/FILE.gz` to `to/FILE`, which appears whole or not at all.
fn unpack(file: &Expected, from: &Path, to: &Path) -> io::Result<()> {
    let mut reader = GzDecoder::new(BufReader::new(File::open(from.join(file.published()))?));
    place(&to.join(&file.file), |out| io::copy(&mut reader, out).map(|_| ()))
}

/// Writes a file beside its place and renames it there, so that nobody ever sees half of it.
pub(crate) fn place(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let beside: PathBuf = path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
    let result = File::create_new(&beside).and_then(|mut out| {
        write(&mut out)?;
        out.flush()?;
        fs::rename(&beside, path)
    });
    if result.is_err() {
        let _ = fs::remove_file(&beside); // the first error is the one to report
    }
    result
}
