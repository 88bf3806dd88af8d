//! Why a command did not do what it was asked, and the exit status for it.
use std::process::ExitCode;

use harness::experiment;

/// Exit status of a command that was interrupted: 128 and the number of SIGINT, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// An end other than "done".
#[derive(Debug)]
pub enum Stop {
    /// Wrong usage or input: status 2.
    Usage(String),
    /// A run or a check failed: status 1.
    Failed(String),
    /// Interrupted: status 130.
    Interrupted(String),
}

impl Stop {
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
        crate::words::tell!("{words}");
        ExitCode::from(status)
    }
}

impl From<experiment::Error> for Stop {
    fn from(error: experiment::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<harness::store::StoreError> for Stop {
    fn from(error: harness::store::StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<harness::schedule::ScheduleError> for Stop {
    fn from(error: harness::schedule::ScheduleError) -> Self {
        Self::failed(error)
    }
}

impl From<harness::publish::Error> for Stop {
    fn from(error: harness::publish::Error) -> Self {
        Self::failed(error)
    }
}

impl From<harness::datasets::Error> for Stop {
    fn from(error: harness::datasets::Error) -> Self {
        match error {
            harness::datasets::Error::Stopped(_) => Self::Interrupted(error.to_string()),
            harness::datasets::Error::UnknownName(_) | harness::datasets::Error::NothingToFetch(_) => {
                Self::Usage(error.to_string())
            }
            other => Self::failed(other),
        }
    }
}
