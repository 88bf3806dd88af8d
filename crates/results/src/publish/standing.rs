//! Comparison of a published document with the plan that the figure's file has now.
use std::collections::BTreeMap;

use experiment::Plan;
use serde_json::Value;

use super::{Document, Error, Folders, published_document, settings};

/// State of what is published of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Unpublished.
    Nothing,
    /// A document of this very plan.
    Current(Box<Document>),
    /// A document of another plan, under the same name.
    OtherPlan {
        /// The document.
        document: Box<Document>,
        /// Difference in words.
        difference: String,
    },
}

/// Finds what is published of a plan under `name`.
///
/// # Errors
/// Fails when the document is damaged or another figure's.
pub fn standing(plan: &Plan, name: &str, folders: &Folders) -> Result<Standing, Error> {
    Ok(match published_document(name, folders)? {
        None => Standing::Nothing,
        Some(document) => match difference(&document, plan) {
            None => Standing::Current(Box::new(document)),
            Some(difference) => Standing::OtherPlan { document: Box::new(document), difference },
        },
    })
}

/// Differences that are named one by one.
const SHOWN: usize = 4;

/// Describes how the plan of a document differs from `plan`; none where they are equal.
pub fn difference(document: &Document, plan: &Plan) -> Option<String> {
    let now = plan.digest();
    let Some(then) = &document.plan else {
        return Some("it does not say for which plan it was made".to_owned());
    };
    if *then == now {
        return None;
    }
    let mut words = Vec::new();
    if then.runs != now.runs {
        let mut changes = Vec::new();
        if document.scale != plan.scale {
            changes.push(format!("scale {} there, {} now", document.scale, plan.scale));
        }
        leaves(&document.settings, &settings(&plan.experiment), "", &mut changes);
        changes.extend(seeds(document, plan));
        if changes.len() > SHOWN {
            let more = changes.len() - SHOWN;
            changes.truncate(SHOWN);
            changes.push(format!("{more} more"));
        }
        words.push(if changes.is_empty() { "other runs".to_owned() } else { changes.join(", ") });
    }
    if then.drawn != now.drawn {
        words.push("other measures are drawn".to_owned());
    }
    if then.claims != now.claims {
        words.push("the claims have other statistics or ranges".to_owned());
    }
    Some(words.join("; "))
}

/// Numbers of seeds that differ, those that diverged included.
fn seeds(document: &Document, plan: &Plan) -> Vec<String> {
    let mut there: BTreeMap<&str, usize> = document.seeds.iter().map(|(loss, n)| (loss.as_str(), *n)).collect();
    for (loss, seeds) in &document.diverged {
        *there.entry(loss).or_default() += seeds.len();
    }
    let mut now: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &plan.runs {
        *now.entry(&run.loss).or_default() += 1;
    }
    let count = |n: Option<&usize>| n.map_or_else(|| "none".to_owned(), ToString::to_string);
    let mut losses: Vec<&str> = there.keys().chain(now.keys()).copied().collect();
    losses.sort_unstable();
    losses.dedup();
    losses
        .into_iter()
        .filter(|loss| there.get(loss) != now.get(loss))
        .map(|loss| format!("seeds of {loss}: {} there, {} now", count(there.get(loss)), count(now.get(loss))))
        .collect()
}

/// Values that differ, with their dotted keys.
fn leaves(there: &Value, now: &Value, key: &str, changes: &mut Vec<String>) {
    match (there, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for name in keys {
                let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                leaves(a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null), &below, changes);
            }
        }
        (a, b) if a != b => {
            let word = |value: &Value| match value {
                Value::Null => "not set".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            changes.push(format!("{key} {} there, {} now", word(a), word(b)));
        }
        _ => {}
    }
}
