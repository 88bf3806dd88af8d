//! The data sets of the paper, two stand-ins and own sets from files: fetch, verify, cache, decode.
//!
//! The crate has four main types. A [`Name`] names a set. A [`Cache`] is the folder of the published sets: it lists, verifies, fetches
//! and loads them. [`Files`] are `.npy` files of the user's own. A [`Dataset`] is a set in memory: images as bytes, (N, C, H, W), and
//! labels; the scaling of pixels is the caller's.
//!
//! ```
//! use datasets::{Cache, Name};
//!
//! let cache = Cache::open(None)?; // the folder TWOSCALE_DATA names, or the user's cache folder
//! let digits = cache.load(Name::Digits)?; // inside the program: no file is needed
//! assert_eq!(digits.shape, [1, 8, 8]);
//! assert_eq!(digits.train.images.len(), digits.train.len() * 64);
//! # Ok::<(), datasets::Error>(())
//! ```
//!
//! The paper's sets are published files. Each file is checked, in structure and against its published SHA-256, whenever it is
//! loaded and before a reader sees it: a [`Dataset`] is the set that the paper used, or an error is returned. [`Dataset::digests`]
//! names the files that were read. A download is bounded in bytes, time and retries ([`Limits`]).

mod cache;
pub mod catalogue;
mod check;
mod decode;
mod digits;
mod error;
mod fetch;
mod files;
mod name;
mod npy;
mod packed;
mod random;
mod set;
mod textures;

pub use cache::{Cache, Row, State};
pub use error::{Error, Fault};
pub use fetch::{Limits, Progress};
pub use files::{Files, TEST_SHARE, TestPart};
pub use name::{Labels, Name};
pub use set::{Dataset, Digest, Split, channel_statistics, digest};
