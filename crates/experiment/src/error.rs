//! Errors of experiment files and of options: what is wrong, where, and what would be right.
use std::fmt;
use std::path::PathBuf;

use super::limits::shortened;
use super::path::KeyPath;

/// Reasons why an experiment cannot be read or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("{}: cannot be read ({source}); check that it exists and that you may read it", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A figure of the paper without an experiment file.
    #[error("{name} of the paper is not reproduced here: there is no experiments/{name}.yaml; there is {there}")]
    NotReproduced {
        /// The name asked for.
        name: String,
        /// The names there are.
        there: String,
    },
    /// No figure of this name.
    #[error("there is no figure `{name}`{hint}")]
    UnknownFigure {
        /// The name asked for.
        name: String,
        /// The nearest name, or the names there are.
        hint: String,
    },
    /// The text is not YAML.
    #[error("{file}:{line}: not valid YAML: {reason}")]
    Syntax {
        /// The file, as a user would write it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Reason that the parser gives.
        reason: String,
    },
    /// The text is YAML, but not an experiment that can be run. The list is never empty.
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
    /// One clause: what is wrong with the key and what would be right.
    pub reason: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = shortened(&self.reason, MAX_REASON);
        if self.path.0.is_empty() {
            write!(f, "{}: {reason}", self.place)
        } else {
            write!(f, "{}: {}: {reason}", self.place, shortened(&self.path.to_string(), MAX_PATH))
        }
    }
}

/// Characters of a path and of a reason that are said, and mistakes that are told one by one: a message stays on a screen.
const MAX_PATH: usize = 200;
const MAX_REASON: usize = 600;
const MAX_LINES: usize = 10;

fn lines(diagnostics: &[Diagnostic]) -> String {
    let mut lines: Vec<String> = diagnostics.iter().take(MAX_LINES).map(ToString::to_string).collect();
    if diagnostics.len() > MAX_LINES {
        lines.push(format!("and {} more", diagnostics.len() - MAX_LINES));
    }
    lines.join("\n")
}

/// Gives each finding its place. A line is found by reading the text once more, so only the findings that are told get one: a
/// file with thousands of mistakes is answered at once.
pub(crate) fn placed(findings: Vec<Finding>, file: &str, place: impl Fn(Finding) -> Diagnostic) -> Vec<Diagnostic> {
    let unplaced = |Finding { path, reason }| Diagnostic { place: file.to_owned(), path, reason };
    findings
        .into_iter()
        .enumerate()
        .map(|(index, finding)| if index < MAX_LINES { place(finding) } else { unplaced(finding) })
        .collect()
}

/// Returns an error where there are diagnostics.
pub(crate) fn refuse(diagnostics: Vec<Diagnostic>) -> Result<(), Error> {
    if diagnostics.is_empty() { Ok(()) } else { Err(Error::Invalid(diagnostics)) }
}

pub use twoscale::finding::Finding;
