//! Answers to the two questions of a claim, and the verdict that follows from them.
use serde::{Deserialize, Serialize};

use crate::statistics::Estimate;
use experiment::claims::{Magnitude, Range};

/// Answer of the runs to a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Borne out by the whole 95 % interval.
    Holds,
    /// Refuted by the whole 95 % interval.
    Fails,
    /// Undecided by these runs.
    Unclear,
    /// Without runs to judge by.
    #[default]
    NotRun,
}

impl Answer {
    /// Name as printed and as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Unclear => "unclear",
            Self::NotRun => "not-run",
        }
    }

    /// Name in words, for a reader.
    pub fn words(self) -> &'static str {
        if self == Self::NotRun { "not run" } else { self.name() }
    }

    /// Symbol beside the words, so that no colour tells an answer alone.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Holds => "✓",
            Self::Fails => "✗",
            Self::Unclear => "?",
            Self::NotRun => "–",
        }
    }

    /// Combines the answers of several parts: fails where one fails, is not run where one has no runs (or where there is no part), is
    /// unclear where one is, and holds where all hold.
    pub fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let any = |answer| answers.contains(&answer);
        if any(Self::Fails) {
            Self::Fails
        } else if answers.is_empty() || any(Self::NotRun) {
            Self::NotRun
        } else if any(Self::Unclear) {
            Self::Unclear
        } else {
            Self::Holds
        }
    }
}

/// Verdict on a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Direction and magnitude hold.
    Holds,
    /// The direction holds, the magnitude fails, is unclear or was not run.
    DirectionOnly,
    /// The direction fails.
    Fails,
    /// The direction is unclear.
    Unclear,
    /// The direction has no runs to judge by.
    #[default]
    NotRun,
}

impl Verdict {
    /// Verdicts in the order of reports.
    pub const ALL: [Self; 5] = [Self::Holds, Self::DirectionOnly, Self::Fails, Self::Unclear, Self::NotRun];

    /// Verdict that follows from both answers.
    pub fn of(direction: Answer, magnitude: Answer) -> Self {
        match (direction, magnitude) {
            (Answer::Holds, Answer::Holds) => Self::Holds,
            (Answer::Holds, _) => Self::DirectionOnly,
            (Answer::Fails, _) => Self::Fails,
            (Answer::Unclear, _) => Self::Unclear,
            (Answer::NotRun, _) => Self::NotRun,
        }
    }

    /// Name as printed and as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DirectionOnly => "direction-only",
            Self::Fails => "fails",
            Self::Unclear => "unclear",
            Self::NotRun => "not-run",
        }
    }
}

fn ends(range: Range) -> (f64, f64) {
    (range.from.unwrap_or(f64::NEG_INFINITY), range.to.unwrap_or(f64::INFINITY))
}

/// Returns whether an estimate can decide anything: it needs an interval, unless the number is exact.
fn decides(e: &Estimate, exact: bool) -> bool {
    (e.n > 1 || exact) && [e.mean, e.low, e.high].iter().all(|v| v.is_finite())
}

/// Direction: holds where the whole interval lies in `range`, fails where it lies outside, is unclear otherwise and with one seed.
/// `exact` numbers (bit-equal curves) need no interval: one counterexample refutes them.
pub fn direction(e: &Estimate, range: Range, exact: bool) -> Answer {
    let (from, to) = ends(range);
    if !decides(e, exact) {
        Answer::Unclear
    } else if e.low >= from && e.high <= to {
        Answer::Holds
    } else if e.high < from || e.low > to {
        Answer::Fails
    } else {
        Answer::Unclear
    }
}

/// Magnitude: holds where the paper's value lies in the interval or the interval in the range, fails where neither can be, is unclear
/// otherwise and with one seed. `toward` is the answer about the direction of the same number, where it is asked: an interval that
/// leaves the direction open confirms no size.
pub fn magnitude(e: &Estimate, magnitude: &Magnitude, toward: Option<Answer>, exact: bool) -> Answer {
    if !decides(e, exact) {
        return Answer::Unclear;
    }
    let range = magnitude.range();
    let within = if range.is_open() { Answer::Fails } else { direction(e, range, exact) };
    let contained = magnitude.value.is_some_and(|value| e.low <= value && value <= e.high);
    match (within == Answer::Holds || contained, toward) {
        (true, Some(Answer::Unclear)) => Answer::Unclear,
        (true, _) => Answer::Holds,
        (false, _) => within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e(low: f64, high: f64, n: usize) -> Estimate {
        Estimate { mean: f64::midpoint(low, high), low, high, n }
    }

    #[test]
    fn directions_follow_from_interval_and_range() {
        let range = |from, to| Range { from, to };
        let cases = [
            (e(1.0, 2.0, 5), range(Some(0.0), None), Answer::Holds),
            (e(1.0, 2.0, 5), range(Some(1.0), Some(2.0)), Answer::Holds),
            (e(-1.0, 2.0, 5), range(Some(0.0), None), Answer::Unclear),
            (e(-2.0, -1.0, 5), range(Some(0.0), None), Answer::Fails),
            (e(3.0, 4.0, 5), range(Some(0.0), Some(2.0)), Answer::Fails),
            (e(1.0, 3.0, 5), range(Some(0.0), Some(2.0)), Answer::Unclear),
            (e(1.0, 1.0, 1), range(Some(0.0), None), Answer::Unclear),
            (e(f64::NAN, f64::NAN, 5), range(None, None), Answer::Unclear),
        ];
        for (estimate, accepted, expected) in cases {
            assert_eq!(direction(&estimate, accepted, false), expected, "{estimate:?} in {accepted:?}");
        }
        assert_eq!(direction(&e(1.0, 1.0, 1), range(Some(1.0), None), true), Answer::Holds);
    }

    #[test]
    fn magnitudes_follow_from_the_printed_value_and_the_range() {
        let printed = |value| Magnitude { value: Some(value), ..Magnitude::default() };
        // The text says +12, ours is [7.5, 8.7].
        assert_eq!(magnitude(&e(7.5, 8.7, 10), &printed(12.0), None, false), Answer::Fails);
        assert_eq!(magnitude(&e(7.5, 8.7, 10), &printed(8.0), None, false), Answer::Holds);
        let both = Magnitude { from: Some(8.0), to: Some(14.0), ..printed(12.0) };
        assert_eq!(magnitude(&e(8.5, 9.7, 10), &both, None, false), Answer::Holds);
        assert_eq!(magnitude(&e(7.5, 8.7, 10), &both, None, false), Answer::Unclear);
        assert_eq!(magnitude(&e(6.5, 7.7, 10), &both, None, false), Answer::Fails);
        assert_eq!(magnitude(&e(12.0, 12.0, 1), &both, None, false), Answer::Unclear);
    }

    #[test]
    fn an_interval_that_leaves_the_direction_open_confirms_no_size() {
        let about = Magnitude { value: Some(-0.5), from: Some(-1.0), to: Some(0.0), ..Magnitude::default() };
        let value = Magnitude { value: Some(-0.5), ..Magnitude::default() };
        let wide = e(-14.9, 2.9, 2);
        for asked in [&about, &value] {
            assert_eq!(magnitude(&wide, asked, Some(Answer::Unclear), false), Answer::Unclear);
            assert_eq!(magnitude(&wide, asked, None, false), Answer::Holds);
        }
        // Nor does a range that reaches beyond the direction's limit, as "slightly higher" without a lower end does.
        let slightly = Magnitude { to: Some(3.0), ..Magnitude::default() };
        assert_eq!(magnitude(&e(-0.6, 0.5, 10), &slightly, Some(Answer::Unclear), false), Answer::Unclear);
        assert_eq!(magnitude(&e(0.2, 0.5, 10), &slightly, Some(Answer::Holds), false), Answer::Holds);
        assert_eq!(magnitude(&e(3.2, 4.5, 10), &slightly, Some(Answer::Holds), false), Answer::Fails);
        assert_eq!(magnitude(&e(-9.0, -7.0, 2), &value, Some(Answer::Holds), false), Answer::Fails);
    }

    #[test]
    fn a_claim_is_no_better_than_its_worst_part() {
        use Answer::{Fails, Holds, NotRun, Unclear};
        let cases: [(&[Answer], Answer); 6] = [
            (&[Holds, Holds], Holds),
            (&[Holds, Unclear], Unclear),
            (&[Holds, NotRun, Unclear], NotRun),
            (&[Holds, NotRun, Fails], Fails),
            (&[Unclear, Fails], Fails),
            (&[], NotRun),
        ];
        for (parts, expected) in cases {
            assert_eq!(Answer::all(parts.iter().copied()), expected, "{parts:?}");
        }
    }

    #[test]
    fn a_claim_holds_only_where_both_questions_do() {
        assert_eq!(Verdict::of(Answer::Holds, Answer::Holds), Verdict::Holds);
        for other in [Answer::Fails, Answer::Unclear, Answer::NotRun] {
            assert_eq!(Verdict::of(Answer::Holds, other), Verdict::DirectionOnly);
        }
        assert_eq!(Verdict::of(Answer::Fails, Answer::Holds), Verdict::Fails);
        assert_eq!(Verdict::of(Answer::Unclear, Answer::Holds), Verdict::Unclear);
        assert_eq!(Verdict::of(Answer::NotRun, Answer::NotRun), Verdict::NotRun);
    }
}
