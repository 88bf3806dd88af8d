//! Convolution (valid, stride 1) + bias + ReLU + 2x2 max-pool, fused, forward.
use super::simd::Simd;
use super::{Level, dispatch};

/// Sides of the kernels for which loops are compiled.
pub const SIDES: [usize; 2] = [3, 5];

/// Extra floats behind an image in *rows* (`layout.rs`): gradients read whole vectors.
const PADDING: usize = 16;

/// The sizes of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of the input.
    pub inputs: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Side of the kernel.
    pub side: usize,
}

impl Shape {
    /// Height and width after the pool, rounded down as in PyTorch.
    pub fn pooled(&self) -> (usize, usize) {
        ((self.height + 1 - self.side) / 2, (self.width + 1 - self.side) / 2)
    }
    /// Positions after the pool.
    pub fn positions(&self) -> usize {
        let (height, width) = self.pooled();
        height * width
    }
    /// Values of one image after the pool.
    pub fn features(&self) -> usize {
        self.outputs * self.positions()
    }
    /// Values of one input image.
    pub fn image(&self) -> usize {
        self.inputs * self.height * self.width
    }
    /// Distance of two images in *rows*.
    pub fn row_image(&self) -> usize {
        self.image() + PADDING
    }
    /// Weights of the layer.
    pub fn weights(&self) -> usize {
        self.outputs * self.inputs * self.side * self.side
    }
}

/// Splits `outputs` channels into the fewest groups of at most `most`, as equal as possible: (first, size).
#[inline(always)]
pub(crate) fn groups(outputs: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = outputs.div_ceil(most);
    (0..count).map(move |i| {
        let first = i * (outputs / count) + i.min(outputs % count);
        (first, outputs / count + usize::from(i < outputs % count))
    })
}

/// Weights (out, in, k, k) in the order in which [`convolve`] reads them: group of output channels, kernel row, kernel
/// column, input channel, output channel of the group.
pub(crate) fn pack(level: Level, shape: &Shape, weights: &[f32], packed: &mut [f32]) {
    let taps = shape.side * shape.side;
    for (first, size) in groups(shape.outputs, most(level)) {
        let group = &mut packed[first * taps * shape.inputs..][..size * taps * shape.inputs];
        for o in 0..size {
            for i in 0..shape.inputs {
                for t in 0..taps {
                    group[(t * shape.inputs + i) * size + o] = weights[((first + o) * shape.inputs + i) * taps + t];
                }
            }
        }
    }
}

fn most(level: Level) -> usize {
    match level {
        Level::Portable => super::simd::Portable::CHANNELS,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => super::x86::Avx2::CHANNELS,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => super::x86::Avx512::CHANNELS,
        #[cfg(not(target_arch = "x86_64"))]
        _ => super::simd::Portable::CHANNELS,
    }
}

/// Marks in the saved argmax a pooled output that the ReLU made zero.
pub(crate) const DEAD: u8 = 4;

/// Distances between a block's outputs, in vectors.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    /// Distance of two positions.
    pub position: usize,
    /// Distance of two channels.
    pub channel: usize,
}

/// One row of pooled outputs of a group of `G` output channels. Pointers are to the first input line, weight, bias and output of the
/// row and the group.
#[inline(always)]
unsafe fn pooled_row<S: Simd, const K: usize, const G: usize>(
    shape: &Shape,
    x: *const f32,
    weights: *const f32,
    bias: *const f32,
    order: Order,
    y: *mut f32,
    argmax: *mut u8,
) {
    let lanes = S::LANES;
    let pixel = shape.inputs * lanes;
    let line = shape.width * pixel;
    let taps = K * shape.inputs;
    let (_, width) = shape.pooled();
    debug_assert!(2 * width + K - 1 <= shape.width, "the last window ends in its line");
    // SAFETY: windows of K + 1 lines end at column 2 width + K - 1 of the image; the caller vouches for these lines, for G biases,
    // for K² inputs · G weights, and for the outputs of the row in the given order.
    unsafe {
        let zero = S::splat(0.0);
        for px in 0..width {
            let mut sums = [[zero; 4]; G];
            for (c, sums) in sums.iter_mut().enumerate() {
                *sums = [S::splat(*bias.add(c)); 4];
            }
            let window = x.add(2 * px * pixel);
            let mut w = weights;
            for ky in 0..K {
                let mut upper = window.add(ky * line);
                let mut lower = upper.add(line);
                for _ in 0..taps {
                    let x0 = S::load(upper);
                    let x1 = S::load(upper.add(pixel));
                    let x2 = S::load(lower);
                    let x3 = S::load(lower.add(pixel));
                    for (c, sums) in sums.iter_mut().enumerate() {
                        let w = S::splat(*w.add(c));
                        sums[0] = S::fma(x0, w, sums[0]);
                        sums[1] = S::fma(x1, w, sums[1]);
                        sums[2] = S::fma(x2, w, sums[2]);
                        sums[3] = S::fma(x3, w, sums[3]);
                    }
                    upper = upper.add(lanes);
                    lower = lower.add(lanes);
                    w = w.add(G);
                }
            }
            for (c, sums) in sums.iter().enumerate() {
                let at = (px * order.position + c * order.channel) * lanes;
                let mut largest = sums[0];
                let mut which = zero;
                for (i, sum) in sums.iter().enumerate().skip(1) {
                    // The first maximum wins, as in PyTorch; a NaN wins always and stays.
                    let better = S::gt_or_nan(*sum, largest);
                    largest = S::select(better, *sum, largest);
                    which = S::select(better, S::splat(i as f32), which);
                }
                which = S::select(S::le(largest, zero), S::splat(f32::from(DEAD)), which);
                // max returns its second operand where that is NaN.
                S::store(y.add(at), S::max(zero, largest));
                S::store_bytes(argmax.add(at), which);
            }
        }
    }
}

#[inline(always)]
unsafe fn block<S: Simd, const K: usize>(
    shape: &Shape,
    x: *const f32,
    weights: *const f32,
    bias: *const f32,
    order: Order,
    y: *mut f32,
    argmax: *mut u8,
) {
    let (height, width) = shape.pooled();
    let line = shape.width * shape.inputs * S::LANES;
    debug_assert!(2 * height + K - 1 <= shape.height, "the last window ends in the image");
    for py in 0..height {
        for (first, size) in groups(shape.outputs, S::CHANNELS) {
            let at = (py * width * order.position + first * order.channel) * S::LANES;
            debug_assert!(first + size <= shape.outputs && (1..=6).contains(&size), "a group with a loop of its own");
            // SAFETY: line 2 py begins in the image and the group in weights and biases; the caller vouches for the outputs.
            unsafe {
                let x = x.add(2 * py * line);
                let w = weights.add(first * K * K * shape.inputs);
                let (b, y, a) = (bias.add(first), y.add(at), argmax.add(at));
                match size {
                    1 => pooled_row::<S, K, 1>(shape, x, w, b, order, y, a),
                    2 => pooled_row::<S, K, 2>(shape, x, w, b, order, y, a),
                    3 => pooled_row::<S, K, 3>(shape, x, w, b, order, y, a),
                    4 => pooled_row::<S, K, 4>(shape, x, w, b, order, y, a),
                    5 => pooled_row::<S, K, 5>(shape, x, w, b, order, y, a),
                    _ => pooled_row::<S, K, 6>(shape, x, w, b, order, y, a),
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn convolve_kernel<S: Simd>(
    shape: &Shape,
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    order: Order,
    y: &mut [f32],
    argmax: &mut [u8],
) {
    debug_assert!(SIDES.contains(&shape.side), "a side with loops of its own");
    debug_assert!(x.len() >= shape.image() * S::LANES, "a block of images");
    debug_assert!(weights.len() >= shape.weights() && bias.len() >= shape.outputs, "parameters of every channel");
    let vectors = 1 + (shape.positions() - 1) * order.position + (shape.outputs - 1) * order.channel;
    debug_assert!(vectors * S::LANES <= y.len().min(argmax.len()), "outputs of a block of images");
    let (x, weights, bias, y, argmax) =
        (x.as_ptr(), weights.as_ptr(), bias.as_ptr(), y.as_mut_ptr(), argmax.as_mut_ptr());
    // SAFETY: the caller vouches for the lengths, as asserted.
    unsafe {
        if shape.side == 3 {
            block::<S, 3>(shape, x, weights, bias, order, y, argmax);
        } else {
            block::<S, 5>(shape, x, weights, bias, order, y, argmax);
        }
    }
}

dispatch! {
    /// y = maxpool(relu(x * w + b)) of one block in *lanes*, and the index of the largest of the four outputs ([`DEAD`] where
    /// the ReLU is zero). `weights` as [`pack`] leaves them; `bias` one a channel.
    ///
    /// # Safety
    /// The processor must have the level's instructions; `shape.side` must be in [`SIDES`]; `x` must hold `shape.image() * LANES` values, `y` and `argmax`
    /// `shape.features() * LANES`, and `order` must keep within them.
    pub(crate) fn convolve = convolve_kernel(
        shape: &Shape, x: &[f32], weights: &[f32], bias: &[f32], order: Order, y: &mut [f32], argmax: &mut [u8],
    )
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_cover_all_channels_once_and_stay_small() {
        for outputs in 1..40 {
            for most in 1..7 {
                let mut next = 0;
                for (first, size) in groups(outputs, most) {
                    assert!(first == next && (1..=most).contains(&size));
                    next += size;
                }
                assert_eq!(next, outputs);
            }
        }
    }
}
