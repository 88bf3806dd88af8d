//! Own experiments that extend a figure of the paper and train another network or on other data: what the paper says of its figure
//! says nothing about them.
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};
use twoscale::models::ModelSpec;

use super::expand;
use super::patch::{item_name, property};
use super::schema::{resolve, schema};
use crate::spec::DataSpec;

/// Difference of an own experiment from the paper's figure that it extends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OtherTraining {
    /// The figure: `fig13`.
    figure: String,
    /// Difference in words: `another data set`.
    difference: &'static str,
    /// Keys of the own files that stay as they say.
    own: Mapping,
}

impl OtherTraining {
    /// Compares the figure's `base` with `whole`, the experiment, which lays the files `own` over it; none where the data set and the
    /// network are the figure's.
    pub(super) fn of(figure: &str, base: &Value, whole: &Value, own: &[&Value]) -> Option<Self> {
        let data = |value: &Value| part::<DataSpec>(value, "data").map(|data| data.source());
        let other_data = differ(data(base), data(whole));
        let network = |value: &Value| part::<ModelSpec>(value, "model").map(|model| architecture(&model));
        let other_network = differ(network(base), network(whole));
        let difference = match (other_data, other_network) {
            (false, false) => return None,
            (true, false) => "another data set",
            (false, true) => "another network",
            (true, true) => "another data set and another network",
        };
        let mut said = Mapping::new();
        for file in own.iter().filter_map(|file| file.as_mapping()) {
            for key in ["title", "claims", "paper"] {
                if let Some(value) = file.get(key) {
                    let _ = said.insert(key.into(), value.clone());
                }
            }
        }
        Some(Self { figure: figure.to_owned(), difference, own: said })
    }

    /// Takes the figure's title, claims and curves out of an experiment. Values that its own files state stay.
    pub(super) fn leave_out_of_paper(&self, whole: &mut Value, name: &str) {
        let Some(keys) = whole.as_mapping_mut() else { return };
        if !self.own.contains_key("title") {
            let _ = keys.insert("title".into(), format!("{name}: {} with {}", self.figure, self.difference).into());
        }
        if !self.own.contains_key("paper") {
            let _ = keys.remove("paper");
        }
        let items = &resolve(property(schema(), "claims"))["items"];
        if let Some(claims) = keys.get_mut("claims").and_then(Value::as_sequence_mut) {
            match self.own.get("claims") {
                Some(Value::Sequence(_)) => {}
                Some(Value::Mapping(named)) => {
                    claims.retain(|claim| item_name(claim, items).is_some_and(|name| named.contains_key(name)));
                }
                _ => claims.clear(),
            }
        }
    }

    /// Sentence for a reader who might take the experiment for the paper's.
    pub(super) fn note(&self) -> String {
        format!("{} than {} of the paper, whose claims and curves do not apply", capital(self.difference), self.figure)
    }
}

fn capital(words: &str) -> String {
    words.replacen('a', "A", 1)
}

fn part<T: DeserializeOwned>(value: &Value, key: &str) -> Option<T> {
    serde_yaml::with::singleton_map_recursive::deserialize(value.get(key)?.clone()).ok()
}

/// Tells whether both are there and differ; what cannot be read is refused elsewhere, with its place.
fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a != b)
}

/// The network without biases, initial values and last activation, which are assumptions about the paper's network.
fn architecture(model: &ModelSpec) -> ModelSpec {
    let ModelSpec { kind, hidden, channels, kernel, depth, width, .. } = expand::model(model);
    ModelSpec { kind, hidden, channels, kernel, depth, width, ..ModelSpec::mlp([]) }
}
