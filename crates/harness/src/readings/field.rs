//! Who takes part: every reading with the trainings that it needs, told apart and checked before anything is trained.
use std::collections::{BTreeSet, HashMap, HashSet};

use super::score::scored_panels;
use super::vary::Reading;
use crate::experiment::error::Problem;
use crate::experiment::{Choice, Error, Plan, Source};
use crate::measure::parts;
use crate::series::PaperSeries;

/// A figure whose curves in the paper decide the race.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its experiment file.
    pub source: Source,
    /// The paper's curves, on our x axis.
    pub paper: Vec<PaperSeries>,
}

impl Figure {
    /// Lets only these losses judge: drops the paper's curves of all others. `base` as in [`field`].
    ///
    /// # Errors
    /// When the experiment is not valid with `base`.
    pub fn keep_only(&mut self, losses: &[String], base: &Choice) -> Result<(), Error> {
        let experiment = self.source.resolve(base)?;
        let drawn = |curve: &PaperSeries| {
            let panels = experiment.panels.iter().filter(|panel| panel.panel == curve.panel);
            panels
                .flat_map(|panel| panel.series.iter().map(parts))
                .any(|(slug, loss, _)| slug == curve.series && losses.iter().any(|only| only == loss))
        };
        self.paper.retain(drawn);
        Ok(())
    }
}

/// A reading and the trainings of the losses drawn, figure by figure.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// The reading.
    pub reading: Reading,
    /// A plan a figure, in the order of the figures, each for the figure's own number of seeds.
    pub plans: Vec<Plan>,
}

/// All readings that take part.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// They, in the order given, and last the files' own reading where no other amounts to it.
    pub entrants: Vec<Entrant>,
    /// The files' own reading with all its seeds, figure by figure: its runs tell how much seeds differ.
    pub own: Vec<Plan>,
    /// Readings left out, a sentence each: values that do not go together, or the same trainings as another reading.
    pub left_out: Vec<String>,
}

/// What keeps a race from beginning.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// A key or a value that no experiment can have.
    #[error(transparent)]
    Experiment(#[from] Error),
    /// Nothing to compare with.
    #[error("{figure} has no curves of the paper to be compared with; name a figure that has (figures/paper/FIG.csv)")]
    NoCurves {
        /// The figure.
        figure: String,
    },
    /// Nothing varied.
    #[error("nothing is varied: give --vary KEY=VALUE,VALUE, a --list, or a list `vary` in the experiment file")]
    NothingVaried,
}

/// Plans every reading for every figure. `base` is laid first: scale, variant, `--set`s and seeds of all readings, and the only
/// losses that judge.
///
/// # Errors
/// [`FieldError`]. A reading that is invalid although each of its values is valid in another one is left out instead: not all values
/// go together.
pub fn field(figures: &[Figure], base: &Choice, readings: &[Reading]) -> Result<Field, FieldError> {
    if readings.iter().all(|reading| reading.changes.is_empty()) {
        return Err(FieldError::NothingVaried);
    }
    let only = drawn(figures, base)?;
    let own_seeds = Choice { seeds: None, ..base.clone() };
    let mut field = Field { own: plans(figures, &own_seeds, &only, &Reading::default())?, ..Field::default() };
    let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
    let (mut valid, mut invalid) = (HashSet::new(), Vec::new());
    let own = Reading::default();
    for reading in readings.iter().cloned().chain([own.clone()]) {
        let plans = match plans(figures, base, &only, &reading) {
            Ok(plans) => plans,
            Err(error) => {
                invalid.push((reading, error));
                continue;
            }
        };
        valid.extend(reading.changes.iter().cloned());
        let keys = plans.iter().flat_map(|plan| plan.runs.iter().map(|run| run.spec.key())).collect();
        match seen.get(&keys) {
            Some(_) if reading == own => {}
            Some(&twin) => {
                let other = field.entrants.get(twin).map_or_else(String::new, |entrant| entrant.reading.name());
                field.left_out.push(format!("{}: the same trainings as {other}", reading.name()));
            }
            None => {
                seen.insert(keys, field.entrants.len());
                field.entrants.push(Entrant { reading, plans });
            }
        }
    }
    for (reading, error) in invalid {
        if !reading.changes.iter().all(|change| valid.contains(change)) || reading == own {
            return Err(as_given(&reading, error).into());
        }
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        field.left_out.push(format!("{}: does not go together ({reason})", reading.name()));
    }
    Ok(field)
}

/// The losses of each figure that have a curve in the paper.
fn drawn(figures: &[Figure], base: &Choice) -> Result<Vec<Vec<String>>, FieldError> {
    let of_figure = |figure: &Figure| {
        let experiment = figure.source.resolve(base)?;
        let panels = scored_panels(&experiment, &figure.paper);
        let losses = panels.iter().flat_map(|panel| panel.panel.series.iter().map(|series| parts(series).1.to_owned()));
        let losses: BTreeSet<String> = losses.collect();
        if losses.is_empty() {
            return Err(FieldError::NoCurves { figure: figure.source.name.clone() });
        }
        Ok(losses.into_iter().collect())
    };
    figures.iter().map(of_figure).collect()
}

fn plans(figures: &[Figure], base: &Choice, only: &[Vec<String>], reading: &Reading) -> Result<Vec<Plan>, Error> {
    let of_figure = |(figure, only): (&Figure, &Vec<String>)| {
        let sets = base.sets.iter().cloned().chain(reading.sets()).collect();
        figure.source.plan(&Choice { sets, only: only.clone(), ..base.clone() })
    };
    figures.iter().zip(only).map(of_figure).collect()
}

/// The user wrote `--vary` or a list, not the `--set` that a reading is laid with.
fn as_given(reading: &Reading, error: Error) -> Error {
    let renamed = |problem: Problem| {
        let Some(rest) = problem.place.strip_prefix("--set ") else { return problem };
        let key = rest.split('=').next().unwrap_or(rest);
        Problem { place: format!("{} {rest}", reading.option(key)), ..problem }
    };
    match error {
        Error::Invalid(problems) => Error::Invalid(problems.into_iter().map(renamed).collect()),
        other => other,
    }
}
