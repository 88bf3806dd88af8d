//! 3x3 convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray, arXiv 1509.09308): F(M x M, 3 x 3) makes M x M
//! outputs from a tile of N x N inputs, N = M + 2, with N² multiplications in place of 9 M².
//!
//! Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a tile d and a kernel g; summed over channels, each entry of ⊙ is a matrix product over
//! tiles. The gradient of g is Gᵀ [(Bᵀ d B) ⊙ (A Y' Aᵀ)] G for the gradient Y' of the tile's outputs; that of d is a convolution
//! with the flipped kernel.
use super::blocks::{from_blocks, to_blocks};
use super::product::{add_transposed, multiply, packed};
use crate::convolution::groups;
use crate::scratch::Buffer;
use crate::simd::Simd;
use crate::{Level, dispatch};

/// Largest side N of a tile.
const MOST: usize = 6;

/// Bytes that the transformed tiles of a strip may take.
const STRIP_BYTES: usize = 3 << 19;

/// A row or column of a tile; entries beyond its length are not used.
type Line<S> = [<S as Simd>::V; MOST];

/// Tiles of a convolution with padding p: outputs of tile (i, j) begin at (M i, M j), inputs at (M i - p, M j - p).
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// M: 2 or 4.
    pub tile: usize,
    /// Height and width of the input.
    pub input: (usize, usize),
    /// Height and width of the output.
    pub output: (usize, usize),
    /// p.
    pub padding: usize,
}

impl Grid {
    fn side(&self) -> usize {
        self.tile + 2
    }
    /// Entries of a transformed tile.
    fn entries(&self) -> usize {
        self.side() * self.side()
    }
    fn across(&self) -> usize {
        self.output.1.div_ceil(self.tile)
    }
    /// Tiles of an image.
    fn tiles(&self) -> usize {
        self.output.0.div_ceil(self.tile) * self.across()
    }
    /// Image, row and column of a tile.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (image, tile) = (tile / self.tiles(), tile % self.tiles());
        (image, tile / self.across(), tile % self.across())
    }
}

/// The one-dimensional transforms of F(2, 3) and F(4, 3).
#[derive(Clone, Copy)]
enum Step {
    /// Bᵀ: N values to N.
    Input,
    /// Aᵀ: N values to M.
    Output,
    /// A: M values to N.
    Gradient,
    /// G: 3 values to N.
    Kernel,
    /// Gᵀ: N values to 3.
    KernelGradient,
}

#[inline(always)]
unsafe fn line<S: Simd, const M: usize, const STEP: u8>(t: Line<S>) -> Line<S> {
    const INPUT: u8 = Step::Input as u8;
    const OUTPUT: u8 = Step::Output as u8;
    const GRADIENT: u8 = Step::Gradient as u8;
    const KERNEL: u8 = Step::Kernel as u8;
    // SAFETY: arithmetic only.
    unsafe {
        let (add, sub) = (|a, b| S::add(a, b), |a, b| S::sub(a, b));
        let times = |c: f32, a| S::mul(S::splat(c), a);
        let plus = |c: f32, a, b| S::fma(S::splat(c), a, b);
        let zero = S::splat(0.0);
        let [a, b, c, d, e, f] = t;
        match (M, STEP) {
            (2, INPUT) => [sub(a, c), add(b, c), sub(c, b), sub(b, d), zero, zero],
            (2, OUTPUT) => [add(a, add(b, c)), sub(b, add(c, d)), zero, zero, zero, zero],
            (2, GRADIENT) => [a, add(a, b), sub(a, b), sub(zero, b), zero, zero],
            (2, KERNEL) => {
                let (outer, middle) = (times(0.5, add(a, c)), times(0.5, b));
                [a, add(outer, middle), sub(outer, middle), c, zero, zero]
            }
            (2, _) => {
                let (sum, difference) = (times(0.5, add(b, c)), times(0.5, sub(b, c)));
                [add(a, sum), difference, add(sum, d), zero, zero, zero]
            }
            (_, INPUT) => {
                let (p, q) = (plus(-4.0, c, e), plus(-4.0, b, d));
                let (r, s) = (sub(e, c), times(2.0, sub(d, b)));
                [
                    plus(4.0, a, plus(-5.0, c, e)),
                    add(p, q),
                    sub(p, q),
                    add(r, s),
                    sub(r, s),
                    plus(4.0, b, plus(-5.0, d, f)),
                ]
            }
            (_, OUTPUT) => {
                let (p, q, r, s) = (add(b, c), sub(b, c), add(d, e), sub(d, e));
                [add(a, add(p, r)), plus(2.0, s, q), plus(4.0, r, p), plus(8.0, s, add(q, f)), zero, zero]
            }
            (_, GRADIENT) => {
                let (p, q) = (add(a, c), add(b, d));
                let (r, s) = (plus(4.0, c, a), times(2.0, plus(4.0, d, b)));
                [a, add(p, q), sub(p, q), add(r, s), sub(r, s), d]
            }
            (_, KERNEL) => {
                let (p, q) = (times(-1.0 / 6.0, add(a, c)), times(-1.0 / 6.0, b));
                let (r, s) = (plus(1.0 / 24.0, a, times(1.0 / 6.0, c)), times(1.0 / 12.0, b));
                [times(0.25, a), add(p, q), sub(p, q), add(r, s), sub(r, s), c]
            }
            _ => {
                let (p, q) = (times(1.0 / 6.0, add(b, c)), times(1.0 / 6.0, sub(c, b)));
                let (r, s) = (add(d, e), sub(d, e));
                [
                    plus(0.25, a, plus(1.0 / 24.0, r, sub(zero, p))),
                    plus(1.0 / 12.0, s, q),
                    add(plus(1.0 / 6.0, r, f), sub(zero, p)),
                    zero,
                    zero,
                    zero,
                ]
            }
        }
    }
}

/// The two-dimensional transform: columns, then rows. `from` and `to` are the lengths of a line before and after.
#[inline(always)]
unsafe fn square<S: Simd, const M: usize, const STEP: u8>(
    t: [Line<S>; MOST],
    from: usize,
    to: usize,
) -> [Line<S>; MOST] {
    // SAFETY: arithmetic only.
    unsafe {
        let zero = S::splat(0.0);
        let mut half = [[zero; MOST]; MOST];
        for j in 0..from {
            let column = line::<S, M, STEP>([t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]]);
            for i in 0..to {
                half[i][j] = column[i];
            }
        }
        for row in half.iter_mut().take(to) {
            *row = line::<S, M, STEP>(*row);
        }
        half
    }
}

/// Reads the rectangle of at most N x N pixels at (top, left) of a blocked image, zeros outside.
#[inline(always)]
unsafe fn read<S: Simd>(
    x: &[f32],
    (height, width): (usize, usize),
    (top, left): (isize, isize),
    side: usize,
) -> [Line<S>; MOST] {
    debug_assert!(x.len() >= height * width * S::LANES, "a blocked image");
    // SAFETY: arithmetic only; the caller vouches for the instructions.
    let zero = unsafe { S::splat(0.0) };
    let mut tile = [[zero; MOST]; MOST];
    for (i, row) in tile.iter_mut().enumerate().take(side) {
        let y = top + i as isize;
        if y < 0 || y >= height as isize {
            continue;
        }
        for (j, value) in row.iter_mut().enumerate().take(side) {
            let at = left + j as isize;
            if at >= 0 && at < width as isize {
                let place = (y as usize * width + at as usize) * S::LANES;
                debug_assert!(place + S::LANES <= x.len(), "a pixel within the image");
                // SAFETY: y < height, at < width, and the caller vouches for height · width vectors.
                *value = unsafe { S::load(x.as_ptr().add(place)) };
            }
        }
    }
    tile
}

#[inline(always)]
unsafe fn input_tiles<S: Simd, const M: usize>(grid: &Grid, x: &[f32], blocks: usize, first: usize, v: &mut [f32]) {
    const STEP: u8 = Step::Input as u8;
    let n = M + 2;
    let image = grid.input.0 * grid.input.1 * S::LANES;
    let count = v.len() / (n * n * blocks * S::LANES);
    for block in 0..blocks {
        for i in 0..count {
            let (at, row, column) = grid.place(first + i);
            let corner = |k: usize| (k * M) as isize - grid.padding as isize;
            let x = &x[(at * blocks + block) * image..][..image];
            // SAFETY: `x` is a whole image; the places in `v` are those of its layout.
            unsafe {
                let tile = read::<S>(x, grid.input, (corner(row), corner(column)), n);
                let tile = square::<S, M, STEP>(tile, n, n);
                for e in 0..n * n {
                    let place = ((e * blocks + block) * count + i) * S::LANES;
                    debug_assert!(place + S::LANES <= v.len(), "an entry of a tile");
                    S::store(v.as_mut_ptr().add(place), tile[e / n][e % n]);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn input_kernel<S: Simd>(grid: &Grid, x: &[f32], blocks: usize, first: usize, v: &mut [f32]) {
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        match grid.tile {
            2 => input_tiles::<S, 2>(grid, x, blocks, first, v),
            _ => input_tiles::<S, 4>(grid, x, blocks, first, v),
        }
    }
}

dispatch! {
    /// Bᵀ d B of the tiles from `first` on of the blocked images `x` (images, blocks, pixels, LANES); `v` is
    /// (N², blocks, tiles, LANES).
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn input = input_kernel(grid: &Grid, x: &[f32], blocks: usize, first: usize, v: &mut [f32])
}

#[inline(always)]
unsafe fn gradient_tiles<S: Simd, const M: usize>(grid: &Grid, g: &[f32], blocks: usize, first: usize, v: &mut [f32]) {
    const STEP: u8 = Step::Gradient as u8;
    let n = M + 2;
    let image = grid.output.0 * grid.output.1 * S::LANES;
    let count = v.len() / (n * n * blocks * S::LANES);
    for block in 0..blocks {
        for i in 0..count {
            let (at, row, column) = grid.place(first + i);
            let g = &g[(at * blocks + block) * image..][..image];
            // SAFETY: `g` is a whole image; the places in `v` are those of its layout.
            unsafe {
                let tile = read::<S>(g, grid.output, ((row * M) as isize, (column * M) as isize), M);
                let tile = square::<S, M, STEP>(tile, M, n);
                for e in 0..n * n {
                    let place = ((e * blocks + block) * count + i) * S::LANES;
                    debug_assert!(place + S::LANES <= v.len(), "an entry of a tile");
                    S::store(v.as_mut_ptr().add(place), tile[e / n][e % n]);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn gradient_kernel<S: Simd>(grid: &Grid, g: &[f32], blocks: usize, first: usize, v: &mut [f32]) {
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        match grid.tile {
            2 => gradient_tiles::<S, 2>(grid, g, blocks, first, v),
            _ => gradient_tiles::<S, 4>(grid, g, blocks, first, v),
        }
    }
}

dispatch! {
    /// A Y' Aᵀ of the gradients of the outputs, layouts as of [`input`].
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn gradient = gradient_kernel(grid: &Grid, g: &[f32], blocks: usize, first: usize, v: &mut [f32])
}

#[inline(always)]
unsafe fn output_tiles<S: Simd, const M: usize>(grid: &Grid, v: &[f32], blocks: usize, first: usize, y: &mut [f32]) {
    const STEP: u8 = Step::Output as u8;
    let n = M + 2;
    let (height, width) = grid.output;
    let image = height * width * S::LANES;
    let count = v.len() / (n * n * blocks * S::LANES);
    for block in 0..blocks {
        for i in 0..count {
            let (at, row, column) = grid.place(first + i);
            let y = &mut y[(at * blocks + block) * image..][..image];
            // SAFETY: `y` is a whole image; the places in `v` are those of its layout.
            unsafe {
                let mut tile = [[S::splat(0.0); MOST]; MOST];
                for e in 0..n * n {
                    let place = ((e * blocks + block) * count + i) * S::LANES;
                    debug_assert!(place + S::LANES <= v.len(), "an entry of a tile");
                    tile[e / n][e % n] = S::load(v.as_ptr().add(place));
                }
                let tile = square::<S, M, STEP>(tile, n, M);
                for (i, line) in tile.iter().enumerate().take(M.min(height - row * M)) {
                    for (j, value) in line.iter().enumerate().take(M.min(width - column * M)) {
                        let place = ((row * M + i) * width + column * M + j) * S::LANES;
                        debug_assert!(place + S::LANES <= y.len(), "a pixel within the image");
                        S::store(y.as_mut_ptr().add(place), *value);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn output_kernel<S: Simd>(grid: &Grid, v: &[f32], blocks: usize, first: usize, y: &mut [f32]) {
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        match grid.tile {
            2 => output_tiles::<S, 2>(grid, v, blocks, first, y),
            _ => output_tiles::<S, 4>(grid, v, blocks, first, y),
        }
    }
}

dispatch! {
    /// The outputs Aᵀ [·] A of the tiles from `first` on; `v` as of [`input`], `y` blocked images.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn output = output_kernel(grid: &Grid, v: &[f32], blocks: usize, first: usize, y: &mut [f32])
}

/// The kernels of a convolution or of its transpose: entry (inner channel, outer channel) of the 3x3 kernels begins at
/// `inner · inner_step + outer · outer_step`.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// (O, C, 3, 3).
    pub values: &'a [f32],
    /// Channels that are summed over, and values from one to the next.
    pub inner: (usize, usize),
    /// Channels of the result, and values from one to the next.
    pub outer: (usize, usize),
    /// True if the kernels are turned by 180 degrees.
    pub flipped: bool,
}

#[inline(always)]
unsafe fn kernel_tiles<S: Simd, const M: usize>(kernels: &Kernels, u: &mut [f32]) {
    const STEP: u8 = Step::Kernel as u8;
    let n = M + 2;
    let ((inner, inner_step), (outer, outer_step)) = (kernels.inner, kernels.outer);
    let (depth, blocks) = (inner.next_multiple_of(S::LANES), outer.div_ceil(S::LANES));
    let matrix = depth * blocks * S::LANES;
    u.fill(0.0);
    for k in 0..inner {
        for block in 0..blocks {
            let here = S::LANES.min(outer - block * S::LANES);
            let mut taps = [[0f32; 16]; 9];
            for (t, tap) in taps.iter_mut().enumerate() {
                let from = k * inner_step + if kernels.flipped { 8 - t } else { t };
                for (l, value) in tap.iter_mut().enumerate().take(here) {
                    *value = kernels.values[from + (block * S::LANES + l) * outer_step];
                }
            }
            let to = packed(S::LANES, depth, blocks, k, block);
            // SAFETY: a row of `taps` holds 16 ≥ LANES values; the places in `u` are those of its layout.
            unsafe {
                let mut tile = [[S::splat(0.0); MOST]; MOST];
                for (t, tap) in taps.iter().enumerate() {
                    tile[t / 3][t % 3] = S::load(tap.as_ptr());
                }
                let tile = square::<S, M, STEP>(tile, 3, n);
                for e in 0..n * n {
                    debug_assert!(e * matrix + to + S::LANES <= u.len(), "an entry of a kernel");
                    S::store(u.as_mut_ptr().add(e * matrix + to), tile[e / n][e % n]);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_kernel<S: Simd>(tile: usize, kernels: &Kernels, u: &mut [f32]) {
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        match tile {
            2 => kernel_tiles::<S, 2>(kernels, u),
            _ => kernel_tiles::<S, 4>(kernels, u),
        }
    }
}

dispatch! {
    /// G g Gᵀ of all kernels: for each of N² entries a right factor of [`multiply`].
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn kernel = kernel_kernel(tile: usize, kernels: &Kernels, u: &mut [f32])
}

#[inline(always)]
unsafe fn kernel_gradient_tiles<S: Simd, const M: usize>(
    sums: &[f32],
    (outputs, inputs): (usize, usize),
    dw: &mut [f32],
) {
    const STEP: u8 = Step::KernelGradient as u8;
    let n = M + 2;
    let row = inputs.next_multiple_of(S::LANES);
    let matrix = outputs.next_multiple_of(S::LANES) * row;
    for o in 0..outputs {
        for c in (0..inputs).step_by(S::LANES) {
            let mut taps = [[0f32; 16]; 9];
            // SAFETY: the places in `sums` are those of its layout; a row of `taps` holds 16 ≥ LANES values.
            unsafe {
                let mut tile = [[S::splat(0.0); MOST]; MOST];
                for e in 0..n * n {
                    let place = e * matrix + o * row + c;
                    debug_assert!(place + S::LANES <= sums.len(), "an entry of a kernel");
                    tile[e / n][e % n] = S::load(sums.as_ptr().add(place));
                }
                let tile = square::<S, M, STEP>(tile, n, 3);
                for (t, tap) in taps.iter_mut().enumerate() {
                    S::store(tap.as_mut_ptr(), tile[t / 3][t % 3]);
                }
            }
            for l in 0..S::LANES.min(inputs - c) {
                let to = &mut dw[(o * inputs + c + l) * 9..][..9];
                for (to, tap) in to.iter_mut().zip(&taps) {
                    *to = tap[l];
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_gradient_kernel<S: Simd>(tile: usize, sums: &[f32], channels: (usize, usize), dw: &mut [f32]) {
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        match tile {
            2 => kernel_gradient_tiles::<S, 2>(sums, channels, dw),
            _ => kernel_gradient_tiles::<S, 4>(sums, channels, dw),
        }
    }
}

dispatch! {
    /// Gᵀ [·] G of the sums (N², outputs, inputs), both channels filled up to whole vectors; `dw` is (O, C, 3, 3).
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn kernel_gradient = kernel_gradient_kernel(tile: usize, sums: &[f32], channels: (usize, usize), dw: &mut [f32])
}

/// Number of tiles in a strip, for `channels` padded channels on both sides together.
fn strip(grid: &Grid, channels: usize) -> usize {
    (STRIP_BYTES / (4 * grid.entries() * channels)).clamp(64, 256)
}

/// The convolution of images (N, inner, H, W) with kernels; y is (N, outer, H', W').
///
/// # Panics
/// When the processor lacks the level's instructions.
pub fn convolve(level: Level, grid: &Grid, images: usize, kernels: &Kernels, x: &[f32], y: &mut [f32]) {
    level.require();
    let lanes = level.lanes();
    let (inner, outer) = (kernels.inner.0, kernels.outer.0);
    let (before, after) = (inner.div_ceil(lanes), outer.div_ceil(lanes));
    let (entries, tiles) = (grid.entries(), grid.tiles());
    let (pixels, places) = (grid.input.0 * grid.input.1, grid.output.0 * grid.output.1);
    let matrix = before * after * lanes * lanes;
    let mut u = Buffer::new(entries * matrix);
    let strip = strip(grid, (before + after) * lanes);
    let group = strip.div_ceil(tiles).min(images.max(1));
    let mut xs = Buffer::new(group * before * pixels * lanes);
    let mut ys = Buffer::new(group * after * places * lanes);
    let most = strip.min(group * tiles);
    let (mut v, mut m) = (Buffer::new(entries * before * most * lanes), Buffer::new(entries * after * most * lanes));
    // SAFETY: the level was checked; the kernels check the lengths of their slices.
    unsafe {
        kernel(level, grid.tile, kernels, &mut u);
        let sources = x.chunks(group * inner * pixels);
        for (x, y) in sources.zip(y.chunks_mut(group * outer * places)) {
            let mut here = 0;
            for (x, xs) in x.chunks_exact(inner * pixels).zip(xs.chunks_exact_mut(before * pixels * lanes)) {
                to_blocks(level, x, pixels, xs);
                here += 1;
            }
            for (first, count) in groups(here * tiles, strip) {
                let v = &mut v[..entries * before * count * lanes];
                let m = &mut m[..entries * after * count * lanes];
                input(level, grid, &xs, before, first, v);
                for e in 0..entries {
                    let v = &v[e * before * count * lanes..][..before * count * lanes];
                    let m = &mut m[e * after * count * lanes..][..after * count * lanes];
                    multiply(level, v, &u[e * matrix..][..matrix], count, m);
                }
                output(level, grid, m, after, first, &mut ys);
            }
            for (y, ys) in y.chunks_exact_mut(outer * places).zip(ys.chunks_exact(after * places * lanes)) {
                from_blocks(level, ys, places, y);
            }
        }
    }
}

/// The gradient of the kernels (O, C, 3, 3) from images (N, C, H, W) and the gradient of the outputs (N, O, H', W').
///
/// # Panics
/// When the processor lacks the level's instructions.
pub fn weight_gradient(
    level: Level,
    grid: &Grid,
    (outputs, inputs): (usize, usize),
    x: &[f32],
    g: &[f32],
    dw: &mut [f32],
) {
    level.require();
    let lanes = level.lanes();
    let (before, after) = (inputs.div_ceil(lanes), outputs.div_ceil(lanes));
    let (entries, tiles) = (grid.entries(), grid.tiles());
    let (pixels, places) = (grid.input.0 * grid.input.1, grid.output.0 * grid.output.1);
    let matrix = before * after * lanes * lanes;
    let mut sums = Buffer::zeros(entries * matrix);
    let strip = strip(grid, (before + after) * lanes);
    let images = x.len() / (inputs * pixels);
    let group = strip.div_ceil(tiles).min(images.max(1));
    let mut xs = Buffer::new(group * before * pixels * lanes);
    let mut gs = Buffer::new(group * after * places * lanes);
    let most = strip.min(group * tiles);
    let (mut v, mut m) = (Buffer::new(entries * before * most * lanes), Buffer::new(entries * after * most * lanes));
    // SAFETY: the level was checked; the kernels check the lengths of their slices.
    unsafe {
        for (x, g) in x.chunks(group * inputs * pixels).zip(g.chunks(group * outputs * places)) {
            let mut here = 0;
            for (x, xs) in x.chunks_exact(inputs * pixels).zip(xs.chunks_exact_mut(before * pixels * lanes)) {
                to_blocks(level, x, pixels, xs);
                here += 1;
            }
            for (g, gs) in g.chunks_exact(outputs * places).zip(gs.chunks_exact_mut(after * places * lanes)) {
                to_blocks(level, g, places, gs);
            }
            for (first, count) in groups(here * tiles, strip) {
                let v = &mut v[..entries * before * count * lanes];
                let m = &mut m[..entries * after * count * lanes];
                input(level, grid, &xs, before, first, v);
                gradient(level, grid, &gs, after, first, m);
                for e in 0..entries {
                    let v = &v[e * before * count * lanes..][..before * count * lanes];
                    let m = &m[e * after * count * lanes..][..after * count * lanes];
                    add_transposed(level, m, v, count, &mut sums[e * matrix..][..matrix]);
                }
            }
        }
        kernel_gradient(level, grid.tile, &sums, (outputs, inputs), dw);
    }
}
