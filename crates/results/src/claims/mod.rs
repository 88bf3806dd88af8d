//! Verdicts on the paper's claims.
//!
//! A claim asks up to two questions ([`experiment::claims`]). Each part of it gives one number for each seed ([`Sample`]); the mean over
//! seeds and its 95 % interval (Student's t) answer the part's questions ([`Answer`]), and the answers give the [`Verdict`]. A question
//! that no part of a claim asks takes the other question's answer. Properties that are exact (bit-equal curves) are judged with any number
//! of seeds: one counterexample refutes them.
//!
//! ```
//! use experiment::claims::{Magnitude, Range};
//! use results::claims::{Answer, Verdict, direction, magnitude};
//!
//! // Gains of five seeds, in points; the paper says +12.
//! let e = results::statistics::estimate(&[7.6, 8.4, 8.1, 8.3, 7.9]).unwrap();
//! let gain = direction(&e, Range { from: Some(0.0), to: None }, false);
//! let size = magnitude(&e, &Magnitude { value: Some(12.0), ..Magnitude::default() }, Some(gain), false);
//! assert_eq!((gain, size), (Answer::Holds, Answer::Fails));
//! assert_eq!(Verdict::of(gain, size), Verdict::DirectionOnly);
//! ```
mod answer;
mod certainty;
mod compare;
mod sample;
mod table;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Verdict, direction, magnitude};
pub use certainty::{OperatingCharacteristic, correct, expected_errors, operating, p_value};
pub use compare::{Compared, Dependence, compare, comparison, verdict_of};
pub use sample::{Curve, Number, Sample};
pub use table::{accepted_words, contradiction, ours, table, wrap_words};

use crate::measure::{Runs, Selection, curve};
use crate::statistics::{Estimate, estimate};
use crate::text::thousands;
use experiment::claims::{Claim, Magnitude, Part, Range, Statistic, Unit};
use experiment::file::{Experiment, Set};
use runs::record::Record;
use twoscale::loss::LossKind;

/// Judged claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    /// Identifier, such as `13a`.
    pub id: String,
    /// Claim in words.
    pub claim: String,
    /// Value of the paper, as printed.
    pub paper: String,
    /// Unit of estimate and interval: `pp`, `x` (a position on the x axis), or empty (the measure's own).
    pub unit: String,
    /// Estimate of the first part; none without runs.
    pub estimate: Option<f64>,
    /// Lower end of its 95 % interval; equal to the estimate when n = 1.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// Number of seeds of the first part.
    pub n: usize,
    /// Answer about the direction.
    #[serde(default)]
    pub direction: Answer,
    /// Answer about the magnitude.
    #[serde(default)]
    pub magnitude: Answer,
    /// Verdict that follows from both.
    pub verdict: Verdict,
    /// p-value of a decided direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Direction after Holm's correction over the claims of the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holm: Option<Answer>,
    /// Judged parts.
    pub parts: Vec<PartJudgement>,
}

/// Judged part of a claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartJudgement {
    /// Description of the number.
    pub what: String,
    /// Unit of estimate, interval, ranges and values, as in [`Judgement::unit`].
    pub unit: String,
    /// Mean over seeds.
    pub estimate: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// Number of seeds.
    pub n: usize,
    /// True for a property without spread.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Question of direction with its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<DirectionAnswer>,
    /// Question of magnitude with its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magnitude: Option<MagnitudeAnswer>,
    /// Chances to hold, for as many seeds with the spread seen here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating: Option<OperatingCharacteristic>,
    /// Reason for a missing estimate, or a restriction of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Range of a direction with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionAnswer {
    /// Range that bears out the direction.
    #[serde(flatten)]
    pub range: Range,
    /// Answer of the runs.
    pub answer: Answer,
    /// p-value of a decided answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
}

/// Magnitude with the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MagnitudeAnswer {
    /// Value of the paper and range taken as agreement.
    #[serde(flatten)]
    pub asked: Magnitude,
    /// Answer of the runs to the text's value.
    pub answer: Answer,
    /// Answer to the value in the paper's own figure, where that contradicts the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_figure: Option<Answer>,
}

/// Number of one seed behind a verdict, a row of `figN-seeds.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedValue {
    /// Identifier of the claim.
    pub claim: String,
    /// Number of the part, from 1.
    pub part: usize,
    /// Slug of the loss, or `a-minus-b` for a statistic of the difference that no two numbers give.
    pub loss: String,
    /// Seed.
    pub seed: u64,
    /// Number in the claim's unit.
    pub value: f64,
}

impl PartJudgement {
    /// Returns whether the number is that of one seed, which gives no interval; exact numbers need none.
    pub fn has_one_seed(&self) -> bool {
        self.n == 1 && !self.exact
    }
}

impl Judgement {
    /// Returns whether a part asks for the direction.
    pub fn asks_direction(&self) -> bool {
        self.parts.iter().any(|part| part.direction.is_some())
    }

    /// Returns whether a part asks for the magnitude.
    pub fn asks_magnitude(&self) -> bool {
        self.parts.iter().any(|part| part.magnitude.is_some())
    }

    /// Combines judged parts into a judged claim, before Holm's correction.
    pub fn of(claim: &Claim, parts: Vec<PartJudgement>) -> Self {
        let directions: Vec<_> = parts.iter().filter_map(|p| p.direction.as_ref()).map(|d| d.answer).collect();
        let magnitudes: Vec<_> = parts.iter().filter_map(|p| p.magnitude.as_ref()).map(|m| m.answer).collect();
        let (direction, magnitude) = match (directions.is_empty(), magnitudes.is_empty()) {
            (false, false) => (Answer::all(directions), Answer::all(magnitudes)),
            (_, true) => (Answer::all(directions.iter().copied()), Answer::all(directions)),
            (true, _) => (Answer::all(magnitudes.iter().copied()), Answer::all(magnitudes)),
        };
        let first = parts.first().cloned().unwrap_or_default();
        Self {
            id: claim.id.clone(),
            claim: claim.claim.clone(),
            paper: claim.paper.clone(),
            unit: first.unit,
            estimate: first.estimate,
            low: first.low,
            high: first.high,
            n: first.n,
            direction,
            magnitude,
            verdict: Verdict::of(direction, magnitude),
            p: certainty::p_of_claim(&parts, direction),
            holm: None,
            parts,
        }
    }
}

/// Judges every claim of an experiment, in the order of its file.
pub fn judge(experiment: &Experiment, runs: &Runs) -> Vec<Judgement> {
    let of_claim = |claim: &Claim| {
        let parts = claim.parts.iter().map(|part| judge_part(part, claim.unit, runs));
        Judgement::of(claim, parts.collect())
    };
    let mut claims: Vec<_> = experiment.claims.iter().map(of_claim).collect();
    correct(&mut claims);
    claims
}

/// Lists the numbers of single seeds behind the verdicts of an experiment: every part's, in its unit.
///
/// A part's estimate is the mean over seeds of the first loss's number minus the second's, or of the only loss's number.
pub fn seed_values(experiment: &Experiment, runs: &Runs) -> Vec<SeedValue> {
    let mut rows = Vec::new();
    for claim in &experiment.claims {
        for (index, part) in claim.parts.iter().enumerate() {
            let (factor, _) = unit_of(part, claim.unit);
            let mut row = |loss: String, seed, value: f64| {
                rows.push(SeedValue { claim: claim.id.clone(), part: index + 1, loss, seed, value: value * factor });
            };
            for (seed, number) in numbers(part, runs).unwrap_or_default() {
                match (number.parts, &part.minus) {
                    (Some((a, Some(b))), Some(other)) => {
                        row(part.loss.clone(), seed, a);
                        row(other.clone(), seed, b);
                    }
                    (Some((a, _)), _) => row(part.loss.clone(), seed, a),
                    (None, Some(other)) => row(format!("{}-minus-{other}", part.loss), seed, number.value),
                    (None, None) => row(part.loss.clone(), seed, number.value),
                }
            }
        }
    }
    rows
}

/// Judges a part by an estimate in its unit.
pub fn answer(part: &Part, unit: Unit, e: Option<Estimate>, note: Option<String>) -> PartJudgement {
    let exact = part.identical_to.is_some();
    let direction = part.direction.map(|range| {
        let answer = e.map_or(Answer::NotRun, |e| answer::direction(&e, range, exact));
        DirectionAnswer { range, answer, p: e.and_then(|e| p_value(&e, range, answer, exact)) }
    });
    let toward = direction.as_ref().map(|direction| direction.answer);
    let magnitude = part.magnitude.clone().map(|asked| {
        let of = |asked: &Magnitude| e.map_or(Answer::NotRun, |e| answer::magnitude(&e, asked, toward, exact));
        let own = asked.figure.map(|value| of(&Magnitude { value: Some(value), ..Magnitude::default() }));
        MagnitudeAnswer { answer: of(&asked), by_figure: own, asked }
    });
    PartJudgement {
        what: part.what.clone(),
        unit: unit_of(part, unit).1.to_owned(),
        estimate: e.map(|e| e.mean),
        low: e.map(|e| e.low),
        high: e.map(|e| e.high),
        n: e.map_or(0, |e| e.n),
        exact,
        direction,
        magnitude,
        operating: e.and_then(|e| operating(&e, part.direction, part.magnitude.as_ref())),
        note,
    }
}

/// Factor from the measure's unit to the part's, and the part's unit.
fn unit_of(part: &Part, unit: Unit) -> (f64, &'static str) {
    let position = matches!(part.statistic, Statistic::ArgMax(_) | Statistic::LastNegative);
    match unit {
        _ if position && part.identical_to.is_none() => (1.0, "x"),
        Unit::Pp => (100.0, "pp"),
        Unit::Own => (1.0, ""),
    }
}

fn judge_part(part: &Part, unit: Unit, runs: &Runs) -> PartJudgement {
    let (factor, _) = unit_of(part, unit);
    match numbers(part, runs) {
        Err(why) => answer(part, unit, None, Some(why)),
        Ok(numbers) => {
            let values: Vec<f64> = numbers.iter().map(|(_, number)| number.value * factor).collect();
            let e = match part.identical_to {
                Some(_) => Some(Estimate::exact(values.iter().sum::<f64>() / values.len() as f64, values.len())),
                None => estimate(&values),
            };
            let notes: Vec<String> = [diverged(part, runs), gate(part, runs)].into_iter().flatten().collect();
            answer(part, unit, e, (!notes.is_empty()).then(|| notes.join("; ")))
        }
    }
}

/// Number of every seed, in the measure's unit; otherwise the reason why there is none.
fn numbers(part: &Part, runs: &Runs) -> Result<Vec<(u64, Number)>, String> {
    if let Some(other) = &part.identical_to {
        return identical(&part.loss, other, runs);
    }
    let positions = positions(part);
    let whole = Selection::of_part(part).ok_or("the claim names no measure")?;
    let of_record = |record: &Record| {
        let on = |set: Set| curve(record, &Selection { set, at: &positions, ..whole });
        match part.minus_set {
            None => on(part.set),
            Some(other) => subtract(&on(part.set), &on(other)),
        }
    };
    let pairs = pairs(&part.loss, part.minus.as_deref(), runs)?;
    let first: Vec<_> = pairs.iter().map(|(_, a, _)| of_record(a)).collect();
    let second: Option<Vec<_>> =
        part.minus.as_ref().map(|_| pairs.iter().filter_map(|(.., b)| *b).map(of_record).collect());
    let sample = Sample::new(&first, second.as_deref());
    let numbers = sample.numbers(part.statistic).ok_or_else(|| match sample.end() {
        Some(end) => format!("the runs end at x = {end:.4}, before the x of the claim"),
        None => "the runs lack the measured quantity".to_owned(),
    })?;
    Ok(numbers.into_iter().map(|(index, number)| (pairs[index].0, number)).collect())
}

/// 1 for every seed in which two losses' training curves are equal bit by bit, 0 for the others.
fn identical(loss: &str, other: &str, runs: &Runs) -> Result<Vec<(u64, Number)>, String> {
    let bits = |curve: &[f32]| curve.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let bits64 = |curve: &[f64]| curve.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let equal = |a: &Record, b: &Record| {
        let (a, b) = (&a.history, &b.history);
        bits(&a.batch_accuracy) == bits(&b.batch_accuracy)
            && a.test_step == b.test_step
            && bits64(&a.test_accuracy) == bits64(&b.test_accuracy)
    };
    let pairs = pairs(loss, Some(other), runs)?;
    let of_pair = |(seed, a, b): &Pair<'_>| {
        let value = f64::from(u8::from(b.is_some_and(|b| equal(a, b))));
        (*seed, Number { parts: None, value })
    };
    Ok(pairs.iter().map(of_pair).collect())
}

/// Values of x at which a measure is taken: as listed, or the x of the statistic.
fn positions(part: &Part) -> Vec<f64> {
    match part.statistic {
        Statistic::At(x) if part.at.is_empty() => vec![x],
        _ => part.at.clone(),
    }
}

fn subtract(a: &[(f64, f64)], b: &[(f64, f64)]) -> Curve {
    let mut b = b.iter().peekable();
    a.iter()
        .filter_map(|p| {
            while b.next_if(|q| q.0 < p.0).is_some() {}
            b.next_if(|q| q.0 == p.0).map(|q| (p.0, p.1 - q.1))
        })
        .collect()
}

type Pair<'a> = (u64, &'a Record, Option<&'a Record>);

/// Finished runs of a loss by seed, each with the other loss's run of the same seed.
fn pairs<'a>(loss: &str, other: Option<&str>, runs: &'a Runs) -> Result<Vec<Pair<'a>>, String> {
    let pairs: Vec<_> = runs
        .finished(loss)
        .filter_map(|(seed, record)| match other {
            None => Some((seed, record, None)),
            Some(other) => runs.finished(other).find(|(s, _)| *s == seed).map(|(_, b)| (seed, record, Some(b))),
        })
        .collect();
    if !pairs.is_empty() {
        return Ok(pairs);
    }
    Err(match other {
        Some(other) => format!("no seed with a finished run of both `{loss}` and `{other}`"),
        None => format!("no finished run of `{loss}`"),
    })
}

fn diverged(part: &Part, runs: &Runs) -> Option<String> {
    let count = |loss: &str| runs.diverged(loss).len();
    let others = [part.minus.as_deref(), part.identical_to.as_deref()];
    let n = count(&part.loss) + others.into_iter().flatten().map(count).sum::<usize>();
    (n > 0).then(|| {
        format!("{n} run{} diverged and {} left out", if n == 1 { "" } else { "s" }, if n == 1 { "is" } else { "are" })
    })
}

/// Largest share of steps with a moving second scale that is worth a note.
const RARE: f64 = 0.1;

/// Largest second scale whose movement tells that it was used: a step moves it by about τ/R2, and 10⁷ · 2⁻⁵³ is about 10⁻⁹.
const LARGEST_TELLING: f64 = 1e7;

/// Note on a two-scale loss whose gate rarely fires. The second scale has a gradient, and so moves, in exactly the steps in which an object
/// of the batch is trained on it; where it never moves, the loss is the single-scale loss and a comparison of the two is void.
fn gate(part: &Part, runs: &Runs) -> Option<String> {
    let moved = |record: &Record| {
        let second = record.history.scales.get(1)?;
        // A step changes a large scale by less than it can hold: of a wide residual network, where R(α) is 10²⁰, nothing can be told.
        let too_large = second.first().is_some_and(|scale| *scale > LARGEST_TELLING);
        (record.run.spec.loss.kind == LossKind::TwoScale && second.len() > 1 && !too_large)
            .then(|| (second.windows(2).filter(|pair| pair[0] != pair[1]).count(), second.len() - 1))
    };
    let counts: Vec<(usize, usize)> = runs.finished(&part.loss).filter_map(|(_, record)| moved(record)).collect();
    let (fired, steps) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    if counts.is_empty() || fired as f64 > RARE * steps as f64 {
        return None;
    }
    let (fired, steps) = (thousands(fired), thousands(steps));
    Some(match fired.as_str() {
        "0" => format!(
            "the gate of `{}` fired in none of the {steps} steps of all seeds: its second scale was never used, the two losses are the \
             same function there",
            part.loss
        ),
        _ => format!("the gate of `{}` fired in {fired} of the {steps} steps of all seeds", part.loss),
    })
}

#[cfg(test)]
mod tests;
