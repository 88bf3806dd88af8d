//! Distance of a candidate from the paper: [`distance::score`](results::distance::score) over all its series.
use super::assignment::Assignment;
use super::ladder::Rung;
use experiment::Plan;
use experiment::file::{Measure, Panel};
use results::distance::{Score, comparable, compared_panels, score};
use results::measure::{Runs, Selection, average, curve, parts};
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

/// Returns whether a measure is recorded during training.
fn in_training(measure: Measure) -> bool {
    use Measure::{BatchAccuracy, BatchLoss, FirstScale, Norm, Separation, TestAccuracy};
    matches!(measure, BatchAccuracy | BatchLoss | TestAccuracy | FirstScale | Separation | Norm)
}

/// Scores a figure's runs on a rung; `paper` is the figure's.
pub fn score_figure(plan: &Plan, paper: &[PaperSeries], rung: &Rung, runs: &Runs) -> FigureScore {
    let compared = compared_panels(&plan.experiment, paper).into_iter();
    let mut panels: Vec<_> = compared.map(|(panel, paper)| ScoredPanel { panel, paper, ours: Vec::new() }).collect();
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
    let all = Score::of(figures.iter().flat_map(|figure| figure.score.series.clone()).collect());
    let complete = all.series.len() == expected;
    let (rms, noise, fits) = if complete { (all.rms, all.noise, all.fits()) } else { (None, None, None) };
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
    fn a_higher_rung_ranks_before_a_smaller_distance() {
        let at = |rung, rms| Ranking { rung, rms, ..Ranking::default() };
        let failed = Ranking { failure: Some("broke down".into()), ..at(2, Some(0.0)) };
        let mut all = [at(1, Some(0.1)), failed.clone(), at(2, None), at(2, Some(0.3)), at(1, Some(0.01))];
        rank(&mut all);
        assert_eq!(all, [at(2, Some(0.3)), at(2, None), at(1, Some(0.01)), at(1, Some(0.1)), failed]);
    }
}
