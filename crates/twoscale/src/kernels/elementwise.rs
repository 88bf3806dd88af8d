//! Small loops over whole buffers.
use super::dispatch;
use super::simd::Simd;

#[inline(always)]
unsafe fn mask_and_add_kernel<S: Simd>(n: usize, x: *const f32, g: *mut f32, total: *mut f32) {
    unsafe {
        let zero = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            let masked = S::select(S::le(S::load(x.add(i)), zero), zero, S::load(g.add(i)));
            S::store(g.add(i), masked);
            S::store(total.add(i), S::add(S::load(total.add(i)), masked));
            i += S::LANES;
        }
        for i in i..n {
            if *x.add(i) <= 0.0 {
                *g.add(i) = 0.0;
            }
            *total.add(i) += *g.add(i);
        }
    }
}

dispatch! {
    /// Sets g to zero where x ≤ 0, and adds it to `total`.
    ///
    /// # Safety
    /// All three must hold `n` values.
    pub(crate) fn mask_and_add = mask_and_add_kernel(n: usize, x: *const f32, g: *mut f32, total: *mut f32)
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
    pub(crate) fn sum_of_squares = sum_of_squares_kernel(x: &[f32]) -> f64
}
