//! The mean of each plane: global average pooling.
use super::simd::Simd;
use super::{Level, dispatch};

#[inline(always)]
unsafe fn sum_kernel<S: Simd>(x: &[f32]) -> f32 {
    let whole = x.len() - x.len() % S::LANES;
    // SAFETY: every vector lies within the slice.
    unsafe {
        let mut sum = S::splat(0.0);
        for i in (0..whole).step_by(S::LANES) {
            debug_assert!(i + S::LANES <= x.len(), "a vector within the plane");
            sum = S::add(sum, S::load(x.as_ptr().add(i)));
        }
        S::sum(sum) + x[whole..].iter().sum::<f32>()
    }
}

dispatch! {
    /// # Safety
    /// None beyond the level's instructions.
    fn sum = sum_kernel(x: &[f32]) -> f32
}

/// Writes the mean of each `pixels` values of `x` to `y`.
///
/// # Panics
/// When `x` does not hold `pixels` values for each of `y`, or the processor lacks the level's instructions.
pub fn forward(level: Level, x: &[f32], pixels: usize, y: &mut [f32]) {
    assert!(pixels > 0 && x.len() == pixels * y.len(), "{} values are not {} planes of {pixels}", x.len(), y.len());
    level.require();
    for (y, x) in y.iter_mut().zip(x.chunks_exact(pixels)) {
        // SAFETY: the level was checked.
        *y = unsafe { sum(level, x) } / pixels as f32;
    }
}

/// Spreads the gradient `g` of the means evenly over the planes of `dx`.
///
/// # Panics
/// When `dx` does not hold `pixels` values for each of `g`.
pub fn backward(g: &[f32], pixels: usize, dx: &mut [f32]) {
    assert!(pixels > 0 && dx.len() == pixels * g.len(), "{} values are not {} planes of {pixels}", dx.len(), g.len());
    for (g, dx) in g.iter().zip(dx.chunks_exact_mut(pixels)) {
        dx.fill(*g / pixels as f32);
    }
}
