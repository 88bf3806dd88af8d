//! `figures/data/figN.json`: how a figure was made and what its claims come to.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use experiment::PlanDigest;

use crate::claims::Judgement;
use crate::figure::Caption;

/// The published numbers of a figure besides its curves. Two runs of the same experiment on the
/// same kind of machine give the same document: it has no times and no host names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Document {
    /// Name of the figure: `fig13`, or `fig9-coarse` for a variant.
    pub figure: String,
    /// Title of the figure.
    pub title: String,
    /// Scale of the runs; verdicts at other scales than `paper` say nothing about the paper.
    pub scale: String,
    /// Version of this crate.
    pub version: String,
    /// Files of the data set, or the generator that stands in for them.
    pub data: Vec<DataFile>,
    /// Digest of the plan of the document; none in documents that do not say, which are never taken for current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanDigest>,
    /// BLAKE3 digest, hexadecimal, of the table `figN.csv` that belongs to the document.
    #[serde(default)]
    pub table: String,
    /// Options of loss, network, optimiser and schedule.
    pub settings: Value,
    /// Settings about which the paper's text is silent.
    #[serde(default)]
    pub assumptions: BTreeMap<String, Value>,
    /// Settings that contradict the paper's text.
    #[serde(default)]
    pub departures: BTreeMap<String, Value>,
    /// True where the paper's curves of this figure helped to choose the assumptions.
    #[serde(default, rename = "in_sample")]
    pub in_sample: bool,
    /// Seeds averaged, by loss.
    pub seeds: BTreeMap<String, usize>,
    /// (seed, step) of the runs that diverged, by loss.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diverged: BTreeMap<String, Vec<(u64, usize)>>,
    /// Caption of the figure. Documents of older versions call it `face`.
    #[serde(alias = "face")]
    pub caption: Caption,
    /// The claims, judged.
    pub claims: Vec<Judgement>,
}

impl Document {
    /// Name of the variant, behind the dash in the figure's name; none for the file's own assumptions.
    pub fn variant(&self) -> Option<&str> {
        self.figure.split_once('-').map(|(_, variant)| variant)
    }

    /// Name of the set of assumptions, for tables that compare sets.
    pub fn set(&self) -> &str {
        self.variant().unwrap_or("as published")
    }
}

/// A file of a data set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataFile {
    /// Path below the data folder.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub digest: String,
}
