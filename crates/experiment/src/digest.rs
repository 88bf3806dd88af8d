//! [`PlanDigest`]: what a published figure depends on, as digests, so that a figure made for another plan is known as such.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expand::Plan;
use super::spec::write_canonical;

/// BLAKE3 digests (the first 128 bits, hexadecimal) of a plan and of its three parts.
///
/// Words are no part of it: titles, labels, colours, the ends of axes and the sentences of claims may change, and what was
/// published stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDigest {
    /// All three parts together.
    #[serde(rename = "digest")]
    pub whole: String,
    /// Keys of the runs, by loss and seed, and how each is softened when it is evaluated.
    pub runs: String,
    /// Measures drawn: of each panel the measure, its options and its series.
    pub drawn: String,
    /// Statistics of the claims and the ranges in which they accept them.
    pub claims: String,
}

impl Plan {
    /// Digest of the plan.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|run| {
                let softened = self.experiment.losses.get(&run.loss).and_then(|loss| loss.softened.as_ref());
                let how = softened.map_or(String::new(), |how| format!(" softened {}", serde_json::json!(how)));
                Value::from(format!("{} {} {}{how}", run.loss, run.seed, run.spec.key()))
            })
            .collect();
        let runs = digest(&Value::Array(runs));
        let drawn = digest(&without(&self.experiment.panels, &["title", "x", "y", "mark"]));
        let claims = digest(&without(&self.experiment.claims, &["claim", "paper", "what", "reason"]));
        let whole = digest(&Value::from([runs.as_str(), &drawn, &claims].join(" ")));
        PlanDigest { whole, runs, drawn, claims }
    }
}

/// A value without the keys of these names, wherever they stand, and without empty values, so that a field which a later
/// version adds changes no digest while it is not used.
fn without(value: impl Serialize, names: &[&str]) -> Value {
    fn strip(value: Value, names: &[&str]) -> Value {
        match value {
            Value::Object(keys) => Value::Object(
                keys.into_iter()
                    .filter(|(key, _)| !names.contains(&key.as_str()))
                    .map(|(key, value)| (key, strip(value, names)))
                    .filter(|(_, value)| !says_nothing(value))
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| strip(item, names)).collect()),
            other => other,
        }
    }
    strip(serde_json::to_value(value).unwrap_or_default(), names)
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(value) => !value,
        Value::Number(_) => false,
    }
}

fn digest(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}
