//! Small loops over whole buffers.
use super::convolution::DEAD;
use super::simd::Simd;
use super::{Level, dispatch};

// Out of place: in place, the compiler emits a masked store, which takes twelve cycles on AMD's processors.
#[inline(always)]
unsafe fn mask_and_add_kernel<S: Simd>(x: &[f32], g: &[f32], masked: &mut [f32], total: &mut [f32]) {
    let n = x.len().min(g.len()).min(masked.len()).min(total.len());
    debug_assert!(x.len() == n && g.len() == n && masked.len() == n && total.len() == n, "buffers of one length");
    let (x, g, masked, total) = (x.as_ptr(), g.as_ptr(), masked.as_mut_ptr(), total.as_mut_ptr());
    // SAFETY: every index is below `n`, the shortest length.
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
    /// masked = 0 where x ≤ 0, else g; adds `masked` to `total`.
    ///
    /// # Safety
    /// The processor must have the level's instructions.
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
    /// masked = 0 where the argmax is [`DEAD`], else g; adds `masked` to `total`.
    ///
    /// # Safety
    /// The processor must have the level's instructions.
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
    /// The processor must have the level's instructions.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_every_length_reach_the_last_value_on_every_level() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for n in 0..40 {
                let x: Vec<f32> = (0..n).map(|i| (i as f32 - 20.0) * [1.0, -1.0][i % 2]).collect();
                let g: Vec<f32> = (0..n).map(|i| i as f32 + 0.5).collect();
                let argmax: Vec<u8> = x.iter().map(|x| if *x > 0.0 { 1 } else { DEAD }).collect();
                let expected: Vec<f32> = x.iter().zip(&g).map(|(x, g)| if *x > 0.0 { *g } else { 0.0 }).collect();
                for of_argmax in [false, true] {
                    let (mut masked, mut total) = (vec![f32::NAN; n], vec![1.0; n]);
                    // SAFETY: the level is available.
                    unsafe {
                        if of_argmax {
                            mask_dead_and_add(level, &argmax, &g, &mut masked, &mut total);
                        } else {
                            mask_and_add(level, &x, &g, &mut masked, &mut total);
                        }
                    }
                    assert_eq!(masked, expected, "{level:?}, {n} values");
                    assert!(total.iter().zip(&expected).all(|(total, g)| *total == 1.0 + g), "{level:?}, {n} values");
                }
            }
        }
    }

    #[test]
    fn the_sum_of_squares_is_the_same_on_every_level() {
        let x: Vec<f32> = (0..101).map(|i| i as f32 / 7.0).collect();
        let plain: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            assert_eq!(sum_of_squares(level, &x), sum_of_squares(Level::Portable, &x));
            assert!((sum_of_squares(level, &x) - plain).abs() < 1e-9 * plain);
        }
    }
}
