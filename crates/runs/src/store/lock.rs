//! One lock for each run: an advisory lock of the operating system on `<key>.lock`, released with the process that held it,
//! however that process ended.
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{Result, StoreError};
use super::host_name;

/// A held lock. Dropping it removes the file and releases the lock.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// The result of [`Store::lock`](super::Store::lock).
#[derive(Debug)]
pub enum Locking {
    /// The caller holds the lock.
    Held(Lock),
    /// Another process holds the lock: its number and host, as far as they are known.
    Busy(String),
}

/// Attempts to open a lock that other processes remove at the same moment.
const ATTEMPTS: usize = 100;

impl Lock {
    /// Tries to take the lock at `path` without waiting. Links are refused and nothing is written before the lock is held: the
    /// file that a link leads to, or that somebody else holds, stays as it is.
    pub(super) fn take(path: &Path) -> Result<Locking> {
        for _ in 0..ATTEMPTS {
            let Some(mut file) = open(path)? else { continue };
            match file.try_lock() {
                // The holder removed the file between opening and locking: this lock protects nothing.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => {
                    // The note tells waiting processes who holds the lock, which works without it.
                    let _ = file.set_len(0);
                    let _ = file.rewind();
                    let _ = write!(file, "process {} on {}", std::process::id(), host_name());
                    return Ok(Locking::Held(Self { file, path: path.to_owned() }));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    if holder.is_empty() {
                        holder.push_str("another process");
                    }
                    return Ok(Locking::Busy(holder));
                }
                // Another host removed the file of a network file system.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::StaleNetworkFileHandle => {}
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::File { action: "lock", path: path.to_owned(), source });
                }
            }
        }
        Ok(Locking::Busy("processes that come and go".to_owned()))
    }

    /// Tells whether anybody holds the lock at `path` now.
    pub(super) fn is_held(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
            && File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file is removed before the lock is released: a process that opened it meanwhile finds, once locked, that it is gone.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Opens the file of a lock, made if need be; `None` when it vanished meanwhile.
fn open(path: &Path) -> Result<Option<File>> {
    let failed = |source: io::Error| StoreError::File { action: "open the lock", path: path.to_owned(), source };
    // Exclusive creation does not follow a link.
    match File::options().read(true).write(true).create_new(true).open(path) {
        Ok(file) => return Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() || links(&there) > 1 => {
            return Err(StoreError::NoLock { path: path.to_owned() });
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    match File::options().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Tells whether `path` is this very file, by opening it again: a network file system asks its server when a file is opened, and
/// may answer from memory when it is only looked at.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let linked = fs::symlink_metadata(path).is_ok_and(|there| !there.is_file());
    let identity = |file: &File| file.metadata().ok().map(|data| (data.dev(), data.ino(), data.nlink() == 1));
    let again = File::open(path).ok();
    !linked
        && again
            .is_some_and(|again| identity(&again).is_some_and(|(_, _, one)| one) && identity(&again) == identity(file))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.is_file()
}

/// Number of names (hard links) of a file.
#[cfg(unix)]
fn links(there: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    there.nlink()
}

#[cfg(not(unix))]
fn links(_: &fs::Metadata) -> u64 {
    1
}

/// Tries the locks of the file system of `root`: says what is wrong with them, or nothing.
///
/// # Errors
/// Fails when the file to be tried on cannot be made.
pub(super) fn trial(root: &Path) -> io::Result<Option<String>> {
    let probe = tempfile::Builder::new().prefix(".probe-").tempfile_in(root)?;
    let reason = match probe.as_file().try_lock() {
        Err(TryLockError::Error(error)) => Some(format!("it refuses locks ({error})")),
        // No other process knows this file.
        Err(TryLockError::WouldBlock) => Some("it refuses the lock of a fresh file".to_owned()),
        Ok(()) => match File::options().read(true).write(true).open(probe.path())?.try_lock() {
            Ok(()) => Some("it grants the same lock twice".to_owned()),
            Err(_) => None,
        },
    };
    Ok(reason.or_else(|| local_only(root)))
}

/// The option of a network mount with which locks hold among the processes of one host only.
fn local_only(root: &Path) -> Option<String> {
    let root = root.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mount_option(&mounts, &root).map(|option| format!("it is mounted with `{option}`: locks hold on this host only"))
}

/// Finds such an option of the mount that holds `path` in a table as in `/proc/self/mounts`: device, place, type, options, ...
fn mount_option(mounts: &str, path: &Path) -> Option<String> {
    let fields = |line: &str| line.split(' ').map(|field| field.replace("\\040", " ")).collect::<Vec<_>>();
    // The last of several mounts on one place is the one seen.
    let line = mounts.lines().map(fields).filter(|fields| fields.len() >= 4 && path.starts_with(&fields[1]));
    let mount = line.max_by_key(|fields| Path::new(&fields[1]).components().count())?;
    let local = ["nolock", "localflock", "local_lock=all", "local_lock=flock"];
    mount[3].split(',').find(|option| local.contains(option)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_one_host_only_are_told_by_the_mount() {
        let mounts = "\
/dev/sda / ext4 rw,relatime 0 0
server:/a /data nfs4 rw,vers=4.2,local_lock=none 0 0
server:/b /data/two\\040words nfs rw,vers=3,nolock,local_lock=all 0 0
lustre /scratch lustre rw,localflock 0 0";
        let found = |path: &str| mount_option(mounts, Path::new(path));
        assert_eq!(found("/home/runs"), None);
        assert_eq!(found("/data/runs"), None);
        assert_eq!(found("/data/two words/runs").as_deref(), Some("nolock"));
        assert_eq!(found("/scratch/runs").as_deref(), Some("localflock"));
        assert_eq!(found("/scratchy"), None, "a folder is not its namesake");
    }

    #[test]
    fn a_lock_leaves_the_target_of_a_link_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let target = folder.path().join("precious");
        fs::write(&target, "data").expect("written");
        for (name, link) in [("soft", true), ("hard", false)] {
            let path = folder.path().join(name);
            #[cfg(unix)]
            if link { std::os::unix::fs::symlink(&target, &path) } else { fs::hard_link(&target, &path) }
                .expect("linked");
            let error = Lock::take(&path).expect_err("refused");
            assert!(matches!(error, StoreError::NoLock { .. }), "{error}");
            assert_eq!(fs::read_to_string(&target).expect("there"), "data");
        }
    }

    #[test]
    fn the_lock_of_a_file_that_is_gone_protects_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("run.lock");
        let Locking::Held(first) = Lock::take(&path).expect("locks") else { panic!("nobody has it") };
        let late = File::options().read(true).write(true).open(&path).expect("opened before its removal");
        drop(first);
        late.try_lock().expect("nobody has it");
        assert!(!is_at(&late, &path));
        assert!(matches!(Lock::take(&path).expect("locks"), Locking::Held(_)), "the next file is another one");
        assert!(!path.exists(), "nothing is left of a lock that was let go");
    }

    #[test]
    fn this_file_system_has_locks() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(trial(folder.path()).expect("tried"), None);
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 0);
    }
}
