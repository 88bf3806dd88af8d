//! Own data sets: `data: {set: files, images: x.npy, labels: y.npy}`.
use std::path::{Path, PathBuf};

use datasets::{Files, Labels, Name, TEST_SHARE, TestPart};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::DataSpec;

/// The labels of a data set: `fine` (the classes) or `coarse` (the super-classes); with `set: files` the path of a `.npy` file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LabelSource {
    /// Labels that come with the set.
    Set(Labels),
    /// A `.npy` file of whole numbers, relative to the experiment file.
    File(String),
}

impl Default for LabelSource {
    fn default() -> Self {
        Self::Set(Labels::default())
    }
}

impl From<Labels> for LabelSource {
    fn from(labels: Labels) -> Self {
        Self::Set(labels)
    }
}

/// The folder that paths of a specification begin in. Decides where files are looked for and nothing else: the folder is neither
/// written nor compared, so that two machines give a run the same key.
#[derive(Clone, Debug, Default)]
pub struct Folder(pub PathBuf);

impl PartialEq for Folder {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Files of an own data set that were looked at.
#[derive(Clone, Debug)]
pub struct Settled {
    files: Files,
    digest: String,
    images: [usize; 3],
}

/// A key of `data` and what is wrong with its value.
pub type DataFinding = (&'static str, String);

impl DataSpec {
    /// A data set by its name alone, everything else at its default.
    #[must_use]
    pub fn of(set: Name) -> Self {
        Self {
            set,
            labels: LabelSource::default(),
            images: None,
            test_images: None,
            test_labels: None,
            test_share: None,
            sha256: None,
            folder: Folder::default(),
            input: crate::spec::Input::default(),
            train: None,
            test: None,
            augmentation: None,
        }
    }

    /// The part of the specification that decides what is loaded; what is made of the loaded set is at its default.
    #[must_use]
    pub fn source(&self) -> Self {
        Self {
            labels: self.labels.clone(),
            images: self.images.clone(),
            test_images: self.test_images.clone(),
            test_labels: self.test_labels.clone(),
            test_share: self.test_share,
            sha256: self.sha256.clone(),
            folder: self.folder.clone(),
            ..Self::of(self.set)
        }
    }

    /// Classes or super-classes; classes for a set of files.
    #[must_use]
    pub fn label_kind(&self) -> Labels {
        match self.labels {
            LabelSource::Set(labels) => labels,
            LabelSource::File(_) => Labels::Fine,
        }
    }

    /// The files of an own data set; `None` for any other set, and where a file is not named.
    #[must_use]
    pub fn files(&self) -> Option<Files> {
        let (Name::Files, Some(images), LabelSource::File(labels)) = (self.set, &self.images, &self.labels) else {
            return None;
        };
        let test = match (&self.test_images, &self.test_labels) {
            (Some(images), Some(labels)) => TestPart::Files { images: images.clone(), labels: labels.clone() },
            _ => TestPart::Share(self.test_share.unwrap_or(TEST_SHARE)),
        };
        Some(Files { folder: self.folder.0.clone(), images: images.clone(), labels: labels.clone(), test })
    }

    /// The mistakes in the labels and the names of files.
    #[must_use]
    pub fn source_findings(&self) -> Vec<DataFinding> {
        let mut findings: Vec<DataFinding> = Vec::new();
        let named = [
            ("images", self.images.as_ref()),
            ("test-images", self.test_images.as_ref()),
            ("test-labels", self.test_labels.as_ref()),
            ("sha256", self.sha256.as_ref()),
        ];
        if self.set != Name::Files {
            let given = named.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| *key);
            let given = given.chain(self.test_share.map(|_| "test-share"));
            findings
                .extend(given.map(|key| (key, "goes with `set: files` only; leave it out (`null` in a patch)".into())));
            match &self.labels {
                LabelSource::File(word) => {
                    findings.push(("labels", format!("is `{word}`; {} has labels `fine` or `coarse`", self.set)));
                }
                LabelSource::Set(Labels::Coarse) if self.set.superclasses().is_none() => {
                    findings.push(("labels", "only cifar-100 and textures have coarse labels".into()));
                }
                LabelSource::Set(_) => {}
            }
            return findings;
        }
        let mut require = |holds: bool, key: &'static str, reason: &str| {
            if !holds {
                findings.push((key, reason.into()));
            }
        };
        require(self.images.is_some(), "images", "is missing: the .npy file of the images");
        let labels = match &self.labels {
            LabelSource::File(path) => Some(path),
            LabelSource::Set(_) => None,
        };
        require(labels.is_some(), "labels", "must be the .npy file of the labels");
        let both = self.test_images.is_some() == self.test_labels.is_some();
        require(both, "test-images", "test-images and test-labels go together: give both or neither");
        let alone = self.test_share.is_none() || self.test_images.is_none();
        require(alone, "test-share", "give either files for testing or a share, not both");
        let share = self.test_share.unwrap_or(TEST_SHARE);
        require(share > 0.0 && share < 1.0, "test-share", "must be above 0 and below 1");
        for (key, path) in named.into_iter().chain([("labels", labels)]) {
            let is_file = path.is_none_or(|path| key == "sha256" || path.ends_with(".npy"));
            require(is_file, key, "must be a .npy file, as numpy.save writes it");
        }
        findings
    }

    /// Notes where the files of an own data set lie and the digest of their content, which then counts in the key of every run: other
    /// content under the same names is another training. Returns the size (C, H, W) of their images; does nothing to another set.
    /// `known` holds what was already computed.
    ///
    /// # Errors
    /// A file that cannot be read; a content that is not the one that `sha256` asks for.
    pub fn settle(&mut self, folder: &Path, known: &mut Vec<Settled>) -> Result<Option<[usize; 3]>, DataFinding> {
        self.folder = Folder(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        let Some(files) = self.files() else { return Ok(None) };
        let Settled { digest: found, images, .. } = match known.iter().find(|settled| settled.files == files) {
            Some(settled) => settled.clone(),
            None => {
                let failed = |error: datasets::Error| ("images", error.to_string());
                let images = files.image_size().map_err(failed)?;
                let digest = datasets::digest(&files.digests().map_err(failed)?);
                known.push(Settled { files, digest, images });
                known[known.len() - 1].clone()
            }
        };
        match self.sha256.replace(found.clone()) {
            Some(expected) if expected != found => Err((
                "sha256",
                format!("the files have the digest {found}; other files are meant, or the digest is old"),
            )),
            _ => Ok(Some(images)),
        }
    }
}
