//! Decodes checked files into a [`Dataset`]: IDX (MNIST) and records (CIFAR).
//!
//! candle-datasets has readers of the same files. Under the feature `candle-datasets` tests compare both. Those readers are not the
//! default: candle-datasets brings some 230 crates along (parquet, a client of a model hub), and makes two single precision copies of
//! a set: 1,378 MB and 2-5 s for CIFAR-10 where this takes 184 MB and 0.3 s, in every process that trains.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::catalogue::{Expected, Format, Source};
use crate::{Dataset, Digest, Error, Split, packed};

/// Reads the files of a set, which have passed every check.
pub(crate) fn read(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let reader = Reader { source, dir };
    match source.format {
        Format::Idx => reader.idx(),
        Format::Records => reader.records(1),
        Format::RecordsWithSuperclass => reader.records(2),
    }
}

/// A set and the folder of its files.
struct Reader<'a> {
    source: &'a Source,
    dir: &'a Path,
}

impl Reader<'_> {
    /// Number of values in an image, C·H·W.
    fn pixels(&self) -> usize {
        self.source.name.shape().unwrap_or_default().iter().product()
    }

    fn classes(&self) -> usize {
        self.source.name.classes().unwrap_or_default()
    }

    /// Makes the error for what no check had found.
    fn broken(&self, reason: impl Into<String>) -> Error {
        Error::Decode { name: self.source.name, reason: reason.into() }
    }

    /// Reads four IDX files: training images, training labels, test images, test labels.
    fn idx(&self) -> Result<Dataset, Error> {
        let [train_images, train_labels, test_images, test_labels] = self.source.files.as_slice() else {
            return Err(self.broken("the catalogue does not list four files"));
        };
        let train = self.idx_split(train_images, train_labels)?;
        let test = self.idx_split(test_images, test_labels)?;
        Ok(self.dataset(train, test, None))
    }

    fn idx_split(&self, images: &Expected, labels: &Expected) -> Result<Split, Error> {
        let (count, images) = self.idx_file(images, 3)?;
        let (labelled, labels) = self.idx_file(labels, 1)?;
        if count != labelled {
            return Err(self.broken(format!("there are {count} images and {labelled} labels")));
        }
        let labels: Arc<[u32]> = labels.iter().map(|&label| u32::from(label)).collect();
        if let Some(label) = labels.iter().find(|&&label| label as usize >= self.classes()) {
            return Err(self.broken(format!("a label is {label}")));
        }
        Ok(Split { images, labels })
    }

    /// Reads an IDX file of bytes with `axes` axes and returns the number of objects and the bytes after the header.
    ///
    /// Format: big-endian words 0x0800 + axes (0x08: unsigned bytes), then the length of each axis, then the bytes in row order.
    fn idx_file(&self, file: &Expected, axes: u32) -> Result<(usize, Arc<[u8]>), Error> {
        let path = self.dir.join(file.published());
        let mut reader = packed::open(file, self.dir)?;
        let mut words = || -> std::io::Result<Vec<u32>> {
            let mut word = [0; 4];
            (0..=axes).map(|_| reader.read_exact(&mut word).map(|()| u32::from_be_bytes(word))).collect()
        };
        let header = words().map_err(Error::io("read", &path))?;
        let [_, height, width] = self.source.name.shape().unwrap_or_default();
        let image = [height as u32, width as u32];
        if header[0] != 0x0800 + axes || header[2..] != image[..axes as usize - 1] {
            return Err(self.broken(format!("the header of {} is {header:?}", file.file)));
        }
        let each = if axes == 1 { 1 } else { self.pixels() };
        let count = header[1] as usize;
        // A length that the file does not have is refused before any memory is taken for it.
        let length = count as u64 * each as u64;
        if length + 4 * u64::from(axes + 1) != file.size {
            return Err(self.broken(format!("{} announces {count} objects in {} bytes", file.file, file.size)));
        }
        let bytes = filled(count * each, |all| reader.read_exact(all)).map_err(Error::io("read", &path))?;
        Ok((count, bytes))
    }

    /// Reads files of records of `heads` label bytes (class; or super-class, class) and the pixels (C, H, W). The last file is the test part.
    fn records(&self, heads: usize) -> Result<Dataset, Error> {
        let mut superclass = vec![0; self.classes()];
        let Some((test, train)) = self.source.files.split_last() else {
            return Err(self.broken("the catalogue lists no file"));
        };
        let train = self.records_split(train, heads, &mut superclass)?;
        let test = self.records_split(std::slice::from_ref(test), heads, &mut superclass)?;
        Ok(self.dataset(train, test, (heads == 2).then(|| superclass.into())))
    }

    fn records_split(&self, files: &[Expected], heads: usize, superclass: &mut [u32]) -> Result<Split, Error> {
        let pixels = self.pixels();
        let counts: Vec<usize> = files.iter().map(|f| f.size as usize / (pixels + heads)).collect();
        let mut labels = Vec::with_capacity(counts.iter().sum());
        // Fills the shared slice in place: copying a vector into it would take another two hundred megabytes.
        let images = filled(counts.iter().sum::<usize>() * pixels, |all| {
            let mut images = all.chunks_exact_mut(pixels);
            for (file, count) in files.iter().zip(counts) {
                let mut reader = packed::open(file, self.dir)?;
                for image in images.by_ref().take(count) {
                    let mut pair = [0; 2];
                    let read = reader.read_exact(&mut pair[2 - heads..]).and_then(|()| reader.read_exact(image));
                    read.map_err(Error::io("read", &self.dir.join(&file.file)))?;
                    let [coarse, fine] = pair.map(u32::from);
                    let class = superclass.get_mut(fine as usize);
                    *class.ok_or_else(|| self.broken(format!("a label is {fine}")))? = coarse;
                    labels.push(fine);
                }
            }
            Ok(())
        })?;
        Ok(Split { images, labels: labels.into() })
    }

    fn dataset(&self, train: Split, test: Split, superclass: Option<Arc<[u32]>>) -> Dataset {
        Dataset {
            name: self.source.name,
            shape: self.source.name.shape().unwrap_or_default(),
            classes: self.classes(),
            superclass,
            white: 255,
            train,
            test,
            digests: digests(self.source),
            stand_in: None,
        }
    }
}

/// Makes a shared slice of `length` bytes and fills it in place.
fn filled<E>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Arc<[u8]>, E> {
    let mut shared: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    if let Some(all) = Arc::get_mut(&mut shared) {
        fill(all)?;
    }
    Ok(shared)
}

/// The published files of a set. Unpacked MNIST counts as the `.gz` it was packed in: both digests are known, so a record
/// made from either says the same.
pub(crate) fn digests(source: &Source) -> Vec<Digest> {
    source
        .files
        .iter()
        .map(|f| Digest {
            file: source.below(f.published()),
            sha256: f.packed.as_ref().map_or(&f.sha256, |p| &p.sha256).clone(),
        })
        .collect()
}

/// Equality with candle-datasets' readers on the real files.
#[cfg(all(test, feature = "candle-datasets"))]
mod tests {
    use candle_core::{DType, Tensor};
    use candle_datasets::vision;

    use super::*;
    use crate::{Cache, Name};

    /// Reads a set with our reader, and, from a folder with unpacked files, with candle's; `None` where there is no real data.
    fn both(name: Name, theirs: impl Fn(&Path) -> candle_core::Result<vision::Dataset>) -> Option<[Dataset; 2]> {
        let root = std::env::var_os("TWOSCALE_DATA")?;
        let cache = Cache::at(root);
        let source = cache.catalogue.source(name)?;
        let dir = cache.folder(source);
        if cache.check(source).is_err() {
            return None;
        }
        let unpacked = tempfile::tempdir().unwrap();
        for file in &source.files {
            let mut out = std::fs::File::create(unpacked.path().join(&file.file)).unwrap();
            std::io::copy(&mut packed::open(file, &dir).unwrap(), &mut out).unwrap();
        }
        let read = theirs(unpacked.path()).unwrap();
        let split = |images: Tensor, labels: Tensor| Split {
            // candle divides by 255; rounding undoes the division for every byte.
            images: images
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
                .iter()
                .map(|x| (x * 255.0 + 0.5) as u8)
                .collect(),
            labels: labels.to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap().into(),
        };
        let train = split(read.train_images, read.train_labels);
        let test = split(read.test_images, read.test_labels);
        let candle = Reader { source, dir: &dir }.dataset(train, test, None);
        Some([self::read(source, &dir).unwrap(), candle])
    }

    #[test]
    fn our_readers_equal_candles() {
        let sets = [
            (Name::Mnist, both(Name::Mnist, |dir| vision::mnist::load_dir(dir))),
            (Name::Cifar10, both(Name::Cifar10, |dir| vision::cifar::load_dir(dir))),
        ];
        for (name, read) in sets {
            let Some([ours, candle]) = read else {
                eprintln!("skipped: no real data for {name} (TWOSCALE_DATA)");
                continue;
            };
            assert!(ours == candle, "{name}");
        }
    }
}
