//! Numbers that a part of a claim takes from curves: one for each seed.
use crate::measure::interpolate;
use experiment::claims::Statistic;

/// Every seed whose index is a multiple of this number chooses the places of `min`, `max` and `least-growth`; the other seeds are judged there. A place
/// chosen on the judged seeds would be biased by their noise, and one chosen for each seed by all others makes the seeds dependent
/// (simulated coverage of 95 % intervals: 78 to 95 %).
const CHOOSING: usize = 3;

/// Curve of every seed, of one loss or of two losses paired by seed, on their common x.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    x: Vec<f64>,
    first: Vec<Vec<f64>>,
    second: Option<Vec<Vec<f64>>>,
    /// Curve that the statistic is about: first minus second.
    difference: Vec<Vec<f64>>,
    /// Sum of `difference` over the choosing seeds.
    sum: Vec<f64>,
}

/// Number of one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Statistic of the first loss's curve, and of the second's; `None` for statistics that are not linear in the curve.
    pub parts: Option<(f64, Option<f64>)>,
    /// Statistic of the difference.
    pub value: f64,
}

/// Curve as points (x, y) by increasing x.
pub type Curve = Vec<(f64, f64)>;

impl Sample {
    /// Builds a sample from the curves of a loss, and of a second loss for the same seeds; keeps the x that all curves have.
    pub fn new(first: &[Curve], second: Option<&[Curve]>) -> Self {
        let has = |curve: &Curve, x: f64| curve.binary_search_by(|p| p.0.total_cmp(&x)).ok();
        let all = || first.iter().chain(second.into_iter().flatten());
        let mut x: Vec<f64> = first.first().map_or_else(Vec::new, |c| c.iter().map(|p| p.0).collect());
        x.retain(|&x| all().all(|c| has(c, x).is_some()));
        let on_x = |c: &Curve| -> Vec<f64> { x.iter().filter_map(|&x| has(c, x).map(|i| c[i].1)).collect() };
        let rows = |curves: &[Curve]| curves.iter().map(on_x).collect::<Vec<_>>();
        let (first, second) = (rows(first), second.map(rows));
        let difference = match &second {
            None => first.clone(),
            Some(second) => {
                let minus = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
                first.iter().zip(second).map(minus).collect()
            }
        };
        let mut sum = vec![0.0; x.len()];
        for seed in difference.iter().step_by(CHOOSING) {
            sum.iter_mut().zip(seed).for_each(|(sum, value)| *sum += value);
        }
        Self { x, first, second, difference, sum }
    }

    /// Last x; `None` for an empty curve.
    pub fn end(&self) -> Option<f64> {
        self.x.last().copied()
    }

    /// Computes the statistic of every judged seed, with the seed's index; `None` where the curves do not reach its x, or where no seed is
    /// left beside those that choose the place.
    pub fn numbers(&self, statistic: Statistic) -> Option<Vec<(usize, Number)>> {
        self.end()?;
        let place = matches!(statistic, Statistic::Min(_) | Statistic::Max(_) | Statistic::LeastGrowth(_));
        // A single seed both chooses the place and gives the number, without an interval.
        let judged = |seed: &usize| !place || self.difference.len() == 1 || !seed.is_multiple_of(CHOOSING);
        let seeds = (0..self.difference.len()).filter(judged);
        seeds.map(|seed| Some((seed, self.number(statistic, seed)?))).collect()
    }

    fn number(&self, statistic: Statistic, seed: usize) -> Option<Number> {
        let own = &self.difference[seed];
        let alone = |value| Some(Number { parts: None, value });
        match statistic {
            Statistic::MeanAbsolute(range) => {
                let r = self.within(range)?;
                let n = r.len() as f64;
                alone(own[r].iter().map(|v| v.abs()).sum::<f64>() / n)
            }
            Statistic::ArgMax(range) => alone(self.x[largest(own, self.within(range)?)?]),
            Statistic::LastNegative => alone(own.iter().rposition(|&y| y < 0.0).map_or(0.0, |i| self.x[i])),
            linear => {
                let weights = self.weights(linear)?;
                let apply = |curve: &Vec<f64>| weights.iter().map(|(i, w)| w * curve[*i]).sum::<f64>();
                let a = apply(&self.first[seed]);
                let b = self.second.as_ref().map(|second| apply(&second[seed]));
                Some(Number { parts: Some((a, b)), value: a - b.unwrap_or(0.0) })
            }
        }
    }

    /// Weights at indices of x with which a linear statistic sums the curve of a seed.
    fn weights(&self, statistic: Statistic) -> Option<Vec<(usize, f64)>> {
        let mean = |range, sign: f64| {
            let r = self.within(range)?;
            let weight = sign / r.len() as f64;
            Some(r.map(|i| (i, weight)).collect::<Vec<_>>())
        };
        Some(match statistic {
            Statistic::At(x) => self.around(x)?,
            Statistic::Mean(range) => mean(range, 1.0)?,
            Statistic::Change([before, after]) => [mean(before, -1.0)?, mean(after, 1.0)?].concat(),
            Statistic::Min(range) => {
                let negative: Vec<f64> = self.sum.iter().map(|v| -v).collect();
                vec![(largest(&negative, self.within(range)?)?, 1.0)]
            }
            Statistic::Max(range) => {
                vec![(largest(&self.sum, self.within(range)?)?, 1.0)]
            }
            Statistic::LeastGrowth(range) => {
                let r = self.within(range)?;
                let falls: Vec<f64> = self.sum.windows(2).map(|pair| pair[0] - pair[1]).collect();
                let i = largest(&falls, r.start..r.end - 1)?;
                vec![(i + 1, 1.0), (i, -1.0)]
            }
            _ => vec![(self.x.len().checked_sub(1)?, 1.0)],
        })
    }

    /// Weights of the linear interpolation at x; `None` outside the curve, with a tolerance of rounding.
    fn around(&self, x: f64) -> Option<Vec<(usize, f64)>> {
        let index: Vec<(f64, f64)> = self.x.iter().enumerate().map(|(i, &x)| (x, i as f64)).collect();
        let position = interpolate(&index, x)?;
        let (i, share) = (position.floor() as usize, position.fract());
        let mut weights = vec![(i, 1.0 - share)];
        if share > 0.0 {
            weights.push((i + 1, share));
        }
        Some(weights)
    }

    /// Indices of x in [a, b], with a tolerance of rounding; `None` for an empty range.
    fn within(&self, [a, b]: [f64; 2]) -> Option<std::ops::Range<usize>> {
        let slack = |x: f64| 1e-9 * (1.0 + x.abs());
        let from = self.x.partition_point(|&x| x < a - slack(a));
        let to = self.x.partition_point(|&x| x <= b + slack(b));
        (from < to).then_some(from..to)
    }
}

/// Index of the largest value in a range, the first of equal ones.
fn largest(values: &[f64], range: std::ops::Range<usize>) -> Option<usize> {
    // `max_by` returns the last of equal values.
    range.rev().max_by(|&i, &j| values[i].total_cmp(&values[j]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::estimate;

    fn curve(ys: [f64; 4]) -> Curve {
        ys.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect()
    }

    /// Two seeds at x = 0, 1, 2, 3.
    fn sample() -> Sample {
        Sample::new(&[curve([-2.0, 1.0, 1.0, 4.0]), curve([0.0, 3.0, 1.0, 2.0])], None)
    }

    fn values(statistic: Statistic) -> Vec<f64> {
        sample().numbers(statistic).unwrap().iter().map(|(_, n)| n.value).collect()
    }

    #[test]
    fn statistics_are_those_computed_by_hand() {
        assert_eq!(values(Statistic::End), [4.0, 2.0]);
        assert_eq!(values(Statistic::At(0.5)), [-0.5, 1.5]);
        assert_eq!(values(Statistic::Mean([1.0, 3.0])), [2.0, 2.0]);
        assert_eq!(values(Statistic::MeanAbsolute([0.0, 1.0])), [1.5, 1.5]);
        assert_eq!(values(Statistic::Change([[0.0, 1.0], [2.0, 3.0]])), [3.0, 0.0]);
        assert_eq!(values(Statistic::ArgMax([0.0, 2.0])), [1.0, 1.0]);
        assert_eq!(values(Statistic::LastNegative), [0.0, 0.0]);
    }

    #[test]
    fn places_are_chosen_on_some_seeds_and_judged_on_the_others() {
        // The first seed chooses: it is largest at 3, smallest over [1, 3] at 1 (the first of equals), and grows least from 1 to 2.
        assert_eq!(values(Statistic::Max([0.0, 3.0])), [2.0]);
        assert_eq!(values(Statistic::Min([1.0, 3.0])), [3.0]);
        assert_eq!(values(Statistic::LeastGrowth([0.0, 3.0])), [-2.0]);
        let alone = Sample::new(&[curve([0.0, 5.0, 1.0, 1.0])], None);
        assert_eq!(alone.numbers(Statistic::Max([0.0, 3.0])).unwrap()[0].1.value, 5.0);
    }

    #[test]
    fn a_difference_has_the_numbers_of_both_losses() {
        let s = Sample::new(&[curve([1.0; 4])], Some(&[curve([0.25; 4])]));
        let number = s.numbers(Statistic::End).unwrap()[0];
        assert_eq!(number.1, Number { parts: Some((1.0, Some(0.25))), value: 0.75 });
    }

    #[test]
    fn nothing_is_taken_beyond_the_end_of_a_run() {
        for statistic in [
            Statistic::At(3.5),
            Statistic::Mean([4.0, 5.0]),
            Statistic::LeastGrowth([3.0, 9.0]),
            Statistic::Change([[0.0, 1.0], [4.0, 5.0]]),
        ] {
            assert_eq!(sample().numbers(statistic), None, "{statistic:?}");
        }
        for statistic in [Statistic::End, Statistic::LastNegative] {
            assert_eq!(Sample::new(&[], None).numbers(statistic), None);
        }
    }

    #[test]
    fn only_common_positions_count() {
        let s = Sample::new(&[vec![(0.0, 1.0), (1.0, 2.0)], vec![(1.0, 4.0), (2.0, 9.0)]], None);
        assert_eq!(s.numbers(Statistic::End).unwrap().iter().map(|(_, n)| n.value).collect::<Vec<_>>(), [2.0, 4.0]);
    }

    fn normal(random: &mut rand_chacha::ChaCha8Rng) -> f64 {
        rand_distr::Distribution::sample(&rand_distr::StandardNormal, random)
    }

    /// Mean curve of the simulation: for values it dips and peaks, for positions it has a single peak or crosses 0 once.
    fn truth(statistic: Statistic, x: f64) -> f64 {
        match statistic {
            Statistic::ArgMax(_) => -0.15 * (x - 5.3).powi(2),
            Statistic::LastNegative => 0.5 * (x - 4.6),
            _ => -2.0 + 0.45 * x + 2.0 * (0.8 * x).sin(),
        }
    }

    /// Share of 4000 simulated samples of `n` seeds whose 95 % interval covers the truth: for linear statistics the statistic of the true
    /// mean curve, at the place that the sample chose; for the others the mean over all samples.
    fn coverage(statistic: Statistic, n: usize, random: &mut rand_chacha::ChaCha8Rng) -> f64 {
        const SAMPLES: usize = 4000;
        let simulated: Vec<_> = (0..SAMPLES)
            .map(|_| {
                let seeds: Vec<Curve> = (0..n)
                    .map(|_| {
                        // Part common to all points of a seed, and noise of each point.
                        let shift = 0.5 * normal(random);
                        let point =
                            |x: u8| (f64::from(x), truth(statistic, f64::from(x)) + shift + 0.7 * normal(random));
                        (0..12).map(point).collect()
                    })
                    .collect();
                let sample = Sample::new(&seeds, None);
                let numbers = sample.numbers(statistic).unwrap();
                let values: Vec<f64> = numbers.iter().map(|(_, n)| n.value).collect();
                let target = numbers[0].1.parts.map(|_| {
                    let weights = sample.weights(statistic).unwrap();
                    weights.iter().map(|(i, w)| w * truth(statistic, *i as f64)).sum::<f64>()
                });
                (estimate(&values).unwrap(), target)
            })
            .collect();
        let overall = simulated.iter().map(|(e, _)| e.mean).sum::<f64>() / SAMPLES as f64;
        let covers = |(e, target): &&(crate::statistics::Estimate, Option<f64>)| {
            let target = target.unwrap_or(overall);
            e.low <= target && target <= e.high
        };
        simulated.iter().filter(covers).count() as f64 / SAMPLES as f64
    }

    #[test]
    fn every_interval_covers_in_93_to_97_percent_of_simulated_samples() {
        use rand_chacha::rand_core::SeedableRng as _;
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(20_2676);
        let all = [
            Statistic::End,
            Statistic::At(4.5),
            Statistic::Mean([2.0, 7.0]),
            Statistic::MeanAbsolute([0.0, 11.0]),
            Statistic::Change([[0.0, 4.0], [6.0, 11.0]]),
            Statistic::Min([0.0, 11.0]),
            Statistic::Max([0.0, 11.0]),
            Statistic::ArgMax([0.0, 11.0]),
            Statistic::LeastGrowth([0.0, 11.0]),
            Statistic::LastNegative,
        ];
        let mut outside = Vec::new();
        for statistic in all {
            for n in [5, 10, 30] {
                let share = coverage(statistic, n, &mut random);
                println!("{statistic:?}, n = {n}: {:.1} %", 100.0 * share);
                if !(0.93..=0.97).contains(&share) {
                    outside.push(format!("{statistic:?}, n = {n}: {share}"));
                }
            }
        }
        assert!(outside.is_empty(), "{outside:?}");
    }
}
