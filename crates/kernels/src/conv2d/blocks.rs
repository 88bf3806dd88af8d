//! The *blocked* layout of an image's channels, (⌈C/LANES⌉, pixels, LANES), and the ways to and from planes (C, pixels).
//!
//! The channels of a pixel fill a vector, so that every transform works on whole vectors whatever the image's sides are.
//! Channels that fill a last vector up are zero.
use crate::dispatch;
use crate::simd::Simd;

#[inline(always)]
unsafe fn to_blocks_kernel<S: Simd>(x: &[f32], pixels: usize, blocked: &mut [f32]) {
    let channels = x.len() / pixels;
    let block = pixels * S::LANES;
    debug_assert!(blocked.len() == channels.div_ceil(S::LANES) * block, "room for whole vectors of channels");
    for (b, to) in blocked.chunks_exact_mut(block).enumerate() {
        let first = b * S::LANES;
        let from = &x[first * pixels..];
        let here = S::LANES.min(channels - first);
        let mut p = 0;
        if here == S::LANES {
            while p + S::LANES <= pixels {
                debug_assert!((S::LANES - 1) * pixels + p + S::LANES <= from.len(), "a square within the planes");
                debug_assert!((p + S::LANES) * S::LANES <= to.len(), "a square within the block");
                // SAFETY: both squares lie in their slices.
                unsafe { S::transpose(from.as_ptr().add(p), pixels, to.as_mut_ptr().add(p * S::LANES), S::LANES) };
                p += S::LANES;
            }
        } else {
            to.fill(0.0);
        }
        for p in p..pixels {
            for l in 0..here {
                to[p * S::LANES + l] = from[l * pixels + p];
            }
        }
    }
}

dispatch! {
    /// Planes (C, pixels) to blocks.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub fn to_blocks = to_blocks_kernel(x: &[f32], pixels: usize, blocked: &mut [f32])
}

#[inline(always)]
unsafe fn from_blocks_kernel<S: Simd>(blocked: &[f32], pixels: usize, y: &mut [f32]) {
    let channels = y.len() / pixels;
    let block = pixels * S::LANES;
    debug_assert!(blocked.len() == channels.div_ceil(S::LANES) * block, "whole vectors of channels");
    for (b, from) in blocked.chunks_exact(block).enumerate() {
        let first = b * S::LANES;
        let here = S::LANES.min(channels - first);
        let to = &mut y[first * pixels..][..here * pixels];
        let mut p = 0;
        if here == S::LANES {
            while p + S::LANES <= pixels {
                debug_assert!((S::LANES - 1) * pixels + p + S::LANES <= to.len(), "a square within the planes");
                debug_assert!((p + S::LANES) * S::LANES <= from.len(), "a square within the block");
                // SAFETY: both squares lie in their slices.
                unsafe { S::transpose(from.as_ptr().add(p * S::LANES), S::LANES, to.as_mut_ptr().add(p), pixels) };
                p += S::LANES;
            }
        }
        for p in p..pixels {
            for l in 0..here {
                to[l * pixels + p] = from[p * S::LANES + l];
            }
        }
    }
}

dispatch! {
    /// Blocks to planes (C, pixels).
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub fn from_blocks = from_blocks_kernel(blocked: &[f32], pixels: usize, y: &mut [f32])
}
