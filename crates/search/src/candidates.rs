//! Who takes part: every assignment with the trainings that it needs, told apart and checked before anything is trained.
use std::collections::{BTreeSet, HashMap, HashSet};

use super::assignment::Assignment;
use super::score::scored_panels;
use experiment::error::Diagnostic;
use experiment::{Choice, Error, Plan, Source};
use results::measure::parts;
use results::series::PaperSeries;

/// A figure whose curves in the paper decide the search.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its experiment file.
    pub source: Source,
    /// The paper's curves, on our x axis.
    pub paper: Vec<PaperSeries>,
}

impl Figure {
    /// Lets only these losses judge: drops the paper's curves of all others. `base` as in [`candidates`].
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

/// A assignment and the trainings of the losses drawn, figure by figure.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The assignment.
    pub assignment: Assignment,
    /// A plan a figure, in the order of the figures, each for the figure's own number of seeds.
    pub plans: Vec<Plan>,
}

/// All assignments that take part.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// They, in the order given, and last the files' own assignment where no other amounts to it.
    pub candidates: Vec<Candidate>,
    /// The files' own assignment with all its seeds, figure by figure: its runs tell how much seeds differ.
    pub own: Vec<Plan>,
    /// Candidates left out, a sentence each: values that do not go together, or the same trainings as another assignment.
    pub left_out: Vec<String>,
}

/// What keeps a search from beginning.
#[derive(Debug, thiserror::Error)]
pub enum CandidatesError {
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

/// Plans every assignment for every figure. `base` is laid first: scale, variant, `--set`s and seeds of all assignments, and the only
/// losses that judge.
///
/// # Errors
/// [`CandidatesError`]. A assignment that is invalid although each of its values is valid in another one is left out instead: not all values
/// go together.
pub fn candidates(
    figures: &[Figure],
    base: &Choice,
    assignments: &[Assignment],
) -> Result<Candidates, CandidatesError> {
    if assignments.iter().all(|assignment| assignment.changes.is_empty()) {
        return Err(CandidatesError::NothingVaried);
    }
    let only = drawn(figures, base)?;
    let own_seeds = Choice { seeds: None, ..base.clone() };
    let mut candidates =
        Candidates { own: plans(figures, &own_seeds, &only, &Assignment::default())?, ..Candidates::default() };
    let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
    let (mut valid, mut invalid) = (HashSet::new(), Vec::new());
    let own = Assignment::default();
    for assignment in assignments.iter().cloned().chain([own.clone()]) {
        let plans = match plans(figures, base, &only, &assignment) {
            Ok(plans) => plans,
            Err(error) => {
                invalid.push((assignment, error));
                continue;
            }
        };
        valid.extend(assignment.changes.iter().cloned());
        let keys = plans.iter().flat_map(|plan| plan.runs.iter().map(|run| run.spec.key())).collect();
        match seen.get(&keys) {
            Some(_) if assignment == own => {}
            Some(&twin) => {
                let other =
                    candidates.candidates.get(twin).map_or_else(String::new, |candidate| candidate.assignment.name());
                candidates.left_out.push(format!("{}: the same trainings as {other}", assignment.name()));
            }
            None => {
                seen.insert(keys, candidates.candidates.len());
                candidates.candidates.push(Candidate { assignment, plans });
            }
        }
    }
    for (assignment, error) in invalid {
        if !assignment.changes.iter().all(|change| valid.contains(change)) || assignment == own {
            return Err(as_given(&assignment, error).into());
        }
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        candidates.left_out.push(format!("{}: does not go together ({reason})", assignment.name()));
    }
    Ok(candidates)
}

/// The losses of each figure that have a curve in the paper.
fn drawn(figures: &[Figure], base: &Choice) -> Result<Vec<Vec<String>>, CandidatesError> {
    let of_figure = |figure: &Figure| {
        let experiment = figure.source.resolve(base)?;
        let panels = scored_panels(&experiment, &figure.paper);
        let losses = panels.iter().flat_map(|panel| panel.panel.series.iter().map(|series| parts(series).1.to_owned()));
        let losses: BTreeSet<String> = losses.collect();
        if losses.is_empty() {
            return Err(CandidatesError::NoCurves { figure: figure.source.name.clone() });
        }
        Ok(losses.into_iter().collect())
    };
    figures.iter().map(of_figure).collect()
}

fn plans(figures: &[Figure], base: &Choice, only: &[Vec<String>], assignment: &Assignment) -> Result<Vec<Plan>, Error> {
    let of_figure = |(figure, only): (&Figure, &Vec<String>)| {
        let sets = base.sets.iter().cloned().chain(assignment.sets()).collect();
        figure.source.plan(&Choice { sets, only: only.clone(), ..base.clone() })
    };
    figures.iter().zip(only).map(of_figure).collect()
}

/// The user wrote `--vary` or a list, not the `--set` that a assignment is laid with.
fn as_given(assignment: &Assignment, error: Error) -> Error {
    let renamed = |data: Diagnostic| {
        let Some(rest) = data.place.strip_prefix("--set ") else { return data };
        let key = rest.split('=').next().unwrap_or(rest);
        Diagnostic { place: format!("{} {rest}", assignment.option(key)), ..data }
    };
    match error {
        Error::Invalid(cache) => Error::Invalid(cache.into_iter().map(renamed).collect()),
        other => other,
    }
}
