//! Small loops over whole buffers.
use super::convolution::DEAD;
use super::simd::Simd;
use super::{Level, dispatch};

// Out of place: in place, the compiler makes a masked store of it, which takes AMD's processors twelve cycles.
#[inline(always)]
unsafe fn mask_and_add_kernel<S: Simd>(x: &[f32], g: &[f32], masked: &mut [f32], total: &mut [f32]) {
    let n = x.len().min(g.len()).min(masked.len()).min(total.len());
    let (x, g, masked, total) = (x.as_ptr(), g.as_ptr(), masked.as_mut_ptr(), total.as_mut_ptr());
    unsafe {
        let zero = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            let m = S::select(S::le(S::load(x.add(i)), zero), zero, S::load(g.add(i)));
            S::store(masked.add(i), m);
            S::store(total.add(i), S::add(S::load(total.add(i)), m));
            i += S::LANES;
        }
        for i in i..n {
            let m = if *x.add(i) <= 0.0 { 0.0 } else { *g.add(i) };
            *masked.add(i) = m;
            *total.add(i) += m;
        }
    }
}

dispatch! {
    /// masked = g where x > 0, else 0; adds it to `total`.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub(crate) fn mask_and_add = mask_and_add_kernel(x: &[f32], g: &[f32], masked: &mut [f32], total: &mut [f32])
}

#[inline(always)]
unsafe fn mask_dead_and_add_kernel<S: Simd>(argmax: &[u8], g: &[f32], masked: &mut [f32], total: &mut [f32]) {
    // Plain Rust, which the compiler turns into the level's vectors.
    for (((a, g), m), t) in argmax.iter().zip(g).zip(masked).zip(total) {
        *m = if *a == DEAD { 0.0 } else { *g };
        *t += *m;
    }
}

dispatch! {
    /// masked = g where the ReLU lives according to the argmax, else 0; adds it to `total`.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub(crate) fn mask_dead_and_add =
        mask_dead_and_add_kernel(argmax: &[u8], g: &[f32], masked: &mut [f32], total: &mut [f32])
}

/// Σ x² in f64, in an order that is the same for every level.
#[inline(always)]
unsafe fn sum_of_squares_kernel<S: Simd>(x: &[f32]) -> f64 {
    const N: usize = 32;
    let mut sums = [0f64; N];
    let chunks = x.chunks_exact(N);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            let x = f64::from(*x);
            *sum += x * x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        let x = f64::from(*x);
        *sum += x * x;
    }
    sums.iter().sum()
}

dispatch! {
    /// Σ x², accumulated in f64.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn sum_of_squares_unchecked = sum_of_squares_kernel(x: &[f32]) -> f64
}

/// Σ x², accumulated in f64.
///
/// # Panics
/// When the processor lacks the level's instructions.
#[must_use]
pub fn sum_of_squares(level: Level, x: &[f32]) -> f64 {
    level.require();
    // SAFETY: the level was just checked; the kernel reads nothing but the slice.
    unsafe { sum_of_squares_unchecked(level, x) }
}
