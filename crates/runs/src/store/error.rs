//! What can go wrong with a store.
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
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// Such as `read`.
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
        /// Its version.
        found: String,
    },
    /// The record does not hold what was written.
    #[error("the record {} is damaged: {what}; delete that folder to train the run again", .path.display())]
    Damaged {
        /// The record's folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A record of the fake trainer among real ones, or the reverse.
    #[error("the record {} was made on device {found}, which does not belong into this store; delete that folder", .path.display())]
    OtherKind {
        /// The record's folder.
        path: PathBuf,
        /// Its device.
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
    /// There is no such record.
    #[error("there is no record {}; train the run first", .path.display())]
    Missing {
        /// The record's folder.
        path: PathBuf,
    },
}

impl StoreError {
    /// For `map_err`: an error of the file `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// The record in `path` is damaged.
    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// Result with a [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;
