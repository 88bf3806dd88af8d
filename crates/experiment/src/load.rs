//! From the text of an experiment file, a scale, a variant and the command line's `--set`s to a checked [`Experiment`].
use std::path::Path;

use serde_yaml::Value;

use super::check::{Extent, check};
use super::error::{Diagnostic, Error, Finding};
use super::file::Experiment;
use super::patch::{from_assignment, item_name, merge, property};
use super::path::{KeyPath, Segment};
use super::schema::{patch_schema, resolve, schema, with_schema};
use super::{locate, suggest, validate};

/// The scale of the paper: the file as it stands.
pub const PAPER: &str = "paper";

/// What of an experiment is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// A scale; none: [`PAPER`].
    pub scale: Option<String>,
    /// A variant; none: the file's own reading.
    pub variant: Option<String>,
    /// `key=value` patches, laid last.
    pub sets: Vec<String>,
    /// Number of seeds, in place of the file's.
    pub seeds: Option<u64>,
    /// Only these losses are trained; none: all.
    pub only: Vec<String>,
}

/// An experiment file that was read and is YAML.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as messages name it.
    pub file: String,
    /// The figure's name, from the file's.
    pub name: String,
    text: String,
    value: Value,
}

/// An experiment with its patches laid, and where each of them came from.
pub struct Merged<'a> {
    source: &'a Source,
    layers: Vec<Layer>,
    /// The file with every patch laid over it.
    pub value: Value,
}

/// A patch and where it stands.
#[derive(Clone)]
struct Layer {
    place: Place,
    patch: Value,
}

#[derive(Clone)]
enum Place {
    /// Below this path in the file.
    File(KeyPath),
    /// In this option of the command line.
    Option(String),
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Syntax`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { file: path.to_owned(), source })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let here = std::env::current_dir().unwrap_or_default();
        let shown = path.strip_prefix(here).unwrap_or(path).display().to_string();
        Self::parse(&shown, &name, text)
    }

    /// Takes the text of a file.
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn parse(file: &str, name: &str, text: String) -> Result<Self, Error> {
        let value = serde_yaml::from_str(&text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let whole = error.to_string();
            let reason = whole.split(" at line ").next().unwrap_or_default().to_owned();
            Error::Syntax { file: file.to_owned(), line, reason }
        })?;
        Ok(Self { file: file.to_owned(), name: name.to_owned(), text, value })
    }

    /// The scales there are, [`PAPER`] first.
    pub fn scales(&self) -> Vec<&str> {
        std::iter::once(PAPER).chain(self.names("scales")).collect()
    }

    /// The variants there are.
    pub fn variants(&self) -> Vec<&str> {
        self.names("variants").collect()
    }

    fn names(&self, key: &str) -> impl Iterator<Item = &str> {
        self.value.get(key).and_then(Value::as_mapping).into_iter().flat_map(|map| map.keys()).filter_map(Value::as_str)
    }

    /// The experiment with a choice's patches laid over it, checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong with the file, with any of its patches (also those not chosen), or
    /// with the choice.
    pub fn resolve(&self, choice: &Choice) -> Result<Experiment, Error> {
        let merged = self.merge(choice)?;
        let experiment = merged.experiment(&merged.value)?;
        let mut findings = validate::experiment(&experiment);
        if experiment.figure != self.name {
            let reason = format!("must be the file's name, `{}`, is `{}`", self.name, experiment.figure);
            findings.push(Finding { path: KeyPath::top().key("figure"), reason });
        }
        merged.refuse(findings)?;
        Ok(experiment)
    }

    /// The file with a choice's patches laid over it, held to the schema.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn merge(&self, choice: &Choice) -> Result<Merged<'_>, Error> {
        self.check_file()?;
        let base = Layer { place: Place::File(KeyPath::top()), patch: self.value.clone() };
        let mut merged = Merged { source: self, layers: vec![base], value: self.value.clone() };
        // The scale comes after the variant: what makes a run short must hold whatever the variant says.
        merged.lay_named("variants", choice.variant.as_deref())?;
        merged.lay_named("scales", choice.scale.as_deref().filter(|scale| *scale != PAPER))?;
        for set in &choice.sets {
            merged.lay_assignment(&format!("--set {set}"), set)?;
        }
        if let Some(seeds) = choice.seeds {
            merged.lay_assignment(&format!("--seeds {seeds}"), &format!("seeds={seeds}"))?;
        }
        let findings = check(&merged.value, schema(), &KeyPath::top(), Extent::Whole);
        merged.refuse(findings)?;
        Ok(merged)
    }

    /// The file itself and every patch in it against the schema.
    fn check_file(&self) -> Result<(), Error> {
        let top = KeyPath::top();
        let mut findings = check(&self.value, schema(), &top, Extent::Whole);
        let (patches, with) = (patch_schema(), with_schema());
        for key in ["scales", "variants"] {
            for name in self.names(key) {
                findings.extend(check(&self.value[key][name], &patches, &top.key(key).key(name), Extent::Patch));
            }
        }
        for slug in self.names("losses") {
            let patch = &self.value["losses"][slug]["with"];
            findings.extend(check(patch, &with, &top.key("losses").key(slug).key("with"), Extent::Patch));
        }
        findings.extend(self.check_vary(&patches));
        if self.value.get("scales").is_some_and(|scales| scales.get(PAPER).is_some()) {
            let reason = "the scale `paper` is the file itself and cannot be a patch; rename it".to_owned();
            findings.push(Finding { path: top.key("scales").key(PAPER), reason });
        }
        let diagnostics = findings.into_iter().map(|finding| self.diagnostic(finding)).collect();
        refuse(diagnostics)
    }

    /// Every value of `vary` as the assignment that it stands for.
    fn check_vary(&self, schema: &serde_json::Value) -> Vec<Finding> {
        let top = KeyPath::top().key("vary");
        let lists = self.names("vary").filter_map(|key| Some((key, self.value["vary"][key].as_sequence()?)));
        let values =
            lists.flat_map(|(key, list)| list.iter().enumerate().map(move |(index, value)| (key, index, value)));
        let of_value = |(key, index, value): (&str, usize, &Value)| {
            let path = top.key(key).index(index);
            // JSON is YAML on one line.
            let text = serde_json::to_string(value).unwrap_or_default();
            match from_assignment(&format!("{key}={text}"), &self.value, schema) {
                Err(reason) => vec![Finding { path, reason }],
                Ok(patch) => check(&patch, schema, &KeyPath::top(), Extent::Patch)
                    .into_iter()
                    .map(|finding| Finding {
                        path: path.clone(),
                        reason: format!("{}: {}", finding.path, finding.reason),
                    })
                    .collect(),
            }
        };
        values.flat_map(of_value).collect()
    }

    fn diagnostic(&self, Finding { path, reason }: Finding) -> Diagnostic {
        let line = locate::line(&self.text, &path).unwrap_or(1);
        Diagnostic { place: format!("{}:{line}", self.file), path, reason }
    }
}

impl Merged<'_> {
    fn lay_named(&mut self, key: &str, name: Option<&str>) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
        let Some(patch) = self.source.value.get(key).and_then(|patches| patches.get(name)) else {
            let one = key.trim_end_matches('s');
            let names = if key == "scales" { self.source.scales() } else { self.source.variants() };
            let hint = if names.is_empty() { "; it has none".into() } else { suggest::clause(name, names) };
            let reason = format!("`{}` has no {one} `{name}`{hint}", self.source.name);
            return refuse(vec![Diagnostic { place: format!("--{one} {name}"), path: KeyPath::top(), reason }]);
        };
        self.lay(Layer { place: Place::File(KeyPath::top().key(key).key(name)), patch: patch.clone() })
    }

    fn lay_assignment(&mut self, option: &str, assignment: &str) -> Result<(), Error> {
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
            own.lay(Layer { place: Place::File(path), patch })?;
        }
        let experiment = own.experiment(&own.value)?;
        own.refuse(validate::training(&experiment))?;
        Ok(experiment)
    }

    fn experiment(&self, value: &Value) -> Result<Experiment, Error> {
        // `{normal: 0.1}` rather than YAML's `!normal 0.1`.
        serde_yaml::with::singleton_map_recursive::deserialize(value.clone()).map_err(|error| {
            Error::Invalid(vec![self.diagnostic(Finding { path: KeyPath::top(), reason: error.to_string() })])
        })
    }

    fn refuse(&self, findings: Vec<Finding>) -> Result<(), Error> {
        refuse(findings.into_iter().map(|finding| self.diagnostic(finding)).collect())
    }

    /// Places a diagnostic of the merged experiment at the last patch that says what is wrong.
    fn diagnostic(&self, finding: Finding) -> Diagnostic {
        for layer in self.layers.iter().rev() {
            if let Some(path) = path_in(&layer.patch, &self.value, &finding.path, schema()) {
                return self.at(&layer.place, Finding { path, reason: finding.reason });
            }
        }
        self.source.diagnostic(finding)
    }

    fn at(&self, place: &Place, Finding { path, reason }: Finding) -> Diagnostic {
        match place {
            Place::File(prefix) => self.source.diagnostic(Finding { path: prefix.join(&path), reason }),
            Place::Option(option) => Diagnostic { place: option.clone(), path, reason },
        }
    }
}

/// `path` as `patch` writes it, when it says anything about that path; `merged` gives the names of list items.
fn path_in(patch: &Value, merged: &Value, path: &KeyPath, schema: &serde_json::Value) -> Option<KeyPath> {
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

fn refuse(diagnostics: Vec<Diagnostic>) -> Result<(), Error> {
    if diagnostics.is_empty() { Ok(()) } else { Err(Error::Invalid(diagnostics)) }
}
