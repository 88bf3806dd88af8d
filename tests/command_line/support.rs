//! Shared parts of the end-to-end tests, which call the command line as a user does, in folders of their own.
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// Root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The command line's program.
#[must_use]
pub fn xtask() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_xtask"))
}

/// A user with an empty store, no data sets and an empty folder for figures.
pub struct User {
    folder: TempDir,
    /// Working folder.
    place: PathBuf,
}

/// Output and exit status of a command.
#[derive(Debug)]
pub struct Did {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Did {
    /// Checks the exit status and that every one of `words` was printed somewhere.
    ///
    /// # Panics
    /// Panics otherwise, with everything that was printed.
    #[must_use]
    pub fn expect(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "\n{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "wanted: {word}\n{}\n{}", self.out, self.err);
        }
        self
    }
}

impl User {
    /// Makes a user who works in the repository as it is.
    ///
    /// # Panics
    /// Panics where no temporary folder can be made.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), place: root().to_owned() }
    }

    /// Makes a user who works in a copy of the repository's experiments, to change them.
    ///
    /// # Panics
    /// Panics where the files cannot be copied.
    #[must_use]
    pub fn with_copy() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().join("copy");
        std::fs::create_dir_all(place.join("xtask")).expect("a folder");
        for sub in ["experiments", "experiments/base", "figures/paper"] {
            std::fs::create_dir_all(place.join(sub)).expect("a folder");
            for entry in std::fs::read_dir(root().join(sub)).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_file() {
                    std::fs::copy(&path, place.join(sub).join(path.file_name().expect("a name"))).expect("copied");
                }
            }
        }
        Self { folder, place }
    }

    /// A path in the user's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the working folder.
    #[must_use]
    pub fn here(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(xtask());
        command.args(arguments).current_dir(&self.place);
        command.env("TWOSCALE_STORE", self.path("runs")).env("TWOSCALE_DATA", self.path("data"));
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// Panics where the program cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Did {
        did(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs a command to its end, with these variables in its environment.
    ///
    /// # Panics
    /// Panics where the program cannot be started.
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Did {
        did(&self.command(arguments).envs(variables.iter().copied()).output().expect("the program starts"))
    }

    /// Begins a command.
    ///
    /// # Panics
    /// Panics where the program cannot be started.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the program starts")
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns output and exit status of a finished program.
#[must_use]
pub fn did(output: &Output) -> Did {
    Did {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A `.npy` file of bytes.
///
/// # Panics
/// Panics where the header is too long for its format.
#[must_use]
pub fn npy(shape: &str, numbers: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(text.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), text.as_bytes(), numbers].concat()
}
