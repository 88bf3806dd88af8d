//! Published files of a figure: `figN.svg`, `data/figN.csv` and `data/figN.json`.
//!
//! The figure is always drawn from the table and the document's caption and claims, so [`render`] gives the bytes of [`publish`]
//! without any record. Every file appears by a rename: a reader never sees a part of one.
//!
//! Besides the panels of the experiment file the table has those of [`derived()`]: the paired difference from the single scale
//! (`PANEL-difference`) and cumulated histograms (`cumulated`).
mod document;
mod files;
mod origin;
mod report;
mod seeds;
mod standing;
mod table;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use document::{DataFile, Document};
pub use origin::{Origin, caption, settings};
pub use report::{CONTRADICTIONS, Reported, report};
pub use seeds::seeds_csv;
pub use standing::{Standing, difference, standing};
pub use table::{from_csv, paper_curves, to_csv};

use crate::claims::{judge, seed_values};
use crate::figure;
use crate::measure::{Runs, derived, series};
use crate::series::{PaperSeries, Series};
use experiment::Plan;
use experiment::file::Experiment;
use files::{read, write_atomically};

/// Errors of publishing, drawing and reading.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// Action that failed.
        action: &'static str,
        /// The file.
        path: String,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A table is damaged.
    #[error(
        "{path} is no table of this project ({reason}); restore it from version control, or run `cargo xtask reproduce`"
    )]
    Table {
        /// The file.
        path: String,
        /// Reason.
        reason: String,
    },
    /// A document is damaged.
    #[error(
        "{path} is no published document ({reason}); restore it from version control, or run `cargo xtask reproduce`"
    )]
    Document {
        /// The file.
        path: String,
        /// Reason.
        reason: String,
    },
    /// Table and document do not belong together.
    #[error(
        "{table} is not the table that {document} was written with (truncated, edited, or another figure's); restore both \
         from version control, or run `cargo xtask reproduce`"
    )]
    Foreign {
        /// The table.
        table: String,
        /// The document.
        document: String,
    },
    /// Document of another plan.
    #[error("{path} was published for another plan: {difference}; `cargo xtask reproduce {figure}` makes this one")]
    OtherPlan {
        /// The document.
        path: String,
        /// Difference between the plans.
        difference: String,
        /// The figure.
        figure: String,
    },
    /// Nothing was published.
    #[error("nothing is published in {folder} of {figure}; `cargo xtask reproduce {figure}` makes it")]
    Missing {
        /// The figure.
        figure: String,
        /// Folder searched.
        folder: String,
    },
    /// The figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] figure::Error),
}

/// Folders of figures, tables and the paper's curves.
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

    /// Table of the figure.
    pub fn csv(&self, name: &str) -> PathBuf {
        self.out.join("data").join(format!("{name}.csv"))
    }

    /// Document of the figure.
    pub fn json(&self, name: &str) -> PathBuf {
        self.out.join("data").join(format!("{name}.json"))
    }

    /// Numbers of single seeds behind the verdicts of the figure.
    pub fn seeds(&self, name: &str) -> PathBuf {
        self.out.join("data").join(format!("{name}-seeds.csv"))
    }

    /// The paper's curves of a figure.
    fn paper_csv(&self, figure: &str) -> PathBuf {
        self.paper.join(format!("{figure}.csv"))
    }
}

/// Result of publishing.
#[derive(Clone, Debug)]
pub struct Published {
    /// The files written, the figure first.
    pub files: Vec<PathBuf>,
    /// Contents of the JSON file.
    pub document: Document,
}

/// Measures, judges and draws a plan and writes figure, table and document. `name` names the files: the plan's name, or one
/// that no other plan has. Other scales than `paper` must be given another folder than the repository's `figures`: they are
/// not kept from overwriting here.
///
/// # Errors
/// Fails when the experiment cannot be drawn or a file cannot be written.
pub fn publish(plan: &Plan, name: &str, runs: &Runs, folders: &Folders) -> Result<Published, Error> {
    let (document, _, csv) = made(plan, name, runs)?;
    let series = from_csv(&csv, &folders.csv(name))?;
    let svg = svg(&plan.experiment, &series, &document, folders)?;
    let mut json = serde_json::to_string_pretty(&document).unwrap_or_default();
    json.push('\n');
    let seeds = seeds_csv(&seed_values(&plan.experiment, runs))?;
    let files = vec![folders.svg(name), folders.csv(name), folders.json(name), folders.seeds(name)];
    for (path, text) in files.iter().zip([&svg, &csv, &json, &seeds]) {
        write_atomically(path, text)?;
    }
    Ok(Published { files, document })
}

/// Makes the document of a plan, verdicts included; nothing is written.
///
/// # Errors
/// Returns the error of the table's writer; writing to memory does not fail.
pub fn document(plan: &Plan, name: &str, runs: &Runs) -> Result<Document, Error> {
    Ok(judged(plan, name, runs)?.0)
}

/// Makes the document of a plan and its curves; nothing is written.
///
/// # Errors
/// Returns the error of the table's writer; writing to memory does not fail.
pub fn judged(plan: &Plan, name: &str, runs: &Runs) -> Result<(Document, Vec<Series>), Error> {
    let (document, curves, _) = made(plan, name, runs)?;
    Ok((document, curves))
}

/// Makes the document, the curves, and the table that they are written as.
fn made(plan: &Plan, name: &str, runs: &Runs) -> Result<(Document, Vec<Series>, String), Error> {
    let origin = Origin::of(plan);
    let mut drawn = series(&plan.experiment, runs);
    drawn.extend(derived(&plan.experiment, runs));
    let csv = to_csv(&drawn)?;
    let mut data: Vec<_> = runs
        .all()
        .flat_map(|(_, _, record)| &record.run.data)
        .map(|d| DataFile { name: d.file.clone(), digest: d.sha256.clone() })
        .collect();
    data.sort();
    data.dedup();
    let losses = plan.experiment.losses.keys();
    let seeds = losses.map(|l| (l.clone(), runs.finished(l).count())).filter(|(_, n)| *n > 0);
    let document = Document {
        figure: name.to_owned(),
        title: plan.experiment.title.clone(),
        scale: plan.scale.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data,
        plan: Some(plan.digest()),
        table: digest(&csv),
        settings: settings(&plan.experiment),
        assumptions: plan.experiment.assumed(),
        departures: plan.experiment.departures(),
        in_sample: plan.experiment.in_sample,
        seeds: seeds.collect::<BTreeMap<_, _>>(),
        diverged: origin::diverged(&plan.experiment, runs),
        caption: caption(origin, runs),
        claims: judge(&plan.experiment, runs),
    };
    Ok((document, drawn, csv))
}

/// Digest of a table, as its document has it.
fn digest(csv: &str) -> String {
    blake3::hash(csv.as_bytes()).to_hex().to_string()
}

/// Draws a plan's figure anew from what was published of it, without records: reads `name` in `from` and writes figure, table,
/// document and numbers of single seeds into `to`; where both are the same folder, the figure alone.
///
/// # Errors
/// Fails when nothing was published, or for other runs or measures than the plan's, or damaged files; when the experiment
/// cannot be drawn, or a file cannot be written.
pub fn render(plan: &Plan, name: &str, from: &Folders, to: &Folders) -> Result<PathBuf, Error> {
    let Some(document) = published_document(name, from)? else {
        return Err(Error::Missing { figure: plan.argument().to_owned(), folder: from.out.display().to_string() });
    };
    let now = plan.digest();
    let same = document.plan.as_ref().is_some_and(|then| then.runs == now.runs && then.drawn == now.drawn);
    if let (false, Some(difference)) = (same, difference(&document, plan)) {
        let (path, figure) = (from.json(name).display().to_string(), plan.argument().to_owned());
        return Err(Error::OtherPlan { path, difference, figure });
    }
    let csv = published_table(&document, from)?;
    let series = from_csv(&csv, &from.csv(name))?;
    let svg = svg(&plan.experiment, &series, &document, from)?;
    if to.out != from.out {
        write_atomically(&to.csv(name), &csv)?;
        write_atomically(&to.json(name), &read(&from.json(name))?.unwrap_or_default())?;
        // Figures that were published before seeds were kept have none.
        if let Some(seeds) = read(&from.seeds(name))? {
            write_atomically(&to.seeds(name), &seeds)?;
        }
    }
    let path = to.svg(name);
    write_atomically(&path, &svg)?;
    Ok(path)
}

/// The table that belongs to a published document.
fn published_table(document: &Document, folders: &Folders) -> Result<String, Error> {
    let path = folders.csv(&document.figure);
    match read(&path)? {
        Some(csv) if digest(&csv) == document.table => Ok(csv),
        Some(_) => Err(Error::Foreign {
            table: path.display().to_string(),
            document: folders.json(&document.figure).display().to_string(),
        }),
        None => Err(Error::Missing {
            figure: document.figure.clone(),
            folder: folders.out.join("data").display().to_string(),
        }),
    }
}

/// Reads the curves that belong to a published document.
///
/// # Errors
/// Fails where the table is missing, damaged, or another document's.
pub fn published_series(document: &Document, folders: &Folders) -> Result<Vec<Series>, Error> {
    from_csv(&published_table(document, folders)?, &folders.csv(&document.figure))
}

/// Reads the paper's curves that an experiment is drawn over, on our x axis; none where the paper has none.
///
/// # Errors
/// Fails where the table cannot be read or is damaged.
pub fn paper_series(experiment: &Experiment, folders: &Folders) -> Result<Vec<PaperSeries>, Error> {
    let figure = experiment.paper.curves.as_ref().unwrap_or(&experiment.figure);
    paper_curves(&folders.paper_csv(figure), &experiment.paper)
}

/// The published document of a figure; none where there is no file.
///
/// # Errors
/// Fails when it is damaged, or another figure's.
pub fn published_document(name: &str, folders: &Folders) -> Result<Option<Document>, Error> {
    let path = folders.json(name);
    let Some(text) = read(&path)? else { return Ok(None) };
    let damaged = |reason: String| Error::Document { path: path.display().to_string(), reason };
    let document: Document = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
    if document.figure != name {
        return Err(damaged(format!("it is that of {}", experiment::limits::shortened(&document.figure, 60))));
    }
    Ok(Some(document))
}

fn svg(experiment: &Experiment, series: &[Series], document: &Document, folders: &Folders) -> Result<String, Error> {
    let paper = paper_series(experiment, folders)?;
    Ok(figure::draw(experiment, series, &paper, &document.caption, &document.claims)?)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests;
