//! Errors of the store.
use std::path::{Path, PathBuf};

/// An error of the store: one sentence that says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written to.
    #[error("cannot write to the store {}: {source}; choose another folder with --store or TWOSCALE_STORE", .root.display())]
    Unwritable {
        /// The store's folder.
        root: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder is there and cannot be read: that is not an empty store.
    #[error("cannot read the store {}: {source}; choose another folder with --store or TWOSCALE_STORE", .root.display())]
    Unreadable {
        /// The store's folder.
        root: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A link, or no file at all, is where a lock belongs.
    #[error(
        "the lock {} is a link or no file: remove it, so that the run can be locked with a file of its own",
        .path.display()
    )]
    NoLock {
        /// The lock.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// Operation, such as `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The record was made by another version of this program.
    #[error(
        "the record {} was made by version {found} of this program and this is version {}; move that folder away to train \
         the run again, or use another store with --store or TWOSCALE_STORE",
        .path.display(), crate::record::VERSION
    )]
    OtherVersion {
        /// The record's folder.
        path: PathBuf,
        /// Version of the record.
        found: String,
    },
    /// The record was made before records had a digest of their own, so that nobody can tell whether it is what was written.
    #[error(
        "the record {} is of an older version of this program: its run.json has no digest, so it is not used; keep it with another \
         store (--store or TWOSCALE_STORE), or remove all such records with `cargo xtask status --prune --older`",
        .path.display()
    )]
    OlderFormat {
        /// The record's folder.
        path: PathBuf,
    },
    /// The record does not hold what was written.
    #[error(
        "the record {} is damaged: {what}; it is not used; `cargo xtask status --verify` names all damaged records, and with --prune \
         removes them, so that their runs are trained again",
        .path.display()
    )]
    Damaged {
        /// The record's folder.
        path: PathBuf,
        /// Damage, in words.
        what: String,
    },
    /// A record of the fake trainer among real ones, or the reverse.
    #[error("the record {} was made on device {found}, which does not belong into this store; delete that folder", .path.display())]
    OtherKind {
        /// The record's folder.
        path: PathBuf,
        /// Device of the record.
        found: String,
    },
    /// The record was trained on other data files than those at hand.
    #[error(
        "the record {} was trained on another file {file} than the one at hand; move that folder away to train the run again, \
         or check the data with `cargo xtask data verify`",
        .path.display()
    )]
    OtherData {
        /// The record's folder.
        path: PathBuf,
        /// The file that differs.
        file: String,
    },
    /// The record is not there.
    #[error("there is no record {}; train the run first", .path.display())]
    Missing {
        /// The record's folder.
        path: PathBuf,
    },
}

impl StoreError {
    /// Makes a function for `map_err` on an operation on the file `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Tells whether the disk is full or the user's share of it used up: no further run can be kept then.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Unwritable { source, .. } | Self::File { source, .. }
            if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// Tells whether the record cannot be used because of its content (damaged or of another version), and not for want of access.
    #[must_use]
    pub fn is_unusable_record(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::OtherKind { .. } | Self::OtherVersion { .. } | Self::OlderFormat { .. }
        )
    }

    /// Makes the error of a damaged record in `path`.
    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// Result with a [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;
