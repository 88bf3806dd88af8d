//! Scaling of pixels to numbers.
use experiment::spec::Input;

/// Numbers for pixel values, per channel: a table of 256 numbers, each the correctly rounded f32 of the f64 formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    tables: Vec<[f32; 256]>,
    /// Pixels of a channel.
    plane: usize,
}

impl Scaling {
    /// The tables for `images` (N, C, H, W), the training set; `shape` is (C, H, W) and `white` the largest pixel value.
    /// Mean and standard deviation (dividing by N, not N-1) are taken over the images given.
    #[must_use]
    pub fn new(input: Input, images: &[u8], shape: [usize; 3], white: u8) -> Self {
        let [channels, height, width] = shape;
        let plane = height * width;
        // Only two of the scalings read the images.
        let statistics = match input {
            Input::Unit | Input::Half => Vec::new(),
            Input::Centred | Input::Standard => datasets::channel_statistics(images, shape, white.max(1)),
        };
        let white = f64::from(white.max(1));
        let table = |channel: usize| {
            let (shift, scale) = match input {
                Input::Unit => (0.0, 1.0),
                Input::Half => (0.5, 0.5),
                Input::Centred => (statistics[channel].0, 1.0),
                Input::Standard => {
                    let (mean, deviation) = statistics[channel];
                    // A constant channel has deviation 0 and is scaled to 0, not to 0/0.
                    (mean, if deviation > 0.0 { deviation } else { 1.0 })
                }
            };
            let mut table = [0.0; 256];
            for (pixel, entry) in (0u8..=255).zip(&mut table) {
                #[expect(clippy::cast_possible_truncation, reason = "networks compute in f32")]
                let value = ((f64::from(pixel) / white - shift) / scale) as f32;
                *entry = value;
            }
            table
        };
        Self { tables: (0..channels).map(table).collect(), plane }
    }

    /// Appends the scaled pixels of one image (C, H, W).
    pub fn append(&self, image: &[u8], into: &mut Vec<f32>) {
        for (plane, table) in image.chunks_exact(self.plane).zip(&self.tables) {
            into.extend(plane.iter().map(|&pixel| table[usize::from(pixel)]));
        }
    }

    /// Numbers of one image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.tables.len() * self.plane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of two channels of two pixels.
    const IMAGES: [u8; 8] = [0, 4, 16, 16, 8, 4, 16, 16];

    fn scaled(input: Input) -> Vec<f32> {
        let scaling = Scaling::new(input, &IMAGES, [2, 1, 2], 16);
        assert_eq!(scaling.image_len(), 4);
        let mut values = Vec::new();
        IMAGES.chunks(4).for_each(|image| scaling.append(image, &mut values));
        values
    }

    #[test]
    fn white_is_one_and_half_is_symmetric() {
        assert_eq!(scaled(Input::Unit), [0.0, 0.25, 1.0, 1.0, 0.5, 0.25, 1.0, 1.0]);
        assert_eq!(scaled(Input::Half), [-1.0, -0.5, 1.0, 1.0, 0.0, -0.5, 1.0, 1.0]);
    }

    #[test]
    fn centred_and_standard_use_the_channels_own_moments() {
        // Channel 0: 0, 4, 8, 4 of 16: mean 1/4, variance 1/32. Channel 1 is constant.
        assert_eq!(scaled(Input::Centred), [-0.25, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0]);
        let root = 2.0_f32.sqrt();
        let standard = scaled(Input::Standard);
        for (got, want) in standard.iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0, 0.0, 0.0]) {
            assert!((got - want).abs() < 1e-6, "{standard:?}");
        }
    }
}
