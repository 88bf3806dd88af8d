//! The vector instructions that the kernels use, as a trait, and a portable implementation.
//!
//! A kernel is one `#[inline(always)]` function generic over [`Simd`]; [`dispatch!`](super::dispatch) instantiates it
//! under `#[target_feature]` once for each [`Level`](super::Level). A method called outside such a
//! function computes the same, slowly. The methods are `unsafe` because of the instructions that the processor must have and of the
//! pointers that are read and written.

/// One vector of `LANES` f32. Comparison masks have their own type.
///
/// # Safety
/// Every method may be called only on a processor that has the implementor's instructions; pointers must be valid for
/// the number of lanes that is read or written. No pointer needs to be aligned.
pub unsafe trait Simd: Copy {
    /// f32 values in a vector.
    const LANES: usize;
    /// Output channels whose four pooled convolution results are held in registers together.
    const CHANNELS: usize;
    /// Rows of two vectors that a matrix product holds in registers together.
    const ROWS: usize;
    /// Rows of three vectors that a transposed matrix product holds in registers together; a divisor of LANES.
    const TALL: usize;
    /// A vector.
    type V: Copy;
    /// The result of a comparison.
    type M: Copy;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n` < LANES values, `fill` in the other lanes.
    unsafe fn load_part(p: *const f32, n: usize, fill: f32) -> Self::V;
    /// The first `n` < LANES lanes.
    unsafe fn store_part(p: *mut f32, n: usize, v: Self::V);
    /// a · b + c.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// The larger; b where either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// a ≤ b (false for NaN).
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M;
    /// a > b, or a is NaN.
    unsafe fn gt_or_nan(a: Self::V, b: Self::V) -> Self::M;
    /// `yes` where m, else `no`.
    unsafe fn select(m: Self::M, yes: Self::V, no: Self::V) -> Self::V;
    /// Nearest integer, halves to even.
    unsafe fn round(a: Self::V) -> Self::V;
    /// 2^a of an integer-valued a in -126 ..= 127.
    unsafe fn exp2_integer(a: Self::V) -> Self::V;
    /// Bit i: lane i is not zero (NaN is not).
    unsafe fn nonzero(a: Self::V) -> u32;
    /// LANES small non-negative integers as bytes.
    unsafe fn store_bytes(p: *mut u8, v: Self::V);
    /// Sum of the lanes, in a fixed order.
    unsafe fn sum(v: Self::V) -> f32;
    /// Largest lane; NaN if any lane is.
    unsafe fn largest(v: Self::V) -> f32;
    /// Transposes a LANES x LANES block: row i begins at `source + i * from` and `target + i * to`.
    unsafe fn transpose(source: *const f32, from: usize, target: *mut f32, to: usize);
    /// Transposes 16 rows of LANES bytes, which follow one another, into LANES rows of 16 at `target + i * to`.
    unsafe fn transpose_bytes(source: *const u8, target: *mut u8, to: usize);
}

/// Eight lanes in plain Rust.
#[derive(Clone, Copy)]
pub struct Portable;

type P = [f32; 8];

#[inline(always)]
fn map2(a: P, b: P, f: impl Fn(f32, f32) -> f32) -> P {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: plain Rust, runs on every processor; the pointer methods read and write as documented.
unsafe impl Simd for Portable {
    const LANES: usize = 8;
    const CHANNELS: usize = 2;
    const ROWS: usize = 2;
    const TALL: usize = 2;
    type V = P;
    type M = [bool; 8];

    #[inline(always)]
    unsafe fn splat(x: f32) -> P {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> P {
        // SAFETY: the caller vouches for eight values.
        unsafe { p.cast::<P>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: P) {
        // SAFETY: the caller vouches for eight values.
        unsafe { p.cast::<P>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: f32) -> P {
        // SAFETY: the caller vouches for n values.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { fill })
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, n: usize, v: P) {
        for (i, x) in v.iter().enumerate().take(n) {
            // SAFETY: the caller vouches for n values.
            unsafe { *p.add(i) = *x }
        }
    }
    // Rounds twice: a fused multiply-add without the instruction would be a slow library call.
    #[inline(always)]
    unsafe fn fma(a: P, b: P, c: P) -> P {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn add(a: P, b: P) -> P {
        map2(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: P, b: P) -> P {
        map2(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: P, b: P) -> P {
        map2(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn max(a: P, b: P) -> P {
        map2(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn le(a: P, b: P) -> [bool; 8] {
        std::array::from_fn(|i| a[i] <= b[i])
    }
    #[inline(always)]
    unsafe fn gt_or_nan(a: P, b: P) -> [bool; 8] {
        std::array::from_fn(|i| a[i] > b[i] || a[i].is_nan())
    }
    #[inline(always)]
    unsafe fn select(m: [bool; 8], yes: P, no: P) -> P {
        std::array::from_fn(|i| if m[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    unsafe fn round(a: P) -> P {
        // Adding and taking away 1.5·2^23 rounds to the nearest integer: exact below 2^22, and no library call.
        const SHIFT: f32 = 12_582_912.0;
        std::array::from_fn(|i| (a[i] + SHIFT) - SHIFT)
    }
    #[inline(always)]
    unsafe fn exp2_integer(a: P) -> P {
        std::array::from_fn(|i| f32::from_bits(((a[i] as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn nonzero(a: P) -> u32 {
        a.iter().enumerate().map(|(i, x)| u32::from(*x != 0.0) << i).sum()
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: P) {
        for (i, x) in v.iter().enumerate() {
            // SAFETY: the caller vouches for eight bytes.
            unsafe { *p.add(i) = *x as u8 }
        }
    }
    #[inline(always)]
    unsafe fn sum(v: P) -> f32 {
        v.iter().sum()
    }
    #[inline(always)]
    unsafe fn largest(v: P) -> f32 {
        v.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
    }
    #[inline(always)]
    unsafe fn transpose(source: *const f32, from: usize, target: *mut f32, to: usize) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller vouches for both blocks.
                unsafe { *target.add(i * to + j) = *source.add(j * from + i) }
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose_bytes(source: *const u8, target: *mut u8, to: usize) {
        for i in 0..8 {
            for j in 0..16 {
                // SAFETY: the caller vouches for both blocks.
                unsafe { *target.add(i * to + j) = *source.add(j * 8 + i) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Simd;
    use crate::{Level, dispatch};

    #[inline(always)]
    unsafe fn largest_kernel<S: Simd>(x: &[f32; 16]) -> f32 {
        // SAFETY: LANES ≤ 16.
        unsafe { S::largest(S::load(x.as_ptr())) }
    }

    dispatch! {
        /// Largest of the first LANES values.
        ///
        /// # Safety
        /// The processor must have the level's instructions.
        fn largest = largest_kernel(x: &[f32; 16]) -> f32
    }

    #[test]
    fn the_largest_lane_is_nan_wherever_the_nan_is() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for lane in 0..level.lanes() {
                let mut x: [f32; 16] = std::array::from_fn(|i| -(i as f32));
                x[lane] = 5.0;
                // SAFETY: the level is available.
                assert_eq!(unsafe { largest(level, &x) }, 5.0, "{level:?}, lane {lane}");
                x[lane] = f32::NAN;
                // SAFETY: as above.
                assert!(unsafe { largest(level, &x) }.is_nan(), "{level:?}, lane {lane}");
            }
        }
    }
}
