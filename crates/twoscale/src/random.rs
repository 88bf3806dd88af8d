//! Every random number of a run comes from one of these streams: one stream per purpose, so that (say) more layers do
//! not change the order of the batches.
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

/// Purpose of a stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights; index = position of the parameter.
    Initialisation = 1,
    /// Order of the training objects; index = epoch.
    Shuffle = 2,
    /// Random crops of training images; index = step.
    Crop = 3,
    /// Synthetic data; index = class or object.
    Synthesis = 4,
    /// Splitting a data set into training and test part.
    Split = 5,
    /// Random test inputs and everything else that is no part of a run.
    Other = 6,
    /// Random mirroring of training images; index = step.
    Flip = 7,
    /// Squares cut out of training images; index = step.
    Cutout = 8,
}

/// The stream of `seed` for one purpose; `index` separates streams of one purpose (see [`Purpose`]). Streams are stateless:
/// a resumed run asks for the same stream again.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha12Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    key[24..].copy_from_slice(b"twoscale");
    ChaCha12Rng::from_seed(key)
}
