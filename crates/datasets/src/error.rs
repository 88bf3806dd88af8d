//! Errors, each one sentence: what is wrong, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::Name;

/// Reasons why a data set cannot be found, read or fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that no data set has.
    #[error("`{0}` is not a data set; known are {all}", all = Name::listed(|_| true))]
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
        /// Content in the place of the files, as the rest of the sentence (a wrong layout, an archive still packed); may be empty.
        hint: String,
    },

    /// The content of a file is not what was published.
    #[error("{} {fault}; `cargo xtask data fetch {name}` replaces it", path.display())]
    Damaged {
        /// The set.
        name: Name,
        /// The file.
        path: PathBuf,
        /// The damage of the file.
        fault: Fault,
    },

    /// Super-classes were asked for, and the set has none.
    #[error("{0} has no super-classes; `labels: coarse` works with {with}", with = Name::listed(|name| name.superclasses().is_some()))]
    NoSuperclasses(Name),

    /// Nothing has to be fetched for a set that is inside the program.
    #[error("{0} is part of this program: there is nothing to fetch")]
    NothingToFetch(Name),

    /// A set of files is asked of the cache, which does not hold it.
    #[error("{0} names no set of the data folder; its files are named in an experiment file")]
    NotInCache(Name),

    /// No source delivered a file.
    #[error(
        "{name} could not be downloaded ({reason}); put {} into {} (from {}), then{} check with `cargo xtask data verify {name}`",
        list(files), folder.display(), sources.join(" or "), unpacking(*name, files)
    )]
    Fetch {
        /// The set.
        name: Name,
        /// The failure at each address.
        reason: String,
        /// Names of the files to put in place by hand.
        files: Vec<String>,
        /// Folder for these files.
        folder: PathBuf,
        /// Addresses of these files.
        sources: Vec<String>,
    },

    /// The caller's [`crate::Progress::stop`] asked to stop.
    #[error(
        "the download of {0} was stopped; what has arrived is kept, and `cargo xtask data fetch {0}` goes on from there"
    )]
    Stopped(Name),

    /// The operating system refused.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// The operation: `read`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer; no `#[source]`, because the sentence holds it already and a chain of causes would repeat it.
        reason: io::Error,
    },

    /// A file of an own data set ([`crate::Files`]) is not what it must be.
    #[error("{} {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The rest of the sentence: what is wrong, and what to do.
        reason: String,
    },

    /// No folder to keep data in.
    #[error("this user has no cache folder; name a data folder with `--data DIR` or the variable TWOSCALE_DATA")]
    NoFolder,

    /// A reader failed on files that passed every check.
    #[error("{name} was checked, but cannot be decoded: {reason}; this is a bug, please report it")]
    Decode {
        /// The set.
        name: Name,
        /// The sentence of the reader.
        reason: String,
    },
}

/// Faults in the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends early.
    #[error("is truncated: {found} bytes instead of {expected}")]
    Truncated {
        /// Length of the file in bytes.
        found: u64,
        /// Length as published.
        expected: u64,
    },
    /// The file goes on after the published end.
    #[error("is too long: {found} bytes instead of {expected}")]
    TooLong {
        /// Length of the file in bytes.
        found: u64,
        /// Length as published.
        expected: u64,
    },
    /// Another kind of file.
    #[error("has the wrong magic number: it starts with {found:#010x} instead of {expected:#010x}")]
    Magic {
        /// The first four bytes, big-endian.
        found: u32,
        /// The magic number of the format.
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
        /// Label of the object.
        label: u8,
        /// Number of classes.
        classes: u32,
    },
    /// Two objects of one class in two super-classes.
    #[error("contradicts itself: class {class} is in super-class {first} and, at object {object}, in {second}")]
    Superclass {
        /// The class.
        class: u8,
        /// Super-class of the first object of the class.
        first: u8,
        /// Super-class of a later object.
        second: u8,
        /// Index of the later object, from 0.
        object: u64,
    },
    /// The Python edition of CIFAR in the place of the binary one.
    #[error("is a Python pickle: this is the Python version of the set, and the binary version is needed")]
    Pickle,
    /// The file cannot be unpacked.
    #[error("is damaged: it cannot be unpacked ({0})")]
    Unpack(String),
    /// Length and structure are right, bytes are wrong.
    #[error("is damaged: its SHA-256 is {found} instead of {expected}")]
    Digest {
        /// Digest of the file.
        found: String,
        /// Digest as published.
        expected: String,
    },
}

impl Error {
    /// Makes a function for `map_err` on an operation on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |reason| Error::Io { action, path: path.to_owned(), reason }
    }
}

/// Names the command that unpacks an archive put in place by hand.
fn unpacking(name: Name, files: &[String]) -> String {
    if files.iter().any(|f| f.ends_with(".tar.gz")) {
        format!(" unpack with `cargo xtask data fetch {name}` and")
    } else {
        String::new()
    }
}

/// Returns text from outside (a server, an archive, a header) in a form that a message may hold: without control characters, at most
/// some hundred bytes.
pub(crate) fn printable(words: impl std::fmt::Display) -> String {
    words.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn list(files: &[String]) -> String {
    files.join(", ")
}
