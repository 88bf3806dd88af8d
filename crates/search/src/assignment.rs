//! Assignments: values for keys of the experiment file, as products of varied keys or from a list.
use serde_yaml::Value;

use experiment::file::Experiment;

/// Key of an experiment file with the values to search over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Varied {
    /// Dotted key, as in `--set`: `loss-options.normalisation`.
    pub key: String,
    /// Values, written as after `--set KEY=`.
    pub values: Vec<String>,
}

/// Malformed `--vary`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--vary {text}: must be KEY=VALUE,VALUE,..., such as loss-options.normalisation=through,detached")]
pub struct AssignmentError {
    /// Text of the option.
    pub text: String,
}

impl std::str::FromStr for Varied {
    type Err = AssignmentError;

    /// Parses `key=a,b,c`; commas inside brackets and braces belong to a value: `model.hidden=[120],[120, 84]`.
    fn from_str(text: &str) -> Result<Self, AssignmentError> {
        let wrong = || AssignmentError { text: text.to_owned() };
        let (key, list) = text.split_once('=').ok_or_else(wrong)?;
        let values: Vec<String> = split(list).into_iter().map(|value| value.trim().to_owned()).collect();
        if key.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { key: key.trim().to_owned(), values })
    }
}

/// Splits at the commas outside brackets and braces.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut values) = (0_usize, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                values.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    values.push(&list[start..]);
    values
}

/// Union of the `vary` lists of experiment files, in the order of the files.
pub fn of_files<'a>(experiments: impl IntoIterator<Item = &'a Experiment>) -> Vec<Varied> {
    let mut all: Vec<Varied> = Vec::new();
    for (key, values) in experiments.into_iter().flat_map(|experiment| &experiment.vary) {
        let index = all.iter().position(|vary| vary.key == *key).unwrap_or_else(|| {
            all.push(Varied { key: key.clone(), values: Vec::new() });
            all.len() - 1
        });
        for value in values.iter().map(text) {
            if !all[index].values.contains(&value) {
                all[index].values.push(value);
            }
        }
    }
    all
}

/// Writes a value as on the command line: words without quotation marks, everything else as JSON, which is YAML on one line.
fn text(value: &Value) -> String {
    match value {
        Value::String(word) if serde_yaml::from_str::<Value>(word).is_ok_and(|read| read == *value) => word.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Values for some keys of the experiment file; all other keys keep the file's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Keys and values: first those from a list, then those of `--vary` in its order.
    pub changes: Vec<(String, String)>,
    /// Number of leading changes that come from a list.
    pub listed: usize,
}

impl Assignment {
    /// Texts for `--set` of `cargo xtask reproduce`, which train the same runs.
    pub fn sets(&self) -> Vec<String> {
        self.changes.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Name: the changed keys, each by its last word, with their values.
    pub fn name(&self) -> String {
        if self.changes.is_empty() {
            return "as the experiment files say".to_owned();
        }
        // A mapping is named by its own keys.
        let words_of = |value: &str| value.replace(['{', '}', '"'], "").replace(':', " ").replace(',', ", ");
        let words = self.changes.iter().map(|(key, value)| match value.strip_prefix('{') {
            Some(mapping) => words_of(mapping).split_whitespace().collect::<Vec<_>>().join(" "),
            None => format!("{} {value}", last_word(key)),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Option of the command line that gave a key.
    pub fn option(&self, key: &str) -> &'static str {
        if self.changes.iter().take(self.listed).any(|(listed, _)| listed == key) { "--list" } else { "--vary" }
    }

    /// Value of a key; `None` where the assignment does not set it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.changes.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// Reads assignments from a YAML list of mappings from dotted keys to values: `- {loss-options.gate: raw, model.biases: false}`.
///
/// # Errors
/// Returns a sentence that names the position and the expected form.
pub fn listed(yaml: &str) -> Result<Vec<Assignment>, String> {
    const SHAPE: &str =
        "a list of mappings from keys to values, such as `- {loss-options.gate: raw, model.biases: false}`";
    let value = experiment::limits::parse(yaml)
        .map_err(|error| format!("must be {SHAPE}: line {}: {}", error.line, error.reason))?;
    let items: Vec<Value> = serde_yaml::from_value(value).map_err(|error| format!("must be {SHAPE}: {error}"))?;
    let of_item = |(index, item): (usize, Value)| {
        let wrong = || format!("assignment {}: must be one of {SHAPE}", index + 1);
        let Value::Mapping(mapping) = item else { return Err(wrong()) };
        let change = |(key, value): (Value, Value)| {
            let key = key.as_str().filter(|key| !key.is_empty()).ok_or_else(wrong)?.to_owned();
            Ok((key, text(&value)))
        };
        let changes: Vec<_> = mapping.into_iter().map(change).collect::<Result<_, String>>()?;
        Ok(Assignment { listed: changes.len(), changes })
    };
    items.into_iter().enumerate().map(of_item).collect()
}

/// Combines every assignment of `list` with every combination of `varied`.
pub fn combined(list: &[Assignment], varied: &[Varied]) -> Vec<Assignment> {
    let product = product(varied);
    let with = |first: &Assignment| {
        let first = first.clone();
        product.iter().map(move |more| Assignment {
            changes: first.changes.iter().chain(&more.changes).cloned().collect(),
            listed: first.listed,
        })
    };
    list.iter().flat_map(with).collect()
}

/// Keys set by assignments, in order of first appearance.
pub fn keys(assignments: &[Assignment]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in assignments.iter().flat_map(|assignment| &assignment.changes) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

fn last_word(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Cartesian product of all values, the last key changing fastest; a single assignment without changes for an empty list.
pub fn product(varied: &[Varied]) -> Vec<Assignment> {
    varied.iter().fold(vec![Assignment::default()], |assignments, vary| {
        let with = |assignment: &Assignment| {
            let one = |value: &String| {
                let mut assignment = assignment.clone();
                assignment.changes.push((vary.key.clone(), value.clone()));
                assignment
            };
            vary.values.iter().map(one).collect::<Vec<_>>()
        };
        assignments.iter().flat_map(with).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vary(text: &str) -> Varied {
        text.parse().expect(text)
    }

    #[test]
    fn commas_inside_brackets_belong_to_a_value() {
        assert_eq!(vary("loss-options.normalisation=through, detached").values, ["through", "detached"]);
        assert_eq!(vary("model.hidden=[120],[120, 84]").values, ["[120]", "[120, 84]"]);
        assert_eq!(vary("a.b={named: [fc1, fc2]},all").values, ["{named: [fc1, fc2]}", "all"]);
    }

    #[test]
    fn a_malformed_option_is_named() {
        for text in ["loss-options.normalisation", "=a", "a=", "a=b,,c"] {
            let error = text.parse::<Varied>().expect_err(text).to_string();
            assert!(error.starts_with(&format!("--vary {text}: ")), "{error}");
        }
    }

    #[test]
    fn a_list_names_its_assignments_one_by_one() {
        let list = listed("- {loss-options.gate: raw, model.hidden: [120, 84]}\n- {model.biases: false}\n- {}")
            .expect("a list");
        assert_eq!(list[0].sets(), ["loss-options.gate=raw", "model.hidden=[120,84]"]);
        assert_eq!(list[1].sets(), ["model.biases=false"]);
        assert_eq!(keys(&list), ["loss-options.gate", "model.hidden", "model.biases"]);
        let both = combined(&list, &[vary("optimiser.learning-rate=0.1,0.2")]);
        assert_eq!(both.len(), 6);
        assert_eq!(both[3].sets(), ["model.biases=false", "optimiser.learning-rate=0.2"]);
        assert_eq!((both[3].option("model.biases"), both[3].option("optimiser.learning-rate")), ("--list", "--vary"));
        assert_eq!(both[4].sets(), ["optimiser.learning-rate=0.1"]);
        for (text, said) in
            [("a: 1", "must be a list"), ("- a", "assignment 1: "), ("- {}\n- {1: 2}", "assignment 2: ")]
        {
            let error = listed(text).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_product_holds_every_combination_once() {
        let assignments = product(&[vary("a.x=1,2"), vary("b.y=u,v,w")]);
        assert_eq!(assignments.len(), 6);
        assert_eq!(assignments[1].sets(), ["a.x=1", "b.y=v"]);
        assert_eq!(assignments[1].name(), "x 1, y v");
        assert_eq!((assignments[4].value("b.y"), assignments[4].value("c")), (Some("v"), None));
        assert_eq!(product(&[]), [Assignment::default()]);
        let mapping = product(&[vary("model={kernel: 5, biases: yes},{kernel: 3}")]);
        assert_eq!(mapping[0].name(), "kernel 5, biases yes");
    }
}
