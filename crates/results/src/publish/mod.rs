//! What is published of a figure, and how it gets there: `figN.svg`, `data/figN.csv` and `data/figN.json`.
//!
//! The figure is always drawn from the numbers as they stand in the table, so `render` gives the bytes that `publish` gave,
//! without any record. Every file appears by a rename: a reader never sees half of one.
mod document;
mod origin;
mod report;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use document::{DataFile, Document};
pub use origin::{Origin, caption, readings};
pub use report::{Reported, report};
pub use table::{from_csv, paper_curves, to_csv};

use crate::claims::judge;
use crate::figure::{self, Caption};
use crate::measure::{Runs, series};
use crate::series::Series;
use experiment::file::Experiment;

/// What goes wrong on the way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A table is damaged.
    #[error(
        "{path} is no table of this project ({reason}); restore it from version control, or run `cargo xtask reproduce`"
    )]
    Table {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A document is damaged.
    #[error(
        "{path} is no published document ({reason}); restore it from version control, or run `cargo xtask reproduce`"
    )]
    Document {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing was published.
    #[error("nothing is published of {figure} in {folder}; `cargo xtask reproduce {figure}` makes it")]
    Missing {
        /// The figure.
        figure: String,
        /// Where it was looked for.
        folder: String,
    },
    /// The figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] figure::Error),
}

/// Where figures, tables and the paper's curves are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// `figN.svg`, `data/figN.csv` and `data/figN.json` are below it.
    pub out: PathBuf,
    /// The paper's curves, `figN.csv`: `figures/paper` of the repository, wherever `out` is.
    pub paper: PathBuf,
}

impl Folders {
    /// Folders of a repository whose figures are in `figures`.
    pub fn of(figures: &Path) -> Self {
        Self { out: figures.to_owned(), paper: figures.join("paper") }
    }

    /// The figure of this name.
    pub fn svg(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.svg"))
    }

    /// Its table.
    pub fn csv(&self, name: &str) -> PathBuf {
        self.out.join("data").join(format!("{name}.csv"))
    }

    /// Its document.
    pub fn json(&self, name: &str) -> PathBuf {
        self.out.join("data").join(format!("{name}.json"))
    }

    /// The paper's curves of a figure: of `fig9` also for its variant `fig9-coarse`.
    fn paper_csv(&self, name: &str) -> PathBuf {
        let own = self.paper.join(format!("{name}.csv"));
        match name.split_once('-') {
            Some((figure, _)) if !own.exists() => self.paper.join(format!("{figure}.csv")),
            _ => own,
        }
    }
}

/// What was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// The files written, the figure first.
    pub files: Vec<PathBuf>,
    /// What the JSON file holds.
    pub document: Document,
}

/// Measures, judges and draws an experiment and writes figure, table and document. `name` is the figure's name, with the
/// variant's where there is one. Other scales than `paper` must be given another folder than the repository's `figures`: they
/// are not kept from overwriting here.
///
/// # Errors
/// Fails when the experiment cannot be drawn or a file cannot be written.
pub fn publish(origin: Origin, name: &str, runs: &Runs, folders: &Folders) -> Result<Published, Error> {
    let document = document(origin, name, runs);
    let csv = to_csv(&series(origin.experiment, runs))?;
    let svg = svg(origin.experiment, name, &from_csv(&csv, &folders.csv(name))?, &document.caption, folders)?;
    let mut json = serde_json::to_string_pretty(&document).unwrap_or_default();
    json.push('\n');
    let files = vec![folders.svg(name), folders.csv(name), folders.json(name)];
    for (path, text) in files.iter().zip([&svg, &csv, &json]) {
        write_atomically(path, text)?;
    }
    Ok(Published { files, document })
}

/// What there is to say of an experiment besides its curves, verdicts included; nothing is written.
pub fn document(origin: Origin, name: &str, runs: &Runs) -> Document {
    let mut data: Vec<_> = runs
        .all()
        .flat_map(|(_, _, record)| &record.run.data)
        .map(|d| DataFile { name: d.file.clone(), digest: d.sha256.clone() })
        .collect();
    data.sort();
    data.dedup();
    let losses = origin.experiment.losses.keys();
    let seeds = losses.map(|l| (l.clone(), runs.finished(l).count())).filter(|(_, n)| *n > 0);
    Document {
        figure: name.to_owned(),
        title: origin.experiment.title.clone(),
        scale: origin.scale.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data,
        readings: readings(origin.experiment),
        seeds: seeds.collect::<BTreeMap<_, _>>(),
        diverged: origin::diverged(origin.experiment, runs),
        caption: caption(origin, runs),
        claims: judge(origin.experiment, runs),
    }
}

/// Draws a figure anew from what was published of it, without records, and writes it. Without its document the figure says only
/// that it comes from the table.
///
/// # Errors
/// Fails when nothing was published, or the experiment cannot be drawn, or the figure cannot be written.
pub fn render(experiment: &Experiment, name: &str, folders: &Folders) -> Result<PathBuf, Error> {
    let series = published_series(name, folders)?;
    let caption = published_document(name, folders)?.map_or_else(
        || Caption { subtitle: "from the published table".to_owned(), ..Caption::default() },
        |document| document.caption,
    );
    let path = folders.svg(name);
    write_atomically(&path, &svg(experiment, name, &series, &caption, folders)?)?;
    Ok(path)
}

/// The published table of a figure.
///
/// # Errors
/// Fails when there is none, or it is damaged.
pub fn published_series(name: &str, folders: &Folders) -> Result<Vec<Series>, Error> {
    let path = folders.csv(name);
    match read(&path)? {
        Some(text) => from_csv(&text, &path),
        None => Err(Error::Missing { figure: name.to_owned(), folder: folders.out.display().to_string() }),
    }
}

/// What is published of a figure under its own reading and under `variants`; none where its own reading is not published.
///
/// # Errors
/// Fails when a document is damaged.
pub fn published(name: &str, variants: &[&str], folders: &Folders) -> Result<Option<Reported>, Error> {
    let Some(own) = published_document(name, folders)? else { return Ok(None) };
    Ok(Some(Reported { own, variants: published_variants(name, variants, folders)? }))
}

/// Those of a figure's `variants` that are published.
///
/// # Errors
/// Fails when a document is damaged.
pub fn published_variants(name: &str, variants: &[&str], folders: &Folders) -> Result<Vec<Document>, Error> {
    let of_variant = |variant: &&str| published_document(&format!("{name}-{variant}"), folders).transpose();
    variants.iter().filter_map(of_variant).collect()
}

/// The published document of a figure; none where there is no file.
///
/// # Errors
/// Fails when it is damaged.
pub fn published_document(name: &str, folders: &Folders) -> Result<Option<Document>, Error> {
    let path = folders.json(name);
    let Some(text) = read(&path)? else { return Ok(None) };
    let document = serde_json::from_str(&text);
    document.map(Some).map_err(|e| Error::Document { path: path.display().to_string(), reason: e.to_string() })
}

fn svg(exp: &Experiment, name: &str, series: &[Series], caption: &Caption, folders: &Folders) -> Result<String, Error> {
    let paper = paper_curves(&folders.paper_csv(name), &exp.paper)?;
    Ok(figure::draw(exp, series, &paper, caption)?)
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io("read", path, e)),
    }
}

fn write_atomically(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| io("make the folder", folder, e))?;
    }
    // The process's number keeps two writers from sharing a temporary file; the last rename wins.
    let temporary = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&temporary, text).map_err(|e| io("write", &temporary, e))?;
    std::fs::rename(&temporary, path).map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        io("write", path, e)
    })
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests;
