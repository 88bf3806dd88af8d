//! The embedded stand-in for MNIST: the UCI optical digits (source and licence in `assets/README.md`).

use std::io::Read;
use std::sync::Arc;

use crate::check::sha256;
use crate::random::Stream;
use crate::{Dataset, Digest, Error, Name, Split};

/// The file as scikit-learn ships it.
pub(crate) const FILE: &[u8] = include_bytes!("../assets/digits.csv.gz");

/// Shape of an image, (C, H, W).
const SHAPE: [usize; 3] = [1, 8, 8];
const PIXELS: usize = 64;
const WHITE: u8 = 16;
/// Objects kept for testing: a fifth of the 1797.
const TEST: usize = 360;
const SPLIT_SEED: u64 = 1998;

/// Decodes and splits the embedded file. The file is ordered by writer, hence the shuffle.
pub(crate) fn load() -> Result<Dataset, Error> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FILE).read_to_string(&mut text).map_err(|e| broken(e.to_string()))?;
    let lines =
        text.lines().map(line).collect::<Option<Vec<_>>>().ok_or_else(|| broken("a line is malformed".into()))?;
    let order = Stream::new(SPLIT_SEED, 0).permutation(lines.len());
    let (test, train) = order.split_at(TEST.min(order.len()));
    Ok(Dataset {
        name: Name::Digits,
        shape: SHAPE,
        classes: 10,
        superclass: None,
        white: WHITE,
        train: part(&lines, train),
        test: part(&lines, test),
        digests: digests(),
        stand_in: Some("UCI optical digits (8x8) in place of MNIST".into()),
    })
}

/// Digest of the embedded file and the split.
pub(crate) fn digests() -> Vec<Digest> {
    vec![Digest { file: format!("embedded/digits.csv.gz#split-{SPLIT_SEED}-{TEST}"), sha256: sha256(FILE) }]
}

/// Parses a line of 64 pixels and a label; returns `None` for anything else.
fn line(text: &str) -> Option<([u8; PIXELS], u32)> {
    let mut pixels = [0; PIXELS];
    let mut fields = text.split(',');
    for pixel in &mut pixels {
        *pixel = fields.next()?.parse().ok().filter(|&p| p <= WHITE)?;
    }
    let label = fields.next()?.parse().ok().filter(|&l| l < 10)?;
    fields.next().is_none().then_some((pixels, label))
}

fn part(lines: &[([u8; PIXELS], u32)], which: &[usize]) -> Split {
    let images: Arc<[u8]> = which.iter().flat_map(|&i| lines[i].0).collect();
    Split { images, labels: which.iter().map(|&i| lines[i].1).collect() }
}

fn broken(reason: String) -> Error {
    Error::Decode { name: Name::Digits, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_file_is_the_one_attributed() {
        let attribution = include_str!("../assets/README.md");
        assert!(attribution.contains(&sha256(FILE)) && attribution.contains("Alpaydin"));
    }

    #[test]
    fn all_1797_digits_are_there_once_and_every_class_is_in_both_parts() {
        let set = load().unwrap();
        assert_eq!((set.train.len(), set.test.len()), (1437, 360));
        let total: u64 = set.train.images.iter().chain(set.test.images.iter()).map(|&p| u64::from(p)).sum();
        assert_eq!(total, 561_718); // sum of sklearn.datasets.load_digits().data
        for part in [&set.train, &set.test] {
            let mut seen = [0; 10];
            part.labels.iter().for_each(|&l| seen[l as usize] += 1);
            assert!(seen.iter().all(|&n| n * 20 > part.len()), "{seen:?}");
        }
        assert_eq!(load().unwrap(), set);
    }
}
