//! Layouts of a batch of images, and the ways between them.
//!
//! - *planes*: what callers hold. Image after image, each (C, H, W) as in PyTorch.
//! - *lanes*: a block of LANES images as (H, W, C, LANES) (or (C, H, W, LANES) for what leaves the convolutions): lane l of
//!   a vector belongs to image l, so that a convolution's inner loop is the same for 3 channels as for 16.
//! - *rows*: image after image, each (H, W, C): the inputs under one kernel row lie side by side, which the gradient of
//!   the weights wants.
use super::dispatch;
use super::simd::Simd;

#[inline(always)]
unsafe fn planes_to_lanes_kernel<S: Simd>(x: *const f32, image: usize, channels: usize, pixels: usize, y: *mut f32) {
    for c in 0..channels {
        let (x, y) = unsafe { (x.add(c * pixels), y.add(c * S::LANES)) };
        let step = channels * S::LANES;
        let mut p = 0;
        while p + S::LANES <= pixels {
            unsafe { S::transpose(x.add(p), image, y.add(p * step), step) };
            p += S::LANES;
        }
        for p in p..pixels {
            for l in 0..S::LANES {
                unsafe { *y.add(p * step + l) = *x.add(l * image + p) };
            }
        }
    }
}

#[inline(always)]
unsafe fn lanes_to_rows_kernel<S: Simd>(x: *const f32, values: usize, y: *mut f32, image: usize) {
    let mut i = 0;
    while i + S::LANES <= values {
        unsafe { S::transpose(x.add(i * S::LANES), S::LANES, y.add(i), image) };
        i += S::LANES;
    }
    for i in i..values {
        for l in 0..S::LANES {
            unsafe { *y.add(l * image + i) = *x.add(i * S::LANES + l) };
        }
    }
}

#[inline(always)]
unsafe fn bytes_to_rows_kernel<S: Simd>(x: *const u8, values: usize, y: *mut u8, image: usize) {
    let mut i = 0;
    while i + 16 <= values {
        unsafe { S::transpose_bytes(x.add(i * S::LANES), y.add(i), image) };
        i += 16;
    }
    for i in i..values {
        for l in 0..S::LANES {
            unsafe { *y.add(l * image + i) = *x.add(i * S::LANES + l) };
        }
    }
}

dispatch! {
    /// [`lanes_to_rows`] for bytes.
    ///
    /// # Safety
    /// As there.
    pub fn bytes_to_rows = bytes_to_rows_kernel(x: *const u8, values: usize, y: *mut u8, image: usize)
}

dispatch! {
    /// Planes of LANES images, `image` floats apart, to one block of lanes (H·W, C, LANES).
    ///
    /// # Safety
    /// `x` must hold LANES images, `y` `channels * pixels * LANES` values.
    pub fn planes_to_lanes = planes_to_lanes_kernel(x: *const f32, image: usize, channels: usize, pixels: usize, y: *mut f32)
}

dispatch! {
    /// A block of lanes (`values`, LANES) to LANES images of `values` values, `image` floats apart.
    ///
    /// # Safety
    /// `x` must hold `values * LANES` values, `y` LANES images.
    pub fn lanes_to_rows = lanes_to_rows_kernel(x: *const f32, values: usize, y: *mut f32, image: usize)
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
                    planes_to_lanes(level, x.as_ptr(), image, channels, pixels, blocked.as_mut_ptr());
                    lanes_to_rows(level, blocked.as_ptr(), image, rows.as_mut_ptr(), image);
                    let small: Vec<u8> = blocked.iter().map(|x| (x % 251.0) as u8).collect();
                    bytes_to_rows(level, small.as_ptr(), image, bytes.as_mut_ptr(), image);
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
