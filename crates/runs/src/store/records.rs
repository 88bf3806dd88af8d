//! Writing and reading records.
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use twoscale::metrics::Evaluation;

use super::arrays::{Array, Arrays, decode, encode};
use super::error::{Result, StoreError};
use super::{Store, Tensors, columns, disk};
use crate::record::{History, Record, Run, VERSION};

const HISTORY: &str = "history.safetensors";
const EVALUATION: &str = "evaluation.safetensors";
const MODEL: &str = "model.safetensors";

/// `run.json`: the run, and the digests of the files beside it.
#[derive(Serialize, Deserialize)]
struct RunFile {
    #[serde(flatten)]
    run: Run,
    /// BLAKE3 of each file, by name.
    files: BTreeMap<String, String>,
}

/// The least that every version's `run.json` has: read first, so that another version's record is named as such even
/// when the rest has changed its shape.
#[derive(Deserialize)]
struct Version {
    version: String,
}

impl Store {
    /// Puts a finished run in place: writes its folder beside, waits until it is on the disk, and renames it. Removes the
    /// run's checkpoint. To be called with the run's [`Lock`](super::Lock) held.
    ///
    /// # Errors
    /// When the store cannot be written, or the record belongs into another store.
    pub fn save(&self, record: &Record, weights: &Tensors) -> Result<()> {
        let run = &record.run;
        let folder = self.folder(&run.key);
        if !self.takes(&run.device) {
            return Err(StoreError::OtherKind { path: folder, found: run.device.clone() });
        }
        let fresh = self.root.join(format!("{}.new", run.key));
        disk::remove_folder(&fresh)?;
        fs::create_dir_all(&fresh).map_err(StoreError::file("create", &fresh))?;

        let mut evaluation = columns::evaluation_arrays(&record.train, "train.");
        evaluation.extend(columns::evaluation_arrays(&record.test, "test."));
        let weights: candle_core::Result<Arrays> =
            weights.iter().map(|(name, tensor)| Ok((name.clone(), Array::from_tensor(tensor)?))).collect();
        let weights = weights.map_err(|error| StoreError::damaged(&fresh, error.to_string()))?;
        let contents =
            [(HISTORY, columns::history_arrays(&record.history, "")), (EVALUATION, evaluation), (MODEL, weights)];

        let mut files = BTreeMap::new();
        for (name, arrays) in &contents {
            let bytes = encode(arrays, ("key", &run.key)).map_err(|error| StoreError::damaged(&fresh, error))?;
            disk::write_synced(&fresh.join(name), &bytes)?;
            files.insert((*name).to_owned(), blake3::hash(&bytes).to_hex().to_string());
        }
        let run_file = RunFile { run: run.clone(), files };
        let mut json =
            serde_json::to_vec_pretty(&run_file).map_err(|error| StoreError::damaged(&fresh, error.to_string()))?;
        json.push(b'\n');
        disk::write_synced(&fresh.join("run.json"), &json)?;
        disk::sync_folder(&fresh);
        disk::rename(&fresh, &folder)?;
        self.discard_checkpoint(&run.key)
    }

    /// `run.json` of a finished run. Does not look at the files beside it.
    ///
    /// # Errors
    /// When there is no such record, or it is damaged, of another version, or of another kind of trainer.
    pub fn run(&self, key: &str) -> Result<Run> {
        Ok(self.run_file(key)?.run)
    }

    /// The whole record of a finished run, every file checked against its digest.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn load(&self, key: &str) -> Result<Record> {
        let file = self.run_file(key)?;
        let history = self.history_of(&file)?;
        let (train, test) = self.evaluation_of(&file)?;
        Ok(Record { run: file.run, history, train, test })
    }

    /// The history alone of a finished run: what figures of the course of training need.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn history(&self, key: &str) -> Result<History> {
        self.history_of(&self.run_file(key)?)
    }

    /// The final weights and scales of a finished run, by name, sorted.
    ///
    /// # Errors
    /// As [`Store::run`].
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
        let path = folder.join("run.json");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: folder });
            }
            other => other.map_err(StoreError::file("read", &path))?,
        };
        let damaged = |error: serde_json::Error| StoreError::damaged(&folder, format!("run.json: {error}"));
        let Version { version } = serde_json::from_slice(&text).map_err(damaged)?;
        if version != VERSION {
            return Err(StoreError::OtherVersion { path: folder, found: version });
        }
        let file: RunFile = serde_json::from_slice(&text).map_err(damaged)?;
        if file.run.key != key {
            return Err(StoreError::damaged(&folder, format!("run.json belongs to run {}", file.run.key)));
        }
        if !self.takes(&file.run.device) {
            return Err(StoreError::OtherKind { path: folder, found: file.run.device });
        }
        Ok(file)
    }

    /// Reads one of a record's files and lets `take` take what it needs from it.
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

/// A file's bytes, when they have this digest.
fn read_checked(folder: &Path, name: &str, digest: Option<&String>) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::damaged(folder, format!("{name} is missing")));
        }
        other => other.map_err(StoreError::file("read", &path))?,
    };
    if digest.is_none_or(|digest| blake3::hash(&bytes).to_hex().as_str() != digest) {
        return Err(StoreError::damaged(folder, format!("{name} is not what was written")));
    }
    Ok(bytes)
}
