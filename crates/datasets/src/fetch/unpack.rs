//! Unpacks a downloaded `.tar.gz` so that nothing in it can do harm: only members that the catalogue names are written, under names
//! of the catalogue's, never longer than it says.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::Failure;
use crate::catalogue::{Expected, Source};
use crate::check;
use crate::error::{Error, printable};

/// Longest of the small extra files that is kept.
const EXTRA: u64 = 1 << 16;
/// Bytes that the other members of an archive may have: headers, padding, a page of documentation.
const SURPLUS: u64 = 4 << 20;

/// Destination of the files of an archive.
pub(super) struct Unpacking<'a> {
    pub(super) source: &'a Source,
    /// Small files beside those of the catalogue that are kept.
    pub(super) extras: &'a [String],
    /// Folder of the set.
    pub(super) dir: &'a Path,
    /// Folder for unfinished files, on the same file system.
    pub(super) scratch: &'a Path,
}

impl Unpacking<'_> {
    /// Unpacks `archive`, checks every file and puts them into the folder of the set. A [`Failure::Source`] means that the archive
    /// cannot be used.
    pub(super) fn run(&self, archive: &Path, stop: &dyn Fn() -> bool) -> Result<(), Failure> {
        let Unpacking { source, extras, dir, scratch } = *self;
        let stage =
            tempfile::Builder::new().prefix("unpack-").tempdir_in(scratch).map_err(Error::io("create", scratch))?;
        let packed = BufReader::new(File::open(archive).map_err(Error::io("read", archive))?);
        self.extract(packed, stage.path(), stop).map_err(|failure| match failure {
            Failure::Source(_) if stop() => Error::Stopped(source.name).into(),
            other => other,
        })?;
        for file in &source.files {
            let staged = stage.path().join(&file.file);
            if !staged.exists() {
                return Err(Failure::Source(format!("does not hold {}/{}", source.folder, file.file)));
            }
            if let Err(error) = check::file(source, file, &staged) {
                return match error {
                    Error::Damaged { fault, .. } => Err(Failure::Source(format!("holds a {} that {fault}", file.file))),
                    other => Err(other.into()),
                };
            }
        }
        for name in source.files.iter().map(|f| &f.file).chain(extras) {
            let (from, to) = (stage.path().join(name), dir.join(name));
            if from.exists() {
                fs::rename(&from, &to).map_err(Error::io("replace", &to))?;
            }
        }
        Ok(())
    }

    /// Writes the members that the catalogue names to `stage`.
    fn extract(&self, packed: impl Read, stage: &Path, stop: &dyn Fn() -> bool) -> Result<(), Failure> {
        let Unpacking { source, extras, .. } = *self;
        let most = source.files.iter().map(|f| f.size).sum::<u64>() + extras.len() as u64 * EXTRA + SURPLUS;
        let mut archive = Archive::new(Bounded { inner: GzDecoder::new(packed), left: most, most, stop });
        let damaged = |e: io::Error| Failure::Source(format!("cannot be unpacked ({})", printable(e)));
        // `raw`: a long name or a PAX header is a member of its own, skipped as one; otherwise it would be read into memory whole.
        for member in archive.entries().map_err(damaged)?.raw(true) {
            let mut member = member.map_err(damaged)?;
            let Some(file) = plain_name(&source.folder, &member)? else { continue };
            let (name, longest) = match source.files.iter().find(|f| f.file == file) {
                Some(Expected { file, size, .. }) => (file, *size),
                None => match extras.iter().find(|&e| *e == file) {
                    Some(extra) => (extra, EXTRA),
                    None => continue, // a page of documentation
                },
            };
            if member.size() > longest {
                return Err(Failure::Source(format!("holds a {name} of {} bytes, more than {longest}", member.size())));
            }
            let to = stage.join(name);
            let mut out = match File::create_new(&to) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(Failure::Source(format!("holds {name} twice")));
                }
                out => out.map_err(Error::io("write", &to))?,
            };
            copy(&mut member, &mut out, &to)?;
        }
        Ok(())
    }
}

/// A reader that ends with an error after `most` bytes, or when the user stops: a small archive can hold gigabytes of zeros.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    most: u64,
    stop: &'a dyn Fn() -> bool,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::Error::other("stopped"));
        }
        if self.left == 0 {
            return Err(io::Error::other(format!("it holds more than {} bytes", self.most)));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.inner.read(&mut buffer[..most])?;
        self.left -= got as u64;
        Ok(got)
    }
}

/// Name of a plain file in the set's folder; `None` for anything else that is harmless.
///
/// A link, or a path that leaves the folder, is in no published archive: such an archive is refused as a whole.
fn plain_name<R: Read>(folder: &str, member: &tar::Entry<'_, R>) -> Result<Option<String>, Failure> {
    match member.header().entry_type() {
        // Entries with names and attributes of the next member; the published archives have none.
        EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink => {
            return Ok(None);
        }
        _ => {}
    }
    let path = member
        .path()
        .map_err(|e| Failure::Source(format!("has a member without a readable name ({})", printable(e))))?;
    let shown = printable(path.display());
    let refused = |what: &str| Err(Failure::Source(format!("is refused: its member {shown} {what}")));
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_string_lossy()),
            _ => return refused("would leave the folder"),
        }
    }
    match member.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Directory => return Ok(None),
        _ => return refused("is not a plain file"),
    }
    Ok(match names.as_slice() {
        [parent, name] if parent == folder => Some(name.to_string()),
        _ => None,
    })
}

/// Copies, and distinguishes a failure of the archive from one of the disk.
fn copy(from: &mut impl Read, to: &mut impl io::Write, path: &Path) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        let got =
            from.read(&mut buffer).map_err(|e| Failure::Source(format!("cannot be unpacked ({})", printable(e))))?;
        if got == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..got]).map_err(Error::io("write", path))?;
    }
}
