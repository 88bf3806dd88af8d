//! Images of the real sets' shapes, for a machine that has none of them.
use std::sync::Arc;

use datasets::{Cache, Dataset, Name, Split};
use rand::Rng;
use twoscale::random::{Purpose, stream};

use super::network::Network;

/// Textured shapes in place of CIFAR; in place of MNIST, strokes on as much background as it has.
pub(super) fn dataset(network: Network) -> Dataset {
    if network == Network::Mlp {
        return strokes(12_800, 2000);
    }
    // The program makes this set, so that it cannot be missing; the folder does not matter.
    let Ok(mut textures) = Cache::at("").load(Name::Textures) else { return noise(network, 12_800, 2000) };
    if network.spec().data.set == Name::Cifar10 {
        for part in [&mut textures.train, &mut textures.test] {
            part.labels = part.labels.iter().map(|class| class / 10).collect();
        }
        (textures.classes, textures.superclass) = (10, None);
    }
    textures
}

/// Any number of images of a network's shape: random bytes, allocated once and at their size.
pub(super) fn noise(network: Network, train: usize, test: usize) -> Dataset {
    let name = network.spec().data.set;
    let (shape, classes) = (name.shape().unwrap_or_default(), name.classes().unwrap_or_default().max(1));
    let pixels: usize = shape.iter().product();
    let split = |objects: usize, salt: usize| {
        let byte = move |i: usize| ((i ^ salt).wrapping_mul(0x9E37_79B9) >> 13).to_le_bytes()[0];
        let label = move |i: usize| u32::try_from(i % classes).unwrap_or(0);
        Split { images: (0..objects * pixels).map(byte).collect(), labels: (0..objects).map(label).collect() }
    };
    Dataset {
        name,
        shape,
        classes,
        superclass: name.superclasses().map(|count| (0..classes).map(|class| (class % count) as u32).collect()),
        white: 255,
        train: split(train, 0),
        test: split(test, 0x5555),
        digests: Vec::new(),
        stand_in: Some("random bytes".to_owned()),
    }
}

/// 28x28 images with a fifth of their pixels not black, in horizontal strokes within the middle 20x20, as in MNIST: how long
/// the first layer takes depends on that. The class decides in which rows most of the strokes are.
fn strokes(train: usize, test: usize) -> Dataset {
    let split = |objects: usize, part: u64| {
        let mut random = stream(1, Purpose::Synthesis, part);
        let mut images = vec![0u8; objects * 784];
        let labels: Arc<[u32]> = (0..objects).map(|i| (i % 10) as u32).collect();
        for (image, &class) in images.chunks_exact_mut(784).zip(labels.iter()) {
            for stroke in 0..25 {
                let [a, b, c, ..] = random.next_u64().to_le_bytes().map(usize::from);
                let row = if stroke < 15 { (2 * class as usize + a % 8) % 20 } else { a % 20 };
                let begin = 28 * (4 + row) + 4 + b % 13;
                image[begin..begin + 8].fill(128 + (c / 2) as u8);
            }
        }
        Split { images: images.into(), labels }
    };
    Dataset {
        name: Name::Mnist,
        shape: [1, 28, 28],
        classes: 10,
        superclass: None,
        white: 255,
        train: split(train, 1),
        test: split(test, 2),
        digests: Vec::new(),
        stand_in: Some("strokes as sparse as MNIST".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_as_sparse_as_mnist() {
        let images = strokes(1000, 1).train.images;
        let dark = images.iter().filter(|pixel| **pixel == 0).count() as f64 / images.len() as f64;
        assert!((0.78..0.84).contains(&dark), "MNIST has 0.81, this {dark}");
    }

    #[test]
    fn every_network_has_one_that_fits_it() {
        for network in
            [Network::Mlp, Network::LeNet10, Network::LeNet100, Network::WideResNet, Network::SmallWideResNet]
        {
            let name = network.spec().data.set;
            let set = dataset(network);
            assert_eq!((Some(set.shape), Some(set.classes)), (name.shape(), name.classes()));
            assert!(set.train.labels.iter().all(|label| (*label as usize) < set.classes));
            assert!(set.stand_in.is_some() && set.train.len() >= 4096 && set.test.len() >= 2000);
        }
    }
}
