//! Ends of a command other than "done", and their exit status.
use std::process::ExitCode;

use crate::{hint, interrupt, style};

/// Reason for which a command did not do what it was asked.
#[derive(Debug)]
pub enum CommandError {
    /// Wrong usage or input: status 2.
    Usage(String),
    /// A run or a check failed: status 1.
    Failed(String),
    /// Interrupted by a signal: status 130, 143 or 129; see [`interrupt::status`].
    Interrupted(String),
    /// The failure was reported already: status 1 without another message.
    Told,
}

impl CommandError {
    /// Makes a failure of any error.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{error:#}"))
    }

    /// Returns the message.
    pub fn words(&self) -> &str {
        match self {
            Self::Usage(words) | Self::Failed(words) | Self::Interrupted(words) => words,
            Self::Told => "",
        }
    }

    /// Prints the message to standard error and returns the exit status.
    pub fn exit(self) -> ExitCode {
        let (words, status) = match self {
            Self::Usage(words) => (format!("{} {words}", style::error()), 2),
            Self::Failed(words) => (format!("{} {words}", style::error()), 1),
            Self::Interrupted(words) => (words, interrupt::status()),
            Self::Told => return ExitCode::FAILURE,
        };
        crate::text::tell!("{}", hint::complete(&words));
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

impl From<runs::train::ProcessorError> for CommandError {
    fn from(error: runs::train::ProcessorError) -> Self {
        Self::Usage(error.to_string())
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
