//! An experiment printed whole, as YAML, with the place that each value comes from as a comment behind it.
use serde_yaml::Value;

use super::error::Error;
use super::layers::Merged;
use super::load::{Choice, Source};
use super::path::KeyPath;

/// Longest line that a mapping or a list is put on together.
const WIDTH: usize = 100;

impl Source {
    /// The experiment that `choice` makes of this file, as YAML that can be read again: everything that the file, the files
    /// that it extends, the patches and the defaults say, each with `# file:line`, `# --set ...` or `# default`. `scales`,
    /// `variants` and `vary` are left out, since they are choices not taken.
    ///
    /// # Errors
    /// Fails as [`Source::plan`] does.
    pub fn show(&self, choice: &Choice) -> Result<String, Error> {
        let plan = self.plan(choice)?;
        let merged = self.merge(choice)?;
        let whole =
            serde_yaml::with::singleton_map_recursive::serialize(&plan.experiment, serde_yaml::value::Serializer);
        let mut lines = Lines { merged: &merged, text: String::new() };
        if let Ok(Value::Mapping(keys)) = whole {
            let left_out = ["extends", "scales", "variants", "vary"];
            for (key, value) in &keys {
                let key = key.as_str().unwrap_or_default();
                if !left_out.contains(&key) {
                    lines.entry(&format!("{key}:"), value, &KeyPath::top().key(key), 0);
                }
            }
        }
        Ok(lines.text)
    }
}

struct Lines<'a> {
    merged: &'a Merged<'a>,
    text: String,
}

impl Lines<'_> {
    /// Prints a value behind `head`, its key or the dash of an item.
    fn entry(&mut self, head: &str, value: &Value, path: &KeyPath, indent: usize) {
        if value.is_null() {
            return;
        }
        let mut places = Vec::new();
        self.places(value, path, &mut places);
        let flow = flow(value);
        let folded = value.as_str().filter(|text| flow.len() > WIDTH && is_foldable(text));
        let margin = " ".repeat(indent);
        let together = places.len() == 1 && indent + head.len() + flow.len() < WIDTH;
        match (value, folded) {
            (_, Some(text)) => {
                self.line(&format!("{margin}{head} >-"), &places);
                for line in wrapped(text, WIDTH.saturating_sub(indent + 2)) {
                    self.text.push_str(&format!("{margin}  {line}\n"));
                }
            }
            (Value::Mapping(keys), None) if !together && !keys.is_empty() => {
                self.mapping(head, keys, path, indent);
            }
            (Value::Sequence(items), None) if !together && items.iter().any(|item| !is_scalar(item)) => {
                self.text.push_str(&format!("{margin}{head}\n"));
                for (index, item) in items.iter().enumerate() {
                    self.entry("-", item, &path.index(index), indent + 2);
                }
            }
            _ => self.line(&format!("{margin}{head} {flow}"), &places),
        }
    }

    /// The keys of a mapping, one below the other. Those of an item of a list begin behind its dash.
    fn mapping(&mut self, head: &str, keys: &serde_yaml::Mapping, path: &KeyPath, indent: usize) {
        let item = head == "-";
        if !item {
            self.text.push_str(&format!("{}{head}\n", " ".repeat(indent)));
        }
        let mut dash = item;
        for (key, value) in keys.iter().filter(|(_, value)| !value.is_null()) {
            let name = key.as_str().unwrap_or_default();
            let start = self.text.len();
            self.entry(&format!("{}:", scalar(key)), value, &path.key(name), indent + 2);
            if dash && self.text.len() > start {
                self.text.replace_range(start + indent..=start + indent, "-");
                dash = false;
            }
        }
    }

    fn line(&mut self, words: &str, places: &[String]) {
        self.text.push_str(&format!("{words} # {}\n", places.join(", ")));
    }

    /// The places of everything in a value, each once, in order.
    fn places(&self, value: &Value, path: &KeyPath, places: &mut Vec<String>) {
        let mut below = |value: &Value, path: &KeyPath| self.places(value, path, places);
        match value {
            Value::Mapping(keys) if !keys.is_empty() => {
                for (key, value) in keys.iter().filter(|(_, value)| !value.is_null()) {
                    below(value, &path.key(key.as_str().unwrap_or_default()));
                }
            }
            // A list of plain values is replaced as a whole.
            Value::Sequence(items) if items.iter().any(|item| !is_scalar(item)) => {
                for (index, item) in items.iter().enumerate() {
                    below(item, &path.index(index));
                }
            }
            _ => {
                let place = self.merged.place_of(path).unwrap_or_else(|| "default".to_owned());
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Mapping(_) | Value::Sequence(_))
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Mapping(keys) => {
            let keys = keys.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<_> = keys.map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Sequence(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        plain => scalar(plain),
    }
}

/// A plain value: text without quotation marks only where it cannot be read as anything else.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else {
        return serde_yaml::to_string(value).unwrap_or_default().trim().to_owned();
    };
    let first = text.chars().next().is_some_and(char::is_alphabetic);
    let rest = text.chars().all(|c| c.is_alphanumeric() || " .-_=()/²→αητ".contains(c)) && !text.ends_with(' ');
    let itself = || serde_yaml::from_str::<Value>(text).is_ok_and(|read| read == *value);
    // JSON's quotation marks and escapes are YAML's, too.
    if first && rest && itself() { text.clone() } else { serde_json::to_string(text).unwrap_or_default() }
}

/// Returns whether folding and reading again gives the same text.
fn is_foldable(text: &str) -> bool {
    text == text.trim() && !text.contains("  ") && !text.contains(['\n', '\t'])
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
