//! Soft-max cross-entropy on one scale of one object, with its derivatives.
use super::simd::Simd;
use super::{Level, dispatch};

/// exp(x) for x ≤ 0 to about 1 ulp; 0 at -87.3365 and below, where it would no longer be a normal number.
#[inline(always)]
unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic only; the caller vouches for the instructions.
    unsafe {
        let c = |x| S::splat(x);
        let lowest = c(-87.336_5);
        let inside = S::max(lowest, x);
        let n = S::round(S::mul(inside, c(std::f32::consts::LOG2_E)));
        // x - n ln 2 with ln 2 in two parts, then a polynomial (Cephes).
        let r = S::fma(n, c(-0.693_359_4), inside);
        let r = S::fma(n, c(2.121_944_4e-4), r);
        let mut p = c(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, c(coefficient));
        }
        let e = S::add(S::fma(S::mul(p, r), r, r), c(1.0));
        let e = S::mul(e, S::exp2_integer(n));
        S::select(S::le(x, lowest), c(0.0), e)
    }
}

/// Loss of one object with its derivative in the multiplier, the result of [`object`].
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// -log p_y.
    pub loss: f64,
    /// Derivative of the loss in the multiplier c: Σ_j p_j x_j - x_y.
    pub slope: f64,
}

/// Sums run over vectors of LANES classes in f32, lane by lane; the lanes are added at the end.
#[inline(always)]
unsafe fn object_kernel<S: Simd>(x: &[f32], label: usize, c: f32, p: &mut [f32]) -> Object {
    let n = x.len();
    debug_assert!(p.len() == n && label < n, "derivatives of all logits, and a label among these");
    // SAFETY: the caller vouches for `p` of the length n of `x`; whole vectors end at `whole` ≤ n, the part behind has `rest` values.
    unsafe {
        let whole = n - n % S::LANES;
        let rest = n - whole;
        let mut largest = S::splat(f32::NEG_INFINITY);
        let mut i = 0;
        while i < whole {
            largest = S::max(largest, S::load(x.as_ptr().add(i)));
            i += S::LANES;
        }
        if rest > 0 {
            largest = S::max(largest, S::load_part(x.as_ptr().add(whole), rest, f32::NEG_INFINITY));
        }
        let top = S::largest(largest);
        // Scaling the differences and not the logits keeps the digits of large scales.
        let (vtop, vc, zero) = (S::splat(top), S::splat(c), S::splat(0.0));
        let (mut total, mut weighted) = (zero, zero);
        let mut i = 0;
        while i < whole {
            let d = S::sub(S::load(x.as_ptr().add(i)), vtop);
            let e = exp::<S>(S::mul(vc, d));
            S::store(p.as_mut_ptr().add(i), e);
            total = S::add(total, e);
            weighted = S::fma(e, d, weighted);
            i += S::LANES;
        }
        if rest > 0 {
            let d = S::sub(S::load_part(x.as_ptr().add(whole), rest, top), vtop);
            let z = S::mul(vc, d);
            let e = exp::<S>(z);
            S::store_part(p.as_mut_ptr().add(whole), rest, e);
            // The lanes beyond the classes hold exp(0); a factor of 0 takes these out of the sum.
            let mut lanes = [0f32; 16];
            lanes[..rest].fill(1.0);
            debug_assert!(rest < S::LANES && S::LANES <= lanes.len(), "a part of a vector");
            let here = S::load(lanes.as_ptr());
            total = S::fma(e, here, total);
            weighted = S::fma(e, d, weighted);
        }
        let total = f64::from(S::sum(total));
        let d = f64::from(x[label]) - f64::from(top);
        let loss = total.ln() - f64::from(c) * d;
        let slope = f64::from(S::sum(weighted)) / total - d;
        // c (p_j - [j = y]), the derivative in the logits.
        let factor = f64::from(c) / total;
        let vfactor = S::splat(factor as f32);
        let mut i = 0;
        while i < whole {
            S::store(p.as_mut_ptr().add(i), S::mul(vfactor, S::load(p.as_ptr().add(i))));
            i += S::LANES;
        }
        for p in &mut p[whole..] {
            *p *= factor as f32;
        }
        p[label] -= c;
        Object { loss, slope }
    }
}

dispatch! {
    /// Cross-entropy -log softmax(c x)_label of one object's logits, the derivative in the logits (into `p`) and in c.
    ///
    /// # Safety
    /// `p` must be as long as `x`, `label` below that.
    fn object_unchecked = object_kernel(x: &[f32], label: usize, c: f32, p: &mut [f32]) -> Object
}

/// Cross-entropy -log softmax(c x)_label of one object's logits x (K), with its derivative in the logits, written to `p` (K), and in c.
///
/// # Panics
/// When `p` is not as long as `x`, `label` is not below that, or the processor lacks the level's instructions.
#[must_use]
pub fn object(level: Level, x: &[f32], label: usize, c: f32, p: &mut [f32]) -> Object {
    assert!(
        p.len() == x.len() && label < x.len(),
        "a row of {} logits, {} derivatives, label {label}",
        x.len(),
        p.len()
    );
    level.require();
    // SAFETY: lengths and level were just checked.
    unsafe { object_unchecked(level, x, label, c, p) }
}
