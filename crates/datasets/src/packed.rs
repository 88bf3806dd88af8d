//! Files that are published as `.gz`: checked and read as they are, without an unpacked copy on disk.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::catalogue::{Expected, Packed, Source};
use crate::check;
use crate::error::{Error, Fault};

/// Bytes by which a packed file may exceed the published length and still be read.
const SURPLUS: u64 = 16 << 20;

/// Checks a packed file, and its content unless the unpacked file beside it has been checked already.
pub(crate) fn check(source: &Source, file: &Expected, gzip: &Packed, dir: &Path, unpacked: bool) -> Result<(), Error> {
    check_at(source, file, gzip, &dir.join(&gzip.file), unpacked)
}

/// Checks a packed file as [`check`] does, before it is moved to its place.
pub(crate) fn check_at(
    source: &Source,
    file: &Expected,
    gzip: &Packed,
    path: &Path,
    unpacked: bool,
) -> Result<(), Error> {
    let damaged = |fault| Error::Damaged { name: source.name, path: path.to_owned(), fault };
    let (found, expected) = (fs::metadata(path).map_err(Error::io("read", path))?.len(), gzip.size);
    if found > expected.saturating_add(SURPLUS) {
        return Err(damaged(Fault::TooLong { found, expected }));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let digest = check::sha256(&bytes);
    if digest == gzip.sha256 {
        if unpacked {
            return Ok(());
        }
        return match check::content(source, file, GzDecoder::new(bytes.as_slice()), file.size) {
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

/// Finds the fault in a complete gzip file that is not the published one, since another set or a label that is no class says more
/// than a digest. Unpacks little more than the published length, since a few bytes can hold gigabytes.
fn inside(source: &Source, file: &Expected, bytes: &[u8]) -> Option<Fault> {
    let most = file.size.saturating_add(SURPLUS);
    let unpacked = || GzDecoder::new(bytes).take(most);
    let size = io::copy(&mut unpacked(), &mut io::sink()).ok()?; // gzip's own checksum is verified here
    match check::content(source, file, unpacked(), size).ok()?.err()? {
        Fault::Digest { .. } => None,
        fault => Some(fault),
    }
}

/// Opens a (checked) file of a set for reading: the unpacked one where it lies in `dir`, else the packed one.
pub(crate) fn open(file: &Expected, dir: &Path) -> Result<Box<dyn Read>, Error> {
    let plain = dir.join(&file.file);
    let read = |path: &Path| {
        let file = File::open(path).map_err(Error::io("read", path))?;
        Ok(BufReader::with_capacity(1 << 18, file))
    };
    match &file.packed {
        Some(gzip) if !plain.exists() => Ok(Box::new(GzDecoder::new(read(&dir.join(&gzip.file))?))),
        _ => Ok(Box::new(read(&plain)?)),
    }
}
