//! The folder of experiment files.
use std::path::{Path, PathBuf};

use super::error::Error;
use super::load::Source;
use super::suggest;

/// `experiments/`: one file a figure.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
    names: Vec<String>,
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
        Ok(Self { folder: folder.to_owned(), names })
    }

    /// The figures there are.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads one figure's file; `13` and `fig13.yaml` name `fig13` too.
    ///
    /// # Errors
    /// [`Error::UnknownFigure`], [`Error::Read`], [`Error::Syntax`].
    pub fn source(&self, name: &str) -> Result<Source, Error> {
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        let long = format!("fig{stem}");
        let Some(found) = self.names.iter().find(|known| *known == stem || **known == long) else {
            return Err(Error::UnknownFigure { name: name.to_owned(), hint: self.hint(stem) });
        };
        Source::read(&self.folder.join(format!("{found}.yaml")))
    }

    fn hint(&self, name: &str) -> String {
        let mean = suggest::nearest(name, self.names.iter().map(String::as_str));
        let mean = mean.map_or("; there is".to_owned(), |name| format!("; did you mean `{name}`? There is"));
        format!("{mean} {}", self.names.join(", "))
    }
}

/// A key that sorts names by their first number, then by the rest.
fn natural(name: &str) -> (String, u64, String) {
    let letters: String = name.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let digits: String = name[letters.len()..].chars().take_while(char::is_ascii_digit).collect();
    let rest = name[letters.len() + digits.len()..].to_owned();
    (letters, digits.parse().unwrap_or(0), rest)
}
