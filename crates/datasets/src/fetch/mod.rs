//! Brings a published set into the cache: lock, download, check, unpack, put in place.
//!
//! Downloads and half-unpacked files lie in `.fetch/` below the data folder until they are checked; a file appears at its place
//! by rename. One process fetches a set at a time, others wait for it and find the work done.

mod http;
mod unpack;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::cache::Cache;
use crate::catalogue::{Packing, Source};
use crate::error::Error;
use crate::{Name, packed};

/// What a caller hears of a download, and how it stops one. `()` is silent.
pub trait Progress {
    /// A file begins to arrive: its name, its address, the bytes there already from an earlier attempt, and all its bytes, where
    /// the server says.
    fn begin(&mut self, file: &str, address: &str, done: u64, total: Option<u64>);
    /// Further bytes have arrived.
    fn advance(&mut self, bytes: u64);
    /// Something worth a line: a mirror that failed, a wait for another process.
    fn note(&mut self, line: &str);
    /// Asked again and again: `true` ends the download; what has arrived is kept.
    fn stop(&self) -> bool {
        false
    }
}

impl Progress for () {
    fn begin(&mut self, _: &str, _: &str, _: u64, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, _: &str) {}
}

/// Why one attempt from one address failed.
pub(crate) enum Failure {
    /// This address does not help: the next is tried.
    Source(String),
    /// No address would help.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Fatal(error)
    }
}

impl Cache {
    /// Makes a set [`crate::State::Ready`]: what is there and right is kept, the rest is downloaded and checked. A downloaded archive
    /// that lies in the data folder (or a `.gz` file in the set's) is used as it is, without a network. Damaged files are replaced.
    ///
    /// # Errors
    /// [`Error::Fetch`] when no address delivers, with what to do by hand; [`Error::Stopped`]; [`Error::NothingToFetch`] for
    /// a stand-in; [`Error::Io`] when the cache cannot be written.
    pub fn fetch(&self, name: Name, progress: &mut dyn Progress) -> Result<(), Error> {
        let source = self.catalogue.source(name).ok_or(Error::NothingToFetch(name))?;
        if self.check(source).is_ok() {
            return Ok(()); // also from a folder that cannot be written
        }
        let scratch = self.root.join(".fetch");
        fs::create_dir_all(&scratch).map_err(Error::io("create", &scratch))?;
        let _lock = lock(name, &scratch.join(format!("{name}.lock")), progress)?;
        if self.check(source).is_ok() {
            return Ok(()); // another process did it meanwhile
        }
        let dir = self.folder(source);
        fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        match &source.packing {
            Packing::Gzip => self.fetch_files(source, &dir, &scratch, progress)?,
            Packing::Archive { file, extras } => self.fetch_archive(source, file, extras, &dir, &scratch, progress)?,
        }
        self.check(source)
    }

    /// MNIST: every file by itself.
    fn fetch_files(
        &self,
        source: &Source,
        dir: &Path,
        scratch: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        for file in &source.files {
            let Some(gzip) = &file.packed else { continue };
            let place = dir.join(&gzip.file);
            let plain = dir.join(&file.file);
            if plain.exists() && crate::check::file(source, file, &plain).is_err() {
                fs::remove_file(&plain).map_err(Error::io("replace", &plain))?;
            }
            if place.exists() && packed::check(source, file, gzip, dir, false).is_ok() {
                continue;
            }
            let part = scratch.join(format!("{}.part", gzip.file));
            self.from_mirrors(source, &gzip.file, &part, progress, |part| {
                packed::check_at(source, file, gzip, part, false).map_err(|e| Failure::Source(e.to_string()))?;
                Ok(fs::rename(part, &place).map_err(Error::io("replace", &place))?)
            })?;
        }
        Ok(())
    }

    /// CIFAR: everything in one archive, perhaps one that somebody has put into the data folder.
    fn fetch_archive(
        &self,
        source: &Source,
        archive: &str,
        extras: &[String],
        dir: &Path,
        scratch: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let by_hand = self.root.join(archive);
        if by_hand.exists() {
            progress.note(&format!("unpacking {}", by_hand.display()));
            match unpack::unpack(source, extras, &by_hand, dir, scratch) {
                Ok(()) => return Ok(()),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Source(reason)) => {
                    progress.note(&format!("{} {reason}; downloading it", by_hand.display()))
                }
            }
        }
        let part = scratch.join(format!("{archive}.part"));
        self.from_mirrors(source, archive, &part, progress, |part| {
            unpack::unpack(source, extras, part, dir, scratch)?;
            Ok(fs::remove_file(part).map_err(Error::io("remove", part))?)
        })
    }

    /// Downloads one file to `part` and hands it to `accept`, from one address after the other until one is accepted.
    fn from_mirrors(
        &self,
        source: &Source,
        file: &str,
        part: &Path,
        progress: &mut dyn Progress,
        mut accept: impl FnMut(&Path) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let client = http::client(&source.mirrors);
        let mut reasons = Vec::new();
        for mirror in &source.mirrors {
            let address = format!("{mirror}{file}");
            let attempt = client.as_ref().map_err(|e| Failure::Source(e.clone())).and_then(|client| {
                http::download(client, source.name, &address, file, part, progress)?;
                accept(part).inspect_err(|failure| {
                    if let Failure::Source(_) = failure {
                        // Wrong bytes: going on from them would never come right.
                        let _ = fs::remove_file(part);
                    }
                })
            });
            match attempt {
                Ok(()) => return Ok(()),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Source(reason)) => {
                    progress.note(&format!("{address}: {reason}"));
                    reasons.push(format!("{address}: {reason}"));
                }
            }
        }
        Err(self.by_hand(source, reasons.pop().unwrap_or_else(|| "no address is known".into())))
    }

    /// The one message that says how to do without a network.
    fn by_hand(&self, source: &Source, reason: String) -> Error {
        let folder: PathBuf = match source.packing {
            Packing::Gzip => self.folder(source),
            Packing::Archive { .. } => self.root.clone(),
        };
        Error::Fetch { name: source.name, reason, files: source.downloads(), folder, sources: source.mirrors.clone() }
    }
}

/// Holds the lock until dropped; while another process has it, waits, and can be stopped.
fn lock(name: Name, path: &Path, progress: &mut dyn Progress) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(Error::io("open", path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if progress.stop() => return Err(Error::Stopped(name)),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    progress.note(&format!("another process is fetching {name}; waiting for it"));
                    told = true;
                }
                thread::sleep(Duration::from_millis(100));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
    }
}
