//! The folder of experiment files.
use std::path::{Path, PathBuf};

use super::error::Error;
use super::limits::shortened;
use super::load::Source;
use super::suggest;

/// The folder `experiments/`, one file for each figure.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
    others: Vec<String>,
}

impl Catalogue {
    /// Lists a folder's `*.yaml`, by number: fig3 before fig13.
    ///
    /// # Errors
    /// [`Error::Read`] when the folder cannot be listed.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { file: folder.to_owned(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        names.sort_by_key(|name| natural(name));
        let (names, others) = names.into_iter().partition(|name| is_of_paper(name));
        Ok(Self { folder: folder.to_owned(), names, others })
    }

    /// The figures of the paper that have a file. Other files of the folder are found by [`Catalogue::source`] alone, so that
    /// one's own experiment never counts among the paper's.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The folder, in which `extends` looks for files, too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads one figure's file; `13` and `fig13.yaml` name `fig13` too.
    ///
    /// # Errors
    /// [`Error::UnknownFigure`], [`Error::NotReproduced`], and those of [`Source::read`].
    pub fn source(&self, name: &str) -> Result<Source, Error> {
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        let long = format!("fig{stem}");
        let known = |known: &&String| **known == stem || **known == long;
        let Some(found) = self.names.iter().chain(&self.others).find(known) else {
            let there = self.names.join(", ");
            if let Some(figure) = [stem, &long].into_iter().find(|name| is_of_paper(name)) {
                return Err(Error::NotReproduced { name: figure.to_owned(), there });
            }
            let stem = shortened(stem, 60);
            let mean = suggest::nearest(&stem, self.names.iter().map(String::as_str));
            let mean = mean.map_or("; there is".to_owned(), |name| format!("; did you mean `{name}`? There is"));
            let file = " (a file of your own: give its path, ending in .yaml)";
            return Err(Error::UnknownFigure { name: stem, hint: format!("{mean} {there}{file}") });
        };
        Source::read(&self.folder.join(format!("{found}.yaml")), &self.folder)
    }
}

/// Figures of the paper.
const FIGURES: u32 = 15;

/// Returns whether the paper has a figure of this name: `fig1` to `fig15`.
#[must_use]
pub fn is_of_paper(name: &str) -> bool {
    let number = name.strip_prefix("fig").filter(|number| !number.starts_with('0'));
    number.and_then(|number| number.parse().ok()).is_some_and(|number: u32| (1..=FIGURES).contains(&number))
}

/// Returns a key that sorts names by their letters, then by their first number, then by the rest: `fig3` before `fig13`.
#[must_use]
pub fn natural(name: &str) -> (String, u64, String) {
    let letters: String = name.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let digits: String = name[letters.len()..].chars().take_while(char::is_ascii_digit).collect();
    let rest = name[letters.len() + digits.len()..].to_owned();
    (letters, digits.parse().unwrap_or(0), rest)
}
