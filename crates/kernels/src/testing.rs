//! Values for the tests of the kernels.

/// A fixed pseudo-random sequence in [-1, 1].
pub(crate) fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Returns whether a test of so many products is run: all but under Miri, which interprets some thousands a second.
pub(crate) fn affordable(products: usize) -> bool {
    !cfg!(miri) || products < 50_000
}
