//! Checked files to a [`Dataset`]. MNIST and CIFAR-10 go through candle-datasets' readers, CIFAR-100 through ours.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Storage, Tensor};

use crate::catalogue::Source;
use crate::{Dataset, Digest, Error, Name, Split};

/// MNIST from the four unpacked IDX files in `dir`.
pub(crate) fn mnist(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let read = candle_datasets::vision::mnist::load_dir(dir).map_err(decode_error(source.name))?;
    from_candle(source, read)
}

/// CIFAR-10 from the six batches in `dir`.
pub(crate) fn cifar10(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let read = candle_datasets::vision::cifar::load_dir(dir).map_err(decode_error(source.name))?;
    from_candle(source, read)
}

/// CIFAR-100 from `train.bin` and `test.bin` in `dir`: records of super-class, class and 3x32x32 pixels.
pub(crate) fn cifar100(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let mut superclass = vec![0; Name::Cifar100.classes()];
    let mut parts = source.files.iter().map(|file| {
        let path = dir.join(&file.file);
        cifar100_file(&path, file.size, &mut superclass).map_err(Error::io("read", &path))
    });
    let missing = || Error::Decode { name: source.name, reason: "the catalogue lists no train or test file".into() };
    let train = parts.next().ok_or_else(missing)??;
    let test = parts.next().ok_or_else(missing)??;
    drop(parts);
    Ok(Dataset { superclass: Some(superclass.into()), ..dataset(source, train, test) })
}

fn cifar100_file(path: &Path, size: u64, superclass: &mut [u32]) -> std::io::Result<Split> {
    const PIXELS: usize = 3 * 32 * 32;
    let count = size as usize / (2 + PIXELS);
    // Filled in place: a set is two hundred megabytes, and a vector would have to be copied into the shared slice.
    let mut images: Arc<[u8]> = std::iter::repeat_n(0, count * PIXELS).collect();
    let mut labels = Vec::with_capacity(count);
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    if let Some(images) = Arc::get_mut(&mut images) {
        for image in images.chunks_exact_mut(PIXELS) {
            let mut pair = [0; 2];
            reader.read_exact(&mut pair)?;
            reader.read_exact(image)?;
            let [coarse, fine] = pair.map(u32::from);
            superclass[fine as usize] = coarse;
            labels.push(fine);
        }
    }
    Ok(Split { images, labels: labels.into() })
}

fn from_candle(source: &Source, read: candle_datasets::vision::Dataset) -> Result<Dataset, Error> {
    let split = |images: Tensor, labels: &Tensor| -> candle_core::Result<Split> {
        Ok(Split { images: bytes(&images)?, labels: labels.to_dtype(DType::U32)?.to_vec1::<u32>()?.into() })
    };
    let train = split(read.train_images, &read.train_labels).map_err(decode_error(source.name))?;
    let test = split(read.test_images, &read.test_labels).map_err(decode_error(source.name))?;
    Ok(dataset(source, train, test))
}

/// Their p / 255 back to p, exactly: rounding undoes the division for every byte (tested).
fn bytes(images: &Tensor) -> candle_core::Result<Arc<[u8]>> {
    let (storage, layout) = images.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        candle_core::bail!("the images are not one block of memory of the CPU");
    };
    Ok(storage.as_slice::<f32>()?[start..end].iter().map(|&x| byte(x)).collect())
}

fn byte(x: f32) -> u8 {
    (x * 255.0 + 0.5) as u8
}

fn dataset(source: &Source, train: Split, test: Split) -> Dataset {
    Dataset {
        name: source.name,
        shape: source.name.shape(),
        classes: source.name.classes(),
        superclass: None,
        white: 255,
        train,
        test,
        digests: digests(source),
        stand_in: None,
    }
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

fn decode_error(name: Name) -> impl Fn(candle_core::Error) -> Error {
    move |e| Error::Decode { name, reason: e.to_string() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_survives_the_readers_division() {
        for p in 0..=255u8 {
            assert_eq!(super::byte(f32::from(p) / 255.0), p);
        }
    }
}
