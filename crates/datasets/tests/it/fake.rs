//! Small sets in the published formats, with a catalogue that expects them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use datasets::catalogue::{Catalogue, Expected, Packed, Packing, Source};
use datasets::{Cache, Limits, Name};
use sha2::{Digest, Sha256};

/// Limits that a test can wait for.
pub fn impatient() -> Limits {
    Limits {
        answer: Duration::from_secs(1),
        retries: 2,
        wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(300),
        slowest: 1_000,
        window: Duration::from_secs(1),
        total: Duration::from_secs(8),
        ..Limits::default()
    }
}

/// The content of files by their path below the data folder, and the catalogue that expects just these.
pub struct Fake {
    pub catalogue: Catalogue,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Fake {
    /// Makes 12 training and 5 test images of each set.
    pub fn new() -> Fake {
        let mut fake = Fake { catalogue: Catalogue::official(), files: BTreeMap::new() };
        fake.put(Name::Mnist, "train-images-idx3-ubyte", images(12));
        fake.put(Name::Mnist, "train-labels-idx1-ubyte", labels(12));
        fake.put(Name::Mnist, "t10k-images-idx3-ubyte", images(5));
        fake.put(Name::Mnist, "t10k-labels-idx1-ubyte", labels(5));
        for (batch, count) in [3, 3, 2, 2, 2].into_iter().enumerate() {
            fake.put(Name::Cifar10, &format!("data_batch_{}.bin", batch + 1), cifar(count, batch, false));
        }
        fake.put(Name::Cifar10, "test_batch.bin", cifar(5, 5, false));
        fake.put(Name::Cifar100, "train.bin", cifar(12, 0, true));
        fake.put(Name::Cifar100, "test.bin", cifar(5, 1, true));
        for name in [Name::Cifar10, Name::Cifar100] {
            let length = fake.archive(name).len() as u64;
            if let Packing::Archive { size, .. } = &mut fake.source(name).packing {
                *size = length;
            }
        }
        fake
    }

    pub fn source(&mut self, name: Name) -> &mut Source {
        self.catalogue.sources.iter_mut().find(|source| source.name == name).unwrap()
    }

    /// Makes `bytes` what the catalogue expects of a file: a file that is wrong inside then has the right digest.
    pub fn put(&mut self, name: Name, file: &str, bytes: Vec<u8>) {
        let source = self.source(name);
        let folder = source.folder.clone();
        let expected = source.files.iter_mut().find(|f| f.file == file).unwrap();
        let packed = gzip(&bytes);
        *expected = Expected {
            file: file.to_owned(),
            size: bytes.len() as u64,
            sha256: sha256(&bytes),
            packed: expected.packed.as_ref().map(|p| Packed {
                file: p.file.clone(),
                size: packed.len() as u64,
                sha256: sha256(&packed),
            }),
        };
        let (path, content) = match &expected.packed {
            Some(p) => (format!("{folder}/{}", p.file), packed),
            None => (format!("{folder}/{file}"), bytes),
        };
        self.files.insert(path, content);
    }

    /// Writes all files below `root`.
    pub fn lay_out(&self, root: &Path) -> Cache {
        for (path, bytes) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.cache(root)
    }

    pub fn cache(&self, root: &Path) -> Cache {
        Cache { root: root.to_owned(), catalogue: self.catalogue.clone(), limits: impatient() }
    }

    /// The archive of a CIFAR set, with a page of documentation as the official ones have.
    pub fn archive(&self, name: Name) -> Vec<u8> {
        let source = self.catalogue.source(name).unwrap();
        let mut members: Vec<(String, Vec<u8>)> = vec![(format!("{}/readme.html", source.folder), b"<html>".to_vec())];
        let Packing::Archive { extras, .. } = &source.packing else { panic!("{name} has no archive") };
        members.extend(extras.iter().map(|e| (format!("{}/{e}", source.folder), b"apple\n".to_vec())));
        let own = self.files.iter().filter(|(path, _)| path.starts_with(&source.folder));
        members.extend(own.map(|(path, bytes)| (path.clone(), bytes.clone())));
        tar_gz(&members)
    }
}

/// Packs members in order; names are written as they are, however harmful.
pub fn tar_gz(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, bytes.as_slice()).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Unpacks a `.gz` file.
pub fn unpack(from: &Path, to: &Path) {
    let mut reader = flate2::read::GzDecoder::new(fs::File::open(from).unwrap());
    std::io::copy(&mut reader, &mut fs::File::create(to).unwrap()).unwrap();
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes without a pattern, so that archives stay long enough to break in the middle.
pub fn noise(count: usize, seed: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

pub fn images(count: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = [2051, count as u32, 28, 28].iter().flat_map(|w: &u32| w.to_be_bytes()).collect();
    bytes.extend(noise(count * 784, count));
    bytes
}

pub fn labels(count: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = [2049, count as u32].iter().flat_map(|w: &u32| w.to_be_bytes()).collect();
    bytes.extend((0..count).map(|i| (i % 10) as u8));
    bytes
}

/// Makes records of class 7 i mod 100 in super-class (7 i mod 100) / 5, or of class i mod 10.
pub fn cifar(count: usize, seed: usize, hundred: bool) -> Vec<u8> {
    (0..count)
        .flat_map(|i| {
            let fine = (7 * i % 100) as u8;
            let mut record = if hundred { vec![fine / 5, fine] } else { vec![(i % 10) as u8] };
            record.extend(noise(3072, 100 * seed + i));
            record
        })
        .collect()
}
