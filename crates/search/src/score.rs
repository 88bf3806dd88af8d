//! Distance of a candidate from the paper: [`claims::score`](results::claims::score) over all its series.
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::assignment::Assignment;
use super::ladder::Rung;
use experiment::Plan;
use experiment::file::{Experiment, Measure, Panel};
use results::claims::{Score, pooled, score};
use results::measure::{BINS, Runs, Selection, average, curve, is_histogram, parts};
use results::series::{PaperSeries, Series};

/// Panel as scored: its series that the paper has, on a scale common to all panels.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPanel {
    /// Panel; the axes of a histogram are those of its cumulated curve.
    pub panel: Panel,
    /// Curves of the paper; histograms cumulated.
    pub paper: Vec<PaperSeries>,
    /// Our curves, histograms cumulated; empty where the rung does not reach what the panel shows.
    pub ours: Vec<Series>,
}

/// Distance of a candidate from one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureScore {
    /// Name of the figure.
    pub figure: String,
    /// Panels scored.
    pub panels: Vec<ScoredPanel>,
    /// Distance over all panels.
    pub score: Score,
}

/// Score of a candidate after its last rung.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// The assignment.
    pub assignment: Assignment,
    /// Last finished rung; 0: none.
    pub rung: usize,
    /// Number of seeds on that rung, of the figure that has most.
    pub seeds: u64,
    /// Share of the training on that rung.
    pub share: f64,
    /// Root mean square distance over all series of all figures, each series counted once; `None` where a series has no run that
    /// ended as planned.
    pub rms: Option<f64>,
    /// Distance expected from seed noise alone; `None` with one seed.
    pub noise: Option<f64>,
    /// True where the distance is within seed noise; `None` where the noise is unknown.
    pub fits: Option<bool>,
    /// Number of diverged runs.
    pub diverged: usize,
    /// Scores by figure.
    pub figures: Vec<FigureScore>,
    /// Error of a failed run, which takes the candidate out of the search.
    pub failure: Option<String>,
}

/// Panels with curves of the paper, without repetitions of another panel's curves (the close-up of figure 10).
pub fn scored_panels(experiment: &Experiment, paper: &[PaperSeries]) -> Vec<ScoredPanel> {
    let mut scored: Vec<ScoredPanel> = Vec::new();
    for panel in &experiment.panels {
        let of_series = |slug: &str| paper.iter().find(|p| p.panel == panel.panel && p.series == slug);
        let mut own = panel.clone();
        own.series.retain(|series| of_series(parts(series).0).is_some());
        let same = |other: &Panel| {
            (other.measure, other.set, &other.at) == (own.measure, own.set, &own.at) && other.series == own.series
        };
        if own.series.is_empty() || scored.iter().any(|other| same(&other.panel)) {
            continue;
        }
        let curves = own.series.iter().filter_map(|series| of_series(parts(series).0));
        let paper =
            curves.map(|series| PaperSeries { points: comparable(panel.measure, &series.points), ..series.clone() });
        let paper = paper.collect();
        if is_histogram(own.measure) {
            own.y.label = format!("{}, cumulated", own.y.label);
            (own.y.from, own.y.to) = (0.0, 1.0);
        }
        scored.push(ScoredPanel { panel: own, paper, ours: Vec::new() });
    }
    scored
}

/// Converts a curve to shares of objects, the scale of accuracies: a histogram, whose heights are densities a hundred times as large,
/// becomes the share of objects at or below x.
fn comparable(measure: Measure, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if !is_histogram(measure) {
        return points.to_vec();
    }
    let mut below = 0.0;
    points
        .iter()
        .map(|&(x, height)| {
            below += height / BINS as f64;
            (x, below)
        })
        .collect()
}

/// Returns whether a measure is recorded during training.
fn in_training(measure: Measure) -> bool {
    use Measure::{BatchAccuracy, BatchLoss, FirstScale, Norm, Separation, TestAccuracy};
    matches!(measure, BatchAccuracy | BatchLoss | TestAccuracy | FirstScale | Separation | Norm)
}

/// Scores a figure's runs on a rung; `paper` is the figure's.
pub fn score_figure(plan: &Plan, paper: &[PaperSeries], rung: &Rung, runs: &Runs) -> FigureScore {
    let mut panels = scored_panels(&plan.experiment, paper);
    let whole = plan.experiment.schedule.steps;
    let run = super::ladder::steps(&plan.experiment.schedule, rung.share);
    for panel in &mut panels {
        if run == whole || in_training(panel.panel.measure) {
            panel.ours = ours(&panel.panel, runs, run, whole);
        }
    }
    let ours: Vec<_> = panels.iter().flat_map(|panel| panel.ours.clone()).collect();
    let theirs: Vec<_> = panels.iter().flat_map(|panel| panel.paper.clone()).collect();
    let paper_seeds = plan.full.seeds;
    FigureScore { figure: plan.name.clone(), score: score(&ours, &theirs, paper_seeds), panels }
}

fn ours(panel: &Panel, runs: &Runs, run: usize, whole: usize) -> Vec<Series> {
    let of_series = |series| {
        let (slug, loss, set) = parts(series);
        let mut selection = Selection::of_panel(panel, set);
        // The bins are as wide as those of the whole training.
        selection.points = (selection.points * run).div_ceil(whole.max(1));
        let curves: Vec<_> = runs
            .finished(loss)
            .map(|(_, record)| {
                let objects = record.run.train_objects.max(1) as f64;
                // Within half a window of its end a smoothed curve differs from the same step of a longer training.
                let known = if run < whole && panel.measure != Measure::TestAccuracy {
                    run - (panel.smooth / 2).min(run)
                } else {
                    run
                };
                let end = (known * record.run.spec.schedule.batch) as f64 / objects;
                let mut points = curve(record, &selection);
                points.retain(|point| run == whole || point.0 <= end * (1.0 + 1e-9));
                comparable(panel.measure, &points)
            })
            .collect();
        let diverged = runs.diverged(loss).len();
        Series { panel: panel.panel.clone(), series: slug.to_owned(), points: average(&curves), diverged }
    };
    panel.series.iter().map(of_series).collect()
}

/// Combines the scores of the figures into a candidate's ranking after a rung.
pub fn ranking(
    assignment: &Assignment,
    rung: &Rung,
    figures: Vec<FigureScore>,
    seeds: u64,
    diverged: usize,
) -> Ranking {
    let expected: usize = figures.iter().flat_map(|figure| &figure.panels).map(|panel| panel.ours.len()).sum();
    let series: Vec<_> = figures.iter().flat_map(|figure| &figure.score.series).collect();
    let complete = !series.is_empty() && series.len() == expected;
    let rms = pooled(series.iter().map(|series| Some(series.rms))).filter(|_| complete);
    let noise = pooled(series.iter().map(|series| series.noise)).filter(|_| complete);
    let fits = rms.zip(noise).map(|(rms, noise)| rms <= noise * tolerance(series.len()));
    Ranking {
        assignment: assignment.clone(),
        rung: rung.number,
        seeds,
        share: rung.share,
        rms,
        noise,
        fits,
        diverged,
        figures,
        failure: None,
    }
}

/// Largest distance within seed noise, in multiples of the expected one: √(χ²₀.₉₅(k)/k) for k series. The points of a curve move
/// together with the seeds, so a series counts as one.
pub fn tolerance(series: usize) -> f64 {
    let k = series.max(1) as f64;
    ChiSquared::new(k).map_or(1.0, |chi| (chi.inverse_cdf(0.95) / k).sqrt())
}

/// Sorts rankings, best first: by rung reached, then by distance; candidates that failed or have no distance come last of their rung.
pub fn rank(rankings: &mut [Ranking]) {
    let key = |s: &Ranking| (s.failure.is_some(), std::cmp::Reverse(s.rung), s.rms.map_or(f64::INFINITY, |rms| rms));
    rankings.sort_by(|a, b| {
        let ((failed_a, rung_a, rms_a), (failed_b, rung_b, rms_b)) = (key(a), key(b));
        (failed_a, rung_a).cmp(&(failed_b, rung_b)).then(rms_a.total_cmp(&rms_b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_few_series_varies_more() {
        // χ²₀.₉₅ with 1 and 10 degrees of freedom: 3.841459 and 18.307038.
        assert!((tolerance(1) - 3.841_459_f64.sqrt()).abs() < 1e-4);
        assert!((tolerance(10) - 1.830_703_8_f64.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn a_cumulated_histogram_ends_at_one() {
        let bars: Vec<_> =
            (0..BINS).map(|bin| ((bin as f64 + 0.5) / 100.0, if bin < 50 { 2.0 } else { 0.0 })).collect();
        let share = comparable(Measure::MaxProbability, &bars);
        assert!((share[49].1 - 1.0).abs() < 1e-12 && (share[24].1 - 0.5).abs() < 1e-12);
        assert_eq!(comparable(Measure::TopK, &[(1.0, 0.5), (2.0, 0.7)]), [(1.0, 0.5), (2.0, 0.7)]);
    }

    #[test]
    fn a_higher_rung_ranks_before_a_smaller_distance() {
        let at = |rung, rms| Ranking { rung, rms, ..Ranking::default() };
        let failed = Ranking { failure: Some("broke down".into()), ..at(2, Some(0.0)) };
        let mut all = [at(1, Some(0.1)), failed.clone(), at(2, None), at(2, Some(0.3)), at(1, Some(0.01))];
        rank(&mut all);
        assert_eq!(all, [at(2, Some(0.3)), at(2, None), at(1, Some(0.01)), at(1, Some(0.1)), failed]);
    }
}
