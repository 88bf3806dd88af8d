//! Matrix products of blocked matrices: (⌈columns/LANES⌉, rows, LANES).
//!
//! [`multiply`] keeps up to `Simd::ROWS` rows of two vectors in registers, [`add_transposed`] up to `Simd::TALL` rows of three.
use crate::convolution::groups;
use crate::dispatch;
use crate::simd::Simd;

/// Vectors of a packed panel of the right factor.
pub const WIDE: usize = 2;

/// M rows of V vectors of the product: `a` at its first row, `b` its panel, `y` at its first row and vector.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const V: usize>(
    a: *const f32,
    a_block: usize,
    blocks: usize,
    b: *const f32,
    y: *mut f32,
    y_block: usize,
) {
    // SAFETY: `multiply_kernel` checks what it hands on.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; M];
        let mut b = b;
        for block in 0..blocks {
            let a = a.add(block * a_block);
            for k in 0..S::LANES {
                let mut right = [S::splat(0.0); V];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = S::load(b.add(v * S::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let left = S::splat(*a.add(m * S::LANES + k));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
                b = b.add(V * S::LANES);
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                S::store(y.add(v * y_block + m * S::LANES), *sum);
            }
        }
    }
}

#[inline(always)]
unsafe fn rows<S: Simd, const V: usize>(
    m: usize,
    a: *const f32,
    a_block: usize,
    blocks: usize,
    b: *const f32,
    y: *mut f32,
    y_block: usize,
) {
    // SAFETY: as `tile`. The comparisons with ROWS are made by the compiler.
    unsafe {
        match m {
            1 => tile::<S, 1, V>(a, a_block, blocks, b, y, y_block),
            2 => tile::<S, 2, V>(a, a_block, blocks, b, y, y_block),
            3 if S::ROWS >= 3 => tile::<S, 3, V>(a, a_block, blocks, b, y, y_block),
            4 if S::ROWS >= 4 => tile::<S, 4, V>(a, a_block, blocks, b, y, y_block),
            5 if S::ROWS >= 5 => tile::<S, 5, V>(a, a_block, blocks, b, y, y_block),
            6 if S::ROWS >= 6 => tile::<S, 6, V>(a, a_block, blocks, b, y, y_block),
            7 if S::ROWS >= 7 => tile::<S, 7, V>(a, a_block, blocks, b, y, y_block),
            8 if S::ROWS >= 8 => tile::<S, 8, V>(a, a_block, blocks, b, y, y_block),
            9 if S::ROWS >= 9 => tile::<S, 9, V>(a, a_block, blocks, b, y, y_block),
            10 if S::ROWS >= 10 => tile::<S, 10, V>(a, a_block, blocks, b, y, y_block),
            11 if S::ROWS >= 11 => tile::<S, 11, V>(a, a_block, blocks, b, y, y_block),
            12 if S::ROWS >= 12 => tile::<S, 12, V>(a, a_block, blocks, b, y, y_block),
            _ if S::ROWS >= 13 => tile::<S, 13, V>(a, a_block, blocks, b, y, y_block),
            _ => unreachable!("groups of more rows than the registers take"),
        }
    }
}

#[inline(always)]
unsafe fn multiply_kernel<S: Simd>(a: &[f32], b: &[f32], rows_: usize, y: &mut [f32]) {
    let block = rows_ * S::LANES;
    let (inner, outer) = (a.len() / block, y.len() / block);
    assert!(
        a.len() == inner * block && y.len() == outer * block && b.len() == inner * outer * S::LANES * S::LANES,
        "matrices do not fit a product"
    );
    let panel = inner * S::LANES * S::LANES;
    let mut o = 0;
    while o < outer {
        let wide = WIDE.min(outer - o);
        for (first, m) in groups(rows_, S::ROWS) {
            debug_assert!((inner - 1) * block + (first + m) * S::LANES <= a.len(), "rows within the left factor");
            debug_assert!((o + wide) * panel <= b.len(), "a panel within the right factor");
            debug_assert!((o + wide - 1) * block + (first + m) * S::LANES <= y.len(), "rows within the product");
            // SAFETY: the lengths were checked: `first + m` ≤ rows, `o + wide` ≤ outer.
            unsafe {
                let a = a.as_ptr().add(first * S::LANES);
                let b = b.as_ptr().add(o * panel);
                let y = y.as_mut_ptr().add(o * block + first * S::LANES);
                if wide == WIDE {
                    rows::<S, WIDE>(m, a, block, inner, b, y, block);
                } else {
                    rows::<S, 1>(m, a, block, inner, b, y, block);
                }
            }
        }
        o += wide;
    }
}

dispatch! {
    /// y = a b: `a` (inner blocks, rows, LANES), `y` (outer blocks, rows, LANES), `b` packed in panels of [`WIDE`] outer blocks (the
    /// last may be of one): (panel, inner index, WIDE · LANES). [`packed`] is the place of an entry.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub fn multiply = multiply_kernel(a: &[f32], b: &[f32], rows_: usize, y: &mut [f32])
}

/// Place in a right factor packed for [`multiply`] at which the vector of outer block `o` for the inner index `k` begins.
#[inline(always)]
pub fn packed(lanes: usize, inner: usize, outer_blocks: usize, k: usize, o: usize) -> usize {
    let panel = o / WIDE * WIDE;
    let wide = WIDE.min(outer_blocks - panel);
    (panel * inner + k * wide + (o - panel)) * lanes
}

/// M rows of V vectors of aᵀ b over `rows` rows, added to `y`.
#[inline(always)]
unsafe fn tall<S: Simd, const M: usize, const V: usize>(
    a: *const f32,
    b: *const f32,
    block: usize,
    rows: usize,
    y: *mut f32,
    y_row: usize,
) {
    // SAFETY: `add_transposed_kernel` checks what it hands on.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; M];
        for (m, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = S::load(y.add(m * y_row + v * S::LANES));
            }
        }
        for row in 0..rows {
            let mut right = [S::splat(0.0); V];
            for (v, right) in right.iter_mut().enumerate() {
                *right = S::load(b.add(v * block + row * S::LANES));
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let left = S::splat(*a.add(row * S::LANES + m));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = S::fma(left, right, *sum);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                S::store(y.add(m * y_row + v * S::LANES), *sum);
            }
        }
    }
}

#[inline(always)]
unsafe fn add_transposed_kernel<S: Simd>(a: &[f32], b: &[f32], rows: usize, y: &mut [f32]) {
    let block = rows * S::LANES;
    let (left, right) = (a.len() / block, b.len() / block);
    assert!(
        a.len() == left * block && b.len() == right * block && y.len() == left * right * S::LANES * S::LANES,
        "matrices do not fit a product"
    );
    let y_row = right * S::LANES;
    let mut v = 0;
    while v < right {
        let wide = match right - v {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        // One vector alone takes all lanes of the left factor, to have enough sums under way.
        let height = if wide == 1 { S::LANES } else { S::TALL };
        for m in (0..left * S::LANES).step_by(height) {
            debug_assert!(
                m / S::LANES * block + (rows - 1) * S::LANES + m % S::LANES + height <= a.len(),
                "left factor"
            );
            debug_assert!((v + wide - 1) * block + rows * S::LANES <= b.len(), "right factor");
            debug_assert!((m + height - 1) * y_row + (v + wide) * S::LANES <= y.len(), "sums");
            // SAFETY: the lengths were checked: m + height ≤ left · LANES, v + wide ≤ right.
            unsafe {
                let a = a.as_ptr().add(m / S::LANES * block + m % S::LANES);
                let b = b.as_ptr().add(v * block);
                let y = y.as_mut_ptr().add(m * y_row + v * S::LANES);
                match (wide, S::LANES, S::TALL) {
                    (1, 16, _) => tall::<S, 16, 1>(a, b, block, rows, y, y_row),
                    (1, ..) => tall::<S, 8, 1>(a, b, block, rows, y, y_row),
                    (2, _, 8) => tall::<S, 8, 2>(a, b, block, rows, y, y_row),
                    (2, _, 4) => tall::<S, 4, 2>(a, b, block, rows, y, y_row),
                    (2, ..) => tall::<S, 2, 2>(a, b, block, rows, y, y_row),
                    (_, _, 8) => tall::<S, 8, 3>(a, b, block, rows, y, y_row),
                    (_, _, 4) => tall::<S, 4, 3>(a, b, block, rows, y, y_row),
                    _ => tall::<S, 2, 3>(a, b, block, rows, y, y_row),
                }
            }
        }
        v += wide;
    }
}

dispatch! {
    /// y += aᵀ b: `a` (left blocks, rows, LANES), `b` (right blocks, rows, LANES), `y` row-major (left · LANES, right · LANES).
    ///
    /// # Safety
    /// None beyond the level's instructions.
    pub fn add_transposed = add_transposed_kernel(a: &[f32], b: &[f32], rows: usize, y: &mut [f32])
}
