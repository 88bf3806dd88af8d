//! Seed noise of candidates with one seed, taken from the runs of the files' own assignment.
use std::collections::HashMap;

use super::candidates::Figure;
use super::ladder::Rung;
use super::records::gather;
use super::score::{FigureScore, score_figure};
use experiment::Plan;
use runs::store::{Result, Store};

/// Variances s² of one seed around the mean, by figure, panel and series: means over the rung's part of the training.
#[derive(Debug, Default)]
pub struct Variances(HashMap<(String, String, String), f64>);

impl Variances {
    /// Variances of the files' `own` assignment on the rung's part of the training, where the store has at least two of its seeds. Reads
    /// records; one call for each rung suffices.
    ///
    /// # Errors
    /// Fails when a record cannot be read.
    pub fn of(own: &[Plan], sources: &[Figure], rung: &Rung, store: &Store) -> Result<Self> {
        let mut variances = HashMap::new();
        for (plan, source) in own.iter().zip(sources) {
            variances.extend(variances_of(plan, source, rung, store)?);
        }
        Ok(Self(variances))
    }

    /// Fills in the noise of figures scored from one seed: √(s² (1 + 1/n_paper)). The spread over seeds is taken as equal for every
    /// assignment that trains; an assignment that does not train is at a distance far beyond the noise.
    pub fn fill_in(&self, figures: &mut [FigureScore], own: &[Plan]) {
        for (figure, plan) in figures.iter_mut().zip(own) {
            for series in figure.score.series.iter_mut().filter(|series| series.n == 1) {
                let key = (figure.figure.clone(), series.panel.clone(), series.series.clone());
                series.noise = self.0.get(&key).map(|s2| (s2 * (1.0 + 1.0 / paper_seeds(plan))).sqrt());
            }
            figure.score.pool();
        }
    }
}

fn variances_of(
    plan: &Plan,
    source: &Figure,
    rung: &Rung,
    store: &Store,
) -> Result<HashMap<(String, String, String), f64>> {
    let mut most = None;
    for seeds in (2..=plan.experiment.seeds).rev() {
        if let Some(runs) = gather(plan, &Rung { seeds, ..*rung }, store)? {
            most = Some((seeds, runs));
            break;
        }
    }
    let Some((seeds, runs)) = most else { return Ok(HashMap::new()) };
    let score = score_figure(plan, &source.paper, &Rung { seeds, ..*rung }, &runs).score;
    let of_series = |series: &results::distance::SeriesScore| {
        let n = series.n as f64;
        let s2 = series.noise?.powi(2) / (1.0 / n + 1.0 / paper_seeds(plan));
        Some(((plan.name.clone(), series.panel.clone(), series.series.clone()), s2))
    };
    Ok(score.series.iter().filter_map(of_series).collect())
}

#[expect(clippy::cast_precision_loss, reason = "seeds are few")]
fn paper_seeds(plan: &Plan) -> f64 {
    plan.full.seeds.max(1) as f64
}
