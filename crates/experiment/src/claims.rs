//! Claims of an experiment file: sentences of the paper, the numbers by which each is judged, and the ranges that bear it out.
//!
//! A claim asks up to two questions. *Direction*: does the effect that the sentence states exist? *Magnitude*: is it as large as the
//! sentence says?
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::{Measure, Set};

/// Claim of the paper, with its parts by which it is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Claim {
    /// Identifier, such as `13a`.
    pub id: String,
    /// Claim in words.
    pub claim: String,
    /// Value of the paper in words or numbers, as printed.
    pub paper: String,
    /// Unit of estimates, ranges and values: `pp` multiplies measures by 100, `own` keeps the measure's unit.
    #[serde(default)]
    pub unit: Unit,
    /// Parts; the first one's estimate is the claim's. A question is answered by all parts that ask it: it holds when it holds for each
    /// of these parts, and fails when it fails for one.
    pub parts: Vec<Part>,
}

/// Unit of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Percentage points: 100 times the measure.
    #[default]
    Pp,
    /// Unit of the measure.
    Own,
}

/// One number for each seed, with the questions that its mean over seeds answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Description of the number.
    pub what: String,
    /// Slug of the loss.
    pub loss: String,
    /// Slug of the loss whose curve is subtracted, seed by seed.
    #[serde(default)]
    pub minus: Option<String>,
    /// In place of a measure: the number is 1 where every batch accuracy and every test accuracy of the seed equals this loss's bit by
    /// bit, and 0 elsewhere.
    #[serde(default)]
    pub identical_to: Option<String>,
    /// Measure.
    #[serde(default)]
    pub measure: Option<Measure>,
    /// Set, for measures at the end of training.
    #[serde(default)]
    pub set: Set,
    /// Smoothing window of batch measures, in steps.
    #[serde(default)]
    pub smooth: usize,
    /// Values of x, as in a panel.
    #[serde(default)]
    pub at: Vec<f64>,
    /// Set on which the same measure is subtracted (5b compares training with test set).
    #[serde(default)]
    pub minus_set: Option<Set>,
    /// Statistic of the curve.
    #[serde(default)]
    pub statistic: Statistic,
    /// Question of direction: the range in which the number bears out that the effect exists.
    #[serde(default)]
    pub direction: Option<Range>,
    /// Question of magnitude: the paper's value and the range taken as agreement.
    #[serde(default)]
    pub magnitude: Option<Magnitude>,
}

/// Statistic of a curve, or of a difference of curves, one number for each seed.
///
/// Places (`min`, `max`, `least-growth`) are chosen on the mean curve of every third seed and judged on the other seeds: a place chosen on
/// the data that it judges would be biased by their noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Last value.
    #[default]
    End,
    /// Value at x.
    At(f64),
    /// Mean over x in [a, b].
    Mean([f64; 2]),
    /// Mean of the absolute value over x in [a, b]. Contains the noise of single seeds: two losses with the same mean curve have a value
    /// above 0.
    MeanAbsolute([f64; 2]),
    /// Mean over x in the second interval minus the mean over x in the first.
    Change([[f64; 2]; 2]),
    /// Value at the x in [a, b] where the choosing seeds' mean is smallest.
    Min([f64; 2]),
    /// Value at the x in [a, b] where the choosing seeds' mean is largest.
    Max([f64; 2]),
    /// Position x in [a, b] of the seed's largest value.
    ArgMax([f64; 2]),
    /// Difference between neighbouring x in [a, b] where the choosing seeds' mean grows least: positive where the curve grows throughout.
    LeastGrowth([f64; 2]),
    /// Last x at which the seed's curve is below 0; 0 where it never is.
    LastNegative,
}

/// Closed range in the claim's unit; an end that is not given is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    /// Lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
}

impl Range {
    /// Returns whether both ends are open.
    pub fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

/// Size of an effect as the paper states it, in the claim's unit.
///
/// The magnitude holds when `value` lies in the 95 % interval or the interval lies in the range, and fails when neither can be: `value`
/// lies outside the interval, and the range, if there is one, is disjoint from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Magnitude {
    /// Number printed in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Number in the paper's own figure where it contradicts the text. Shown on a line of its own; decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<f64>,
    /// Lower end of the range taken as agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Upper end of that range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// Reason for the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Magnitude {
    /// Range taken as agreement; open at both ends where there is none.
    pub fn range(&self) -> Range {
        Range { from: self.from, to: self.to }
    }
}
