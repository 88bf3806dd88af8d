//! Texts that are drawn: no control characters (XML does not allow them), no label twice in a legend.
use std::collections::BTreeMap;

use serde_yaml::Value;

use super::error::Finding;
use super::file::Experiment;
use super::path::KeyPath;

/// Lists every text, key or value, with a character that a figure or a terminal cannot show.
pub fn control_characters(value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(value, &KeyPath::top(), &mut findings);
    findings
}

fn walk(value: &Value, path: &KeyPath, findings: &mut Vec<Finding>) {
    match value {
        Value::String(text) => note(text, path, findings),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &path.index(index), findings);
            }
        }
        Value::Mapping(keys) => {
            for (key, below) in keys {
                let key = key.as_str().unwrap_or_default();
                note(key, path, findings);
                walk(below, &path.key(key), findings);
            }
        }
        _ => {}
    }
}

fn note(text: &str, path: &KeyPath, findings: &mut Vec<Finding>) {
    if let Some(character) = text.chars().find(|c| is_unprintable(*c)) {
        let reason =
            format!("has the control character U+{:04X}, which a figure cannot show; remove it", u32::from(character));
        findings.push(Finding { path: path.clone(), reason });
    }
}

/// Returns whether a character is one that XML 1.0 does not allow, another control character but a line end or a tab, or a mark
/// that turns the direction of a line of text.
fn is_unprintable(c: char) -> bool {
    let marks = ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}') || marks
}

/// Lists losses with equal labels, whose curves nobody could tell apart.
pub fn twice(experiment: &Experiment) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (slug, loss) in &experiment.losses {
        if let Some(other) = first.insert(loss.label.trim(), slug) {
            let path = KeyPath::top().key("losses").key(slug).key("label");
            let reason = format!("`{}` is the label of `{other}`, too; give each loss its own", loss.label);
            findings.push(Finding { path, reason });
        }
    }
    findings
}
