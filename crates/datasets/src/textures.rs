//! The synthetic stand-in for CIFAR: textured shapes on textured ground, 100 classes in 20 super-classes, made in memory.
//!
//! A super-class is a shape (disc, square, triangle, cross, ring) with a kind of texture (stripes, checks, dots, rings). Its five
//! classes differ only in how fine the texture is and in a shift of its hue, and both are jittered from image to image so far that neighbours
//! overlap: LeNet-5 (400-120-100, batch 128, step .1) tests at 23 % after 1200 steps and 43 % after 2400. Place, size, rotation, ground, light and pixel noise vary at random.
//!
//! Only exact arithmetic (`+ - * /`, square root, rounding) is used, so that every machine makes the same bytes. Their digest is
//! fixed by a test: whoever changes the generator must change [`VERSION`] and the digest.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::check::hex;
use crate::random::Stream;
use crate::{Dataset, Digest, Name, Split};

/// Version of the generator.
const VERSION: u32 = 1;
/// SHA-256 of all that version 1 makes: training images and labels, test images and labels (labels as bytes).
const SHA256: &str = "d8a055619d15641c3849faab8a526ec0cab0c480c0ec31fc0c8a535b90d6d25a";
const TRAIN: usize = 10_000;
const TEST: usize = 2_000;
const SEED: u64 = 0x7465_7874;

/// Shape of an image, (C, H, W).
const SHAPE: [usize; 3] = [3, SIDE, SIDE];
const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CLASSES: usize = 100;
/// Classes in a super-class.
const SIBLINGS: usize = 5;
const SHAPES: usize = 5;

/// Makes the set.
pub(crate) fn load() -> Dataset {
    let (train, test) = (part(TRAIN, 0), part(TEST, 1));
    let mut hash = Sha256::new();
    for part in [&train, &test] {
        hash.update(&part.images);
        hash.update(part.labels.iter().map(|&l| l as u8).collect::<Vec<_>>());
    }
    Dataset {
        name: Name::Textures,
        shape: SHAPE,
        classes: CLASSES,
        superclass: Some((0..CLASSES).map(|class| (class / SIBLINGS) as u32).collect()),
        white: 255,
        train,
        test,
        digests: vec![named(hex(&hash.finalize()))],
        stand_in: Some("synthetic textured shapes (32x32) in place of CIFAR".into()),
    }
}

/// Returns the published digest without making the set.
pub(crate) fn digests() -> Vec<Digest> {
    vec![named(SHA256.into())]
}

fn named(sha256: String) -> Digest {
    Digest { file: format!("generated/textures-v{VERSION}"), sha256 }
}

/// Draws `n` objects, equally many of each class, in random order. Each image has a stream of its own.
fn part(n: usize, number: u64) -> Split {
    let order = Stream::new(SEED, number << 32).permutation(n);
    let labels: Arc<[u32]> = order.iter().map(|&i| (i % CLASSES) as u32).collect();
    let mut images: Arc<[u8]> = std::iter::repeat_n(0, n * 3 * PLANE).collect();
    if let Some(images) = Arc::get_mut(&mut images) {
        for (i, image) in images.chunks_exact_mut(3 * PLANE).enumerate() {
            draw(labels[i] as usize, &mut Stream::new(SEED, (number << 32) + 1 + i as u64), image);
        }
    }
    Split { images, labels }
}

/// A texture: a height in 0..1 at every point.
struct Texture {
    kind: usize,
    /// Waves per pixel.
    frequency: f32,
    direction: (f32, f32),
    phase: (f32, f32),
}

impl Texture {
    fn random(kind: usize, frequency: f32, random: &mut Stream) -> Texture {
        Texture { kind, frequency, direction: random.direction(), phase: (random.unit(), random.unit()) }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (cos, sin) = self.direction;
        let u = (x * cos + y * sin) * self.frequency + self.phase.0;
        let v = (y * cos - x * sin) * self.frequency + self.phase.1;
        let height = match self.kind {
            0 => wave(u),
            1 => wave(u) * wave(v) * 1.5,
            2 => (wave(u) + wave(v)).max(0.0) * 2.0 - 1.0,
            _ => {
                // Rings around a point that the phase puts somewhere in the image.
                let (dx, dy) = (x - 24.0 * (self.phase.0 - 0.5), y - 24.0 * (self.phase.1 - 0.5));
                wave((dx * dx + dy * dy).sqrt() * self.frequency)
            }
        };
        0.5 + 0.5 * height.clamp(-1.0, 1.0)
    }
}

/// A sine made of two parabolas, period 1, values in -1..1.
fn wave(t: f32) -> f32 {
    let u = 2.0 * (t - t.floor()) - 1.0;
    -4.0 * u * (1.0 - u.abs())
}

/// Distance from the outline of shape `s`, in units of its size: negative inside.
fn outline(shape: usize, x: f32, y: f32) -> f32 {
    match shape {
        0 => (x * x + y * y).sqrt() - 1.0,
        1 => x.abs().max(y.abs()) - 0.85,
        2 => (0.866 * x.abs() + 0.5 * y).max(-y) - 0.6,
        3 => (x.abs().min(y.abs()) - 0.33).max(x.abs().max(y.abs()) - 1.05),
        _ => ((x * x + y * y).sqrt() - 0.8).abs() - 0.3,
    }
}

/// A colour of full saturation; hue in turns.
fn colour(hue: f32, light: f32, saturation: f32) -> [f32; 3] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|offset| light * (1.0 + saturation * wave(hue + offset + 0.25)))
}

fn draw(class: usize, random: &mut Stream, image: &mut [u8]) {
    let (superclass, sibling) = (class / SIBLINGS, (class % SIBLINGS) as f32);
    let (shape, kind) = (superclass % SHAPES, superclass / SHAPES);

    // The period of the texture and the hue distinguish the classes.
    let period = (3.0 + 1.1 * sibling) * random.between(0.86, 1.16);
    let hue = superclass as f32 * 0.382 + (sibling - 2.0) * 0.09 + random.between(-0.08, 0.08);

    // All other numbers are independent of the class within its super-class.
    let figure = Texture::random(kind, 1.0 / period, random);
    let ground_kind = random.below(3);
    let ground_period = random.between(4.0, 16.0);
    let ground = Texture::random(ground_kind, 1.0 / ground_period, random);
    let (light, dark) = (random.between(0.45, 0.75), random.between(0.12, 0.3));
    let (bright, dim) = (colour(hue, light, 0.6), colour(hue + 0.12, dark, 0.6));
    let ground_hue = random.unit();
    let ground_light = random.between(0.2, 0.6);
    let ground_colours = [colour(ground_hue, ground_light, 0.5), colour(ground_hue + 0.2, ground_light * 0.6, 0.5)];
    let size = random.between(8.0, 13.0);
    let (cos, sin) = random.direction();
    let centre = (random.between(-4.0, 4.0), random.between(-4.0, 4.0));
    let noise = random.between(0.04, 0.12);

    let mut bytes = [0u8; 3 * PLANE * 2];
    random.bytes(&mut bytes);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (x, y) = (column as f32 - 15.5, row as f32 - 15.5);
            let (dx, dy) = ((x - centre.0) / size, (y - centre.1) / size);
            let distance = outline(shape, dx * cos + dy * sin, dy * cos - dx * sin) * size;
            let inside = (0.5 - distance).clamp(0.0, 1.0);
            let (over, under) = (figure.at(x, y), ground.at(x, y));
            for channel in 0..3 {
                let at = channel * PLANE + row * SIDE + column;
                let front = dim[channel] + (bright[channel] - dim[channel]) * over;
                let [first, second] = ground_colours;
                let back = second[channel] + (first[channel] - second[channel]) * under;
                // The sum of two uniform bytes, centred, of unit variance.
                let grain = (f32::from(bytes[2 * at]) + f32::from(bytes[2 * at + 1]) - 255.0) * (1.0 / 104.5);
                let value = back + (front - back) * inside + noise * grain;
                image[at] = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
}
