//! Loading of an experiment file: with the files that it extends, a scale, a variant and the command line's `--set`s it
//! becomes a checked [`Experiment`].
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::catalogue::is_of_paper;
use super::check::{Extent, check};
use super::error::{Diagnostic, Error, Finding, placed, refuse};
use super::file::Experiment;
use super::labels;
use super::layers::{Layer, Merged, Place, path_in};
use super::limits;
use super::locate;
use super::other_training::OtherTraining;
use super::patch::{from_assignment, merge};
use super::path::KeyPath;
use super::schema::{patch_schema, schema, with_schema};
use super::validate;

/// The scale of the paper: the file as it stands.
pub const PAPER: &str = "paper";

/// Files that may extend each other in a chain.
const MAX_CHAIN: usize = 16;

/// Choice of a scale and a variant, and changes of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// A scale; none: [`PAPER`].
    pub scale: Option<String>,
    /// A variant; none: the file as it stands.
    pub variant: Option<String>,
    /// `key=value` patches, laid last.
    pub sets: Vec<String>,
    /// Number of seeds, in place of the file's.
    pub seeds: Option<u64>,
    /// Only these losses are trained; none: all.
    pub only: Vec<String>,
}

impl Choice {
    /// Returns whether the command line changes what the file says: other values, seeds or losses. A scale and a variant are the
    /// file's own words.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.sets.is_empty() || self.seeds.is_some() || !self.only.is_empty()
    }
}

/// An experiment file that was read, with the files that it extends.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as messages name it.
    pub file: String,
    /// The figure's name, from the file's.
    pub name: String,
    /// True for one of the paper's figures in the repository's folder, false for the user's own experiment.
    pub of_paper: bool,
    /// The chain of `extends`, the file itself last.
    files: Vec<File>,
    /// The chain laid over each other.
    value: Value,
    /// Patches that could not be laid.
    unlaid: Vec<Diagnostic>,
    /// Difference from a figure of the paper that the file extends, where it trains another network or on other data.
    pub(super) other: Option<OtherTraining>,
}

/// A file of the chain.
#[derive(Clone, Debug)]
struct File {
    shown: String,
    text: String,
    /// Contents, `extends` left out.
    value: Value,
    extends: Option<String>,
    /// Name of the paper's figure that the file describes; none for any other file.
    figure: Option<String>,
}

impl File {
    fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { file: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        let here = std::env::current_dir().unwrap_or_default();
        let shown = path.strip_prefix(here).unwrap_or(path).display().to_string();
        if size > limits::MAX_BYTES as u64 {
            let reason = format!("the file has {size} bytes, at most {} are read; shorten it", limits::MAX_BYTES);
            return Err(Error::Syntax { file: shown, line: 1, reason });
        }
        Self::parse(shown, std::fs::read_to_string(path).map_err(failed)?)
    }

    fn parse(shown: String, text: String) -> Result<Self, Error> {
        let mut value = limits::parse(&text).map_err(|error| Error::Syntax {
            file: shown.clone(),
            line: error.line,
            reason: error.reason,
        })?;
        let extends = value.get("extends").and_then(Value::as_str).map(str::to_owned);
        if let (Some(_), Some(keys)) = (&extends, value.as_mapping_mut()) {
            let _ = keys.remove("extends");
        }
        Ok(Self { shown, text, value, extends, figure: None })
    }

    fn diagnostic(&self, Finding { path, reason }: Finding) -> Diagnostic {
        let line = locate::line(&self.text, &path).unwrap_or(1);
        Diagnostic { place: format!("{}:{line}", self.shown), path, reason }
    }

    /// Makes an error about the file's `extends`.
    fn refused(&self, reason: String) -> Error {
        Error::Invalid(vec![self.diagnostic(Finding { path: KeyPath::top().key("extends"), reason })])
    }
}

impl Source {
    /// Reads a file and the files that it extends. Each is looked for beside the file that names it, then in `library`, the
    /// folder of the repository's experiments.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Syntax`]; [`Error::Invalid`] where a file that is extended cannot be found or extends the one
    /// that names it.
    pub fn read(path: &Path, library: &Path) -> Result<Self, Error> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let figure = |path: &Path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (is_of_paper(&name) && canonical(folder) == canonical(library)).then_some(name)
        };
        let mut seen = vec![canonical(path)];
        let mut chain = vec![File::read(path)?];
        let mut folder = path.parent().unwrap_or(Path::new("")).to_owned();
        while let Some(file) = chain.last()
            && let Some(wanted) = &file.extends
        {
            let base = base(wanted, &folder, library).map_err(|reason| file.refused(reason))?;
            if seen.contains(&canonical(&base)) {
                return Err(file.refused(format!("`{wanted}` extends this file in its turn; break the circle")));
            }
            if chain.len() == MAX_CHAIN {
                return Err(file.refused(format!("more than {MAX_CHAIN} files extend each other; merge some")));
            }
            seen.push(canonical(&base));
            folder = base.parent().unwrap_or(Path::new("")).to_owned();
            let figure = figure(&base);
            chain.push(File { figure, ..File::read(&base)? });
        }
        chain.reverse();
        Ok(Self { of_paper: figure(path).is_some(), ..Self::of(name, chain) })
    }

    /// Takes the text of a file, which may not extend another.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::Invalid`].
    pub fn parse(file: &str, name: &str, text: String) -> Result<Self, Error> {
        let file = File::parse(file.to_owned(), text)?;
        if file.extends.is_some() {
            return Err(file.refused("a text without a folder cannot extend a file; read it from a file".into()));
        }
        Ok(Self::of(name.to_owned(), vec![file]))
    }

    fn of(name: String, files: Vec<File>) -> Self {
        let mut value = Value::Null;
        let mut unlaid = Vec::new();
        let mut figure = None;
        for (index, file) in files.iter().enumerate() {
            if value.is_mapping() && file.value.is_mapping() {
                let findings = merge(&mut value, &file.value, schema(), &KeyPath::top());
                unlaid.extend(findings.into_iter().map(|finding| file.diagnostic(finding)));
            } else {
                value = file.value.clone();
            }
            if let Some(name) = &file.figure {
                figure = Some((name, value.clone(), &files[index + 1..]));
            }
        }
        let other = figure.and_then(|(name, base, own)| {
            let own: Vec<&Value> = own.iter().map(|file| &file.value).collect();
            OtherTraining::of(name, &base, &value, &own)
        });
        let last = files.last();
        // A file that extends a figure is another figure: it has the name of its own file, unless it says otherwise.
        let named = last.is_some_and(|file| file.value.get("figure").is_some());
        if let (false, Some(keys)) = (named, value.as_mapping_mut()) {
            let extended = keys.insert("figure".into(), name.clone().into());
            if let Some(Value::String(figure)) = extended {
                let paper = keys.entry("paper".into()).or_insert_with(|| Value::Mapping(Mapping::new()));
                if let Some(paper) = paper.as_mapping_mut() {
                    let _ = paper.entry("curves".into()).or_insert(Value::String(figure));
                }
            }
        }
        let file = last.map(|file| file.shown.clone()).unwrap_or_default();
        Self { file, name, of_paper: false, files, value, unlaid, other }
    }

    /// The scales there are, [`PAPER`] first.
    pub fn scales(&self) -> Vec<&str> {
        std::iter::once(PAPER).chain(names(&self.value, "scales")).collect()
    }

    /// The variants there are.
    pub fn variants(&self) -> Vec<&str> {
        names(&self.value, "variants").collect()
    }

    /// The file and those that it extends, laid over each other.
    pub(super) fn value(&self) -> &Value {
        &self.value
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
        findings.extend(labels::twice(&experiment));
        if experiment.figure != self.name {
            let reason = format!("must be the file's name, `{}`, is `{}`", self.name, experiment.figure);
            findings.push(Finding { path: KeyPath::top().key("figure"), reason });
        }
        merged.refuse(findings)?;
        Ok(experiment)
    }

    /// The file with a choice's patches laid over it, checked against the schema.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn merge(&self, choice: &Choice) -> Result<Merged<'_>, Error> {
        self.check_files()?;
        let layers = self.files.iter().enumerate();
        let layers =
            layers.map(|(index, file)| Layer { place: Place::File(index), patch: file.value.clone() }).collect();
        let mut merged = Merged { source: self, layers, value: self.value.clone() };
        // The scale comes after the variant: what makes a run short must hold whatever the variant says.
        merged.lay_named("variants", choice.variant.as_deref())?;
        merged.lay_named("scales", choice.scale.as_deref().filter(|scale| *scale != PAPER))?;
        for set in &choice.sets {
            merged.lay_assignment(&format!("--set {}", limits::shortened(set, MAX_OPTION)), set)?;
        }
        if let Some(seeds) = choice.seeds {
            merged.lay_assignment(&format!("--seeds {seeds}"), &format!("seeds={seeds}"))?;
        }
        if let Some(other) = &self.other {
            other.leave_out_of_paper(&mut merged.value, &self.name);
        }
        let mut findings = check(&merged.value, schema(), &KeyPath::top(), Extent::Whole);
        findings.extend(labels::control_characters(&merged.value));
        merged.refuse(findings)?;
        Ok(merged)
    }

    /// Checks the files and every patch in them against the schema.
    fn check_files(&self) -> Result<(), Error> {
        let extent = if self.files.len() == 1 { Extent::Whole } else { Extent::Patch };
        let mut diagnostics = Vec::new();
        for file in &self.files {
            let findings = self.check_file(&file.value, extent);
            diagnostics.extend(placed(findings, &file.shown, |finding| file.diagnostic(finding)));
        }
        diagnostics.extend(self.unlaid.iter().cloned());
        refuse(diagnostics)?;
        if extent == Extent::Whole {
            return Ok(());
        }
        let findings = check(&self.value, schema(), &KeyPath::top(), Extent::Whole);
        refuse(placed(findings, &self.file, |finding| self.diagnostic(&finding)))
    }

    fn check_file(&self, value: &Value, extent: Extent) -> Vec<Finding> {
        let top = KeyPath::top();
        let mut findings = check(value, schema(), &top, extent);
        findings.extend(labels::control_characters(value));
        let (patches, with) = (patch_schema(), with_schema());
        for key in ["scales", "variants"] {
            for name in names(value, key) {
                findings.extend(check(&value[key][name], &patches, &top.key(key).key(name), Extent::Patch));
            }
        }
        for slug in names(value, "losses") {
            let patch = &value["losses"][slug]["with"];
            findings.extend(check(patch, &with, &top.key("losses").key(slug).key("with"), Extent::Patch));
        }
        findings.extend(self.check_vary(value, &patches));
        if value.get("scales").is_some_and(|scales| scales.get(PAPER).is_some()) {
            let reason = "the scale `paper` is the file itself and cannot be a patch; rename it".to_owned();
            findings.push(Finding { path: top.key("scales").key(PAPER), reason });
        }
        findings
    }

    /// Every value of `vary` as the assignment that it stands for.
    fn check_vary(&self, value: &Value, schema: &serde_json::Value) -> Vec<Finding> {
        let top = KeyPath::top().key("vary");
        let lists = names(value, "vary").filter_map(|key| Some((key, value["vary"][key].as_sequence()?)));
        let values =
            lists.flat_map(|(key, list)| list.iter().enumerate().map(move |(index, value)| (key, index, value)));
        let of_value = |(key, index, value): (&str, usize, &Value)| {
            let path = top.key(key).index(index);
            // JSON is valid YAML on one line.
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

    /// Places a finding at the last file that says what is wrong, or says the nearest thing above it.
    pub(super) fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let reason = finding.reason.clone();
        for length in (1..=finding.path.0.len()).rev() {
            let above = KeyPath(finding.path.0[..length].to_vec());
            let rest = KeyPath(finding.path.0[length..].to_vec());
            for file in self.files.iter().rev() {
                if let Some(own) = path_in(&file.value, &self.value, &above, schema()) {
                    return file.diagnostic(Finding { path: own.join(&rest), reason });
                }
            }
        }
        Diagnostic { place: format!("{}:1", self.file), path: finding.path.clone(), reason }
    }

    /// Places a finding in one file of the chain.
    pub(super) fn diagnostic_in(&self, index: usize, finding: Finding) -> Diagnostic {
        match self.files.get(index) {
            Some(file) => file.diagnostic(finding),
            None => self.diagnostic(&finding),
        }
    }
}

/// Characters of an option that a message repeats.
const MAX_OPTION: usize = 100;

fn names<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    value.get(key).and_then(Value::as_mapping).into_iter().flat_map(|map| map.keys()).filter_map(Value::as_str)
}

/// The file that `extends: wanted` means.
fn base(wanted: &str, folder: &Path, library: &Path) -> Result<PathBuf, String> {
    let candidates = [folder.join(wanted), library.join(wanted)];
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let library = library.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "there is no file `{}` beside this file or in the repository's {library}; name one such as `fig4.yaml` or \
             `base/cifar100-lenet5.yaml`",
            limits::shortened(wanted, MAX_OPTION)
        )
    })
}
