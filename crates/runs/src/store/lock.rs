//! One lock a run: an advisory lock of the operating system on `<key>.lock`, gone with the process that held it, however
//! that process ended.
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{Result, StoreError};
use super::host_name;

/// A held lock. Dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// What [`Store::lock`](super::Store::lock) found.
#[derive(Debug)]
pub enum Locking {
    /// The lock is ours.
    Held(Lock),
    /// Somebody else has it: process and host, as far as they are known.
    Busy(String),
}

impl Lock {
    /// Tries to take the lock at `path` without waiting.
    pub(super) fn take(path: &Path) -> Result<Locking> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StoreError::file("open the lock", path))?;
        match file.try_lock() {
            Ok(()) => {
                // Who holds it is a courtesy to those who wait; the lock works without.
                let _ = file.set_len(0);
                let _ = file.rewind();
                let _ = write!(file, "process {} on {}", std::process::id(), host_name());
                Ok(Locking::Held(Self { file, path: path.to_owned() }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                if holder.is_empty() {
                    holder.push_str("another process");
                }
                Ok(Locking::Busy(holder))
            }
            Err(TryLockError::Error(source)) => Err(StoreError::File { action: "lock", path: path.to_owned(), source }),
        }
    }

    /// Whether anybody holds the lock at `path` now.
    pub(super) fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Lets go and removes the file. Only for a run whose record is in place: who opened the file before its removal and
    /// locks it afterwards holds a lock that protects nothing, but finds the record, and so does not train.
    pub fn retire(self) {
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }
}
