//! Patches: base files, scales, variants, a loss's `with` and `--set` all change an experiment in the same way.
//!
//! Mappings are merged key by key, `null` takes a key away (so that its default holds again), everything else is replaced.
//! A mapping laid over the list of panels or of claims names its items: `panels: {left: {x: {to: 5}}}`. A patch that is
//! itself changed by another (a scale of a base file, by the same scale of the file that extends it) keeps its `null`s: they
//! take effect when the scale is chosen.
use serde_json::Value as Schema;
use serde_yaml::{Mapping, Value};

use super::check::identity;
use super::error::Finding;
use super::path::{KeyPath, Segment};
use super::schema::{alternatives, resolve, schema as whole_schema};
use super::{limits, suggest};

/// Lays `patch` over `target`; both stand at `path`, and `schema` is theirs. Returns what could not be laid anywhere.
pub fn merge(target: &mut Value, patch: &Value, schema: &Schema, path: &KeyPath) -> Vec<Finding> {
    let schema = resolve(schema);
    match (&mut *target, patch) {
        // A variant of an enum, such as `{normal: 0.1}`, is replaced, since a merge with another variant would be neither.
        (Value::Mapping(onto), Value::Mapping(keys)) if alternatives(schema).is_none() => {
            merge_keys(onto, keys, schema, path)
        }
        (Value::Sequence(items), Value::Mapping(keys)) => merge_items(items, keys, &schema["items"], path),
        _ => {
            *target = laid(patch, path);
            Vec::new()
        }
    }
}

fn merge_keys(onto: &mut Mapping, keys: &Mapping, schema: &Schema, path: &KeyPath) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, patch) in keys {
        let name = key.as_str().unwrap_or_default();
        let below = path.key(name);
        if patch.is_null() && !is_patch(path) {
            onto.remove(key);
        } else if let Some(target) = onto.get_mut(key) {
            let schema = if is_patch_root(&below) { whole_schema() } else { property(schema, name) };
            findings.extend(merge(target, patch, schema, &below));
        } else {
            onto.insert(key.clone(), laid(patch, &below));
        }
    }
    findings
}

/// Returns whether `path` is a patch or inside one: an entry of `scales` or `variants`, or the `with` of a loss.
fn is_patch(path: &KeyPath) -> bool {
    (2..=path.0.len()).any(|length| is_patch_root(&KeyPath(path.0[..length].to_vec())))
}

/// Returns whether `path` is that of a whole patch.
fn is_patch_root(path: &KeyPath) -> bool {
    let key =
        |segment: &Segment, wanted: &[&str]| matches!(segment, Segment::Key(key) if wanted.contains(&key.as_str()));
    match path.0.as_slice() {
        [first, _] => key(first, &["scales", "variants"]),
        [first, _, last] => key(first, &["losses"]) && key(last, &["with"]),
        _ => false,
    }
}

fn merge_items(items: &mut [Value], keys: &Mapping, schema: &Schema, path: &KeyPath) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: Vec<String> = items.iter().filter_map(|item| item_name(item, schema)).map(str::to_owned).collect();
    for (name, patch) in keys {
        let name = name.as_str().unwrap_or_default();
        match items.iter_mut().find(|item| item_name(item, schema) == Some(name)) {
            Some(item) => findings.extend(merge(item, patch, schema, &path.key(name))),
            None => findings.push(Finding {
                path: path.key(name),
                reason: format!("there is no `{name}` here{}", suggest::clause(name, names.iter().map(String::as_str))),
            }),
        }
    }
    findings
}

/// The name of an item of a list of panels or claims.
pub fn item_name<'a>(item: &'a Value, schema: &Schema) -> Option<&'a str> {
    item.get(identity(schema)?)?.as_str()
}

/// The schema of the value of `key` in a mapping.
pub fn property<'a>(schema: &'a Schema, key: &str) -> &'a Schema {
    schema["properties"].get(key).unwrap_or(&schema["additionalProperties"])
}

/// Value at `path` once `patch` is put where nothing was.
fn laid(patch: &Value, path: &KeyPath) -> Value {
    match patch {
        Value::Mapping(keys) if !is_patch(path) => Value::Mapping(
            keys.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), laid(value, &path.key(key.as_str().unwrap_or_default()))))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The patch that `--set key=value` means. The key's dots are ambiguous, because slugs such as `two-scale-0.01` have dots of
/// their own: at each level the longest name that exists in `target`, or may exist after `schema`, is taken.
///
/// # Errors
/// One clause saying what is wrong with `assignment`.
pub fn from_assignment(assignment: &str, target: &Value, schema: &Schema) -> Result<Value, String> {
    let Some((key, value)) = assignment.split_once('=') else {
        return Err("must be KEY=VALUE, such as schedule.steps=100".into());
    };
    let words: Vec<&str> = key.trim().split('.').collect();
    if words.iter().any(|word| word.is_empty()) {
        return Err("the key before `=` must be names joined by dots, such as schedule.steps".into());
    }
    let value: Value =
        limits::parse(value).map_err(|error| format!("the value is not valid YAML: {}", error.reason))?;
    Ok(nest(&words, value, Some(target), schema))
}

fn nest(words: &[&str], value: Value, target: Option<&Value>, schema: &Schema) -> Value {
    if words.is_empty() {
        return value;
    }
    let schema = resolve(schema);
    let (name, used) = (1..=words.len())
        .rev()
        .map(|length| (words[..length].join("."), length))
        .find(|(name, _)| below(name, target, schema).is_some() || schema["properties"].get(name).is_some())
        .unwrap_or_else(|| (words[0].to_owned(), 1));
    let next = if has_items(schema) { &schema["items"] } else { property(schema, &name) };
    let inner = nest(&words[used..], value, below(&name, target, schema), next);
    Value::Mapping([(Value::String(name), inner)].into_iter().collect())
}

fn has_items(schema: &Schema) -> bool {
    schema.get("items").is_some()
}

fn below<'a>(name: &str, target: Option<&'a Value>, schema: &Schema) -> Option<&'a Value> {
    match target? {
        Value::Sequence(items) => items.iter().find(|item| item_name(item, &schema["items"]) == Some(name)),
        mapping => mapping.get(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_yaml::Value;

    use super::{from_assignment, merge};
    use crate::path::KeyPath;
    use crate::schema::schema;

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).expect("the test's YAML is valid")
    }

    fn merged(target: &str, patch: &str) -> (Value, usize) {
        let mut target = yaml(target);
        let findings = merge(&mut target, &yaml(patch), schema(), &KeyPath::top());
        (target, findings.len())
    }

    #[test]
    fn mappings_merge_null_removes_and_the_rest_is_replaced() {
        let (value, findings) = merged(
            "{data: {set: mnist, train: 5, input: unit}, model: {hidden: [1, 2]}}",
            "{data: {set: digits, train: null}, model: {hidden: [3]}}",
        );
        assert_eq!(value, yaml("{data: {set: digits, input: unit}, model: {hidden: [3]}}"));
        assert_eq!(findings, 0);
    }

    #[test]
    fn a_patch_laid_over_a_patch_keeps_what_it_takes_away() {
        let base = "{scales: {smoke: {data: {train: 5}, panels: {left: {x: {to: 5}}}}}, variants: {old: {seeds: 1}}}";
        let (value, findings) = merged(
            base,
            "{scales: {smoke: {data: {train: null}, panels: {left: {y: {to: 1}}}}, tiny: {seeds: null}}, variants: {old: null}}",
        );
        let wanted = "{scales: {smoke: {data: {train: null}, panels: {left: {x: {to: 5}, y: {to: 1}}}}, tiny: {seeds: null}}, variants: {}}";
        assert_eq!((value, findings), (yaml(wanted), 0));
        let (value, _) = merged("{losses: {a: {kind: single}}}", "{losses: {a: {with: {data: {train: null}}}}}");
        assert_eq!(value, yaml("{losses: {a: {kind: single, with: {data: {train: null}}}}}"));
    }

    #[test]
    fn a_variant_is_replaced_not_merged_with_another() {
        let (value, _) =
            merged("{schedule: {decay: {steps: {at: [1], factor: 2}}}}", "{schedule: {decay: {other: 3}}}");
        assert_eq!(value, yaml("{schedule: {decay: {other: 3}}}"));
    }

    #[test]
    fn items_of_lists_are_patched_by_name() {
        let target = "{panels: [{panel: left, x: {from: 0, to: 2}}, {panel: right}]}";
        let (value, findings) = merged(target, "{panels: {left: {x: {to: 5}}}}");
        assert_eq!(value, yaml("{panels: [{panel: left, x: {from: 0, to: 5}}, {panel: right}]}"));
        assert_eq!(findings, 0);
        assert_eq!(merged(target, "{panels: {lft: {x: {to: 5}}}}").1, 1, "no such panel");
    }

    #[test]
    fn an_assignment_finds_slugs_that_have_dots() {
        let target = yaml("{losses: {two-scale-0.01: {eta: 0.01}}, panels: [{panel: left}]}");
        let patch = |text: &str| from_assignment(text, &target, schema()).expect("well formed");
        assert_eq!(patch("losses.two-scale-0.01.eta=0.5"), yaml("{losses: {two-scale-0.01: {eta: 0.5}}}"));
        assert_eq!(patch("panels.left.x.to = 3"), yaml("{panels: {left: {x: {to: 3}}}}"));
        assert_eq!(patch("model.initialisation={normal: 0.1}"), yaml("{model: {initialisation: {normal: 0.1}}}"));
        assert!(from_assignment("schedule.steps", &target, schema()).is_err());
        assert!(from_assignment("schedule..steps=1", &target, schema()).is_err());
    }
}
