//! Regression check: compares the curves of reduced runs with those of a stored baseline.
//!
//! A baseline is a published table (`figN.csv` at scale `reduced`) kept in `tests/baselines/`. Limits are computed from the
//! spread over seeds in that table, never typed in: a curve's mean over x may move by [`MEAN`] standard errors of a mean over
//! seeds, its last point, a single measurement, by [`END`], and its points, root mean square along the curve, by [`DENSE_PATH`] or
//! [`PATH`]. Standard errors are pooled along the curve (root mean square over
//! its points), because a few seeds estimate the error at one point badly. Seeds, and so initial weights and batches, are those
//! of the baseline: on the same kind of machine the curves are equal to the bit, and other kernels or another order of sums move
//! a curve by a part of the spread. A wrong gradient, scale or gate moves it by more.
use crate::series::{Point, Series};
use crate::statistics::{Estimate, standard_error};

/// Allowed difference of a curve's mean over x, in standard errors. Measured, AVX2 against AVX-512: at most 0.8.
pub const MEAN: f64 = 2.0;
/// Allowed difference of a curve's last point, in standard errors. Measured, AVX2 against AVX-512: at most 2.4.
pub const END: f64 = 4.0;
/// Allowed root mean square difference along the curve of a dense network, in standard errors. Measured, AVX2 and portable against
/// AVX-512 (figure 13): at most 0.02. Other batches of the same data move it by about 1, and the mean hardly.
pub const DENSE_PATH: f64 = 0.2;
/// Allowed root mean square difference along the curve of a convolutional network, in which a difference of rounding grows.
/// Measured, AVX2 and portable against AVX-512 (figure 10): at most 1.1.
pub const PATH: f64 = 2.5;

/// Comparison of one number with the baseline's.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// `panel/series`.
    pub curve: String,
    /// Compared number: `mean` over x, `end`, or `path`, the root mean square difference along the curve.
    pub what: &'static str,
    /// Value now.
    pub found: f64,
    /// Value in the baseline.
    pub expected: f64,
    /// Largest allowed |found - expected|.
    pub limit: f64,
}

impl Comparison {
    /// Returns whether the difference is within its limit; a value that is not finite never passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        (self.found - self.expected).abs() <= self.limit
    }
}

/// Compares every curve of a baseline with the one found now. `path` is [`DENSE_PATH`] or [`PATH`].
///
/// # Errors
/// Returns a sentence where a curve is missing, has other points or another number of seeds: the experiment changed, and a new
/// baseline is needed.
pub fn compare(found: &[Series], baseline: &[Series], path: f64) -> Result<Vec<Comparison>, String> {
    if baseline.is_empty() {
        return Err("the baseline holds no curve".into());
    }
    let mut comparisons = Vec::new();
    for old in baseline {
        let curve = format!("{}/{}", old.panel, old.series);
        let new = found
            .iter()
            .find(|new| new.panel == old.panel && new.series == old.series)
            .ok_or_else(|| format!("{curve} is in the baseline and is not drawn now"))?;
        if new.diverged > old.diverged {
            return Err(format!("{curve}: {} of its runs diverged, {} in the baseline", new.diverged, old.diverged));
        }
        // The table keeps seven digits.
        let same = |(a, b): (&Point, &Point)| (a.x - b.x).abs() <= 1e-6 * b.x.abs().max(1.0) && a.n == b.n;
        if new.points.len() != old.points.len() || !new.points.iter().zip(&old.points).all(same) {
            return Err(format!("{curve} has other points or seeds than the baseline"));
        }
        let error = pooled(&old.points);
        let mean = |points: &[Point]| points.iter().map(|p| p.mean).sum::<f64>() / points.len() as f64;
        comparisons.push(Comparison {
            curve: curve.clone(),
            what: "mean",
            found: mean(&new.points),
            expected: mean(&old.points),
            limit: MEAN * error,
        });
        let squares = new.points.iter().zip(&old.points).map(|(a, b)| (a.mean - b.mean).powi(2));
        comparisons.push(Comparison {
            curve: curve.clone(),
            what: "path",
            found: (squares.sum::<f64>() / old.points.len() as f64).sqrt(),
            expected: 0.0,
            limit: path * error,
        });
        if let (Some(new), Some(old)) = (new.points.last(), old.points.last()) {
            comparisons.push(Comparison {
                curve,
                what: "end",
                found: new.mean,
                expected: old.mean,
                limit: END * error,
            });
        }
    }
    Ok(comparisons)
}

/// Root mean square of the points' standard errors.
fn pooled(points: &[Point]) -> f64 {
    let squares: Vec<f64> = points
        .iter()
        .filter_map(|p| standard_error(&Estimate { mean: p.mean, low: p.low, high: p.high, n: p.n }))
        .map(|error| error * error)
        .collect();
    (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::estimate;

    fn curve(shift: f64) -> Vec<Series> {
        let point = |i: u32| {
            let values = [0.5, 0.52, 0.54].map(|v| v + shift + f64::from(i) * 0.01);
            let e = estimate(&values).expect("three values");
            Point { x: f64::from(i), mean: e.mean, low: e.low, high: e.high, n: e.n }
        };
        vec![Series { panel: "left".into(), series: "single".into(), points: (0..5).map(point).collect(), diverged: 0 }]
    }

    #[test]
    fn a_curve_passes_against_itself_and_fails_when_it_moves_by_more_than_its_spread() {
        // The standard deviation of {.50, .52, .54} is .02, so the mean's limit is 2 · .02/√3 = .0231.
        let all =
            |shift| compare(&curve(shift), &curve(0.0), PATH).expect("same curves").iter().all(Comparison::passes);
        assert!(all(0.0));
        assert!(all(0.0230));
        assert!(!all(0.0232));
        assert!(!all(f64::NAN));
    }

    #[test]
    fn a_curve_that_goes_another_way_to_the_same_mean_and_end_fails() {
        let mut bent = curve(0.0);
        (bent[0].points[1].mean, bent[0].points[2].mean) = (0.55, 0.52);
        let failing = |path| {
            let all = compare(&bent, &curve(0.0), path).expect("same curves");
            all.into_iter().filter(|c| !c.passes()).map(|c| c.what).collect::<Vec<_>>()
        };
        assert_eq!(failing(DENSE_PATH), ["path"]);
        assert_eq!(failing(PATH), Vec::<&str>::new());
    }

    #[test]
    fn a_missing_or_shorter_curve_is_told() {
        assert!(compare(&[], &curve(0.0), PATH).is_err_and(|e| e.contains("left/single")));
        let mut short = curve(0.0);
        short[0].points.pop();
        assert!(compare(&short, &curve(0.0), PATH).is_err());
        assert!(compare(&curve(0.0), &[], PATH).is_err());
    }
}
