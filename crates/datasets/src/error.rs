//! What can go wrong with data, each as one sentence: what is wrong, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::Name;

/// Why a data set could not be found, read or fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that is no data set's.
    #[error("`{0}` is not a data set; known are mnist, cifar-10, cifar-100, digits, textures")]
    UnknownName(String),

    /// Files of a set are not there.
    #[error("{name} is not complete in {}: {} missing{hint}; run `cargo xtask data fetch {name}`", root.display(), list(files))]
    Missing {
        /// The set.
        name: Name,
        /// The data folder.
        root: PathBuf,
        /// Paths of the missing files below the data folder.
        files: Vec<String>,
        /// What was seen in their place, as the rest of the sentence (a wrong layout, an archive still packed); may be empty.
        hint: String,
    },

    /// A file is there and its content is not what was published.
    #[error("{} {fault}; `cargo xtask data fetch {name}` replaces it", path.display())]
    Damaged {
        /// The set.
        name: Name,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },

    /// Super-classes were asked of a set that has none.
    #[error("{0} has no super-classes; `labels: coarse` works with cifar-100 and textures")]
    NoSuperclasses(Name),

    /// Nothing has to be fetched for a set that is inside the program.
    #[error("{0} is part of this program: there is nothing to fetch")]
    NothingToFetch(Name),

    /// No source delivered a file.
    #[error(
        "{name} could not be downloaded ({reason}); put {} into {} (from {}), then{} check with `cargo xtask data verify {name}`",
        list(files), folder.display(), sources.join(" or "), unpacking(*name, files)
    )]
    Fetch {
        /// The set.
        name: Name,
        /// What the last source answered.
        reason: String,
        /// Names of the files to put in place by hand.
        files: Vec<String>,
        /// Where to put them.
        folder: PathBuf,
        /// Where to find them.
        sources: Vec<String>,
    },

    /// The caller's [`crate::Progress::stop`] asked to stop.
    #[error(
        "the download of {0} was stopped; what has arrived is kept, and `cargo xtask data fetch {0}` goes on from there"
    )]
    Stopped(Name),

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it answered.
        source: io::Error,
    },

    /// No folder to keep data in.
    #[error("this user has no cache folder; name a data folder with `--data DIR` or the variable TWOSCALE_DATA")]
    NoFolder,

    /// A reader failed on files that had passed every check.
    #[error("{name} was checked, but cannot be decoded: {reason}; this is a bug, please report it")]
    Decode {
        /// The set.
        name: Name,
        /// What the reader said.
        reason: String,
    },
}

/// What is wrong with a file's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Ends early.
    #[error("is truncated: {found} bytes instead of {expected}")]
    Truncated {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// Goes on after the end.
    #[error("is too long: {found} bytes instead of {expected}")]
    TooLong {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// Another kind of file.
    #[error("has the wrong magic number: it starts with {found:#010x} instead of {expected:#010x}")]
    Magic {
        /// The first four bytes, big-endian.
        found: u32,
        /// What they should be.
        expected: u32,
    },
    /// An IDX header that announces other dimensions.
    #[error("has a wrong header: it announces {found} instead of {expected}")]
    Header {
        /// Dimensions in the file, as `60000 x 28 x 28`.
        found: String,
        /// Dimensions expected.
        expected: String,
    },
    /// A label that is no class.
    #[error("has a label out of range: object {object} is of class {label}, and there are only {classes} classes (0 to {})", classes - 1)]
    Label {
        /// Index of the object, from 0.
        object: u64,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: u32,
    },
    /// Two objects of one class in two super-classes.
    #[error("contradicts itself: class {class} is in super-class {first} and, at object {object}, in {second}")]
    Superclass {
        /// The class.
        class: u8,
        /// Its super-class at first sight.
        first: u8,
        /// And later.
        second: u8,
        /// Index of that object, from 0.
        object: u64,
    },
    /// The Python edition of CIFAR in the place of the binary one.
    #[error("is a Python pickle: this is the Python version of the set, and the binary version is needed")]
    Pickle,
    /// Does not unpack.
    #[error("is damaged: it cannot be unpacked ({0})")]
    Unpack(String),
    /// Right length and structure, wrong bytes.
    #[error("is damaged: its SHA-256 is {found} instead of {expected}")]
    Digest {
        /// Of the file.
        found: String,
        /// As published.
        expected: String,
    },
}

impl Error {
    /// For `map_err` on an operation on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }
}

/// What is to be done with an archive put in place by hand.
fn unpacking(name: Name, files: &[String]) -> String {
    if files.iter().any(|f| f.ends_with(".tar.gz")) {
        format!(" unpack with `cargo xtask data fetch {name}` and")
    } else {
        String::new()
    }
}

fn list(files: &[String]) -> String {
    files.join(", ")
}
