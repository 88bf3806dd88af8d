//! Random changes of training images.
use experiment::spec::Augmentation;
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use twoscale::random::{Purpose, stream};

/// Changes of one image of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Rows and columns by which the window is moved down and to the right; pixels outside the image are black.
    window: [isize; 2],
    /// True for an image mirrored from left to right.
    flipped: bool,
    /// Top and left of the square that is set to 0 after scaling.
    square: Option<[isize; 2]>,
}

/// The changes of the `objects` images of the batch of step `step`: crops, flips and squares each from a random stream of the
/// run's seed, the kind and the step alone, so that a resumed run needs no state and one kind more does not change the others.
/// `shape` is (C, H, W).
#[must_use]
pub fn changes(spec: &Augmentation, shape: [usize; 3], objects: usize, seed: u64, step: usize) -> Vec<Change> {
    let begin = |purpose| stream(seed, purpose, step as u64);
    let (mut crop, mut flip, mut cutout) = (begin(Purpose::Crop), begin(Purpose::Flip), begin(Purpose::Cutout));
    let [_, height, width] = shape;
    let change = |_| Change {
        window: if spec.crop == 0 {
            [0; 2]
        } else {
            [0; 2].map(|_: isize| below(&mut crop, 2 * spec.crop + 1) - signed(spec.crop))
        },
        flipped: spec.flip && flip.next_u64() >> 63 == 1,
        square: if spec.cutout == 0 { None } else { square(spec, [height, width], &mut cutout) },
    };
    (0..objects).map(change).collect()
}

/// Draws the corner of an image's square, or none. Three numbers are drawn in either case, so that the stream advances alike.
fn square(spec: &Augmentation, sides: [usize; 2], random: &mut ChaCha12Rng) -> Option<[isize; 2]> {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let luck = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let begin = sides.map(|side| below(random, side) - signed(spec.cutout / 2));
    (luck < spec.cutout_probability).then_some(begin)
}

/// Draws a whole number from 0 to `end` - 1; the bias is below 2^-32. No function of `rand` is used, whose next version may change the
/// numbers.
fn below(random: &mut ChaCha12Rng, end: usize) -> isize {
    let scaled = (u128::from(random.next_u64()) * end as u128) >> 64;
    isize::try_from(scaled).unwrap_or(isize::MAX)
}

fn signed(value: usize) -> isize {
    isize::try_from(value).unwrap_or(isize::MAX)
}

impl Change {
    /// Writes the moved and mirrored image (C, H, W) of `image` into `into`, which has the same length.
    pub fn window(&self, image: &[u8], [_, height, width]: [usize; 3], into: &mut [u8]) {
        let [down, right] = self.window;
        for (source, target) in image.chunks_exact(height * width).zip(into.chunks_exact_mut(height * width)) {
            for (y, row) in target.chunks_exact_mut(width).enumerate() {
                let from = y.checked_add_signed(down).filter(|&y| y < height);
                for (x, pixel) in row.iter_mut().enumerate() {
                    let x = if self.flipped { width - 1 - x } else { x };
                    let column = x.checked_add_signed(right).filter(|&x| x < width);
                    *pixel = match (from, column) {
                        (Some(y), Some(x)) => source[y * width + x],
                        _ => 0,
                    };
                }
            }
        }
    }

    /// Sets the square of side `side` to 0 in the scaled pixels (C, H, W).
    pub fn cut(&self, side: usize, [_, height, width]: [usize; 3], pixels: &mut [f32]) {
        let Some([top, left]) = self.square else { return };
        let range = |begin: isize, end: usize| {
            let clip = |at: isize| usize::try_from(at).unwrap_or(0).min(end);
            clip(begin)..clip(begin.saturating_add(signed(side)))
        };
        for plane in pixels.chunks_exact_mut(height * width) {
            for row in plane.chunks_exact_mut(width).skip(range(top, height).start).take(range(top, height).len()) {
                row[range(left, width)].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Augmentation = Augmentation { crop: 2, flip: true, cutout: 3, cutout_probability: 0.5 };
    const SHAPE: [usize; 3] = [1, 4, 5];

    fn image() -> Vec<u8> {
        (1..=20).collect()
    }

    #[test]
    fn a_change_depends_on_seed_and_step_only_and_each_kind_has_its_own_stream() {
        let all = changes(&ALL, SHAPE, 30, 1, 7);
        assert_eq!(all, changes(&ALL, SHAPE, 30, 1, 7));
        assert_ne!(all, changes(&ALL, SHAPE, 30, 1, 8));
        assert_ne!(all, changes(&ALL, SHAPE, 30, 2, 7));
        let flips = changes(&Augmentation { crop: 0, cutout: 0, ..ALL }, SHAPE, 30, 1, 7);
        assert!(all.iter().zip(&flips).all(|(all, flip)| all.flipped == flip.flipped));
        assert!(flips.iter().all(|change| change.window == [0; 2] && change.square.is_none()));
    }

    #[test]
    fn every_place_is_drawn_and_none_outside() {
        let all = changes(&ALL, SHAPE, 4000, 3, 0);
        let rows: Vec<isize> = all.iter().map(|change| change.window[0]).collect();
        assert_eq!((rows.iter().min(), rows.iter().max()), (Some(&-2), Some(&2)));
        let tops: Vec<isize> = all.iter().filter_map(|change| Some(change.square?[0])).collect();
        let lefts: Vec<isize> = all.iter().filter_map(|change| Some(change.square?[1])).collect();
        assert_eq!((tops.iter().min(), tops.iter().max()), (Some(&-1), Some(&2)), "3/2 = 1 above, 4 - 1 - 1");
        assert_eq!((lefts.iter().min(), lefts.iter().max()), (Some(&-1), Some(&3)));
        for share in [tops.len(), all.iter().filter(|change| change.flipped).count()] {
            assert!((1850..2150).contains(&share), "{share} of 4000 at probability 1/2");
        }
    }

    #[test]
    fn the_window_moves_mirrors_and_is_black_outside() {
        let moved = |window, flipped| {
            let mut into = vec![99; 20];
            Change { window, flipped, square: None }.window(&image(), SHAPE, &mut into);
            into
        };
        assert_eq!(moved([0, 0], false), image());
        assert_eq!(moved([0, 0], true)[..5], [5, 4, 3, 2, 1]);
        assert_eq!(moved([1, -2], false)[..10], [0, 0, 6, 7, 8, 0, 0, 11, 12, 13]);
        assert_eq!(moved([-1, 1], true)[..10], [0, 0, 0, 0, 0, 0, 5, 4, 3, 2], "cropped first, then mirrored");
    }

    #[test]
    fn the_square_is_cut_out_of_every_channel_and_clipped_at_the_edge() {
        let mut pixels = vec![1.0; 40];
        Change { window: [0; 2], flipped: false, square: Some([-1, 3]) }.cut(3, [2, 4, 5], &mut pixels);
        let cut: Vec<usize> = (0..40).filter(|&i| pixels[i] == 0.0).collect();
        assert_eq!(cut, [3, 4, 8, 9, 23, 24, 28, 29]);
    }
}
