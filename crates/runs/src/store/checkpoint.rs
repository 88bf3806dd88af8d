//! Checkpoints: the state of a run between two steps, from which a stopped run goes on as if it had not been stopped.
//!
//! `<key>.partial/checkpoint` is a safetensors file followed by the 32 bytes of its BLAKE3 digest.
use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::arrays::{Array, Arrays, decode, encode};
use super::error::{Result, StoreError};
use super::{Store, Tensors, columns, disk};
use crate::files;
use crate::record::{History, VERSION};

/// A run between two steps. Random numbers need no state: every stream begins anew at a step or an epoch.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// Seconds spent so far, over all attempts.
    pub wall_seconds: f64,
    /// History so far.
    pub history: History,
    /// The trainer's state after that step.
    pub state: Tensors,
}

/// Metadata at the head of a checkpoint's file.
#[derive(Serialize, Deserialize)]
struct Head {
    key: String,
    version: String,
    device: String,
    step: usize,
    wall_seconds: f64,
}

/// Result of [`Store::load_checkpoint`].
#[derive(Debug)]
pub enum Resume {
    /// Nothing is kept of this run.
    Nothing,
    /// The run goes on from here.
    From(Box<Checkpoint>),
    /// The checkpoint cannot be used (the sentence says why) and was moved to a place of its own; the run begins anew.
    Anew(String),
}

/// File of a checkpoint, in the folder of its run.
const FILE: &str = "checkpoint";
const NOTE: &str = "checkpoint";
const HISTORY: &str = "history.";
const STATE: &str = "state.";

impl Store {
    /// Replaces the checkpoint of `key`. The caller holds the run's [`Lock`](super::Lock).
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub fn save_checkpoint(&self, key: &str, device: &str, checkpoint: &Checkpoint) -> Result<()> {
        let folder = self.partial_folder(key);
        fs::create_dir_all(&folder).map_err(StoreError::file("create", &folder))?;
        let mut arrays: Arrays = columns::history_arrays(&checkpoint.history, HISTORY);
        for (index, (name, tensor)) in checkpoint.state.iter().enumerate() {
            let array = Array::from_tensor(tensor).map_err(|error| StoreError::damaged(&folder, error.to_string()))?;
            // The number keeps the trainer's order, which the file's own order would not.
            arrays.push((format!("{STATE}{index:04}.{name}"), array));
        }
        let head = Head {
            key: key.to_owned(),
            version: VERSION.to_owned(),
            device: device.to_owned(),
            step: checkpoint.step,
            wall_seconds: checkpoint.wall_seconds,
        };
        let head = serde_json::to_string(&head).map_err(|error| StoreError::damaged(&folder, error.to_string()))?;
        let bytes = encode(&arrays, (NOTE, &head)).map_err(|error| StoreError::damaged(&folder, error))?;
        let path = folder.join(FILE);
        files::replace(&path, &[&bytes, blake3::hash(&bytes).as_bytes()]).map_err(StoreError::file("write", &path))
    }

    /// Reads the checkpoint of `key`, if there is one that this version can go on from on `device`: other kernels round
    /// differently, and the record of a resumed run must be the one of an uninterrupted run. A checkpoint that cannot be used is
    /// set aside, not overwritten. The caller holds the run's [`Lock`](super::Lock).
    ///
    /// # Errors
    /// Fails when the checkpoint cannot be read at all: the checkpoint stays, since the error may pass.
    pub fn load_checkpoint(&self, key: &str, device: &str) -> Result<Resume> {
        let folder = self.partial_folder(key);
        let path = folder.join(FILE);
        let why = match fs::read(&path) {
            Ok(bytes) => match Self::decode_checkpoint(&bytes, key, device) {
                Ok(checkpoint) => return Ok(Resume::From(Box::new(checkpoint))),
                Err(why) => why,
            },
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file("read the checkpoint", &path)(error));
            }
            Err(_) if folder.join("checkpoint.safetensors").exists() => {
                "it is of an older version of this program".to_owned()
            }
            // The run was killed before its first checkpoint was in place.
            Err(_) => return self.discard_checkpoint(key).map(|()| Resume::Nothing),
        };
        let aside = self.set_aside(&folder)?;
        Ok(Resume::Anew(format!("{why}; it was moved to {}", aside.display())))
    }

    pub(super) fn decode_checkpoint(bytes: &[u8], key: &str, device: &str) -> std::result::Result<Checkpoint, String> {
        let digest = bytes.len().checked_sub(blake3::OUT_LEN).ok_or("it is cut short")?;
        let (bytes, digest) = bytes.split_at(digest);
        if blake3::hash(bytes).as_bytes() != digest {
            return Err("it is not what was written".to_owned());
        }
        let (arrays, head) = decode(bytes, NOTE)?;
        let head: Head = serde_json::from_str(&head).map_err(|error| error.to_string())?;
        if head.key != key {
            return Err(format!("it belongs to run {}", head.key));
        }
        if head.version != VERSION {
            return Err(format!("it was made by version {} of this program", head.version));
        }
        if head.device != device {
            return Err(format!("it was made on {}, this is {device}", head.device));
        }
        let mut names: Vec<_> = arrays.keys().filter(|name| name.starts_with(STATE)).collect();
        names.sort();
        let mut state = Vec::with_capacity(names.len());
        for name in names {
            let plain = name.get(STATE.len() + 5..).ok_or_else(|| format!("{name} has no number"))?;
            state.push((plain.to_owned(), arrays[name].to_tensor()?));
        }
        let history = columns::history(&arrays, HISTORY)?;
        if history.steps() != head.step {
            return Err(format!("it has {} steps of history after {} steps", history.steps(), head.step));
        }
        Ok(Checkpoint { step: head.step, wall_seconds: head.wall_seconds, history, state })
    }

    /// Removes the checkpoint of `key`, if there is one.
    ///
    /// # Errors
    /// Fails when it cannot be removed.
    pub fn discard_checkpoint(&self, key: &str) -> Result<()> {
        disk::remove(&self.partial_folder(key))
    }

    /// Steps done in the checkpoint of `key`, from the head of its file alone.
    pub(super) fn checkpointed_steps(&self, key: &str) -> Option<usize> {
        let header = read_header(&self.partial_folder(key).join(FILE))?;
        let head: Head = serde_json::from_str(header.metadata.get(NOTE)?).ok()?;
        Some(head.step)
    }
}

/// The metadata in the JSON at the head of a safetensors file.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: HashMap<String, String>,
}

/// Reads the head of a safetensors file: a length (u64) and as many bytes of JSON. The safetensors library reads whole files only.
fn read_header(path: &Path) -> Option<Header> {
    const LONGEST: u64 = 1 << 20;
    let mut file = fs::File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let mut json = Vec::new();
    file.take(u64::from_le_bytes(length).min(LONGEST)).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
