//! A data set from the user's own `.npy` files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::npy::{self, Array, axes};
use crate::random::Stream;
use crate::{Dataset, Digest, Error, Name, Split};

/// The share of the objects that is kept for testing where no test files are named.
pub const TEST_SHARE: f64 = 0.2;
/// Seed of the order in which objects are split: the split of a set is the same in every run.
const SPLIT_SEED: u64 = 2021;
/// Most classes of a set.
const CLASSES: usize = 100_000;

/// The files of an own data set.
///
/// **Images**: an array of bytes (`uint8`), a pixel p is p/255 on [0, 1]. Four axes are (N, C, H, W), unless the last axis is at most 4
/// long and the second is longer: then (N, H, W, C). Three axes are (N, H, W), one channel. Two axes are (N, W): rows of W numbers.
///
/// **Labels**: an array (N) or (N, 1) of whole numbers of any width; the classes are numbered from 0 without gaps.
///
/// **Test part**: either files of its own, or a share of the objects, drawn at random, by the same order in every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// Folder that relative paths begin in.
    pub folder: PathBuf,
    /// Training images, or all images where the test part is a share of them.
    pub images: String,
    /// Labels of these images.
    pub labels: String,
    /// The test part.
    pub test: TestPart,
}

/// The test part of an own data set.
#[derive(Clone, Debug, PartialEq)]
pub enum TestPart {
    /// Files of its own.
    Files {
        /// Images.
        images: String,
        /// Labels of these images.
        labels: String,
    },
    /// Share of the objects, above 0 and below 1.
    Share(f64),
}

impl Files {
    /// The paths as the user wrote them, training part first.
    fn names(&self) -> Vec<&str> {
        match &self.test {
            TestPart::Files { images, labels } => vec![&self.images, &self.labels, images, labels],
            TestPart::Share(_) => vec![&self.images, &self.labels],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// SHA-256 of each file, under the names that the user gave.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] for a file that cannot be read.
    pub fn digests(&self) -> Result<Vec<Digest>, Error> {
        let digest = |name: &str| Ok(Digest { file: name.to_owned(), sha256: npy::sha256(&self.path(name))? });
        self.names().into_iter().map(digest).collect()
    }

    /// Size (C, H, W) of the training images, from the header of their file alone.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`]: which file, what is wrong, what to do.
    pub fn image_size(&self) -> Result<[usize; 3], Error> {
        let path = self.path(&self.images);
        let (kind, shape) = npy::shape(&path)?;
        image_size(&kind, &shape).map(|(size, _)| size).map_err(|reason| Error::File { path, reason })
    }

    /// Reads and checks the set.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`]: which file, what is wrong, what to do.
    pub fn load(&self) -> Result<Dataset, Error> {
        let mut digests = Vec::new();
        let mut part = |images: &str, labels: &str| {
            let (images_path, labels_path) = (self.path(images), self.path(labels));
            let (pixels, numbers) = (npy::read(&images_path)?, npy::read(&labels_path)?);
            for (file, array) in [(images, &pixels), (labels, &numbers)] {
                digests.push(Digest { file: file.to_owned(), sha256: array.sha256.clone() });
            }
            let refuse = |path: &Path| {
                let path = path.to_owned();
                move |reason| Error::File { path, reason }
            };
            let (shape, pixels) = to_images(pixels).map_err(refuse(&images_path))?;
            let numbers = to_labels(&numbers).map_err(refuse(&labels_path))?;
            let count = pixels.len() / shape.iter().product::<usize>();
            if count != numbers.len() {
                let reason = format!("has {} labels, and {} has {count} images", numbers.len(), images_path.display());
                return Err(refuse(&labels_path)(reason));
            }
            Ok((shape, pixels, numbers))
        };
        let (shape, pixels, numbers) = part(&self.images, &self.labels)?;
        let at = |name: &str, reason: String| Error::File { path: self.path(name), reason };
        let (train, test) = match &self.test {
            TestPart::Files { images, labels } => {
                let (other, test_pixels, test_numbers) = part(images, labels)?;
                if other != shape {
                    let sizes = [other, shape].map(|s| axes(&s));
                    return Err(at(
                        images,
                        format!("has images of {}, and those for training are {}", sizes[0], sizes[1]),
                    ));
                }
                let train = Split { images: pixels.into(), labels: numbers.into() };
                (train, Split { images: test_pixels.into(), labels: test_numbers.into() })
            }
            TestPart::Share(share) => {
                split(shape, &pixels, &numbers, *share).map_err(|reason| at(&self.labels, reason))?
            }
        };
        let classes = classes(&train.labels).map_err(|reason| at(&self.labels, reason))?;
        if let Some(object) = test.labels.iter().position(|&label| label as usize >= classes) {
            let name = match &self.test {
                TestPart::Files { labels, .. } => labels,
                TestPart::Share(_) => &self.labels,
            };
            let label = test.labels[object];
            return Err(at(name, format!("has label {label} in the test part, and no training object has it")));
        }
        Ok(Dataset {
            name: Name::Files,
            shape,
            classes,
            superclass: None,
            white: 255,
            train,
            test,
            digests,
            stand_in: None,
        })
    }
}

/// Returns (C, H, W) of images of this type and shape, and whether their channels come last.
fn image_size(kind: &str, shape: &[usize]) -> Result<([usize; 3], bool), String> {
    if kind.get(1..) != Some("u1") {
        let scale = if kind.contains('f') {
            "(255 * x).round().astype(\"uint8\") of images x on [0, 1]"
        } else {
            "them as \"uint8\""
        };
        return Err(format!("holds numbers of type {kind}, and images are bytes from 0 to 255; save {scale}"));
    }
    let found = match *shape {
        [_, width] => ([1, 1, width], false),
        [_, height, width] => ([1, height, width], false),
        [_, height, width, channels] if channels <= 4 && height > 4 => ([channels, height, width], true),
        [_, channels, height, width] => ([channels, height, width], false),
        _ => return Err(format!("is {}; images are (N, C, H, W), (N, H, W, C), (N, H, W) or (N, W)", axes(shape))),
    };
    if shape.contains(&0) {
        return Err(format!("is {}: there is no pixel in it", axes(shape)));
    }
    Ok(found)
}

/// Returns (C, H, W) and the pixels (N, C, H, W).
fn to_images(array: Array) -> Result<([usize; 3], Vec<u8>), String> {
    let Array { kind, shape, bytes, .. } = array;
    let (size, channels_last) = image_size(&kind, &shape)?;
    if !channels_last || size[0] == 1 {
        return Ok((size, bytes));
    }
    let [channels, height, width] = size;
    let plane = height * width;
    let mut planes = vec![0; bytes.len()];
    for (image, to) in bytes.chunks_exact(channels * plane).zip(planes.chunks_exact_mut(channels * plane)) {
        for (pixel, values) in image.chunks_exact(channels).enumerate() {
            for (channel, value) in values.iter().enumerate() {
                to[channel * plane + pixel] = *value;
            }
        }
    }
    Ok((size, planes))
}

/// Returns the labels as class numbers.
fn to_labels(array: &Array) -> Result<Vec<u32>, String> {
    let Array { kind, shape, bytes, .. } = array;
    if !matches!(shape.as_slice(), [_] | [_, 1]) {
        return Err(format!("is {}; labels are one number an object: (N) or (N, 1)", axes(shape)));
    }
    let (order, kind_of, width) = match (kind.get(..1), kind.get(1..2), kind.get(2..)) {
        (Some(order), Some(kind_of @ ("u" | "i")), Some(width)) => (order, kind_of, width.parse().unwrap_or(1)),
        _ => return Err(format!("holds values of type {kind}, and labels are whole numbers; save them as \"int64\"")),
    };
    let label = |(object, number): (usize, &[u8])| {
        let mut wide = [0; 8];
        let big = order == ">";
        for (to, from) in wide.iter_mut().zip(0..width) {
            *to = number[if big { width - 1 - from } else { from }];
        }
        let value = u64::from_le_bytes(wide);
        if kind_of == "i" && number[if big { 0 } else { width - 1 }] >= 0x80 {
            return Err(format!("has a negative label: object {object}"));
        }
        match u32::try_from(value) {
            Ok(label) if (label as usize) < CLASSES => Ok(label),
            _ => Err(format!("has label {value}: object {object}; there can be {CLASSES} classes, numbered from 0")),
        }
    };
    bytes.chunks_exact(width).enumerate().map(label).collect()
}

/// Number of classes of the training labels.
fn classes(labels: &[u32]) -> Result<usize, String> {
    let classes = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let mut seen = vec![false; classes];
    labels.iter().for_each(|&label| seen[label as usize] = true);
    if let Some(gap) = seen.iter().position(|seen| !seen) {
        return Err(format!(
            "has no training object of class {gap} although there is a class {}; number the classes from 0 without gaps",
            classes - 1
        ));
    }
    if classes < 2 {
        return Err("has one class; a network needs at least two to tell apart".into());
    }
    Ok(classes)
}

/// Splits the objects at random.
fn split(shape: [usize; 3], pixels: &[u8], labels: &[u32], share: f64) -> Result<(Split, Split), String> {
    let count = labels.len();
    if count < 2 {
        return Err(format!("has {count} objects, too few to split them into a training and a test part"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let test = ((count as f64 * share).round() as usize).clamp(1, count - 1);
    let order = Stream::new(SPLIT_SEED, 0).permutation(count);
    let size: usize = shape.iter().product();
    let part = |objects: &[usize]| {
        let images: Arc<[u8]> = objects.iter().flat_map(|&i| &pixels[i * size..(i + 1) * size]).copied().collect();
        Split { images, labels: objects.iter().map(|&i| labels[i]).collect() }
    };
    let (test, train) = order.split_at(test);
    Ok((part(train), part(test)))
}
