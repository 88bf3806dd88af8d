//! The store: finished runs, kept for ever.
//!
//! ```text
//! runs/<key>/            a finished run: run.json, history.safetensors, evaluation.safetensors, model.safetensors
//! runs/<key>.partial/    a checkpoint of a run that is not finished
//! runs/<key>.new/        a record being written; becomes <key>/ by one rename
//! runs/<key>.lock        held by the process that trains the run
//! runs/fake/...          the same for the fake trainer of the tests, whose records are never mixed with real ones
//! ```
//!
//! [`Store::lock`] a run, train it, [`Store::save`] it; [`Store::load`] it at any time after. Any number of processes may
//! do so at once, also on several hosts with a shared folder.
mod arrays;
mod checkpoint;
mod columns;
mod disk;
mod error;
mod lock;
mod records;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

pub use checkpoint::Checkpoint;
pub use error::{Result, StoreError};
pub use lock::{Lock, Locking};

use crate::record::FAKE_DEVICE;

/// Named tensors in a stable order, as [`twoscale::trainer::Trainer::state`] returns them.
pub type Tensors = Vec<(String, candle_core::Tensor)>;

/// A folder of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
    fake: bool,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its record is there.
    Done,
    /// Some process is training it now.
    Running,
    /// It was interrupted after so many steps and goes on from there.
    Partial(usize),
    /// Nothing of it is there.
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

    /// Opens the store in `root`. Reads and writes nothing yet: who only looks needs no writable store.
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

    /// Makes the folder and tries to write into it, so that an unwritable store is known before anything is trained.
    ///
    /// # Errors
    /// When that fails.
    pub fn prepare(&self) -> Result<()> {
        let unwritable = |source| StoreError::Unwritable { root: self.root.clone(), source };
        fs::create_dir_all(&self.root).map_err(unwritable)?;
        let probe = self.root.join(format!(".probe-{}-{:?}", std::process::id(), std::thread::current().id()));
        fs::write(&probe, b"").map_err(unwritable)?;
        fs::remove_file(&probe).map_err(unwritable)
    }

    /// Whether the record of `key` is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.folder(key).join("run.json").is_file()
    }

    /// Keys of all finished runs, sorted. A store that does not exist yet has none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(StoreError::file("read", &self.root))?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::file("read", &self.root))?;
            if let Some(name) = entry.file_name().to_str()
                && is_key(name)
                && self.has(name)
            {
                keys.push(name.to_owned());
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// Where the run of `key` stands.
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

    /// Tries to become the one that trains the run of `key`. Whoever gets the lock must look whether the record is there
    /// ([`Store::has`]): it may have appeared since.
    ///
    /// # Errors
    /// When the lock's file cannot be made.
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

    /// Whether a record of `device` belongs into this store.
    fn takes(&self, device: &str) -> bool {
        self.fake == (device == FAKE_DEVICE)
    }
}

/// Whether a name in the store's folder can be a key: see [`experiment::spec::RunSpec::key`].
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
