//! The data sets of the paper and two stand-ins: fetch, verify, cache, decode.
//!
//! Three types carry the crate. A [`Name`] says which set. A [`Cache`] is the folder that sets are kept in: it lists, verifies, fetches
//! and loads them. A [`Dataset`] is a set in memory: images as bytes, (N, C, H, W), and labels; scaling pixels is the caller's.
//!
//! ```
//! use datasets::{Cache, Name};
//!
//! let cache = Cache::open(None)?; // the folder TWOSCALE_DATA names, or the user's cache folder
//! let digits = cache.load(Name::Digits)?; // inside the program: needs no file
//! assert_eq!(digits.shape, [1, 8, 8]);
//! assert_eq!(digits.train.images.len(), digits.train.len() * 64);
//! # Ok::<(), datasets::Error>(())
//! ```
//!
//! The paper's sets are files that others publish. Each is checked, in structure and against its published SHA-256, whenever it is
//! loaded, and before a reader sees it: a [`Dataset`] is the set the paper used or it is not returned. What was read is
//! named in [`Dataset::digests`].

mod cache;
pub mod catalogue;
mod check;
mod decode;
mod digits;
mod error;
mod fetch;
mod name;
mod packed;
mod random;
mod set;
mod textures;

pub use cache::{Cache, Row, State};
pub use error::{Error, Fault};
pub use fetch::{Limits, Progress};
pub use name::{Labels, Name};
pub use set::{Dataset, Digest, Split, channel_statistics, digest};
