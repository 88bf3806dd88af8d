//! The store: finished runs, kept for ever.
//!
//! ```text
//! runs/<key>/               a finished run: run.json, history.safetensors, evaluation.safetensors, model.safetensors
//! runs/<key>.partial/       the checkpoint of a run that is not finished
//! runs/<key>.failures       why a run failed, attempt by attempt, where a cluster trains it
//! runs/<key>.lock           held by the process that trains the run
//! runs/<key>.<random>.new/  a record being written; becomes <key>/ by one rename
//! runs/aside/...            leftovers and damaged checkpoints, moved out of the way
//! runs/fake/...             the same for the fake trainer of the tests, whose records are never mixed with real ones
//! ```
//!
//! A caller takes [`Store::lock`], trains the run and calls [`Store::save`]; [`Store::load`] reads its record at any time after. Any number of
//! processes may do so at once, also on several hosts with a shared folder. [`Store::inspect`] finds what is damaged or left over.
//!
//! # Digests
//!
//! `run.json` holds the BLAKE3 digest of each file beside it and, in its last line, the digest of its own text; the run's key is the
//! hash of the specification inside. A checkpoint ends with its digest. Whatever is read is compared with its digest first: a record
//! or a checkpoint with a flipped bit is named and never used.
//!
//! # What the file system must do
//!
//! - A rename within the store replaces or creates its target as a whole, also as other hosts see it.
//! - A file can be created exclusively (`O_EXCL`): temporary names are random and created that way, so no two processes share one.
//! - `flock` excludes other processes, on all hosts that share the store: local file systems, NFS 4 (and 3 with its lock service),
//!   CephFS, GPFS and BeeGFS with its global locks do; Lustre needs the mount option `flock`. With `nolock`, `local_lock=flock` or
//!   `localflock` locks hold on one host only. [`Store::prepare`] tries the locks and reads the mount's options. Without locks no
//!   record is harmed: two processes then train the same run, and the first to finish it keeps it.
//! - `fsync` of a file and of a folder waits for the disk. Where it returns early, a power failure may leave a damaged record, which is found.
//!
//! Clocks of hosts may differ: no decision depends on them. Host names only tell people which host holds a lock.
mod arrays;
mod checkpoint;
mod columns;
mod disk;
mod error;
mod failures;
mod inspect;
mod leftovers;
mod lock;
mod records;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use checkpoint::{Checkpoint, Resume};
pub use error::{Result, StoreError};
pub use failures::ATTEMPTS;
pub use inspect::Inspection;
pub use lock::{Lock, Locking};

use crate::record::FAKE_DEVICE;
use records::RUN;

/// Named tensors in a stable order, as [`twoscale::trainer::Trainer::state`] returns them.
pub type Tensors = Vec<(String, candle_core::Tensor)>;

/// A folder of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
    fake: bool,
}

/// Bytes written on trial before anything is trained.
const PROBE: usize = 4 << 20;

/// State of a run in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The record is there.
    Done,
    /// A process is training it now.
    Running,
    /// The run was interrupted after so many steps and goes on from there.
    Partial(usize),
    /// Nothing of the run is there.
    Missing,
}

impl Store {
    /// Folder of the store: `flag` (the command line's `--store`), else the environment's `TWOSCALE_STORE`, else `runs` in
    /// the working folder.
    #[must_use]
    pub fn default_root(flag: Option<PathBuf>) -> PathBuf {
        let environment = || std::env::var_os("TWOSCALE_STORE").filter(|value| !value.is_empty()).map(PathBuf::from);
        flag.or_else(environment).unwrap_or_else(|| PathBuf::from("runs"))
    }

    /// Opens the store in `root`. Reads and writes nothing yet: looking needs no writable store.
    #[must_use]
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), fake: false }
    }

    /// Opens the store of the fake trainer's records, `root/fake`.
    #[must_use]
    pub fn open_fake(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().join("fake"), fake: true }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder and tries to write into it, with bytes as a record has, so that an unwritable store or a full disk is known
    /// before anything is trained. Tries the locks too, and returns a sentence when the file system has none that hold.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub fn prepare(&self) -> Result<Option<String>> {
        let unwritable = |source| StoreError::Unwritable { root: self.root.clone(), source };
        fs::create_dir_all(&self.root).map_err(unwritable)?;
        let mut probe = tempfile::Builder::new().prefix(".probe-").tempfile_in(&self.root).map_err(unwritable)?;
        // Bytes other than zero, since some file systems keep zeros without a block of the disk.
        probe.write_all(&vec![0xA5; PROBE]).and_then(|()| probe.as_file().sync_all()).map_err(unwritable)?;
        drop(probe);
        let reason = lock::trial(&self.root).map_err(unwritable)?;
        Ok(reason.map(|reason| {
            format!(
                "the file system of the store {} has no locks to rely on: {reason}. Let one process at a time work on it, or choose \
                 another folder with --store; runs are not harmed, but may be trained twice",
                self.root.display()
            )
        }))
    }

    /// Makes sure that the store can be looked into, where it is there.
    ///
    /// # Errors
    /// Fails when its folder cannot be read: it must not pass for an empty one.
    pub fn readable(&self) -> Result<()> {
        self.entries().map(drop)
    }

    /// Tells whether the record of `key` is there. A record that cannot be looked at counts as there: loading it says why.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        disk::is_there(&self.folder(key).join(RUN))
    }

    /// Keys of all finished runs, sorted. A store that does not exist yet has none.
    ///
    /// # Errors
    /// Fails when the folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>> {
        let names = self.entries()?;
        Ok(names.into_iter().filter(|name| is_key(name) && self.has(name)).collect())
    }

    /// Names in the store's folder, sorted; none where the folder is not there.
    fn entries(&self) -> Result<Vec<String>> {
        let unreadable = |source| StoreError::Unreadable { root: self.root.clone(), source };
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(unreadable)?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    /// Returns the state of the run of `key`.
    #[must_use]
    pub fn status(&self, key: &str) -> Status {
        if self.has(key) {
            Status::Done
        } else if Lock::is_held(&self.lock_path(key)) {
            Status::Running
        } else {
            self.checkpointed_steps(key).map_or(Status::Missing, Status::Partial)
        }
    }

    /// Tries to take the lock of `key`, with which one process trains its run. The holder must look whether the record is there
    /// ([`Store::has`]): it may have appeared since.
    ///
    /// # Errors
    /// Fails when the lock's file cannot be made.
    pub fn lock(&self, key: &str) -> Result<Locking> {
        Lock::take(&self.lock_path(key))
    }

    fn folder(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn lock_path(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}.lock"))
    }

    fn partial_folder(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}.partial"))
    }

    /// Tells whether a record of `device` belongs into this store.
    fn takes(&self, device: &str) -> bool {
        self.fake == (device == FAKE_DEVICE)
    }
}

/// Tells whether a name in the store's folder can be a key: see [`experiment::spec::RunSpec::key`].
fn is_key(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Name of this host, for `run.json` and locks.
#[must_use]
pub fn host_name() -> String {
    let kernel = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let environment = |name: &str| std::env::var_os(name).as_deref().and_then(OsStr::to_str).map(str::to_owned);
    let name = kernel().or_else(|| environment("HOSTNAME")).or_else(|| environment("COMPUTERNAME"));
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
