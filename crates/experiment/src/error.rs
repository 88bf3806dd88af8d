//! What can be wrong with an experiment file, said so that it can be put right.
use std::fmt;
use std::path::PathBuf;

use super::path::KeyPath;

/// Why an experiment could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("{}: cannot be read ({source}); check that it exists and that you may read it", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No figure of this name.
    #[error("there is no figure `{name}`{hint}")]
    UnknownFigure {
        /// The name asked for.
        name: String,
        /// The nearest name, or the names there are.
        hint: String,
    },
    /// Not YAML.
    #[error("{file}:{line}: not valid YAML: {reason}")]
    Syntax {
        /// The file, as one would write it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What the parser met.
        reason: String,
    },
    /// YAML, but not an experiment that can be run. Never empty.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `experiments/fig13.yaml:12`, or the option of the command line that said it.
    pub place: String,
    /// The key in question.
    pub path: KeyPath,
    /// What is wrong with it and what would be right, one clause.
    pub reason: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.0.is_empty() {
            write!(f, "{}: {}", self.place, self.reason)
        } else {
            write!(f, "{}: {}: {}", self.place, self.path, self.reason)
        }
    }
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A diagnostic whose place is not known yet.
pub use twoscale::finding::Finding;
