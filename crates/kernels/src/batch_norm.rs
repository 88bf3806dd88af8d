//! Batch normalisation of (N, C, H, W), with an optional ReLU behind it, forward and backward.
//!
//! y = γ_c (x - μ_c)/√(σ²_c + ε) + β_c, where μ_c and σ²_c are mean and (biased) variance of channel c over the batch and
//! all pixels (Ioffe and Szegedy 2015).
use super::simd::Simd;
use super::{Level, dispatch};

/// The sizes of a batch: N images of C channels of H·W pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images N.
    pub images: usize,
    /// Channels C.
    pub channels: usize,
    /// Pixels H·W of a channel.
    pub pixels: usize,
}

impl Shape {
    fn check(&self, buffers: &[usize], channels: &[usize]) {
        let length = self.images * self.channels * self.pixels;
        assert!(
            buffers.iter().all(|n| *n == length) && channels.iter().all(|n| *n == self.channels) && length > 0,
            "buffers do not fit a batch normalisation {self:?}"
        );
    }
}

/// Mean and biased variance of every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// μ (C).
    pub mean: Vec<f64>,
    /// σ² (C), divided by N·H·W.
    pub variance: Vec<f64>,
}

/// Runs `$body` for each vector of a plane of `$n` values; `$part` is the number of values of a last vector that is not whole, else
/// `None`. A macro, because the compiler would not give a closure the level's instructions.
macro_rules! vectors {
    ($S:ty, $n:expr, |$i:ident, $part:ident| $body:block) => {
        let whole = $n - $n % <$S>::LANES;
        let mut $i = 0;
        while $i < whole {
            let $part: Option<usize> = None;
            $body
            $i += <$S>::LANES;
        }
        if whole < $n {
            let $i = whole;
            let $part = Some($n - whole);
            $body
        }
    };
}

/// Mean and sum of squared deviations of one plane, which stays in the cache between the two sums.
#[inline(always)]
unsafe fn plane_moments_kernel<S: Simd>(x: &[f32]) -> (f64, f64) {
    let (n, p) = (x.len(), x.as_ptr());
    // SAFETY: `vectors` keeps within the slice.
    unsafe {
        let mut sums = [S::splat(0.0); 4];
        vectors!(S, n, |i, part| {
            let v = match part {
                None => S::load(p.add(i)),
                Some(part) => S::load_part(p.add(i), part, 0.0),
            };
            sums[i / S::LANES % 4] = S::add(sums[i / S::LANES % 4], v);
        });
        let mean = f64::from(S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])))) / n as f64;
        let centre = mean as f32;
        let (vc, mut squares) = (S::splat(centre), [S::splat(0.0); 4]);
        vectors!(S, n, |i, part| {
            let v = match part {
                None => S::load(p.add(i)),
                Some(part) => S::load_part(p.add(i), part, centre),
            };
            let d = S::sub(v, vc);
            squares[i / S::LANES % 4] = S::fma(d, d, squares[i / S::LANES % 4]);
        });
        let squares = f64::from(S::sum(S::add(S::add(squares[0], squares[1]), S::add(squares[2], squares[3]))));
        // Around the mean and not around its rounded value.
        (mean, squares - n as f64 * (mean - f64::from(centre)).powi(2))
    }
}

dispatch! {
    /// # Safety
    /// None beyond the level's instructions.
    fn plane_moments = plane_moments_kernel(x: &[f32]) -> (f64, f64)
}

/// Mean and variance of every channel of `x` (N, C, H·W).
///
/// # Panics
/// When `x` does not fit the shape or the processor lacks the level's instructions.
#[must_use]
pub fn moments(level: Level, shape: &Shape, x: &[f32]) -> Moments {
    shape.check(&[x.len()], &[]);
    level.require();
    let mut means = vec![0f64; shape.channels];
    let mut squares = vec![0f64; shape.channels];
    for (at, plane) in x.chunks_exact(shape.pixels).enumerate() {
        let (n, c) = (at / shape.channels, at % shape.channels);
        // SAFETY: the level was checked.
        let (mean, square) = unsafe { plane_moments(level, plane) };
        // Chan, Golub, LeVeque: moments of a set of n planes and of one more.
        let (before, after) = (n as f64, n as f64 + 1.0);
        let gap = mean - means[c];
        means[c] += gap / after;
        squares[c] += square + gap * gap * before / after * shape.pixels as f64;
    }
    let count = (shape.images * shape.pixels) as f64;
    squares.iter_mut().for_each(|square| *square = (*square / count).max(0.0));
    // max() loses NaN: a diverged network's variance is NaN, as its mean is.
    for (square, mean) in squares.iter_mut().zip(&means) {
        if !mean.is_finite() {
            *square = f64::NAN;
        }
    }
    Moments { mean: means, variance: squares }
}

/// y = scale_c x + shift_c of channel c.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// γ/√(σ² + ε) (C).
    pub scale: Vec<f32>,
    /// β - μ·scale (C).
    pub shift: Vec<f32>,
}

impl Affine {
    /// The normalisation with given moments.
    ///
    /// # Panics
    /// When the lengths differ.
    #[must_use]
    pub fn new(moments: &Moments, gamma: &[f32], beta: &[f32], epsilon: f64) -> Self {
        let channels = gamma.len();
        assert!(
            beta.len() == channels && moments.mean.len() == channels && moments.variance.len() == channels,
            "moments, scales and shifts of a batch normalisation are not of the same number of channels"
        );
        let mut affine = Self { scale: Vec::with_capacity(channels), shift: Vec::with_capacity(channels) };
        for c in 0..channels {
            let scale = f64::from(gamma[c]) / (moments.variance[c] + epsilon).sqrt();
            affine.scale.push(scale as f32);
            affine.shift.push((f64::from(beta[c]) - moments.mean[c] * scale) as f32);
        }
        affine
    }
}

#[inline(always)]
unsafe fn apply_plane_kernel<S: Simd>(x: &[f32], scale: f32, shift: f32, relu: bool, y: &mut [f32]) {
    debug_assert!(x.len() == y.len(), "planes of one length");
    let (n, p, q) = (x.len().min(y.len()), x.as_ptr(), y.as_mut_ptr());
    // SAFETY: `vectors` keeps within the slices, which are at least `n` long.
    unsafe {
        let (scale, shift, zero) = (S::splat(scale), S::splat(shift), S::splat(0.0));
        vectors!(S, n, |i, part| {
            let v = match part {
                None => S::load(p.add(i)),
                Some(part) => S::load_part(p.add(i), part, 0.0),
            };
            let mut v = S::fma(v, scale, shift);
            if relu {
                // max returns its second operand where that is NaN.
                v = S::max(zero, v);
            }
            match part {
                None => S::store(q.add(i), v),
                Some(part) => S::store_part(q.add(i), part, v),
            }
        });
    }
}

dispatch! {
    /// # Safety
    /// None beyond the level's instructions.
    fn apply_plane = apply_plane_kernel(x: &[f32], scale: f32, shift: f32, relu: bool, y: &mut [f32])
}

/// y = scale x + shift channel by channel, and max(·, 0) if asked.
///
/// # Panics
/// When a buffer does not fit the shape or the processor lacks the level's instructions.
pub fn apply(level: Level, shape: &Shape, affine: &Affine, relu: bool, x: &[f32], y: &mut [f32]) {
    shape.check(&[x.len(), y.len()], &[affine.scale.len(), affine.shift.len()]);
    level.require();
    for (at, (x, y)) in x.chunks_exact(shape.pixels).zip(y.chunks_exact_mut(shape.pixels)).enumerate() {
        let c = at % shape.channels;
        // SAFETY: the level was checked.
        unsafe { apply_plane(level, x, affine.scale[c], affine.shift[c], relu, y) };
    }
}

/// Σ g and Σ g (x - centre) over one plane, of the g whose output is alive.
#[inline(always)]
unsafe fn plane_sums_kernel<S: Simd>(
    x: &[f32],
    g: &[f32],
    scale: f32,
    shift: f32,
    relu: bool,
    centre: f32,
) -> (f64, f64) {
    debug_assert!(x.len() == g.len(), "planes of one length");
    let (n, p, q) = (x.len().min(g.len()), x.as_ptr(), g.as_ptr());
    // SAFETY: `vectors` keeps within the slices, which are at least `n` long.
    unsafe {
        let (scale, shift, zero, centre) = (S::splat(scale), S::splat(shift), S::splat(0.0), S::splat(centre));
        let (mut plain, mut products) = ([zero; 2], [zero; 2]);
        vectors!(S, n, |i, part| {
            let (x, mut g) = match part {
                None => (S::load(p.add(i)), S::load(q.add(i))),
                Some(part) => (S::load_part(p.add(i), part, 0.0), S::load_part(q.add(i), part, 0.0)),
            };
            if relu {
                // Repeats the operation of the forward pass, so that the signs are equal.
                g = S::select(S::le(S::fma(x, scale, shift), zero), zero, g);
            }
            let at = i / S::LANES % 2;
            plain[at] = S::add(plain[at], g);
            products[at] = S::fma(g, S::sub(x, centre), products[at]);
        });
        (f64::from(S::sum(S::add(plain[0], plain[1]))), f64::from(S::sum(S::add(products[0], products[1]))))
    }
}

dispatch! {
    /// # Safety
    /// None beyond the level's instructions.
    fn plane_sums = plane_sums_kernel(
        x: &[f32], g: &[f32], scale: f32, shift: f32, relu: bool, centre: f32,
    ) -> (f64, f64)
}

/// dx = scale g + slope (x - centre) + offset of one plane, g = 0 where the output is dead.
#[inline(always)]
unsafe fn plane_gradient_kernel<S: Simd>(
    x: &[f32],
    g: &[f32],
    [scale, shift]: [f32; 2],
    relu: bool,
    [centre, slope, offset]: [f32; 3],
    dx: &mut [f32],
) {
    debug_assert!(x.len() == g.len() && x.len() == dx.len(), "planes of one length");
    let n = x.len().min(g.len()).min(dx.len());
    let (p, q, to) = (x.as_ptr(), g.as_ptr(), dx.as_mut_ptr());
    // SAFETY: `vectors` keeps within the slices, which are at least `n` long.
    unsafe {
        let (scale, shift, zero) = (S::splat(scale), S::splat(shift), S::splat(0.0));
        let (centre, slope, offset) = (S::splat(centre), S::splat(slope), S::splat(offset));
        vectors!(S, n, |i, part| {
            let (x, mut g) = match part {
                None => (S::load(p.add(i)), S::load(q.add(i))),
                Some(part) => (S::load_part(p.add(i), part, 0.0), S::load_part(q.add(i), part, 0.0)),
            };
            if relu {
                g = S::select(S::le(S::fma(x, scale, shift), zero), zero, g);
            }
            let v = S::fma(g, scale, S::fma(S::sub(x, centre), slope, offset));
            match part {
                None => S::store(to.add(i), v),
                Some(part) => S::store_part(to.add(i), part, v),
            }
        });
    }
}

dispatch! {
    /// # Safety
    /// None beyond the level's instructions.
    fn plane_gradient = plane_gradient_kernel(
        x: &[f32], g: &[f32], affine: [f32; 2], relu: bool, linear: [f32; 3], dx: &mut [f32],
    )
}

/// Values of the forward pass that the backward pass needs besides the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// Moments that the forward pass used.
    pub moments: Moments,
    /// The map that it applied.
    pub affine: Affine,
    /// ε.
    pub epsilon: f64,
    /// True if a ReLU followed.
    pub relu: bool,
    /// True if the moments are those of the batch itself, so that the moments depend on x.
    pub of_batch: bool,
}

/// Gradients of γ and β.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// dL/dγ (C).
    pub gamma: Vec<f32>,
    /// dL/dβ (C).
    pub beta: Vec<f32>,
}

/// Gradients of γ, β and, where `dx` is given, of x from that of y, `g` (N, C, H·W).
///
/// # Panics
/// When a buffer does not fit the shape or the processor lacks the level's instructions.
pub fn backward(level: Level, shape: &Shape, saved: &Saved, x: &[f32], g: &[f32], dx: Option<&mut [f32]>) -> Gradients {
    let Saved { moments, affine, epsilon, relu, of_batch } = saved;
    let channels = [affine.scale.len(), affine.shift.len(), moments.mean.len(), moments.variance.len()];
    shape.check(&[x.len(), g.len(), dx.as_ref().map_or(x.len(), |dx| dx.len())], &channels);
    level.require();
    let mut sums = vec![(0f64, 0f64); shape.channels];
    for (at, (x, g)) in x.chunks_exact(shape.pixels).zip(g.chunks_exact(shape.pixels)).enumerate() {
        let c = at % shape.channels;
        let centre = moments.mean[c] as f32;
        // SAFETY: the level was checked.
        let (plain, product) = unsafe { plane_sums(level, x, g, affine.scale[c], affine.shift[c], *relu, centre) };
        sums[c].0 += plain;
        // Around the mean and not around its rounded value.
        sums[c].1 += product - plain * (moments.mean[c] - f64::from(centre));
    }
    let inverse: Vec<f64> = moments.variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
    if let Some(dx) = dx {
        // dx = γ/σ (g - Σg/M - x̂ Σ(g x̂)/M) with x̂ = (x - μ)/σ and M values a channel.
        let count = (shape.images * shape.pixels) as f64;
        let linear: Vec<[f32; 3]> = (0..shape.channels)
            .map(|c| {
                let scale = f64::from(affine.scale[c]);
                let centre = moments.mean[c] as f32;
                if !of_batch {
                    return [centre, 0.0, 0.0];
                }
                let slope = -scale * sums[c].1 * inverse[c] * inverse[c] / count;
                let offset = -scale * sums[c].0 / count - slope * (moments.mean[c] - f64::from(centre));
                [centre, slope as f32, offset as f32]
            })
            .collect();
        let planes = x.chunks_exact(shape.pixels).zip(g.chunks_exact(shape.pixels));
        for (at, ((x, g), dx)) in planes.zip(dx.chunks_exact_mut(shape.pixels)).enumerate() {
            let c = at % shape.channels;
            // SAFETY: the level was checked.
            unsafe { plane_gradient(level, x, g, [affine.scale[c], affine.shift[c]], *relu, linear[c], dx) };
        }
    }
    Gradients {
        gamma: sums.iter().zip(&inverse).map(|((_, product), inverse)| (product * inverse) as f32).collect(),
        beta: sums.iter().map(|(plain, _)| *plain as f32).collect(),
    }
}
