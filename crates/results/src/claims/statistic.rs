//! What a claim takes from a curve: one statistic with its interval over seeds.
use crate::measure::interpolate;
use crate::statistics::{Estimate, estimate};
use experiment::file::Statistic;

/// Resamples behind the interval of a position.
const RESAMPLES: usize = 400;

/// One curve a seed, on common x.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    x: Vec<f64>,
    seeds: Vec<Vec<f64>>,
}

impl Sample {
    /// From curves ordered by x; only x that all of them have are kept.
    pub fn new(curves: &[Vec<(f64, f64)>]) -> Self {
        let has = |curve: &[(f64, f64)], x: f64| curve.binary_search_by(|p| p.0.total_cmp(&x)).ok();
        let mut x: Vec<f64> = curves.first().map_or_else(Vec::new, |c| c.iter().map(|p| p.0).collect());
        x.retain(|&x| curves.iter().all(|c| has(c, x).is_some()));
        let values = |c: &Vec<(f64, f64)>| x.iter().filter_map(|&x| has(c, x).map(|i| c[i].1)).collect();
        Self { seeds: curves.iter().map(values).collect(), x }
    }

    /// Seeds.
    pub fn n(&self) -> usize {
        self.seeds.len()
    }

    /// Last x; `None` for an empty curve.
    pub fn end(&self) -> Option<f64> {
        self.x.last().copied()
    }

    /// The statistic of every seed; `None` when the curves do not reach where it is taken, or when it is a position (see
    /// [`Sample::position`]). Minima, maxima and signs are those of the mean curve: chosen seed by seed they would be
    /// biased by the noise of a seed.
    pub fn values(&self, take: Statistic) -> Option<Vec<f64>> {
        let mean = self.mean();
        let each = |f: &dyn Fn(&[f64]) -> f64| Some(self.seeds.iter().map(|s| f(s)).collect::<Vec<_>>());
        match take {
            Statistic::End => {
                let last = self.x.len().checked_sub(1)?;
                each(&|s| s[last])
            }
            Statistic::At(x) => {
                let curve = |s: &Vec<f64>| self.x.iter().copied().zip(s.iter().copied()).collect::<Vec<_>>();
                self.seeds.iter().map(|s| interpolate(&curve(s), x)).collect()
            }
            Statistic::Mean(range) => {
                let r = self.within(range)?;
                let n = r.len() as f64;
                each(&|s| s[r.clone()].iter().sum::<f64>() / n)
            }
            Statistic::MeanAbsolute(range) => {
                let r = self.within(range)?;
                let n = r.len() as f64;
                each(&|s| r.clone().map(|i| s[i] * mean[i].signum()).sum::<f64>() / n)
            }
            Statistic::Min(range) => {
                let i = self.within(range)?.min_by(|&i, &j| mean[i].total_cmp(&mean[j]))?;
                each(&|s| s[i])
            }
            Statistic::Max(range) => {
                let i = self.arg_max(&mean, range)?;
                each(&|s| s[i])
            }
            Statistic::LeastGrowth(range) => {
                let r = self.within(range)?;
                let growth = |s: &[f64], i: usize| s[i + 1] - s[i];
                let i = (r.start..r.end - 1).min_by(|&i, &j| growth(&mean, i).total_cmp(&growth(&mean, j)))?;
                each(&|s| growth(s, i))
            }
            Statistic::ArgMax(_) | Statistic::LastNegative => None,
        }
    }

    /// For statistics that are a position on x: that of the mean curve, with a percentile interval over `RESAMPLES`
    /// resamples of the seeds (fixed random numbers, so the same runs give the same interval).
    pub fn position(&self, take: Statistic) -> Option<Estimate> {
        let of = |mean: &[f64]| match take {
            Statistic::ArgMax(range) => self.arg_max(mean, range).map(|i| self.x[i]),
            // Never below 0: not at the beginning either.
            Statistic::LastNegative => Some(mean.iter().rposition(|&y| y < 0.0).map_or(0.0, |i| self.x[i])),
            _ => None,
        };
        self.end()?;
        let n = self.n();
        let mean = of(&self.mean())?;
        if n < 2 {
            return Some(Estimate::exact(mean, n));
        }
        let mut random = SplitMix(0x2106_0267_6000_0001);
        let mut positions = (0..RESAMPLES)
            .map(|_| {
                let mut weights = vec![0.0; n];
                (0..n).for_each(|_| weights[random.below(n)] += 1.0);
                of(&self.weighted(&weights))
            })
            .collect::<Option<Vec<f64>>>()?;
        positions.sort_by(f64::total_cmp);
        let tail = RESAMPLES / 40;
        Some(Estimate { mean, low: positions[tail].min(mean), high: positions[RESAMPLES - 1 - tail].max(mean), n })
    }

    /// The statistic with its interval: of the mean over seeds, or of the position.
    pub fn take(&self, take: Statistic) -> Option<Estimate> {
        if is_position(take) { self.position(take) } else { estimate(&self.values(take)?) }
    }

    fn mean(&self) -> Vec<f64> {
        self.weighted(&vec![1.0; self.n()])
    }

    fn weighted(&self, weights: &[f64]) -> Vec<f64> {
        let mut mean = vec![0.0; self.x.len()];
        for (seed, weight) in self.seeds.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
            mean.iter_mut().zip(seed).for_each(|(m, v)| *m += weight * v);
        }
        let all: f64 = weights.iter().sum();
        mean.iter_mut().for_each(|m| *m /= all);
        mean
    }

    /// Indices of x in [a, b], with a tolerance of rounding; `None` when there are none.
    fn within(&self, [a, b]: [f64; 2]) -> Option<std::ops::Range<usize>> {
        let slack = |x: f64| 1e-9 * (1.0 + x.abs());
        let from = self.x.partition_point(|&x| x < a - slack(a));
        let to = self.x.partition_point(|&x| x <= b + slack(b));
        (from < to).then_some(from..to)
    }

    fn arg_max(&self, mean: &[f64], range: [f64; 2]) -> Option<usize> {
        // The first of equals: `max_by` would give the last.
        self.within(range)?.rev().max_by(|&i, &j| mean[i].total_cmp(&mean[j]))
    }
}

/// Whether a statistic is an x, and so has the unit of x.
pub fn is_position(take: Statistic) -> bool {
    matches!(take, Statistic::ArgMax(_) | Statistic::LastNegative)
}

/// Steele, Lea and Flood's generator: enough for resampling, and no state outside this file.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seeds at x = 0, 1, 2, 3; the mean curve is -1, 2, 1, 3.
    fn sample() -> Sample {
        let curve = |ys: [f64; 4]| ys.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect::<Vec<_>>();
        Sample::new(&[curve([-2.0, 1.0, 1.0, 4.0]), curve([0.0, 3.0, 1.0, 2.0])])
    }

    fn mean(take: Statistic) -> f64 {
        sample().take(take).unwrap().mean
    }

    #[test]
    fn statistics_are_those_of_the_mean_curve() {
        assert_eq!(mean(Statistic::End), 3.0);
        assert_eq!(mean(Statistic::At(0.5)), 0.5);
        assert_eq!(mean(Statistic::Mean([0.0, 2.0])), 2.0 / 3.0);
        assert_eq!(mean(Statistic::MeanAbsolute([0.0, 1.0])), 1.5);
        assert_eq!(mean(Statistic::Min([1.0, 3.0])), 1.0);
        assert_eq!(mean(Statistic::Max([0.0, 2.0])), 2.0);
        assert_eq!(mean(Statistic::LeastGrowth([0.0, 3.0])), -1.0);
        assert_eq!(mean(Statistic::ArgMax([0.0, 2.0])), 1.0);
        assert_eq!(mean(Statistic::LastNegative), 0.0);
    }

    #[test]
    fn the_interval_is_that_of_the_seeds_at_the_chosen_position() {
        assert_eq!(sample().values(Statistic::Min([1.0, 3.0])), Some(vec![1.0, 1.0]));
        assert_eq!(sample().values(Statistic::End), Some(vec![4.0, 2.0]));
    }

    #[test]
    fn nothing_is_taken_beyond_the_end_of_a_run() {
        assert_eq!(sample().take(Statistic::At(3.5)), None);
        assert_eq!(sample().take(Statistic::Mean([4.0, 5.0])), None);
        assert_eq!(sample().take(Statistic::LeastGrowth([3.0, 9.0])), None);
        assert_eq!(Sample::new(&[]).take(Statistic::End), None);
        assert_eq!(Sample::new(&[]).take(Statistic::LastNegative), None);
    }

    #[test]
    fn a_position_has_an_interval_that_holds_it_and_repeats() {
        let p = sample().position(Statistic::ArgMax([0.0, 3.0])).unwrap();
        assert_eq!((p.low, p.mean, p.high), (1.0, 3.0, 3.0));
        assert_eq!(sample().position(Statistic::ArgMax([0.0, 3.0])), Some(p));
    }

    #[test]
    fn only_common_positions_count() {
        let s = Sample::new(&[vec![(0.0, 1.0), (1.0, 2.0)], vec![(1.0, 4.0), (2.0, 9.0)]]);
        assert_eq!(s.values(Statistic::End), Some(vec![2.0, 4.0]));
    }
}
