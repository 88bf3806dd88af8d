//! Checked files to a [`Dataset`]. MNIST goes through candle-datasets' reader, CIFAR through ours.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Storage, Tensor};

use crate::catalogue::{Expected, Source};
use crate::{Dataset, Digest, Error, Name, Split};

/// Bytes of a CIFAR image.
const PIXELS: usize = 3 * 32 * 32;

/// MNIST from the four unpacked IDX files in `dir`.
pub(crate) fn mnist(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let read = candle_datasets::vision::mnist::load_dir(dir).map_err(decode_error(source.name))?;
    from_candle(source, read)
}

/// CIFAR-10 or CIFAR-100 from the binary files in `dir`: records of a class (CIFAR-100: a super-class and a class) and 3x32x32
/// pixels. The last file is the test part.
///
/// CIFAR-10 could come from candle-datasets' reader as MNIST does, and a test holds ours against it; but theirs makes two single
/// precision copies of the whole set: 1,378 MB and 2-5 s where this takes 184 MB and 0.3 s, in every process that trains.
pub(crate) fn cifar(source: &Source, dir: &Path) -> Result<Dataset, Error> {
    let mut superclass = vec![0; source.name.classes()];
    let Some((test, train)) = source.files.split_last() else {
        return Err(Error::Decode { name: source.name, reason: "the catalogue lists no file".into() });
    };
    let train = cifar_split(source.name, dir, train, &mut superclass)?;
    let test = cifar_split(source.name, dir, std::slice::from_ref(test), &mut superclass)?;
    let superclass = source.name.superclasses().map(|_| superclass.into());
    Ok(Dataset { superclass, ..dataset(source, train, test) })
}

fn cifar_split(name: Name, dir: &Path, files: &[Expected], superclass: &mut [u32]) -> Result<Split, Error> {
    let [pixels, record] = [PIXELS, PIXELS + 1 + usize::from(name.superclasses().is_some())];
    let counts: Vec<usize> = files.iter().map(|f| f.size as usize / record).collect();
    let count: usize = counts.iter().sum();
    // Filled in place: a vector would have to be copied into the shared slice, another two hundred megabytes.
    let mut shared: Arc<[u8]> = std::iter::repeat_n(0, count * pixels).collect();
    let mut labels = Vec::with_capacity(count);
    let mut images = Arc::get_mut(&mut shared).into_iter().flat_map(|all| all.chunks_exact_mut(pixels));
    for (file, count) in files.iter().zip(counts) {
        let path = dir.join(&file.file);
        let mut reader = BufReader::with_capacity(1 << 18, File::open(&path).map_err(Error::io("read", &path))?);
        for image in images.by_ref().take(count) {
            let mut pair = [0; 2];
            let head = &mut pair[2 + pixels - record..];
            reader.read_exact(head).and_then(|()| reader.read_exact(image)).map_err(Error::io("read", &path))?;
            let [coarse, fine] = pair.map(u32::from);
            superclass[fine as usize] = coarse;
            labels.push(fine);
        }
    }
    drop(images);
    Ok(Split { images: shared, labels: labels.into() })
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
    use super::*;
    use crate::Cache;

    #[test]
    fn every_byte_survives_the_readers_division() {
        for p in 0..=255u8 {
            assert_eq!(byte(f32::from(p) / 255.0), p);
        }
    }

    #[test]
    fn our_cifar_10_equals_candles_reader() {
        let Some(root) = std::env::var_os("TWOSCALE_DATA") else {
            return eprintln!("skipped: no real data (TWOSCALE_DATA is not set)");
        };
        let cache = Cache::at(root);
        let source = &cache.catalogue.cifar10;
        let dir = cache.folder(source);
        if !dir.exists() {
            return eprintln!("skipped: no real CIFAR-10 in TWOSCALE_DATA");
        }
        let theirs = candle_datasets::vision::cifar::load_dir(&dir).unwrap();
        assert!(from_candle(source, theirs).unwrap() == cifar(source, &dir).unwrap());
    }
}
