//! Curves of records: one record gives one curve, the records of a loss give a [`Series`] with its interval over seeds.
//!
//! The x axis of everything recorded in training is in epochs as the paper counts them, step · batch / training objects (its
//! 1000 MNIST steps are 2.1333 epochs), also where an epoch's last incomplete batch is left out.
mod by_loss;
mod derived;
mod evaluation;
mod smooth;

pub use by_loss::Runs;
pub use derived::{CUMULATED, compared_panel, cumulate, derived, difference_of, pairs};
pub use evaluation::BINS;
pub use smooth::{bin, interpolate, smooth};

use crate::series::{Point, Series};
use crate::statistics::Student;
use experiment::claims::Part;
use experiment::file::{Experiment, Measure, Panel, PanelSeries, Set};
use runs::record::Record;

/// Measure with the settings that make a curve of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection<'a> {
    /// The measure.
    pub measure: Measure,
    /// The set, for measures taken at the end of training.
    pub set: Set,
    /// Window in steps of [`smooth`], for measures taken at every step.
    pub smooth: usize,
    /// Bins of x of [`bin`], for measures taken at every step; 0: every step.
    pub points: usize,
    /// Positions, for measures that are functions of a threshold or of k.
    pub at: &'a [f64],
}

impl<'a> Selection<'a> {
    /// Selection of a panel for a series whose set is `set` (`None`: the panel's).
    pub fn of_panel(panel: &'a Panel, set: Option<Set>) -> Self {
        Self {
            measure: panel.measure,
            set: set.unwrap_or(panel.set),
            smooth: panel.smooth,
            points: panel.points,
            at: &panel.at,
        }
    }

    /// Selection of a part of a claim, at every step; `None` where the part has no measure.
    pub fn of_part(part: &'a Part) -> Option<Self> {
        Some(Self { measure: part.measure?, set: part.set, smooth: part.smooth, points: 0, at: &part.at })
    }
}

/// Returns whether a measure is a histogram, drawn as bars.
pub fn is_histogram(measure: Measure) -> bool {
    matches!(measure, Measure::MaxProbability | Measure::CorrectProbability | Measure::Gap)
}

/// Computes the curve of a record, by increasing x. Empty where the record lacks the measured quantity.
pub fn curve(record: &Record, selection: &Selection) -> Vec<(f64, f64)> {
    let history = &record.history;
    let first = |values: &[f64]| values.first().copied().unwrap_or(f64::NAN);
    match selection.measure {
        Measure::TestAccuracy => history
            .test_step
            .iter()
            .zip(&history.test_accuracy)
            .map(|(&step, &accuracy)| (epochs(record, step as usize), accuracy))
            .collect(),
        Measure::BatchAccuracy => at_every_step(record, selection, history.batch_accuracy.iter().map(|&a| a.into())),
        Measure::BatchLoss => at_every_step(record, selection, history.batch_loss.iter().map(|&l| l.into())),
        Measure::FirstScale => {
            // R1(0) = R(α⁰), so R1/R(α⁰) is R1 over its own first value, which is reported before the first update.
            let scale = history.scales.first().map_or(&[][..], |s| s);
            at_every_step(record, selection, scale.iter().map(|r| r / first(scale)))
        }
        Measure::Separation => {
            let (Some(r1), Some(r2)) = (history.scales.first(), history.scales.get(1)) else { return Vec::new() };
            at_every_step(record, selection, r1.iter().zip(r2).map(|(r1, r2)| r2 / r1))
        }
        Measure::Norm => {
            let start = first(&history.log_norm);
            at_every_step(record, selection, history.log_norm.iter().map(|l| (l - start).exp()))
        }
        measure => {
            let set = match selection.set {
                Set::Train => &record.train,
                Set::Test => &record.test,
            };
            evaluation::measure(set, measure, selection.at)
        }
    }
}

fn at_every_step(record: &Record, selection: &Selection, values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let values = smooth(&values.collect::<Vec<_>>(), selection.smooth);
    let curve: Vec<_> = values.into_iter().enumerate().map(|(i, y)| (epochs(record, i + 1), y)).collect();
    bin(&curve, selection.points)
}

/// Converts a step to the paper's epochs.
fn epochs(record: &Record, step: usize) -> f64 {
    (step * record.run.spec.schedule.batch) as f64 / record.run.train_objects.max(1) as f64
}

/// Averages curves over seeds: mean and interval at every x. A seed without a value at x (a share of an empty set) does not count
/// there.
pub fn average(curves: &[Vec<(f64, f64)>]) -> Vec<Point> {
    let student = Student::of(curves.len());
    let mut xs: Vec<f64> = curves.iter().flatten().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    // Every curve is walked once, in step with the x values.
    let mut next = vec![0; curves.len()];
    xs.into_iter()
        .filter_map(|x| {
            let mut values = Vec::with_capacity(curves.len());
            for (curve, next) in curves.iter().zip(&mut next) {
                if curve.get(*next).is_some_and(|p| p.0 == x) {
                    values.push(curve[*next].1);
                    *next += 1;
                }
            }
            let e = student.estimate(&values)?;
            Some(Point { x, mean: e.mean, low: e.low, high: e.high, n: e.n })
        })
        .collect()
}

/// Computes every series of every panel, in the order of the experiment file; a series without a finished run has no points.
pub fn series(experiment: &Experiment, runs: &Runs) -> Vec<Series> {
    let of_panel = |panel: &Panel| panel.series.iter().map(|s| one_series(panel, s, runs)).collect::<Vec<_>>();
    experiment.panels.iter().flat_map(of_panel).collect()
}

fn one_series(panel: &Panel, series: &PanelSeries, runs: &Runs) -> Series {
    let (slug, loss, set) = parts(series);
    let selection = Selection::of_panel(panel, set);
    let curves: Vec<_> = runs.finished(loss).map(|(_, record)| curve(record, &selection)).collect();
    Series {
        panel: panel.panel.clone(),
        series: slug.to_owned(),
        points: average(&curves),
        diverged: runs.diverged(loss).len(),
    }
}

/// Slug of a series, slug of its loss, and its set where it has its own.
pub fn parts(series: &PanelSeries) -> (&str, &str, Option<Set>) {
    match series {
        PanelSeries::Loss(slug) => (slug, slug, None),
        PanelSeries::Named { slug, loss, set } => (slug, loss, *set),
    }
}

#[cfg(test)]
mod tests;
