//! The data sets of the paper and two stand-ins: fetch, verify, cache, decode.
//!
//! A [`Dataset`] holds its images as bytes, (N, C, H, W), and its labels; scaling is the caller's.
#![warn(missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Name {
    /// MNIST, 28x28, 10 classes.
    #[serde(rename = "mnist")]
    Mnist,
    /// CIFAR-10, 3x32x32, 10 classes.
    #[serde(rename = "cifar-10")]
    Cifar10,
    /// CIFAR-100, 3x32x32, 100 classes in 20 super-classes.
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// Embedded: the UCI optical digits, 8x8, 10 classes.
    #[serde(rename = "digits")]
    Digits,
    /// Synthetic: textured shapes, 3x32x32, 100 classes in 20 super-classes.
    #[serde(rename = "textures")]
    Textures,
}

/// Which labels a network is trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// The classes.
    #[default]
    Fine,
    /// The super-classes, as classes of their own.
    Coarse,
}

/// Images and labels of one part of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pixels, (N, C, H, W).
    pub images: Arc<[u8]>,
    /// Classes.
    pub labels: Arc<[u32]>,
}

/// A file that a data set was read from, or the generator that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Path below the data folder, as the official archive unpacks it.
    pub file: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A data set in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Which.
    pub name: Name,
    /// (C, H, W).
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Super-class of every class, where the set has super-classes.
    pub superclass: Option<Arc<[u32]>>,
    /// The largest pixel value: 255, or 16 for the digits.
    pub white: u8,
    /// Training part.
    pub train: Split,
    /// Test part.
    pub test: Split,
    /// What it was read from.
    pub digests: Vec<Digest>,
    /// What to say on the face of a figure, where this is not one of the paper's data sets.
    pub stand_in: Option<String>,
}

/// Where data sets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder.
    pub root: PathBuf,
}
