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
use crate::error::Error;

/// Longest of the small extra files that is kept.
const EXTRA: u64 = 1 << 16;

/// Unpacks `archive`, checks every file and puts them into `dir`. A [`Failure::Source`] means that the archive is no good.
pub(super) fn unpack(
    source: &Source,
    extras: &[String],
    archive: &Path,
    dir: &Path,
    scratch: &Path,
) -> Result<(), Failure> {
    let stage = tempfile::Builder::new().prefix("unpack-").tempdir_in(scratch).map_err(Error::io("create", scratch))?;
    let mut members =
        Archive::new(GzDecoder::new(BufReader::new(File::open(archive).map_err(Error::io("read", archive))?)));
    let damaged = |e: io::Error| Failure::Source(format!("cannot be unpacked ({e})"));
    for member in members.entries().map_err(damaged)? {
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
        let to = stage.path().join(name);
        let mut out = File::create(&to).map_err(Error::io("write", &to))?;
        copy(&mut member, &mut out, &to)?;
    }
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

/// Name of a plain file in the set's folder; `None` for anything else that is harmless.
///
/// A link, or a path that leaves the folder, is in no published archive: such an archive is refused as a whole.
fn plain_name<R: Read>(folder: &str, member: &tar::Entry<'_, R>) -> Result<Option<String>, Failure> {
    let path = member.path().map_err(|e| Failure::Source(format!("has a member without a readable name ({e})")))?;
    let refused = |what: &str| Err(Failure::Source(format!("is refused: its member {} {what}", path.display())));
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
        EntryType::Directory | EntryType::XHeader | EntryType::XGlobalHeader => return Ok(None),
        _ => return refused("is not a plain file"),
    }
    Ok(match names.as_slice() {
        [parent, name] if parent == folder => Some(name.to_string()),
        _ => None,
    })
}

/// Copies and tells apart who failed: the archive, or the disk.
fn copy(from: &mut impl Read, to: &mut impl io::Write, path: &Path) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        let got = from.read(&mut buffer).map_err(|e| Failure::Source(format!("cannot be unpacked ({e})")))?;
        if got == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..got]).map_err(Error::io("write", path))?;
    }
}
