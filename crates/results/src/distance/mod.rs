//! Distance of our curves from the paper's, beside the distance expected from seed noise alone.
//!
//! Accuracies, shares and cumulated histograms count alike, each series once; a panel that repeats another's curves does not count.
mod panels;

pub use panels::{comparable, compared_panels, of_published};

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::measure::interpolate;
use crate::series::{PaperSeries, Series};
use crate::statistics::{Estimate, standard_error};

/// Distance of a figure from the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Distances by series; series without runs or without a curve in the paper are left out.
    pub series: Vec<SeriesScore>,
    /// Root of the mean over series of the squared distance: every series counts the same, however many points it has.
    /// `None` without a series to compare.
    pub rms: Option<f64>,
    /// Root mean square over series of `noise`; `None` where a series has one seed only.
    pub noise: Option<f64>,
}

/// Distance of one series from the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesScore {
    /// Slug of the panel.
    pub panel: String,
    /// Slug of the series.
    pub series: String,
    /// Root mean square over our x of (our mean − the paper's curve, interpolated linearly).
    pub rms: f64,
    /// Shift: our mean minus the paper's curve, averaged over x.
    pub shift: f64,
    /// Expected root mean square if both curves were means over seeds of the same distribution: s² (1/n + 1/n_paper).
    pub noise: Option<f64>,
    /// Number of points compared.
    pub points: usize,
    /// Number of seeds.
    pub n: usize,
}

/// Compares series with the paper's curves of the same panel and slug at those of our x which the paper's curve covers;
/// `paper_seeds` is the number of seeds behind the paper's curves.
pub fn score(series: &[Series], paper: &[PaperSeries], paper_seeds: u64) -> Score {
    let scores: Vec<_> = series
        .iter()
        .filter_map(|ours| {
            let theirs = paper.iter().find(|p| p.panel == ours.panel && p.series == ours.series)?;
            score_series(ours, theirs, paper_seeds)
        })
        .collect();
    Score::of(scores)
}

impl Score {
    /// Distance over these series, of one figure or of several.
    pub fn of(series: Vec<SeriesScore>) -> Self {
        let mut score = Self { series, rms: None, noise: None };
        score.pool();
        score
    }

    /// Returns whether the distance is within seed noise; `None` where the noise is unknown.
    pub fn fits(&self) -> Option<bool> {
        Some(self.rms? <= self.noise? * tolerance(self.series.len()))
    }

    /// Recomputes distance and noise of the figure from its series.
    pub fn pool(&mut self) {
        self.rms = pooled(self.series.iter().map(|s| Some(s.rms)));
        self.noise = pooled(self.series.iter().map(|s| s.noise));
    }
}

fn score_series(ours: &Series, theirs: &PaperSeries, paper_seeds: u64) -> Option<SeriesScore> {
    let compared: Vec<_> =
        ours.points.iter().filter_map(|p| Some((p, p.mean - interpolate(&theirs.points, p.x)?))).collect();
    let points = compared.len();
    let n = ours.points.iter().map(|p| p.n).max()?;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / points as f64;
    let noise = |p: &crate::series::Point| {
        let e = Estimate { mean: p.mean, low: p.low, high: p.high, n: p.n };
        standard_error(&e).map(|s| s * s * (1.0 + p.n as f64 / paper_seeds.max(1) as f64))
    };
    let noise: Option<Vec<f64>> = compared.iter().map(|(p, _)| noise(p)).collect();
    (points > 0).then(|| SeriesScore {
        panel: ours.panel.clone(),
        series: ours.series.clone(),
        rms: mean(&mut compared.iter().map(|c| c.1 * c.1)).sqrt(),
        shift: mean(&mut compared.iter().map(|c| c.1)),
        noise: noise.map(|v| mean(&mut v.into_iter()).sqrt()),
        points,
        n,
    })
}

/// Largest distance within seed noise, in multiples of the expected one: √(χ²₀.₉₅(k)/k) for k series. The points of a curve move
/// together with the seeds, so a series counts as one.
fn tolerance(series: usize) -> f64 {
    let k = series.max(1) as f64;
    ChiSquared::new(k).map_or(1.0, |chi| (chi.inverse_cdf(0.95) / k).sqrt())
}

/// Root mean square; `None` where a value is unknown or there is no value.
fn pooled(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Point;
    use crate::statistics::quantile;

    fn ours(means: [f64; 2], n: usize, se: f64) -> Series {
        let half = quantile(n) * se;
        let point = |x, mean| Point { x, mean, low: mean - half, high: mean + half, n };
        Series {
            panel: "left".into(),
            series: "single".into(),
            points: vec![point(1.0, means[0]), point(2.0, means[1]), point(9.0, 100.0)],
            diverged: 0,
        }
    }

    fn paper() -> Vec<PaperSeries> {
        vec![PaperSeries { panel: "left".into(), series: "single".into(), points: vec![(0.0, 0.0), (4.0, 4.0)] }]
    }

    #[test]
    fn distance_shift_and_noise_are_those_computed_by_hand() {
        let s = score(&[ours([1.3, 1.6], 10, 0.1)], &paper(), 10);
        let one = &s.series[0];
        assert!((one.rms - (0.25f64 / 2.0).sqrt()).abs() < 1e-12);
        assert!((one.shift + 0.05).abs() < 1e-12);
        assert!((one.noise.unwrap() - 0.02f64.sqrt()).abs() < 1e-9);
        assert_eq!((one.points, one.n), (2, 10));
        assert_eq!(s.rms, Some(one.rms));
    }

    #[test]
    fn noise_of_few_series_varies_more() {
        // χ²₀.₉₅ with 1 and 10 degrees of freedom: 3.841459 and 18.307038.
        assert!((tolerance(1) - 3.841_459_f64.sqrt()).abs() < 1e-4);
        assert!((tolerance(10) - 1.830_703_8_f64.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn one_seed_tells_no_noise_and_a_series_unknown_to_the_paper_no_distance() {
        assert_eq!(score(&[ours([1.0, 2.0], 1, 0.0)], &paper(), 10).noise, None);
        let other = Series { series: "fixed-1".into(), ..ours([1.0, 2.0], 3, 0.1) };
        assert_eq!(score(&[other], &paper(), 10).rms, None);
    }
}
