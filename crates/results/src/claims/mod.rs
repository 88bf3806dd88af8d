//! Whether the runs bear out what the paper says: every claim of an experiment file with an estimate, its 95 % interval over
//! seeds and a verdict.
//!
//! A part *holds* when its whole interval lies in the accepted range, *fails* when it lies outside, and is *unclear* when the
//! interval straddles an edge, or when there is one seed only, which has no interval. Properties that are exact (bit-equal
//! curves) need no interval and are judged with any number of seeds: one counterexample refutes them. A claim holds when all
//! its parts do, fails when one fails, is not run when one has no runs, and is unclear otherwise.
mod compare;
mod score;
mod statistic;
mod table;

use serde::{Deserialize, Serialize};

pub use compare::{Compared, Dependence, compare, comparison, verdict_of};
pub use score::pooled;
pub use score::{Score, SeriesScore, score};
pub use statistic::{Sample, is_position};
pub use table::{accepted, ours, table, wrap_words};

use crate::measure::{Runs, Selection, curve};
use crate::statistics::{Estimate, estimate};
use experiment::file::{Accept, Claim, Experiment, Part, Set, Statistic, Unit};

/// What the runs say about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval lies in the accepted range.
    Holds,
    /// The interval lies outside.
    Fails,
    /// The runs do not decide.
    Unclear,
    /// There are no runs to judge by.
    NotRun,
}

impl Verdict {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Unclear => "unclear",
            Self::NotRun => "not-run",
        }
    }
}

/// A claim, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Such as `13a`.
    pub id: String,
    /// The claim in words.
    pub claim: String,
    /// The paper's value, as printed.
    pub paper: String,
    /// Unit of estimate and interval: `pp`, `x` (a position on the x axis), or empty (the measure's own).
    pub unit: String,
    /// Estimate of the first part; none where it has no runs.
    pub estimate: Option<f64>,
    /// Lower end of its 95 % interval; equal to the estimate when n = 1.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Seeds behind it.
    pub n: usize,
    /// All parts together.
    pub verdict: Verdict,
    /// Part by part.
    pub parts: Vec<PartJudgement>,
}

/// A part of a claim, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartJudgement {
    /// What it is, in words.
    pub what: String,
    /// Unit of estimate, interval and accepted range, as in [`Judgement::unit`].
    pub unit: String,
    /// Estimate.
    pub estimate: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Seeds.
    pub n: usize,
    /// The range in which it holds.
    pub accept: Accept,
    /// Verdict.
    pub verdict: Verdict,
    /// Why there is no estimate, or what it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Judges every claim of an experiment, in the order of its file.
pub fn judge(experiment: &Experiment, runs: &Runs) -> Vec<Judgement> {
    experiment.claims.iter().map(|claim| judge_claim(claim, runs)).collect()
}

fn judge_claim(claim: &Claim, runs: &Runs) -> Judgement {
    let parts: Vec<_> = claim.parts.iter().map(|part| judge_part(part, claim.unit, runs)).collect();
    let first = parts.first();
    Judgement {
        id: claim.id.clone(),
        claim: claim.claim.clone(),
        paper: claim.paper.clone(),
        unit: first.map_or_else(String::new, |p| p.unit.clone()),
        estimate: first.and_then(|p| p.estimate),
        low: first.and_then(|p| p.low),
        high: first.and_then(|p| p.high),
        n: first.map_or(0, |p| p.n),
        verdict: all(parts.iter().map(|p| p.verdict)),
        parts,
    }
}

/// A claim's verdict from those of its parts.
pub fn all(parts: impl Iterator<Item = Verdict>) -> Verdict {
    let parts: Vec<_> = parts.collect();
    let any = |v| parts.contains(&v);
    if any(Verdict::Fails) {
        Verdict::Fails
    } else if parts.is_empty() || any(Verdict::NotRun) {
        Verdict::NotRun
    } else if any(Verdict::Unclear) {
        Verdict::Unclear
    } else {
        Verdict::Holds
    }
}

/// A part's verdict from its estimate. `exact`: the estimate has no spread, whatever the number of seeds.
pub fn verdict(e: &Estimate, accept: Accept, exact: bool) -> Verdict {
    let (from, to) = (accept.from.unwrap_or(f64::NEG_INFINITY), accept.to.unwrap_or(f64::INFINITY));
    if (e.n < 2 && !exact) || !e.mean.is_finite() {
        Verdict::Unclear
    } else if e.low >= from && e.high <= to {
        Verdict::Holds
    } else if e.high < from || e.low > to {
        Verdict::Fails
    } else {
        Verdict::Unclear
    }
}

fn judge_part(part: &Part, unit: Unit, runs: &Runs) -> PartJudgement {
    let (found, exact) = match &part.identical_to {
        Some(other) => (identical(part, other, runs), true),
        None => (statistic(part, runs), false),
    };
    let (factor, unit) = match unit {
        _ if is_position(part.statistic) && !exact => (1.0, "x"),
        Unit::Pp => (100.0, "pp"),
        Unit::Own => (1.0, ""),
    };
    let (e, note) = match found {
        Ok(e) => (Some(e.scaled(factor)), diverged(part, runs)),
        Err(why) => (None, Some(why)),
    };
    PartJudgement {
        what: part.what.clone(),
        unit: unit.to_owned(),
        estimate: e.map(|e| e.mean),
        low: e.map(|e| e.low),
        high: e.map(|e| e.high),
        n: e.map_or(0, |e| e.n),
        accept: part.accept,
        verdict: e.map_or(Verdict::NotRun, |e| verdict(&e, part.accept, exact)),
        note,
    }
}

/// Share of the seeds in which two losses' training curves are equal bit by bit.
fn identical(part: &Part, other: &str, runs: &Runs) -> Result<Estimate, String> {
    let pairs = pairs(&part.loss, Some(other), runs)?;
    let bits = |curve: &[f32]| curve.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let bits64 = |curve: &[f64]| curve.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let equal = pairs.iter().filter(|(a, b)| {
        b.is_some_and(|b| {
            let (a, b) = (&a.history, &b.history);
            bits(&a.batch_accuracy) == bits(&b.batch_accuracy)
                && a.test_step == b.test_step
                && bits64(&a.test_accuracy) == bits64(&b.test_accuracy)
        })
    });
    Ok(Estimate::exact(equal.count() as f64 / pairs.len() as f64, pairs.len()))
}

fn statistic(part: &Part, runs: &Runs) -> Result<Estimate, String> {
    let here = sample(part, part.set, runs)?;
    let Some(other) = part.minus_set else {
        return here.take(part.statistic).ok_or_else(|| beyond(&here));
    };
    // Two sets of the same seeds: the difference is taken seed by seed.
    let there = sample(part, other, runs)?;
    let (a, b) = here.values(part.statistic).zip(there.values(part.statistic)).ok_or_else(|| beyond(&here))?;
    let differences: Vec<_> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    estimate(&differences).ok_or_else(|| beyond(&here))
}

/// One curve a seed: the loss's, less the other loss's where there is one.
fn sample(part: &Part, set: Set, runs: &Runs) -> Result<Sample, String> {
    let positions = positions(part);
    let selection = Selection { set, at: &positions, ..Selection::of_part(part).ok_or("the claim names no measure")? };
    let curves: Vec<_> = pairs(&part.loss, part.minus.as_deref(), runs)?
        .into_iter()
        .map(|(a, b)| {
            let a = curve(a, &selection);
            match b {
                Some(b) => subtract(&a, &curve(b, &selection)),
                None => a,
            }
        })
        .collect();
    Ok(Sample::new(&curves))
}

/// Where a measure is taken: as listed, or at the x that the statistic is about.
fn positions(part: &Part) -> Vec<f64> {
    match part.statistic {
        Statistic::At(x) if part.at.is_empty() => vec![x],
        _ => part.at.clone(),
    }
}

fn subtract(a: &[(f64, f64)], b: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut b = b.iter().peekable();
    a.iter()
        .filter_map(|p| {
            while b.next_if(|q| q.0 < p.0).is_some() {}
            b.next_if(|q| q.0 == p.0).map(|q| (p.0, p.1 - q.1))
        })
        .collect()
}

type Pair<'a> = (&'a runs::record::Record, Option<&'a runs::record::Record>);

/// The finished runs of a loss, each with the other loss's of the same seed.
fn pairs<'a>(loss: &str, other: Option<&str>, runs: &'a Runs) -> Result<Vec<Pair<'a>>, String> {
    let pairs: Vec<_> = runs
        .finished(loss)
        .filter_map(|(seed, record)| match other {
            None => Some((record, None)),
            Some(other) => runs.finished(other).find(|(s, _)| *s == seed).map(|(_, b)| (record, Some(b))),
        })
        .collect();
    if !pairs.is_empty() {
        return Ok(pairs);
    }
    Err(match other {
        Some(other) => format!("no seed of which both `{loss}` and `{other}` have a finished run"),
        None => format!("no finished run of `{loss}`"),
    })
}

fn beyond(sample: &Sample) -> String {
    match sample.end() {
        Some(end) => format!("the runs end at x = {end:.4}, before what the claim is about"),
        None => "the runs hold nothing to measure it by".to_owned(),
    }
}

fn diverged(part: &Part, runs: &Runs) -> Option<String> {
    let count = |loss: &str| runs.diverged(loss).len();
    let others = [part.minus.as_deref(), part.identical_to.as_deref()];
    let n = count(&part.loss) + others.into_iter().flatten().map(count).sum::<usize>();
    (n > 0).then(|| {
        format!("{n} run{} diverged and {} left out", if n == 1 { "" } else { "s" }, if n == 1 { "is" } else { "are" })
    })
}

#[cfg(test)]
mod tests;
