//! Writing and reading records.
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twoscale::metrics::Evaluation;

use super::arrays::{Array, Arrays, decode, encode};
use super::error::{Result, StoreError};
use super::{Store, Tensors, columns, disk};
use crate::files;
use crate::record::{History, Record, Run, VERSION};

/// Name of the file that makes a folder a record.
pub(super) const RUN: &str = "run.json";
const HISTORY: &str = "history.safetensors";
const EVALUATION: &str = "evaluation.safetensors";
const MODEL: &str = "model.safetensors";

/// Text before the digest of a `run.json`'s own text, in its last line.
const SEAL: &str = ",\n  \"digest\": \"";
/// Text after that digest.
const END: &str = "\"\n}\n";

/// Content of `run.json` without its last line: the run, and the digests of the files beside it.
#[derive(Serialize)]
struct RunFile {
    #[serde(flatten)]
    run: Run,
    /// BLAKE3 of each file, by name.
    files: BTreeMap<String, String>,
}

/// Text of a `run.json`: the last of its entries is the BLAKE3 digest of all text before that entry.
fn seal(file: &RunFile) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(file)?;
    let text = text.trim_end_matches("\n}");
    Ok(format!("{text}{SEAL}{}{END}", blake3::hash(text.as_bytes()).to_hex()))
}

/// Reads the entries of a `run.json` after checking its text against the digest in it.
fn unseal(text: &[u8], folder: &Path) -> Result<serde_json::Map<String, Value>> {
    let damaged = |why: &str| StoreError::damaged(folder, format!("{RUN} {why}"));
    let text = std::str::from_utf8(text).map_err(|_| damaged("is no text"))?;
    let Some((body, end)) = text.rsplit_once(SEAL) else {
        return Err(match serde_json::from_str::<Version>(text) {
            Ok(Version { version }) if version != VERSION => {
                StoreError::OtherVersion { path: folder.to_owned(), found: version }
            }
            Ok(_) => StoreError::OlderFormat { path: folder.to_owned() },
            Err(error) => damaged(&format!("is no record of a run: {error}")),
        });
    };
    if end.strip_suffix(END) != Some(blake3::hash(body.as_bytes()).to_hex().as_str()) {
        return Err(damaged("is not what was written"));
    }
    serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))
}

/// The entry that `run.json` has in every version: another version's record is named as such even when the rest has changed.
#[derive(Deserialize)]
struct Version {
    version: String,
}

impl Store {
    /// Puts a finished run in place: writes a folder beside its place, waits until it is on the disk, and renames it. Removes the
    /// run's checkpoint. Nothing is left of a record that could not be written. The caller holds the run's [`Lock`](super::Lock).
    ///
    /// # Errors
    /// Fails when the store cannot be written, or the record belongs into another store.
    pub fn save(&self, record: &Record, weights: &Tensors) -> Result<()> {
        let run = &record.run;
        let folder = self.folder(&run.key);
        if !self.takes(&run.device) {
            return Err(StoreError::OtherKind { path: folder, found: run.device.clone() });
        }
        let unfinished = disk::unfinished_folder(&self.root, &run.key)?;
        let fresh = unfinished.path();

        let mut evaluation = columns::evaluation_arrays(&record.train, "train.");
        evaluation.extend(columns::evaluation_arrays(&record.test, "test."));
        let weights: candle_core::Result<Arrays> =
            weights.iter().map(|(name, tensor)| Ok((name.clone(), Array::from_tensor(tensor)?))).collect();
        let weights = weights.map_err(|error| StoreError::damaged(fresh, error.to_string()))?;
        let contents =
            [(HISTORY, columns::history_arrays(&record.history, "")), (EVALUATION, evaluation), (MODEL, weights)];

        let mut files = BTreeMap::new();
        for (name, arrays) in &contents {
            let bytes = encode(arrays, ("key", &run.key)).map_err(|error| StoreError::damaged(fresh, error))?;
            disk::write_synced(&fresh.join(name), &bytes)?;
            files.insert((*name).to_owned(), blake3::hash(&bytes).to_hex().to_string());
        }
        let json = seal(&RunFile { run: run.clone(), files })
            .map_err(|error| StoreError::damaged(fresh, error.to_string()))?;
        disk::write_synced(&fresh.join(RUN), json.as_bytes())?;
        files::sync_folder(fresh);
        match disk::rename(fresh, &folder) {
            Ok(()) => drop(unfinished.keep()),
            // Without locks that hold, another process may have trained the same run: the first record stays.
            Err(_) if self.verify(&run.key).is_ok() => {}
            Err(error) => return Err(error),
        }
        self.forget_failures(&run.key)?;
        self.discard_checkpoint(&run.key)
    }

    /// Reads `run.json` of a finished run, checked against its digest and its key. Does not look at the files beside it.
    ///
    /// # Errors
    /// Fails when there is no such record, or it is damaged, of another version, or of another kind of trainer.
    pub fn run(&self, key: &str) -> Result<Run> {
        Ok(self.run_file(key)?.run)
    }

    /// Reads the whole record of a finished run, every file checked against its digest, the weights too, though they are not
    /// returned.
    ///
    /// # Errors
    /// Fails as [`Store::run`] does.
    pub fn load(&self, key: &str) -> Result<Record> {
        let file = self.run_file(key)?;
        verify_file(&self.folder(key), MODEL, file.files.get(MODEL))?;
        let history = self.history_of(&file)?;
        let (train, test) = self.evaluation_of(&file)?;
        Ok(Record { run: file.run, history, train, test })
    }

    /// Checks every file of a record against its digest.
    ///
    /// # Errors
    /// Fails as [`Store::run`] does.
    pub fn verify(&self, key: &str) -> Result<()> {
        self.load(key).map(drop)
    }

    /// Reads the history alone of a finished run, enough for figures of the course of training.
    ///
    /// # Errors
    /// Fails as [`Store::run`] does.
    pub fn history(&self, key: &str) -> Result<History> {
        self.history_of(&self.run_file(key)?)
    }

    /// Reads the final weights and scales of a finished run, by name, sorted.
    ///
    /// # Errors
    /// Fails as [`Store::run`] does.
    pub fn weights(&self, key: &str) -> Result<Tensors> {
        let file = self.run_file(key)?;
        self.read(&file, MODEL, |arrays| {
            let mut tensors = Vec::with_capacity(arrays.len());
            for (name, array) in arrays {
                tensors.push((name.clone(), array.to_tensor()?));
            }
            tensors.sort_by(|(left, _), (right, _)| left.cmp(right));
            Ok(tensors)
        })
    }

    fn history_of(&self, file: &RunFile) -> Result<History> {
        self.read(file, HISTORY, |arrays| columns::history(arrays, ""))
    }

    fn evaluation_of(&self, file: &RunFile) -> Result<(Evaluation, Evaluation)> {
        self.read(file, EVALUATION, |arrays| {
            Ok((columns::evaluation(arrays, "train.")?, columns::evaluation(arrays, "test.")?))
        })
    }

    fn run_file(&self, key: &str) -> Result<RunFile> {
        let folder = self.folder(key);
        let path = folder.join(RUN);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: folder });
            }
            other => other.map_err(StoreError::file("read", &path))?,
        };
        let damaged = |error: serde_json::Error| StoreError::damaged(&folder, format!("{RUN}: {error}"));
        let mut entries = unseal(&text, &folder)?;
        if let Some(Value::String(version)) = entries.get("version")
            && version != VERSION
        {
            return Err(StoreError::OtherVersion { path: folder, found: version.clone() });
        }
        entries.remove("digest");
        let files = serde_json::from_value(entries.remove("files").unwrap_or_default()).map_err(damaged)?;
        let file = RunFile { run: serde_json::from_value(Value::Object(entries)).map_err(damaged)?, files };
        let own = file.run.spec.key();
        if file.run.key != key || own != key {
            return Err(StoreError::damaged(&folder, format!("{RUN} is of run {own}, called {}", file.run.key)));
        }
        if !self.takes(&file.run.device) {
            return Err(StoreError::OtherKind { path: folder, found: file.run.device });
        }
        Ok(file)
    }

    /// Reads one of a record's files and gives its arrays to `take`.
    fn read<T>(
        &self,
        file: &RunFile,
        name: &str,
        take: impl FnOnce(&HashMap<String, Array>) -> std::result::Result<T, String>,
    ) -> Result<T> {
        let folder = self.folder(&file.run.key);
        let bytes = read_checked(&folder, name, file.files.get(name))?;
        decode(&bytes, "key")
            .and_then(|(arrays, _)| take(&arrays))
            .map_err(|error| StoreError::damaged(&folder, format!("{name}: {error}")))
    }
}

/// Checks a file that is not needed, without keeping it in memory: weights may be large.
fn verify_file(folder: &Path, name: &str, digest: Option<&String>) -> Result<()> {
    let path = folder.join(name);
    let mut hasher = blake3::Hasher::new();
    let read = File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
    compare(folder, name, read.map(|_| hasher.finalize()), digest)
}

/// Compares the digest of what was read with the one that was kept.
fn compare(folder: &Path, name: &str, found: std::io::Result<blake3::Hash>, kept: Option<&String>) -> Result<()> {
    let found = match found {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::damaged(folder, format!("{name} is missing")));
        }
        other => other.map_err(StoreError::file("read", &folder.join(name)))?,
    };
    if kept.is_none_or(|kept| found.to_hex().as_str() != kept) {
        return Err(StoreError::damaged(folder, format!("{name} is not what was written")));
    }
    Ok(())
}

/// Reads a file that has this digest.
fn read_checked(folder: &Path, name: &str, digest: Option<&String>) -> Result<Vec<u8>> {
    let read = fs::read(folder.join(name));
    let (found, bytes) = match read {
        Ok(bytes) => (Ok(blake3::hash(&bytes)), bytes),
        Err(error) => (Err(error), Vec::new()),
    };
    compare(folder, name, found, digest)?;
    Ok(bytes)
}
