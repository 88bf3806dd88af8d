//! Assumptions and departures: how an experiment relates to the paper's text.
//!
//! An *assumption* is a setting about which the text is silent, a *departure* a setting that contradicts it. The file names the keys of
//! assumptions and the text's values; values are looked up in the experiment, so that a variant or a `--set` that returns to the text
//! is no departure any more.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::file::Experiment;
use crate::path::KeyPath;
use crate::validate::Findings;

impl Experiment {
    /// Settings about which the text is silent: dotted key and value, for the keys listed under `assumptions`.
    pub fn assumed(&self) -> BTreeMap<String, Value> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let of_key = |key: &String| Some((key.clone(), look_up(&all, key)?.clone()));
        self.assumptions.iter().filter_map(of_key).collect()
    }

    /// Settings that contradict the text: dotted key and value, for the keys under `text` whose value is another here.
    pub fn departures(&self) -> BTreeMap<String, Value> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let of_key = |(key, text): (&String, &serde_yaml::Value)| {
            let ours = look_up(&all, key)?;
            (!equal(ours, text)).then(|| (key.clone(), ours.clone()))
        };
        self.text.iter().filter_map(of_key).collect()
    }
}

fn look_up<'a>(all: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(all, |value, part| value.get(part))
}

fn equal(ours: &Value, text: &serde_yaml::Value) -> bool {
    let Ok(text) = serde_json::to_value(text) else { return false };
    match (ours.as_f64(), text.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => *ours == text,
    }
}

/// Checks that every key under `assumptions` and `text` is one of the experiment.
pub(crate) fn keys(experiment: &Experiment, findings: &mut Findings) {
    let all = serde_json::to_value(experiment).unwrap_or_default();
    let mut check = |key: &str, path: KeyPath| {
        let reason = format!("`{key}` is not a key of this experiment; give one such as loss-options.gate");
        findings.require(look_up(&all, key).is_some(), &path, reason);
    };
    for (index, key) in experiment.assumptions.iter().enumerate() {
        check(key, KeyPath::top().key("assumptions").index(index));
    }
    for key in experiment.text.keys() {
        check(key, KeyPath::top().key("text").key(key));
    }
}
