//! Brings a published set into the cache: lock, download, check, unpack, put into place.
//!
//! Downloads and half-unpacked files lie in `.fetch/` below the data folder until they are checked; a file appears at its place
//! by rename. One process fetches a set at a time, others wait for it and find the work done.

mod http;
mod limits;
mod request;
mod unpack;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::catalogue::{Packing, Source};
use crate::error::Error;
use crate::{Name, packed};

pub use limits::Limits;

/// Reports of a download to its caller, and the caller's wish to stop. `()` reports nothing and never stops.
pub trait Progress {
    /// Reports that a file begins to arrive: its name, its address, the bytes present from an earlier attempt, and its length in bytes,
    /// where the server says it.
    fn begin(&mut self, file: &str, address: &str, done: u64, total: Option<u64>);
    /// Reports further bytes that have arrived.
    fn advance(&mut self, bytes: u64);
    /// Reports a line for the user: a mirror that failed, a wait for another process.
    fn note(&mut self, line: &str);
    /// Returns `true` to end the download. Called about twenty times a second in every phase; what has arrived is kept.
    fn stop(&self) -> bool {
        false
    }
}

impl Progress for () {
    fn begin(&mut self, _: &str, _: &str, _: u64, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, _: &str) {}
}

/// The failure of one attempt from one address.
pub(crate) enum Failure {
    /// Failure of this address; the next one is tried.
    Source(String),
    /// Failure that no other address would cure.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Fatal(error)
    }
}

impl Cache {
    /// Makes a set [`crate::State::Ready`]: keeps the files that are right, downloads and checks the others. A downloaded archive
    /// that lies in the data folder (or a `.gz` file in the set's) is used as it is, without a network. Damaged files are replaced.
    ///
    /// # Errors
    /// [`Error::Fetch`] when no address delivers, with what to do by hand; [`Error::Stopped`]; [`Error::NothingToFetch`] for
    /// a stand-in; [`Error::Io`] when the cache cannot be written.
    pub fn fetch(&self, name: Name, progress: &mut dyn Progress) -> Result<(), Error> {
        let source = self.catalogue.source(name).ok_or(Error::NothingToFetch(name))?;
        if self.check(source).is_ok() {
            return Ok(()); // a complete set needs no writable folder
        }
        let scratch = self.root.join(".fetch");
        fs::create_dir_all(&scratch).map_err(Error::io("create", &scratch))?;
        let _lock = lock(name, &scratch.join(format!("{name}.lock")), progress)?;
        if self.check(source).is_ok() {
            return Ok(()); // another process fetched the set meanwhile
        }
        let dir = self.folder(source);
        fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        match &source.packing {
            Packing::Gzip => self.fetch_files(source, &dir, &scratch, progress)?,
            Packing::Archive { .. } => self.fetch_archive(source, &dir, &scratch, progress)?,
        }
        self.check(source)
    }

    /// Fetches a set whose files are published one by one (MNIST).
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
            self.download(source, (&gzip.file, gzip.size), &part, progress, |part, _| {
                match packed::check_at(source, file, gzip, part, false) {
                    Err(Error::Damaged { fault, .. }) => return Err(Failure::Source(format!("the file {fault}"))),
                    other => other?,
                }
                Ok(fs::rename(part, &place).map_err(Error::io("replace", &place))?)
            })?;
        }
        Ok(())
    }

    /// Fetches a set published as one archive (CIFAR), which the user may have put into the data folder.
    fn fetch_archive(
        &self,
        source: &Source,
        dir: &Path,
        scratch: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let Packing::Archive { file: archive, size, extras } = &source.packing else { return Ok(()) };
        let unpacking = unpack::Unpacking { source, extras, dir, scratch };
        let by_hand = self.root.join(archive);
        if by_hand.exists() {
            progress.note(&format!("unpacking {}", by_hand.display()));
            match unpacking.run(&by_hand, &|| progress.stop()) {
                Ok(()) => return Ok(()),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Source(reason)) => {
                    progress.note(&format!("{} {reason}; downloading it", by_hand.display()))
                }
            }
        }
        let part = scratch.join(format!("{archive}.part"));
        self.download(source, (archive, *size), &part, progress, |part, stop| {
            unpacking.run(part, stop)?;
            Ok(http::remove(part).map_err(Error::io("remove", part))?)
        })
    }

    /// Downloads one file of a published length to `part` and hands it to `accept`, from one address after the other until one is
    /// accepted.
    fn download(
        &self,
        source: &Source,
        (file, size): (&str, u64),
        part: &Path,
        progress: &mut dyn Progress,
        mut accept: impl FnMut(&Path, &dyn Fn() -> bool) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let limits = &self.limits;
        let client = request::client(&source.mirrors, limits);
        let deadline = Instant::now() + limits.time_for(size);
        let wanted = http::Wanted { name: source.name, file, size, part, deadline, limits };
        // Wrong bytes are removed, since no download resumed from them could be right.
        let mut accepted = |progress: &dyn Progress| {
            accept(part, &|| progress.stop()).inspect_err(|failure| {
                if let Failure::Source(_) = failure {
                    let _ = http::remove(part);
                }
            })
        };
        let fatal = |failure| match failure {
            Failure::Fatal(error) => Err(error),
            Failure::Source(reason) => Ok(reason),
        };
        // The part that an earlier attempt left may be the whole file, or longer.
        let there = http::length(part);
        if there > size {
            http::remove(part).map_err(Error::io("remove", part))?;
        } else if there == size && there > 0 {
            match accepted(progress) {
                Ok(()) => return Ok(()),
                Err(failure) => drop(fatal(failure)?),
            }
        }
        let mut reasons = Vec::new();
        for mirror in &source.mirrors {
            let address = format!("{mirror}{file}");
            loop {
                let resumed = http::length(part) > 0;
                let downloaded = wanted.download(&client, &address, progress);
                let arrived = downloaded.is_ok();
                let Err(failure) = downloaded.and_then(|()| accepted(progress)) else { return Ok(()) };
                let reason = fatal(failure)?;
                progress.note(&format!("{address}: {reason}"));
                if arrived && resumed {
                    continue; // the beginning may have come from another mirror: everything is downloaded once more from this one
                }
                reasons.push(format!("{address}: {reason}"));
                break;
            }
        }
        if reasons.is_empty() {
            reasons.push("no address is known".into());
        }
        Err(self.by_hand(source, reasons.join("; ")))
    }

    /// Makes the error that says how to do without a network.
    fn by_hand(&self, source: &Source, reason: String) -> Error {
        let folder: PathBuf = match source.packing {
            Packing::Gzip => self.folder(source),
            Packing::Archive { .. } => self.root.clone(),
        };
        Error::Fetch { name: source.name, reason, files: source.downloads(), folder, sources: source.mirrors.clone() }
    }
}

/// Takes the lock, which is held until the file is dropped. Waits while another process has it, unless the user stops.
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
