//! Why a command did not do what it was asked, and the exit status for it.
use std::process::ExitCode;

use experiment;

/// Exit status of a command that was interrupted: 128 and the number of SIGINT, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// An end other than "done".
#[derive(Debug)]
pub enum CommandError {
    /// Wrong usage or input: status 2.
    Usage(String),
    /// A run or a check failed: status 1.
    Failed(String),
    /// Interrupted: status 130.
    Interrupted(String),
}

impl CommandError {
    /// A failure, from anything that has words for it.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{error:#}"))
    }

    /// Says it and gives the exit status.
    pub fn exit(self) -> ExitCode {
        let (words, status) = match self {
            Self::Usage(words) => (format!("error: {words}"), 2),
            Self::Failed(words) => (format!("error: {words}"), 1),
            Self::Interrupted(words) => (words, INTERRUPTED),
        };
        crate::text::tell!("{words}");
        ExitCode::from(status)
    }
}

impl From<experiment::Error> for CommandError {
    fn from(error: experiment::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<runs::store::StoreError> for CommandError {
    fn from(error: runs::store::StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<runs::scheduler::SchedulerError> for CommandError {
    fn from(error: runs::scheduler::SchedulerError) -> Self {
        Self::failed(error)
    }
}

impl From<results::publish::Error> for CommandError {
    fn from(error: results::publish::Error) -> Self {
        Self::failed(error)
    }
}

impl From<datasets::Error> for CommandError {
    fn from(error: datasets::Error) -> Self {
        match error {
            datasets::Error::Stopped(_) => Self::Interrupted(error.to_string()),
            datasets::Error::UnknownName(_) | datasets::Error::NothingToFetch(_) => Self::Usage(error.to_string()),
            other => Self::failed(other),
        }
    }
}
