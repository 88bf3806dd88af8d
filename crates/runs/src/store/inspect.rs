//! Finds what is damaged, of older versions or left over in a store, and removes it when asked.
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{Result, StoreError};
use super::leftovers::ASIDE;
use super::{Lock, Locking, RUN, Store, disk, is_key};
use crate::files::UNFINISHED;

/// Findings of [`Store::inspect`].
#[derive(Debug, Default)]
pub struct Inspection {
    /// Records that can be used.
    pub sound: usize,
    /// Records that are not what was written, by key.
    pub damaged: BTreeMap<String, StoreError>,
    /// Records of older or other versions of this program, by key.
    pub older: BTreeMap<String, StoreError>,
    /// Records that the system does not let be read, by key: nothing is known of them, and they are never removed.
    pub unreadable: BTreeMap<String, StoreError>,
    /// Files and folders that no process needs any more.
    pub leftovers: Vec<PathBuf>,
}

impl Store {
    /// Looks at every record: its `run.json`, or with `all` every byte of every file. Looks for leftovers too.
    ///
    /// # Errors
    /// Fails when the store's folder cannot be read.
    pub fn inspect(&self, all: bool) -> Result<Inspection> {
        let mut found = Inspection::default();
        for name in self.entries()? {
            let path = self.root.join(&name);
            if is_key(&name) && self.has(&name) {
                let checked = if all { self.verify(&name) } else { self.run(&name).map(drop) };
                match checked {
                    Ok(()) => found.sound += 1,
                    // Another process removed the record meanwhile.
                    Err(StoreError::Missing { .. }) => {}
                    Err(error @ (StoreError::OlderFormat { .. } | StoreError::OtherVersion { .. })) => {
                        found.older.insert(name, error);
                    }
                    Err(error) if error.is_unusable_record() => {
                        found.damaged.insert(name, error);
                    }
                    Err(error) => {
                        found.unreadable.insert(name, error);
                    }
                }
            } else if self.is_leftover(&name) {
                found.leftovers.push(path);
            }
        }
        let aside = self.root.join(ASIDE);
        if disk::is_there(&aside) {
            found.leftovers.push(aside);
        }
        Ok(found)
    }

    /// Tells whether an entry of the store's folder is of no use to anybody: of a run that nobody holds, and no checkpoint of a run
    /// that is still to be done.
    fn is_leftover(&self, name: &str) -> bool {
        let Some((key, rest)) = name.split_at_checked(32).filter(|(key, _)| is_key(key)) else {
            return name.starts_with(".probe-");
        };
        if Lock::is_held(&self.lock_path(key)) {
            return false;
        }
        match rest {
            "" => !disk::is_there(&self.root.join(name).join(RUN)),
            ".lock" => true,
            ".partial" | ".failures" => self.has(key),
            _ => rest.starts_with('.') && rest.ends_with(UNFINISHED),
        }
    }

    /// Removes what an inspection found: damaged records, leftovers and, with `older`, records of older versions, which are no
    /// use to this one. Runs that a process trains at the moment are left alone. Returns the number of things removed.
    ///
    /// # Errors
    /// Fails when something cannot be removed.
    pub fn prune(&self, found: &Inspection, older: bool) -> Result<usize> {
        let records = found.damaged.keys().chain(found.older.keys().filter(|_| older));
        let records = records.map(|key| self.folder(key));
        let mut removed = 0;
        for path in records.chain(found.leftovers.iter().cloned()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let key = name.get(..32).filter(|key| is_key(key));
            let _lock = match key.map(|key| self.lock(key)) {
                Some(Ok(Locking::Busy(_))) => continue,
                Some(Ok(Locking::Held(lock))) => Some(lock),
                // A link in the lock's place goes too; its target stays.
                Some(Err(StoreError::NoLock { path })) => disk::remove(&path).map(|()| None)?,
                Some(Err(error)) => return Err(error),
                None => None,
            };
            // A folder loses its name first: a kill in the middle must not leave half a record in place.
            if std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_dir()) && name != ASIDE {
                let place = disk::unfinished_folder(&self.root, &name)?;
                let _ = disk::rename(&path, &place.path().join(&name));
            }
            disk::remove(&path)?;
            removed += 1;
        }
        Ok(removed)
    }
}
