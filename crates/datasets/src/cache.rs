//! Folder of the data sets, with functions that list, check and load the sets.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::catalogue::{Catalogue, Packing, Source};
use crate::error::{Error, Fault};
use crate::fetch::Limits;
use crate::{Dataset, Digest, Labels, Name, check, decode, digits, packed, textures};

/// A folder of data sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder; below it, every set lies as its official archive unpacks it: `mnist/*.gz`, `cifar-10-batches-bin/`,
    /// `cifar-100-binary/`.
    pub root: PathBuf,
    /// Files and addresses of the sets.
    pub catalogue: Catalogue,
    /// Bounds on the time of a download.
    pub limits: Limits,
}

/// State of a set in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The set is inside the program: nothing to fetch.
    Embedded,
    /// The program makes the set: nothing to fetch.
    Generated,
    /// All files are there and right.
    Ready,
    /// Some files are missing.
    Missing,
    /// A file is wrong, or cannot be read; the sentence names the file, the reason and what to do.
    Damaged(String),
}

/// A line of the listing of all sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The set.
    pub name: Name,
    /// State of the set.
    pub state: State,
    /// Bytes of its files on disk, or of the embedded file.
    pub bytes: u64,
    /// One digest for the whole set, as published ([`crate::digest`]).
    pub digest: String,
    /// Folder of the set; `None` for the stand-ins.
    pub place: Option<PathBuf>,
}

impl Cache {
    /// Opens the cache in `dir`; where `dir` is `None`, in the folder that the environment's `TWOSCALE_DATA` names, or else in the user's
    /// cache folder. The folder need not exist.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when there is none of the three.
    pub fn open(dir: Option<PathBuf>) -> Result<Cache, Error> {
        let named = |text: OsString| (!text.is_empty()).then(|| PathBuf::from(text));
        let user = || directories::BaseDirs::new().map(|dirs| dirs.cache_dir().join("twoscale"));
        let root = dir.or_else(|| env::var_os("TWOSCALE_DATA").and_then(named)).or_else(user).ok_or(Error::NoFolder)?;
        Ok(Cache::at(root))
    }

    /// Returns the cache in `root`, with the official catalogue.
    pub fn at(root: impl Into<PathBuf>) -> Cache {
        Cache { root: root.into(), catalogue: Catalogue::official(), limits: Limits::default() }
    }

    /// Checks and reads a set. The files of a set on disk are checked against their published SHA-256 every time: the check takes
    /// about a tenth of a second, and a note that it was done could be wrong.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Damaged`] with what to do; [`Error::NotInCache`] for [`Name::Files`].
    pub fn load(&self, name: Name) -> Result<Dataset, Error> {
        let Some(source) = self.catalogue.source(name) else {
            return match name {
                Name::Textures => Ok(textures::load()),
                Name::Digits => digits::load(),
                _ => Err(Error::NotInCache(name)),
            };
        };
        self.check(source)?;
        decode::read(source, &self.folder(source))
    }

    /// Loads a set ([`Cache::load`]) and chooses its labels ([`Dataset::with_labels`]).
    ///
    /// # Errors
    /// Fails as either of them does.
    pub fn load_with(&self, name: Name, labels: Labels) -> Result<Dataset, Error> {
        // Refuses before two hundred megabytes are read.
        if labels == Labels::Coarse && name.superclasses().is_none() {
            return Err(Error::NoSuperclasses(name));
        }
        self.load(name)?.with_labels(labels)
    }

    /// Checks every file of a set and returns the digests. Stand-ins are made and their bytes hashed.
    ///
    /// # Errors
    /// Fails as [`Cache::load`] does.
    pub fn verify(&self, name: Name) -> Result<Vec<Digest>, Error> {
        match self.catalogue.source(name) {
            Some(source) => self.check(source).map(|()| decode::digests(source)),
            None => Ok(self.load(name)?.digests),
        }
    }

    /// State of a set, from a full check of its files.
    pub fn state(&self, name: Name) -> State {
        let Some(source) = self.catalogue.source(name) else {
            return if name == Name::Digits { State::Embedded } else { State::Generated };
        };
        match self.check(source) {
            Ok(()) => State::Ready,
            Err(Error::Missing { .. }) => State::Missing,
            Err(error) => State::Damaged(error.to_string()),
        }
    }

    /// A line for every set.
    pub fn list(&self) -> Vec<Row> {
        Name::ALL.into_iter().map(|name| self.row(name)).collect()
    }

    /// The line of one set.
    pub fn row(&self, name: Name) -> Row {
        let state = self.state(name);
        match self.catalogue.source(name) {
            Some(source) => {
                let dir = self.folder(source);
                let size = |file: &str| fs::metadata(dir.join(file)).map_or(0, |m| m.len());
                let files = source.files.iter();
                let bytes = files.map(|f| size(&f.file) + f.packed.as_ref().map_or(0, |p| size(&p.file))).sum();
                Row { name, state, bytes, digest: crate::digest(&decode::digests(source)), place: Some(dir) }
            }
            None => {
                let (bytes, digests) = match name {
                    Name::Digits => (digits::FILE.len() as u64, digits::digests()),
                    Name::Textures => (0, textures::digests()),
                    _ => (0, Vec::new()),
                };
                Row { name, state, bytes, digest: crate::digest(&digests), place: None }
            }
        }
    }

    /// Folder of a set.
    pub(crate) fn folder(&self, source: &Source) -> PathBuf {
        self.root.join(&source.folder)
    }

    /// Checks that every file is there and right. A file that lies there both packed and unpacked must be right in both forms:
    /// the damaged form would be read once the other is removed.
    pub(crate) fn check(&self, source: &Source) -> Result<(), Error> {
        let dir = self.folder(source);
        let mut missing = Vec::new();
        for file in &source.files {
            let plain = dir.join(&file.file);
            let there = plain.exists();
            if there {
                check::file(source, file, &plain)?;
            }
            match &file.packed {
                Some(gzip) if dir.join(&gzip.file).exists() => packed::check(source, file, gzip, &dir, there)?,
                _ if there => {}
                _ => missing.push(source.below(file.published())),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if let Some(path) = pickle(&dir, source) {
            return Err(Error::Damaged { name: source.name, path, fault: Fault::Pickle });
        }
        let hint = self.hint(source);
        Err(Error::Missing { name: source.name, root: self.root.clone(), files: missing, hint })
    }

    /// Says what lies in the place of the set, as the rest of a sentence; may be empty.
    fn hint(&self, source: &Source) -> String {
        let python = match source.name {
            Name::Cifar10 => "cifar-10-batches-py",
            _ => "cifar-100-python",
        };
        let Packing::Archive { file: archive, .. } = &source.packing else {
            return if self.is_the_folder(source) { self.one_too_deep() } else { String::new() };
        };
        if self.is_the_folder(source) {
            self.one_too_deep()
        } else if self.root.join(python).exists() {
            format!(" ({python}/ is the Python version of the set, and the binary version, {archive}, is needed)")
        } else if self.root.join(archive).exists() {
            format!(" ({archive} is there and still packed, and will be used instead of a download)")
        } else {
            String::new()
        }
    }

    fn is_the_folder(&self, source: &Source) -> bool {
        source.files.iter().any(|f| self.root.join(&f.file).exists() || self.root.join(f.published()).exists())
    }

    fn one_too_deep(&self) -> String {
        let parent = self.root.parent().unwrap_or(Path::new("its parent"));
        format!(" (the files lie in the data folder itself: name {} instead)", parent.display())
    }
}

/// Finds a file of CIFAR's Python version in the folder of the binary version, under its own name (`data_batch_1`, `train`).
fn pickle(dir: &Path, source: &Source) -> Option<PathBuf> {
    let stems = source.files.iter().filter_map(|f| f.file.strip_suffix(".bin"));
    stems.map(|stem| dir.join(stem)).find(|path| path.is_file())
}
