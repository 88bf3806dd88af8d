//! Convolution of a batch of images (N, C, H, W) with square kernels, any stride and padding, and its two gradients.
//!
//! y(n, o, i, j) = Σ_{c, a, b} w(o, c, a, b) x(n, c, s i + a - p, s j + b - p), with zeros outside the image (stride s,
//! padding p). 3x3 kernels with stride 1 and enough channels are computed by Winograd's minimal filtering (`winograd.rs`),
//! everything else as a matrix product of windows (`windows.rs`). Both hold the channels of a pixel in vectors (`blocks.rs`) and
//! end in the same matrix products (`product.rs`).
use super::Level;

mod blocks;
mod product;
mod windows;
mod winograd;

use winograd::{Grid, Kernels};

/// Fewest channels on both sides for which Winograd's filtering is faster.
const FEWEST: usize = 8;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images N of the batch.
    pub images: usize,
    /// Channels C of the input.
    pub inputs: usize,
    /// Height H of the input.
    pub height: usize,
    /// Width W of the input.
    pub width: usize,
    /// Channels O of the output.
    pub outputs: usize,
    /// Side k of the kernel.
    pub side: usize,
    /// Stride s in both directions.
    pub stride: usize,
    /// Rows and columns p of zeros around the image.
    pub padding: usize,
}

impl Shape {
    /// Height and width of the output: ⌊(H + 2p - k)/s⌋ + 1 and the same of W; none where the kernel is larger than
    /// the padded image, the kernel or the stride is zero, or a side overflows.
    #[must_use]
    pub fn output(&self) -> Option<(usize, usize)> {
        if self.side == 0 || self.stride == 0 {
            return None;
        }
        let padded = |length: usize| length.checked_add(self.padding.checked_mul(2)?);
        let side = |length: usize| (padded(length)?.checked_sub(self.side)? / self.stride).checked_add(1);
        Some((side(self.height)?, side(self.width)?))
    }

    /// Numbers of values of the batch's input, of the weights and of the output.
    ///
    /// # Panics
    /// When the kernel does not fit the image, or a number overflows.
    #[must_use]
    pub fn lengths(&self) -> [usize; 3] {
        let Some((height, width)) = self.output() else { panic!("a kernel does not fit its image: {self:?}") };
        // Factors of zero last, so that every product of some of the factors is checked too.
        let product = |mut factors: [usize; 4]| {
            factors.sort_unstable_by(|a, b| b.cmp(a));
            let length = factors.into_iter().try_fold(1usize, usize::checked_mul);
            length.unwrap_or_else(|| panic!("a convolution is too large: {self:?}"))
        };
        [
            product([self.images, self.inputs, self.height, self.width]),
            product([self.outputs, self.inputs, self.side, self.side]),
            product([self.images, self.outputs, height, width]),
        ]
    }

    /// Checks the three buffers of a call and returns the output's sides.
    fn check(&self, x: usize, w: usize, y: usize) -> (usize, usize) {
        assert_eq!([x, w, y], self.lengths(), "buffers do not fit a convolution {self:?}");
        self.output().unwrap_or_default()
    }
}

/// The tiles of Winograd's filtering, none for shapes that it does not suit; `padding` is that of the pass, forward or backward.
fn grid(shape: &Shape, input: (usize, usize), output: (usize, usize), padding: usize) -> Option<Grid> {
    let fits = shape.side == 3 && shape.stride == 1 && shape.padding <= 2;
    if !fits || shape.inputs < FEWEST || shape.outputs < FEWEST {
        return None;
    }
    let tile = if output.0.min(output.1) <= 2 { 2 } else { 4 };
    Some(Grid { tile, input, output, padding })
}

/// y = x * w. `x` (N, C, H, W), `w` (O, C, k, k), `y` (N, O, H', W').
///
/// # Panics
/// When a buffer does not fit the shape, or the processor lacks the level's instructions.
pub fn forward(level: Level, shape: &Shape, x: &[f32], w: &[f32], y: &mut [f32]) {
    let output = shape.check(x.len(), w.len(), y.len());
    if y.is_empty() || w.is_empty() {
        return y.fill(0.0);
    }
    match grid(shape, (shape.height, shape.width), output, shape.padding) {
        Some(grid) => {
            let (inner, outer) = ((shape.inputs, 9), (shape.outputs, 9 * shape.inputs));
            winograd::convolve(level, &grid, shape.images, &Kernels { values: w, inner, outer, flipped: false }, x, y);
        }
        None => windows::forward(level, shape, x, w, y),
    }
}

/// The gradient of x, `dx` (N, C, H, W), from that of y, `g` (N, O, H', W').
///
/// # Panics
/// When a buffer does not fit the shape, or the processor lacks the level's instructions.
pub fn input_gradient(level: Level, shape: &Shape, w: &[f32], g: &[f32], dx: &mut [f32]) {
    let output = shape.check(dx.len(), w.len(), g.len());
    if dx.is_empty() || w.is_empty() {
        return dx.fill(0.0);
    }
    match grid(shape, output, (shape.height, shape.width), 2 - shape.padding.min(2)) {
        Some(grid) => {
            // A convolution of g with the kernels turned by 180 degrees, from the outputs' channels to the inputs'.
            let (inner, outer) = ((shape.outputs, 9 * shape.inputs), (shape.inputs, 9));
            winograd::convolve(level, &grid, shape.images, &Kernels { values: w, inner, outer, flipped: true }, g, dx);
        }
        None => windows::input_gradient(level, shape, w, g, dx),
    }
}

/// The gradient of w, `dw` (O, C, k, k), from that of y, `g` (N, O, H', W').
///
/// # Panics
/// When a buffer does not fit the shape, or the processor lacks the level's instructions.
pub fn weight_gradient(level: Level, shape: &Shape, x: &[f32], g: &[f32], dw: &mut [f32]) {
    let output = shape.check(x.len(), dw.len(), g.len());
    if x.is_empty() || g.is_empty() {
        return dw.fill(0.0);
    }
    match grid(shape, (shape.height, shape.width), output, shape.padding) {
        Some(grid) => winograd::weight_gradient(level, &grid, (shape.outputs, shape.inputs), x, g, dw),
        None => windows::weight_gradient(level, shape, x, g, dw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{affordable, noise};

    /// The plainest loops in f64: y, dx, dw for output gradients g.
    fn plain(s: &Shape, x: &[f32], w: &[f32], g: &[f32]) -> [Vec<f64>; 3] {
        let (height, width) = s.output().expect("fits");
        let (mut y, mut dx, mut dw) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        for (at, g) in g.iter().enumerate() {
            let (j, i) = (at % width, at / width % height);
            let (o, n) = (at / width / height % s.outputs, at / width / height / s.outputs);
            for c in 0..s.inputs {
                for a in 0..s.side {
                    for b in 0..s.side {
                        let (row, column) = (s.stride * i + a, s.stride * j + b);
                        if row < s.padding || column < s.padding {
                            continue;
                        }
                        let (row, column) = (row - s.padding, column - s.padding);
                        if row >= s.height || column >= s.width {
                            continue;
                        }
                        let xi = ((n * s.inputs + c) * s.height + row) * s.width + column;
                        let wi = ((o * s.inputs + c) * s.side + a) * s.side + b;
                        y[at] += f64::from(x[xi]) * f64::from(w[wi]);
                        dx[xi] += f64::from(*g) * f64::from(w[wi]);
                        dw[wi] += f64::from(*g) * f64::from(x[xi]);
                    }
                }
            }
        }
        [y, dx, dw]
    }

    fn assert_close(a: &[f32], b: &[f64], what: &str) {
        let size = b.iter().fold(1e-3f64, |m, b| m.max(b.abs()));
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((f64::from(*a) - b).abs() < 1e-5 * size, "{what}, entry {i}: {a}, expected {b}");
        }
    }

    #[test]
    fn every_level_agrees_with_plain_loops_for_all_strides_and_sizes() {
        let cases = [
            // images, inputs, height, width, outputs, side, stride, padding
            [1, 1, 3, 3, 1, 3, 1, 0],
            [2, 3, 32, 32, 16, 3, 1, 1],
            [17, 5, 8, 8, 7, 3, 1, 1],
            [16, 16, 16, 16, 33, 3, 1, 1],
            [5, 4, 7, 9, 3, 3, 1, 1],
            [3, 2, 1, 1, 2, 3, 1, 1],
            [18, 6, 8, 8, 20, 3, 2, 1],
            [4, 3, 9, 7, 5, 3, 2, 1],
            [16, 8, 8, 8, 16, 1, 1, 0],
            [9, 8, 16, 16, 5, 1, 2, 0],
            [3, 2, 6, 7, 4, 5, 3, 2],
            [2, 70, 4, 4, 65, 3, 1, 1],
            [9, 9, 5, 11, 20, 3, 1, 0],
            [2, 33, 6, 4, 9, 3, 1, 2],
            [3, 10, 2, 2, 8, 3, 1, 1],
            [4, 20, 9, 9, 40, 3, 2, 1],
        ];
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for [images, inputs, height, width, outputs, side, stride, padding] in cases {
                let shape = Shape { images, inputs, height, width, outputs, side, stride, padding };
                let [nx, nw, ny] = shape.lengths();
                if !affordable(ny * inputs * side * side) {
                    continue;
                }
                let (x, w, g) = (noise(nx, 1), noise(nw, 2), noise(ny, 3));
                let [y, dx, dw] = plain(&shape, &x, &w, &g);
                let mut found = [vec![f32::NAN; ny], vec![f32::NAN; nx], vec![f32::NAN; nw]];
                forward(level, &shape, &x, &w, &mut found[0]);
                input_gradient(level, &shape, &w, &g, &mut found[1]);
                weight_gradient(level, &shape, &x, &g, &mut found[2]);
                for (found, (expected, what)) in found.iter().zip([(y, "y"), (dx, "dx"), (dw, "dw")]) {
                    assert_close(found, &expected, &format!("{level:?}, {shape:?}, {what}"));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "too large")]
    fn a_shape_whose_size_overflows_is_refused() {
        // 2^64 pixels, 0 in the arithmetic of the machine.
        let sides =
            Shape { images: 1, inputs: 1, height: 1 << 32, width: 1 << 32, outputs: 1, side: 1, stride: 1, padding: 0 };
        let shape = Shape { stride: 1 << 32, ..sides };
        forward(Level::Portable, &shape, &[], &[0.0], &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "buffers do not fit")]
    fn a_buffer_that_is_too_short_is_refused() {
        let shape = Shape { images: 1, inputs: 1, height: 3, width: 3, outputs: 1, side: 3, stride: 1, padding: 1 };
        forward(Level::Portable, &shape, &[0.0; 9], &[0.0; 9], &mut [0.0; 8]);
    }
}
