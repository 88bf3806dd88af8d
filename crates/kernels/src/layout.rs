//! Layouts of a batch of images, and the conversions between these layouts.
//!
//! - *planes*: the layout of the callers. Image after image, each (C, H, W) as in PyTorch.
//! - *lanes*: a block of LANES images as (H, W, C, LANES) ((C, H, W, LANES) for the last output of the convolutions): lane l of
//!   a vector belongs to image l, so that a convolution's inner loop is the same for 3 channels as for 16.
//! - *rows*: image after image, each (H, W, C): the inputs under one kernel row lie side by side, as the gradient of
//!   the weights reads them.
use super::dispatch;
use super::simd::Simd;

#[inline(always)]
unsafe fn planes_to_lanes_kernel<S: Simd>(x: &[f32], image: usize, channels: usize, pixels: usize, y: &mut [f32]) {
    let step = channels * S::LANES;
    debug_assert!((S::LANES - 1) * image + channels * pixels <= x.len(), "LANES images");
    debug_assert!(pixels * step <= y.len(), "a block of LANES images");
    for c in 0..channels {
        let mut p = 0;
        while p + S::LANES <= pixels {
            let (from, to) = (c * pixels + p, p * step + c * S::LANES);
            debug_assert!(from + (S::LANES - 1) * image + S::LANES <= x.len(), "a square within the images");
            debug_assert!(to + (S::LANES - 1) * step + S::LANES <= y.len(), "a square within the block");
            // SAFETY: p + LANES ≤ pixels, and the caller vouches for the images and the block.
            unsafe { S::transpose(x.as_ptr().add(from), image, y.as_mut_ptr().add(to), step) };
            p += S::LANES;
        }
        for p in p..pixels {
            for l in 0..S::LANES {
                y[p * step + c * S::LANES + l] = x[l * image + c * pixels + p];
            }
        }
    }
}

#[inline(always)]
unsafe fn lanes_to_rows_kernel<S: Simd>(x: &[f32], values: usize, y: &mut [f32], image: usize) {
    let mut i = 0;
    while i + S::LANES <= values {
        debug_assert!((i + S::LANES) * S::LANES <= x.len(), "a square within the block");
        debug_assert!(i + (S::LANES - 1) * image + S::LANES <= y.len(), "a square within the images");
        // SAFETY: i + LANES ≤ values, and the caller vouches for the block and the images.
        unsafe { S::transpose(x.as_ptr().add(i * S::LANES), S::LANES, y.as_mut_ptr().add(i), image) };
        i += S::LANES;
    }
    for i in i..values {
        for l in 0..S::LANES {
            y[l * image + i] = x[i * S::LANES + l];
        }
    }
}

#[inline(always)]
unsafe fn bytes_to_rows_kernel<S: Simd>(x: &[u8], values: usize, y: &mut [u8], image: usize) {
    let mut i = 0;
    while i + 16 <= values {
        debug_assert!((i + 16) * S::LANES <= x.len(), "16 vectors within the block");
        debug_assert!(i + (S::LANES - 1) * image + 16 <= y.len(), "LANES rows of 16 within the images");
        // SAFETY: i + 16 ≤ values, and the caller vouches for the block and the images.
        unsafe { S::transpose_bytes(x.as_ptr().add(i * S::LANES), y.as_mut_ptr().add(i), image) };
        i += 16;
    }
    for i in i..values {
        for l in 0..S::LANES {
            y[l * image + i] = x[i * S::LANES + l];
        }
    }
}

dispatch! {
    /// [`lanes_to_rows`] for bytes.
    ///
    /// # Safety
    /// The same holds as for [`lanes_to_rows`].
    pub fn bytes_to_rows = bytes_to_rows_kernel(x: &[u8], values: usize, y: &mut [u8], image: usize)
}

dispatch! {
    /// Planes of LANES images, `image` floats apart, to one block of lanes (H·W, C, LANES).
    ///
    /// # Safety
    /// The processor must have the level's instructions; `x` must hold LANES images, `y` `channels * pixels * LANES` values.
    pub fn planes_to_lanes = planes_to_lanes_kernel(x: &[f32], image: usize, channels: usize, pixels: usize, y: &mut [f32])
}

dispatch! {
    /// A block of lanes (`values`, LANES) to LANES images of `values` values, `image` floats apart.
    ///
    /// # Safety
    /// The processor must have the level's instructions; `x` must hold `values * LANES` values, `y` LANES images.
    pub fn lanes_to_rows = lanes_to_rows_kernel(x: &[f32], values: usize, y: &mut [f32], image: usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn every_level_transposes_every_size() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let lanes = level.lanes();
            for (channels, pixels) in [(1, 1), (3, 35), (6, 16), (2, 100)] {
                let image = channels * pixels;
                let x: Vec<f32> = (0..lanes * image).map(|i| i as f32).collect();
                let mut blocked = vec![0.0; x.len()];
                let mut rows = vec![0.0; x.len()];
                let mut bytes = vec![0u8; x.len()];
                // SAFETY: the buffers have the sizes that the kernels ask for.
                unsafe {
                    planes_to_lanes(level, &x, image, channels, pixels, &mut blocked);
                    lanes_to_rows(level, &blocked, image, &mut rows, image);
                    let small: Vec<u8> = blocked.iter().map(|x| (x % 251.0) as u8).collect();
                    bytes_to_rows(level, &small, image, &mut bytes, image);
                }
                assert!(rows.iter().zip(&bytes).all(|(row, byte)| (row % 251.0) as u8 == *byte), "{level:?}");
                for l in 0..lanes {
                    for c in 0..channels {
                        for p in 0..pixels {
                            let expected = x[l * image + c * pixels + p];
                            assert_eq!(blocked[(p * channels + c) * lanes + l], expected, "{level:?}");
                            assert_eq!(rows[l * image + p * channels + c], expected, "{level:?}");
                        }
                    }
                }
            }
        }
    }
}
