//! A data set in memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::check::sha256;
use crate::{Error, Labels, Name};

/// Images and labels of one part of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pixels, (N, C, H, W).
    pub images: Arc<[u8]>,
    /// Classes.
    pub labels: Arc<[u32]>,
}

impl Split {
    /// Number of objects N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns `true` where there is no object.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A file that a data set was read from, or the generator that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Path below the data folder, as the official archive unpacks it.
    pub file: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// One digest for a whole set: the SHA-256 of the lines `sha256  file` of its files, as `sha256sum` prints them.
pub fn digest(files: &[Digest]) -> String {
    let lines: String = files.iter().map(|f| format!("{}  {}\n", f.sha256, f.file)).collect();
    sha256(lines.as_bytes())
}

/// A data set in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The set.
    pub name: Name,
    /// Shape of an image, (C, H, W).
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
    /// The files that the set was read from.
    pub digests: Vec<Digest>,
    /// A sentence to print on a figure, where this set stands in for one of the paper's.
    pub stand_in: Option<String>,
}

impl Dataset {
    /// One digest for the whole set, see [`digest`].
    pub fn digest(&self) -> String {
        digest(&self.digests)
    }

    /// Mean and standard deviation of each channel over the training part, see [`channel_statistics`].
    pub fn channel_statistics(&self) -> Vec<(f64, f64)> {
        channel_statistics(&self.train.images, self.shape, self.white)
    }

    /// Returns the same images with the labels that a network is trained on. With [`Labels::Coarse`] the super-classes become the
    /// classes, each its own super-class, so that measures by class and by super-class then agree.
    ///
    /// # Errors
    /// [`Error::NoSuperclasses`] when there are none.
    pub fn with_labels(mut self, labels: Labels) -> Result<Dataset, Error> {
        if labels == Labels::Fine {
            return Ok(self);
        }
        let superclass = self.superclass.ok_or(Error::NoSuperclasses(self.name))?;
        for part in [&mut self.train, &mut self.test] {
            part.labels = part.labels.iter().map(|&class| superclass[class as usize]).collect();
        }
        self.classes = superclass.iter().max().map_or(0, |&last| last as usize + 1);
        self.superclass = Some((0..self.classes as u32).collect());
        Ok(self)
    }
}
/// Mean and standard deviation (dividing by N) of each channel of `images` (N, C, H, W), pixels scaled from 0..`white` to 0..1;
/// `shape` is (C, H, W).
///
/// Whole numbers are summed, so the result depends on no order of addition.
pub fn channel_statistics(images: &[u8], shape: [usize; 3], white: u8) -> Vec<(f64, f64)> {
    let [channels, height, width] = shape;
    let mut sums = vec![(0u64, 0u64, 0u64); channels];
    for (plane, pixels) in images.chunks_exact(height * width).enumerate() {
        let (count, sum, squares) = &mut sums[plane % channels];
        *count += pixels.len() as u64;
        for &pixel in pixels {
            *sum += u64::from(pixel);
            *squares += u64::from(pixel) * u64::from(pixel);
        }
    }
    let white = f64::from(white);
    let of_channel = |(count, sum, squares): (u64, u64, u64)| {
        let n = count.max(1) as f64;
        let mean = sum as f64 / n;
        let variance = (squares as f64 / n - mean * mean).max(0.0);
        (mean / white, variance.sqrt() / white)
    };
    sums.into_iter().map(of_channel).collect()
}
