//! Mistakes in a specification, each with its place. Each specification of this crate lists its own mistakes in one function,
//! `findings`. [`Error`] tells the first; a reader of files puts file and line in front of each.
use std::collections::BTreeSet;
use std::fmt;

use crate::{Error, Result};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, counted from 0.
    Index(usize),
}

/// Keys and indices from the top of a specification to a value: `panels[1].x.from`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(pub Vec<Segment>);

impl KeyPath {
    /// The top.
    #[must_use]
    pub fn top() -> Self {
        Self::default()
    }

    /// The value of `key` in this mapping.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The item `index` of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// Appends `rest` to this path.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A number in a message: 0.1, 1e300.
#[must_use]
pub fn number(value: f64) -> String {
    let plain = value == 0.0 || !value.is_finite() || (1e-6..1e12).contains(&value.abs());
    if plain { value.to_string() } else { format!("{value:e}") }
}

/// A mistake: its place and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key in question.
    pub path: KeyPath,
    /// One clause: the mistake, and what would be right.
    pub reason: String,
}

/// `optimiser.momentum: must be in [0, 1), is 1`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.0.is_empty() { f.write_str(&self.reason) } else { write!(f, "{}: {}", self.path, self.reason) }
    }
}

/// Mistakes in the order in which they are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds `reason` at `path` unless `holds`.
    pub fn require(&mut self, holds: bool, path: &KeyPath, reason: impl Into<String>) {
        if !holds {
            self.0.push(Finding { path: path.clone(), reason: reason.into() });
        }
    }

    /// Adds a finding at `path` unless `value` is finite and greater than 0.
    pub fn require_positive(&mut self, value: f64, path: &KeyPath) {
        self.require(value.is_finite() && value > 0.0, path, format!("must be greater than 0, is {}", number(value)));
    }

    /// Adds a finding at `path` unless `least` ≤ `value` ≤ `most`.
    pub fn require_within(&mut self, value: usize, least: usize, most: usize, path: &KeyPath) {
        if value < least {
            self.require(false, path, format!("must be at least {least}, is {value}"));
        }
        self.require(value <= most, path, format!("must be at most {most}, is {value}"));
    }

    /// Adds a finding for every name that comes twice.
    pub fn require_distinct<'a>(&mut self, names: impl Iterator<Item = (&'a str, KeyPath)>) {
        let mut seen = BTreeSet::new();
        for (name, path) in names {
            self.require(seen.insert(name), &path, format!("`{name}` is there twice; give each its own name"));
        }
    }

    /// Adds the findings of a part that stands at `path`.
    pub fn add(&mut self, part: Self, path: &KeyPath) {
        self.0.extend(part.0.into_iter().map(|finding| Finding { path: path.join(&finding.path), ..finding }));
    }

    /// The same findings of a part that stands at `path`.
    #[must_use]
    pub fn under(self, path: &KeyPath) -> Self {
        let mut whole = Self::default();
        whole.add(self, path);
        whole
    }

    /// Turns the first finding into an error.
    ///
    /// # Errors
    /// Fails when there is a finding.
    pub fn into_result(self) -> Result<()> {
        match self.0.into_iter().next() {
            Some(first) => Err(Error::Setting(first.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, KeyPath};

    #[test]
    fn a_path_reads_as_one_would_write_it() {
        let path = KeyPath::top().key("panels").index(1).key("x").key("from");
        assert_eq!(path.to_string(), "panels[1].x.from");
    }

    #[test]
    fn the_first_finding_of_a_part_is_told_with_its_place() {
        let mut part = Findings::default();
        part.require_within(0, 1, 5, &KeyPath::top().key("hidden").index(1));
        part.require_positive(f64::NAN, &KeyPath::top());
        let mut whole = Findings::default();
        whole.add(part, &KeyPath::top().key("model"));
        assert_eq!(whole.0.len(), 2);
        assert_eq!(whole.into_result().unwrap_err().to_string(), "model.hidden[1]: must be at least 1, is 0");
        assert!(Findings::default().into_result().is_ok());
    }
}
