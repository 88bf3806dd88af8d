//! Candidates of a search: every assignment with its trainings, checked and without duplicates before training begins.
use std::collections::{BTreeSet, HashMap, HashSet};

use super::assignment::Assignment;
use experiment::error::Diagnostic;
use experiment::{Choice, Error, Plan, Source};
use results::distance::compared_panels;
use results::measure::parts;
use results::series::PaperSeries;

/// Figure whose curves in the paper score the candidates.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Experiment file of the figure.
    pub source: Source,
    /// Curves of the paper, on our x axis.
    pub paper: Vec<PaperSeries>,
}

impl Figure {
    /// Scores by these losses only: drops the paper's curves of all others. `base` as in [`candidates`].
    ///
    /// # Errors
    /// Fails when the experiment is not valid with `base`.
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

/// Assignment with the trainings of the losses drawn, figure by figure.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The assignment.
    pub assignment: Assignment,
    /// Plans in the order of the figures, each with the figure's own number of seeds.
    pub plans: Vec<Plan>,
}

/// Candidates of a search.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Candidates in the order given, then the files' own assignment where no other is equal to it.
    pub candidates: Vec<Candidate>,
    /// Plans of the files' own assignment with all its seeds: its runs give the spread over seeds.
    pub own: Vec<Plan>,
    /// Reasons for assignments left out: incompatible values, or the same trainings as another assignment.
    pub left_out: Vec<String>,
}

/// Reason why a search cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum CandidatesError {
    /// Invalid key or value.
    #[error(transparent)]
    Experiment(#[from] Error),
    /// Figure without curves of the paper.
    #[error("{figure} has no curves of the paper to be compared with; name a figure that has (figures/paper/FIG.csv)")]
    NoCurves {
        /// The figure.
        figure: String,
    },
    /// No key to vary.
    #[error("nothing is varied: give --vary KEY=VALUE,VALUE, a --list, or a list `vary` in the experiment file")]
    NothingVaried,
}

/// Plans every assignment for every figure. `base` is applied first: scale, variant, `--set`s, seeds and losses common to all
/// assignments.
///
/// # Errors
/// [`CandidatesError`]. An assignment whose values are valid one by one in other assignments, but not together, is left out instead.
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
            Some(&equal) => {
                let other =
                    candidates.candidates.get(equal).map_or_else(String::new, |candidate| candidate.assignment.name());
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

/// Losses of each figure that have a curve in the paper.
fn drawn(figures: &[Figure], base: &Choice) -> Result<Vec<Vec<String>>, CandidatesError> {
    let of_figure = |figure: &Figure| {
        let experiment = figure.source.resolve(base)?;
        let panels = compared_panels(&experiment, &figure.paper);
        let losses = panels.iter().flat_map(|(panel, _)| panel.series.iter().map(|series| parts(series).1.to_owned()));
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

/// Renames `--set` in an error to the option that the user gave, `--vary` or `--list`.
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
