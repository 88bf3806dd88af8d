//! The structure of an experiment file as a JSON schema: editors complete and check with it, and so does
//! [`check`](super::check::check), so that both say the same.
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::file::Experiment;

/// Keys that a loss's `with` may change: what decides a training.
pub const TRAINING_KEYS: [&str; 5] = ["data", "model", "loss-options", "optimiser", "schedule"];

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Experiment).to_value());

/// The schema of a whole file.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// The schema as the text of `experiments/schema.json`.
pub fn schema_text() -> String {
    // Maps of serde_json print sorted or in order of insertion, depending on a feature that any crate of the build may
    // switch on; sorted here, the file is the same either way.
    let mut text = sorted(schema());
    // A file that extends another one may leave out what that one says.
    if let Some(top) = text.as_object_mut()
        && let Some(required) = top.remove("required")
    {
        let _ = top.insert("if".into(), json!({"not": {"required": ["extends"]}}));
        let _ = top.insert("then".into(), json!({"required": required}));
    }
    // In a patch `panels` and `claims` may be mappings that name the items which they change.
    for key in ["panels", "claims"] {
        if let Some(property) = text.pointer_mut(&format!("/properties/{key}")).and_then(Value::as_object_mut) {
            let _ = property.insert("type".into(), json!(["array", "object"]));
        }
    }
    format!("{:#}\n", sorted(&text))
}

/// The schema of a patch: what an entry of `scales` or `variants` may hold.
pub fn patch_schema() -> Value {
    keep(|key| !["figure", "extends", "scales", "variants", "vary"].contains(&key))
}

/// The schema of the `with` of a loss.
pub fn with_schema() -> Value {
    keep(|key| TRAINING_KEYS.contains(&key))
}

fn keep(wanted: impl Fn(&str) -> bool) -> Value {
    let properties: Map<String, Value> = schema()["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// Follows `$ref` to what it names.
pub fn resolve(mut node: &Value) -> &Value {
    while let Some(name) = node["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        node = &schema()["$defs"][name];
    }
    node
}

/// The alternatives of a node that is one of several things.
pub fn alternatives(node: &Value) -> Option<&Vec<Value>> {
    node["oneOf"].as_array().or_else(|| node["anyOf"].as_array())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
