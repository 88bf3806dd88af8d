//! Chances of error: p-values, Holm's correction over the claims of a figure, and operating characteristics of a part.
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};

use super::answer::Answer;
use super::{Judgement, PartJudgement};
use crate::statistics::{Estimate, quantile, standard_error};
use experiment::claims::{Magnitude, Range};
use serde::{Deserialize, Serialize};

/// Level of all tests: answers are decided by 95 % intervals.
const LEVEL: f64 = 0.05;
/// Nodes of the integral over the standard deviation of a sample.
const NODES: u32 = 200;

/// Chances that a part's questions are all answered with *holds* by as many seeds with the same spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OperatingCharacteristic {
    /// P(holds), where the true mean is the value that the paper prints.
    pub if_paper_is_right: f64,
    /// P(holds), where the true mean is 0.
    pub if_no_effect: f64,
}

/// p-value of a decided direction: the smallest level at which the interval would still decide. Two-sided Student's t test against the
/// nearest end of the range; `None` where the direction is undecided.
pub fn p_value(e: &Estimate, range: Range, answer: Answer, exact: bool) -> Option<f64> {
    if !matches!(answer, Answer::Holds | Answer::Fails) {
        return None;
    }
    let error = standard_error(e).unwrap_or(0.0);
    if exact || error <= 0.0 {
        return Some(0.0);
    }
    let t = StudentsT::new(0.0, 1.0, (e.n - 1) as f64).ok()?;
    let p = |distance: f64| 2.0 * (1.0 - t.cdf(distance / error));
    let inside = [range.from.map(|from| e.mean - from), range.to.map(|to| to - e.mean)];
    let distances = inside.into_iter().flatten();
    Some(match answer {
        // Both ends must be excluded.
        Answer::Holds => distances.map(p).fold(0.0, f64::max),
        // One end is enough.
        _ => distances.map(|d| p(-d)).fold(1.0, f64::min),
    })
}

/// p-value of a claim's direction: the largest of its parts where it holds, the smallest times the number of parts where it fails.
pub(super) fn p_of_claim(parts: &[PartJudgement], direction: Answer) -> Option<f64> {
    let asked: Vec<_> = parts.iter().filter_map(|part| part.direction.as_ref()).collect();
    let of = |answer| asked.iter().filter(move |d| d.answer == answer).filter_map(|d| d.p);
    match direction {
        Answer::Holds => of(Answer::Holds).reduce(f64::max),
        Answer::Fails => of(Answer::Fails).reduce(f64::min).map(|p| (p * asked.len() as f64).min(1.0)),
        _ => None,
    }
}

/// Sets `holm`, the direction after Holm's correction, of every claim. The family are the claims with runs that ask for a direction: with
/// probability 95 % none of their decided answers is wrong.
pub fn correct(claims: &mut [Judgement]) {
    let mut order: Vec<usize> =
        (0..claims.len()).filter(|&i| claims[i].asks_direction() && claims[i].direction != Answer::NotRun).collect();
    let p = |claim: &Judgement| claim.p.unwrap_or(1.0);
    order.sort_by(|&a, &b| p(&claims[a]).total_cmp(&p(&claims[b])));
    let mut largest = 0.0f64;
    let family = order.len();
    for (rank, index) in order.into_iter().enumerate() {
        let claim = &mut claims[index];
        largest = largest.max(p(claim) * (family - rank) as f64);
        claim.holm = Some(if largest < LEVEL { claim.direction } else { Answer::Unclear });
    }
}

/// Largest expected number of wrong answers among the decided directions of these claims: 2.5 % for each that holds, 2.5 % for each part
/// of one that fails.
pub fn expected_errors(claims: &[Judgement]) -> (usize, f64) {
    let of_claim = |claim: &Judgement| match claim.direction {
        Answer::Holds => Some(LEVEL / 2.0),
        Answer::Fails => Some(LEVEL / 2.0 * claim.parts.iter().filter(|part| part.direction.is_some()).count() as f64),
        _ => None,
    };
    let expected: Vec<f64> = claims.iter().filter(|claim| claim.asks_direction()).filter_map(of_claim).collect();
    (expected.len(), expected.iter().sum())
}

/// Operating characteristic of a part with these questions, from the spread of its seeds; `None` without a printed value or a spread.
pub fn operating(
    e: &Estimate,
    direction: Option<Range>,
    magnitude: Option<&Magnitude>,
) -> Option<OperatingCharacteristic> {
    let (value, error) = (magnitude?.value?, standard_error(e).filter(|error| *error > 0.0)?);
    let chance = |mean: f64| chance(e.n, error, mean, direction, magnitude);
    Some(OperatingCharacteristic { if_paper_is_right: chance(value)?, if_no_effect: chance(0.0)? })
}

/// P(all questions hold) for the mean of `n` normal seeds with standard error `error` around `mean`: the integral over the sample's
/// standard deviation of the probability that the sample's mean lies where the answers hold.
fn chance(n: usize, error: f64, mean: f64, direction: Option<Range>, magnitude: Option<&Magnitude>) -> Option<f64> {
    let degrees = (n - 1) as f64;
    let (spread, normal) = (ChiSquared::new(degrees).ok()?, Normal::new(mean, error).ok()?);
    let at = |node: u32| {
        let q = spread.inverse_cdf((f64::from(node) + 0.5) / f64::from(NODES));
        let half = quantile(n) * error * (q / degrees).sqrt();
        let within = |range: Range| {
            (range.from.map_or(f64::NEG_INFINITY, |v| v + half), range.to.map_or(f64::INFINITY, |v| v - half))
        };
        let outer = direction.map_or((f64::NEG_INFINITY, f64::INFINITY), within);
        let pieces: Vec<(f64, f64)> = match magnitude {
            None => vec![outer],
            Some(magnitude) => {
                let near = magnitude.value.map(|v| (v - half, v + half));
                let range = Some(magnitude.range()).filter(|range| !range.is_open()).map(within);
                near.into_iter().chain(range).filter(|(a, b)| a < b).collect()
            }
        };
        let cut = |(a, b): (f64, f64)| (a.max(outer.0), b.min(outer.1));
        let mut pieces: Vec<_> = pieces.into_iter().map(cut).filter(|(a, b)| a < b).collect();
        pieces.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut reached) = (0.0, f64::NEG_INFINITY);
        for (a, b) in pieces {
            let a = a.max(reached);
            if a < b {
                sum += normal.cdf(b) - normal.cdf(a);
                reached = b;
            }
        }
        sum
    };
    Some((0..NODES).map(at).sum::<f64>() / f64::from(NODES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::estimate;

    const POSITIVE: Range = Range { from: Some(0.0), to: None };

    #[test]
    fn a_p_value_is_five_percent_where_the_interval_touches_the_end() {
        let e = estimate(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        let p = p_value(&e, Range { from: Some(e.low), to: None }, Answer::Holds, false).unwrap();
        assert!((p - 0.05).abs() < 1e-9, "{p}");
        let p = p_value(&e, Range { from: Some(e.high), to: None }, Answer::Fails, false).unwrap();
        assert!((p - 0.05).abs() < 1e-9, "{p}");
        assert_eq!(p_value(&e, POSITIVE, Answer::Unclear, false), None);
    }

    #[test]
    fn the_chance_to_hold_is_half_the_level_without_an_effect_and_known_with_one() {
        let e = Estimate { mean: 1.0, low: 1.0 - quantile(10), high: 1.0 + quantile(10), n: 10 };
        let printed = Magnitude { value: Some(0.0), ..Magnitude::default() };
        // Direction alone, no effect: the interval lies above 0 in 2.5 % of samples.
        assert!((chance(10, 1.0, 0.0, Some(POSITIVE), None).unwrap() - 0.025).abs() < 3e-4);
        // Magnitude alone, the paper right: its value lies in 95 % of the intervals.
        let right = operating(&e, None, Some(&printed)).unwrap();
        assert!((right.if_paper_is_right - 0.95).abs() < 1e-3 && right.if_paper_is_right == right.if_no_effect);
        assert_eq!(operating(&e, Some(POSITIVE), None), None);
    }
}
