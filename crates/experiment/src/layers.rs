//! Patches laid over each other, and where each of them stands.
use serde_yaml::Value;

use super::check::{Extent, check};
use super::error::{Diagnostic, Error, Finding, placed, refuse};
use super::file::Experiment;
use super::load::Source;
use super::patch::{from_assignment, item_name, merge, property};
use super::path::{KeyPath, Segment};
use super::schema::{patch_schema, resolve, schema};
use super::{suggest, validate};

/// An experiment with its patches laid, and where each of them came from.
pub struct Merged<'a> {
    pub(super) source: &'a Source,
    pub(super) layers: Vec<Layer>,
    /// The file with every patch laid over it.
    pub value: Value,
}

/// A patch and where it stands.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) place: Place,
    pub(super) patch: Value,
}

#[derive(Clone)]
pub(super) enum Place {
    /// A whole file: its number in the chain of `extends`.
    File(usize),
    /// A part of the files, below this path.
    Within(KeyPath),
    /// An option of the command line.
    Option(String),
}

impl Merged<'_> {
    pub(super) fn lay_named(&mut self, key: &str, name: Option<&str>) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
        let Some(patch) = self.source.value().get(key).and_then(|patches| patches.get(name)) else {
            let one = key.trim_end_matches('s');
            let names = if key == "scales" { self.source.scales() } else { self.source.variants() };
            let hint = if names.is_empty() { "; it has none".into() } else { suggest::clause(name, names) };
            let reason = format!("`{}` has no {one} `{name}`{hint}", self.source.name);
            return refuse(vec![Diagnostic { place: format!("--{one} {name}"), path: KeyPath::top(), reason }]);
        };
        let patch = patch.clone();
        self.lay(Layer { place: Place::Within(KeyPath::top().key(key).key(name)), patch })
    }

    pub(super) fn lay_assignment(&mut self, option: &str, assignment: &str) -> Result<(), Error> {
        let schema = patch_schema();
        let diagnostic = |path, reason| Diagnostic { place: option.to_owned(), path, reason };
        let patch = from_assignment(assignment, &self.value, &schema)
            .map_err(|reason| Error::Invalid(vec![diagnostic(KeyPath::top(), reason)]))?;
        let findings = check(&patch, &schema, &KeyPath::top(), Extent::Patch);
        refuse(findings.into_iter().map(|finding| diagnostic(finding.path, finding.reason)).collect())?;
        self.lay(Layer { place: Place::Option(option.to_owned()), patch })
    }

    fn lay(&mut self, layer: Layer) -> Result<(), Error> {
        let findings = merge(&mut self.value, &layer.patch, schema(), &KeyPath::top());
        let diagnostics = findings.into_iter().map(|finding| self.at(&layer.place, finding)).collect();
        self.layers.push(layer);
        refuse(diagnostics)
    }

    /// The experiment as one loss sees it: its `with` laid over the rest.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn for_loss(&self, slug: &str) -> Result<Experiment, Error> {
        let path = KeyPath::top().key("losses").key(slug).key("with");
        let patch = self.value["losses"][slug]["with"].clone();
        let mut own = Merged { source: self.source, layers: self.layers.clone(), value: self.value.clone() };
        if !patch.is_null() {
            own.lay(Layer { place: Place::Within(path), patch })?;
        }
        let experiment = own.experiment(&own.value)?;
        own.refuse(validate::training(&experiment))?;
        Ok(experiment)
    }

    pub(super) fn experiment(&self, value: &Value) -> Result<Experiment, Error> {
        // Enums are written `{normal: 0.1}`, not YAML's `!normal 0.1`.
        serde_yaml::with::singleton_map_recursive::deserialize(value.clone()).map_err(|error| {
            Error::Invalid(vec![self.diagnostic(Finding { path: KeyPath::top(), reason: error.to_string() })])
        })
    }

    pub(super) fn refuse(&self, findings: Vec<Finding>) -> Result<(), Error> {
        refuse(placed(findings, &self.source.file, |finding| self.diagnostic(finding)))
    }

    /// Returns the place that the value at `path` comes from: `experiments/fig4.yaml:12`, or the option of the command line that said it; none
    /// where nothing says it, so that its default holds.
    #[must_use]
    pub fn place_of(&self, path: &KeyPath) -> Option<String> {
        self.layers.iter().rev().find_map(|layer| {
            let path = path_in(&layer.patch, &self.value, path, schema())?;
            Some(self.at(&layer.place, Finding { path, reason: String::new() }).place)
        })
    }

    /// Places a diagnostic of the merged experiment at the last patch that says what is wrong.
    fn diagnostic(&self, finding: Finding) -> Diagnostic {
        for layer in self.layers.iter().rev() {
            if let Some(path) = path_in(&layer.patch, &self.value, &finding.path, schema()) {
                return self.at(&layer.place, Finding { path, reason: finding.reason });
            }
        }
        self.source.diagnostic(&finding)
    }

    fn at(&self, place: &Place, Finding { path, reason }: Finding) -> Diagnostic {
        match place {
            Place::File(index) => self.source.diagnostic_in(*index, Finding { path, reason }),
            Place::Within(prefix) => self.source.diagnostic(&Finding { path: prefix.join(&path), reason }),
            Place::Option(option) => Diagnostic { place: option.clone(), path, reason },
        }
    }
}

/// `path` as `patch` writes it, when it says anything about that path; `merged` gives the names of list items.
pub(super) fn path_in(patch: &Value, merged: &Value, path: &KeyPath, schema: &serde_json::Value) -> Option<KeyPath> {
    let (mut patch, mut merged, mut schema) = (patch, merged, schema);
    let mut own = KeyPath::top();
    for segment in &path.0 {
        schema = resolve(schema);
        match segment {
            Segment::Key(key) => {
                patch = patch.get(key.as_str())?;
                merged = merged.get(key.as_str()).unwrap_or(&Value::Null);
                schema = property(schema, key);
                own = own.key(key);
            }
            Segment::Index(index) => {
                schema = &schema["items"];
                merged = merged.get(*index).unwrap_or(&Value::Null);
                let name = item_name(merged, schema).filter(|_| patch.is_mapping());
                patch = match name {
                    Some(name) => patch.get(name)?,
                    None => patch.get(*index)?,
                };
                own = name.map_or_else(|| own.index(*index), |name| own.key(name));
            }
        }
    }
    Some(own)
}
