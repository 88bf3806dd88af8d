//! Checks YAML against the schema: unknown keys, missing keys, wrong types. `serde`'s own errors do not serve, because they stop
//! at the first, know no path once patches are merged, and suggest nothing.
use serde_json::Value as Schema;
use serde_yaml::{Mapping, Value};

use super::error::Finding;
use super::limits::shortened;
use super::path::KeyPath;
use super::schema::{alternatives, resolve};
use super::suggest;

/// Strictness with which a value is held to the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A whole value: nothing required may be missing.
    Whole,
    /// A patch: anything may be missing, `null` removes a key, and a mapping laid over a list names its items.
    Patch,
}

/// Lists everything in `value` that is against `schema`; `path` is where `value` stands.
pub fn check(value: &Value, schema: &Schema, path: &KeyPath, extent: Extent) -> Vec<Finding> {
    let mut checker = Checker { extent, findings: Vec::new() };
    checker.node(value, schema, path);
    checker.findings
}

/// The key by which items of a list are named in a patch.
pub fn identity(item: &Schema) -> Option<&'static str> {
    ["panel", "id"].into_iter().find(|key| resolve(item)["properties"].get(key).is_some())
}

struct Checker {
    extent: Extent,
    findings: Vec<Finding>,
}

impl Checker {
    fn report(&mut self, path: &KeyPath, reason: String) {
        self.findings.push(Finding { path: path.clone(), reason });
    }

    fn node(&mut self, value: &Value, schema: &Schema, path: &KeyPath) {
        let schema = resolve(schema);
        if self.extent == Extent::Patch && value.is_null() {
            return;
        }
        if let Some(alternatives) = alternatives(schema) {
            return self.alternatives(value, alternatives, path);
        }
        if let Some(names) = schema["enum"].as_array() {
            if !names.iter().any(|name| name.as_str().is_some() && name.as_str() == value.as_str()) {
                let names: Vec<_> = names.iter().filter_map(Schema::as_str).collect();
                self.report(path, not_one_of(value, &names));
            }
            return;
        }
        if let Some(name) = schema["const"].as_str() {
            if value.as_str() != Some(name) {
                self.report(path, not_one_of(value, &[name]));
            }
            return;
        }
        match value {
            Value::Mapping(mapping) if has_type(schema, "object") => self.mapping(mapping, schema, path),
            Value::Sequence(items) if has_type(schema, "array") => self.list(items, schema, path),
            Value::Mapping(mapping) if has_type(schema, "array") && self.extent == Extent::Patch => {
                self.items_by_name(mapping, schema, path);
            }
            _ => self.scalar(value, schema, path),
        }
    }

    /// Checks a value that may be one of several things: the diagnostics are those of the alternative that it seems to mean.
    fn alternatives(&mut self, value: &Value, alternatives: &[Schema], path: &KeyPath) {
        let fits = |alternative| check(value, alternative, path, self.extent).is_empty();
        if alternatives.iter().any(fits) {
            return;
        }
        let alternatives: Vec<&Schema> = flatten(alternatives);
        if let Value::Mapping(mapping) = value {
            let objects: Vec<_> = alternatives.iter().filter(|node| has_type(node, "object")).collect();
            let meant = objects.iter().find(|node| tag(node).is_some_and(|tag| mapping.contains_key(tag)));
            if let Some(node) =
                meant.or(if objects.len() == 1 && tag(objects[0]).is_none() { objects.first() } else { None })
            {
                return self.mapping(mapping, node, path);
            }
        }
        let names: Vec<&str> = alternatives.iter().flat_map(|node| names(node)).collect();
        if names.is_empty() {
            let simple = alternatives.iter().find(|node| !has_type(node, "null")).copied().unwrap_or(alternatives[0]);
            return self.scalar(value, simple, path);
        }
        self.report(path, not_one_of(value, &names));
    }

    fn mapping(&mut self, mapping: &Mapping, schema: &Schema, path: &KeyPath) {
        let no_properties = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&no_properties);
        let mut meant = Vec::new();
        for (key, value) in mapping {
            let Some(key) = key.as_str() else {
                self.report(path, format!("the key {} must be text; put it in quotation marks", show(key)));
                continue;
            };
            let below = path.key(key);
            if let Some(property) = properties.get(key) {
                self.node(value, property, &below);
                continue;
            }
            match &schema["additionalProperties"] {
                Schema::Bool(false) => {
                    let known = properties.keys().map(String::as_str);
                    meant.extend(suggest::nearest(key, known.clone()));
                    self.report(
                        &below,
                        format!("unknown key `{}`{}", shortened(key, SHOWN), suggest::clause(key, known)),
                    );
                }
                Schema::Null | Schema::Bool(true) => {}
                additional => self.node(value, additional, &below),
            }
        }
        if self.extent == Extent::Whole {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Schema::as_str);
            // A misspelt key is one mistake, not also a missing one.
            for key in required.filter(|key| !mapping.contains_key(*key) && !meant.contains(key)) {
                self.report(path, format!("`{key}` is missing{}", describe(&properties[key])));
            }
        }
    }

    fn list(&mut self, items: &[Value], schema: &Schema, path: &KeyPath) {
        if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least)
            || schema["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most)
        {
            self.report(path, format!("must be a list of {} items, has {}", schema["minItems"], items.len()));
        }
        // An item of a list is whole even in a patch: lists are replaced, not merged.
        let extent = std::mem::replace(&mut self.extent, Extent::Whole);
        for (index, item) in items.iter().enumerate() {
            self.node(item, &schema["items"], &path.index(index));
        }
        self.extent = extent;
    }

    fn items_by_name(&mut self, mapping: &Mapping, schema: &Schema, path: &KeyPath) {
        if identity(&schema["items"]).is_none() {
            return self.report(path, "must be a list".into());
        }
        for (name, patch) in mapping {
            self.node(patch, &schema["items"], &path.key(name.as_str().unwrap_or_default()));
        }
    }

    fn scalar(&mut self, value: &Value, schema: &Schema, path: &KeyPath) {
        let fits = match value {
            Value::Null => has_type(schema, "null"),
            Value::Bool(_) => has_type(schema, "boolean"),
            Value::Number(number) if has_type(schema, "integer") => {
                number.is_u64() || (number.is_i64() && schema["minimum"].as_i64().is_none_or(|least| least < 0))
            }
            Value::Number(_) => has_type(schema, "number"),
            Value::String(_) => has_type(schema, "string"),
            Value::Sequence(_) => has_type(schema, "array"),
            Value::Mapping(_) => has_type(schema, "object"),
            Value::Tagged(_) => false,
        };
        if !fits && !schema["type"].is_null() {
            self.report(path, format!("must be {}, is {}", expected(schema), show(value)));
        }
    }
}

/// Alternatives, with those that are references or themselves alternatives opened.
fn flatten(alternatives: &[Schema]) -> Vec<&Schema> {
    alternatives
        .iter()
        .map(resolve)
        .flat_map(|node| super::schema::alternatives(node).map_or_else(|| vec![node], |inner| flatten(inner)))
        .collect()
}

fn has_type(schema: &Schema, name: &str) -> bool {
    match &schema["type"] {
        Schema::String(only) => only == name,
        Schema::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// The key of an enum's variant that holds something: `normal` of `{normal: 0.1}`.
fn tag(schema: &Schema) -> Option<&str> {
    let properties = schema["properties"].as_object()?;
    let is_variant = properties.len() == 1 && schema["required"].as_array().is_some_and(|keys| keys.len() == 1);
    if is_variant { properties.keys().next().map(String::as_str) } else { None }
}

fn names(schema: &Schema) -> Vec<&str> {
    match (&schema["const"], &schema["enum"]) {
        (Schema::String(name), _) => vec![name],
        (_, Schema::Array(names)) => names.iter().filter_map(Schema::as_str).collect(),
        _ => tag(schema).into_iter().collect(),
    }
}

fn not_one_of(value: &Value, names: &[&str]) -> String {
    let word = match value {
        Value::Mapping(mapping) if mapping.len() == 1 => mapping.keys().next().and_then(Value::as_str),
        other => other.as_str(),
    };
    let hint = word.and_then(|word| suggest::nearest(word, names.iter().copied()));
    let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("must be one of {}, is {}{hint}", names.join(", "), show(value))
}

fn expected(schema: &Schema) -> &'static str {
    let kinds = [
        ("integer", "a whole number, 0 or more"),
        ("number", "a number"),
        ("string", "text"),
        ("boolean", "true or false"),
        ("array", "a list"),
        ("object", "a mapping (`key: value` lines)"),
    ];
    kinds.into_iter().find(|(kind, _)| has_type(schema, kind)).map_or("empty", |(_, words)| words)
}

/// Purpose of a missing key: the first sentence of its documentation.
fn describe(schema: &Schema) -> String {
    let own = schema["description"].as_str();
    let text = own.or_else(|| resolve(schema)["description"].as_str()).unwrap_or_default();
    let sentence = text.split(['.', '\n']).next().unwrap_or_default().trim();
    if sentence.is_empty() { String::new() } else { format!(" ({sentence})") }
}

/// Characters of a value that a message repeats.
const SHOWN: usize = 60;

/// A value as it stands in the file, shortened.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "empty".into(),
        Value::String(text) => format!("the text `{}`", shortened(text, SHOWN)),
        Value::Mapping(_) => "a mapping".into(),
        Value::Sequence(_) => "a list".into(),
        Value::Tagged(tagged) => format!("tagged {}", tagged.tag),
        other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    }
}
