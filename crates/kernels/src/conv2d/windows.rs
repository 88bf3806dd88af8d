//! Convolution of any kernel and stride as a matrix product: the inputs under the kernel at one output are a row of a matrix.
//!
//! The rows are made strip by strip of outputs, so that a strip stays in the cache. The columns are (tap, input channel) with the
//! channels filled up to whole vectors, or, where the channels are few, (input channel, tap) without gaps.
use super::Shape;
use super::blocks::{from_blocks, to_blocks};
use super::product::{add_transposed, multiply, packed};
use crate::scratch::Buffer;
use crate::simd::Simd;
use crate::{Level, dispatch};

/// Outputs of a strip.
const STRIP: usize = 128;

/// Matrix of the windows of a convolution.
#[derive(Clone, Copy)]
struct Windows {
    level: Level,
    shape: Shape,
    /// Height and width of the output.
    output: (usize, usize),
    /// True if the columns have no gaps.
    compact: bool,
}

impl Windows {
    fn new(level: Level, shape: &Shape, compact: bool) -> Self {
        level.require();
        Self { level, shape: *shape, output: shape.output().unwrap_or_default(), compact }
    }
    fn lanes(&self) -> usize {
        self.level.lanes()
    }
    fn taps(&self) -> usize {
        self.shape.side * self.shape.side
    }
    fn pixels(&self) -> usize {
        self.shape.height * self.shape.width
    }
    fn places(&self) -> usize {
        self.output.0 * self.output.1
    }
    /// Vectors of a pixel's input channels.
    fn before(&self) -> usize {
        self.shape.inputs.div_ceil(self.lanes())
    }
    /// Vectors of a place's output channels.
    fn after(&self) -> usize {
        self.shape.outputs.div_ceil(self.lanes())
    }
    /// Vectors of a row of the matrix.
    fn vectors(&self) -> usize {
        if self.compact {
            (self.shape.inputs * self.taps()).div_ceil(self.lanes())
        } else {
            self.taps() * self.before()
        }
    }
    /// The column of an input channel and a tap.
    fn column(&self, c: usize, tap: usize) -> usize {
        if self.compact { c * self.taps() + tap } else { tap * self.before() * self.lanes() + c }
    }
    /// Calls `f` with (column, output channel, index of the weight).
    fn each_weight(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (inputs, taps) = (self.shape.inputs, self.taps());
        for o in 0..self.shape.outputs {
            for c in 0..inputs {
                for tap in 0..taps {
                    f(self.column(c, tap), o, (o * inputs + c) * taps + tap);
                }
            }
        }
    }
    /// The rows of outputs `first` .. `first + count` of one image, planes `x` or blocks `xs` of it.
    fn rows(&self, x: &[f32], xs: &[f32], first: usize, count: usize, planes: &mut [f32], rows: &mut [f32]) {
        if self.compact {
            self.compact_planes(x, first, count, planes);
            // SAFETY: the level was checked when this was made.
            unsafe { to_blocks(self.level, planes, count, rows) };
        } else {
            // SAFETY: as above.
            unsafe { gather(self.level, &self.shape, xs, first, rows) };
        }
    }
    /// The matrix of windows transposed, row by row (input channel, tap).
    fn compact_planes(&self, x: &[f32], first: usize, count: usize, planes: &mut [f32]) {
        let Shape { height, width, side, stride, padding, .. } = self.shape;
        for (k, row) in planes.chunks_exact_mut(count).enumerate() {
            let (plane, tap) = (&x[k / self.taps() * self.pixels()..][..self.pixels()], k % self.taps());
            let mut done = 0;
            while done < count {
                // The rest of one row of outputs.
                let (i, j) = ((first + done) / self.output.1, (first + done) % self.output.1);
                let to = &mut row[done..count.min(done + self.output.1 - j)];
                done += to.len();
                let y = (i * stride + tap / side).wrapping_sub(padding);
                if y >= height {
                    to.fill(0.0);
                    continue;
                }
                let line = &plane[y * width..][..width];
                let begin = (j * stride + tap % side) as isize - padding as isize;
                if stride == 1 {
                    let left = to.len().min(usize::try_from(-begin).unwrap_or(0));
                    let (outside, inside) = to.split_at_mut(left);
                    outside.fill(0.0);
                    let from = line.get(usize::try_from(begin).unwrap_or(0)..).unwrap_or_default();
                    let copied = from.len().min(inside.len());
                    inside[..copied].copy_from_slice(&from[..copied]);
                    inside[copied..].fill(0.0);
                } else {
                    for (l, value) in to.iter_mut().enumerate() {
                        let x = begin + (l * stride) as isize;
                        *value = usize::try_from(x).ok().and_then(|x| line.get(x)).copied().unwrap_or(0.0);
                    }
                }
            }
        }
    }
}

/// The pixel under tap (a, b) of output `place`, if it lies in the image.
#[inline(always)]
fn pixel(shape: &Shape, width: usize, place: usize, tap: usize) -> Option<usize> {
    let y = (place / width * shape.stride + tap / shape.side).wrapping_sub(shape.padding);
    let x = (place % width * shape.stride + tap % shape.side).wrapping_sub(shape.padding);
    if y < shape.height && x < shape.width { Some(y * shape.width + x) } else { None }
}

#[inline(always)]
unsafe fn gather_kernel<S: Simd>(shape: &Shape, xs: &[f32], first: usize, rows: &mut [f32]) {
    let pixels = shape.height * shape.width;
    let before = xs.len() / (pixels * S::LANES);
    let taps = shape.side * shape.side;
    let count = rows.len() / (taps * before * S::LANES);
    let width = shape.output().unwrap_or_default().1;
    // SAFETY: arithmetic only; the caller vouches for the instructions.
    let zero = unsafe { S::splat(0.0) };
    for tap in 0..taps {
        for i in 0..count {
            let from = pixel(shape, width, first + i, tap);
            for block in 0..before {
                let to = ((tap * before + block) * count + i) * S::LANES;
                debug_assert!(to + S::LANES <= rows.len(), "a vector within the rows");
                // SAFETY: a pixel lies in the image, `to` in the rows.
                unsafe {
                    let value = match from {
                        Some(pixel) => {
                            let at = (block * pixels + pixel) * S::LANES;
                            debug_assert!(at + S::LANES <= xs.len(), "a pixel within the image");
                            S::load(xs.as_ptr().add(at))
                        }
                        None => zero,
                    };
                    S::store(rows.as_mut_ptr().add(to), value);
                }
            }
        }
    }
}

dispatch! {
    /// The rows of outputs from `first` on: (tap, block, outputs, LANES) of one blocked image.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn gather = gather_kernel(shape: &Shape, xs: &[f32], first: usize, rows: &mut [f32])
}

#[inline(always)]
unsafe fn scatter_kernel<S: Simd>(shape: &Shape, rows: &[f32], first: usize, xs: &mut [f32]) {
    let pixels = shape.height * shape.width;
    let before = xs.len() / (pixels * S::LANES);
    let taps = shape.side * shape.side;
    let count = rows.len() / (taps * before * S::LANES);
    let width = shape.output().unwrap_or_default().1;
    for tap in 0..taps {
        for i in 0..count {
            let Some(pixel) = pixel(shape, width, first + i, tap) else { continue };
            for block in 0..before {
                let from = ((tap * before + block) * count + i) * S::LANES;
                let at = (block * pixels + pixel) * S::LANES;
                debug_assert!(from + S::LANES <= rows.len() && at + S::LANES <= xs.len(), "vectors within both");
                // SAFETY: a pixel lies in the image, `from` in the rows.
                unsafe {
                    let to = xs.as_mut_ptr().add(at);
                    S::store(to, S::add(S::load(to), S::load(rows.as_ptr().add(from))));
                }
            }
        }
    }
}

dispatch! {
    /// Adds the rows of outputs from `first` on, laid out as by [`gather`], to the pixels that they were read from.
    ///
    /// # Safety
    /// None beyond the level's instructions.
    fn scatter = scatter_kernel(shape: &Shape, rows: &[f32], first: usize, xs: &mut [f32])
}

/// Rows `first` .. `first + count` of a blocked matrix (blocks, `from`, LANES).
fn cut(matrix: &[f32], from: usize, lanes: usize, first: usize, count: usize, strip: &mut [f32]) {
    for (block, strip) in matrix.chunks_exact(from * lanes).zip(strip.chunks_exact_mut(count * lanes)) {
        strip.copy_from_slice(&block[first * lanes..][..count * lanes]);
    }
}

/// y = x * w.
pub fn forward(level: Level, shape: &Shape, x: &[f32], w: &[f32], y: &mut [f32]) {
    let windows = Windows::new(level, shape, shape.inputs < level.lanes());
    let (lanes, places, pixels) = (windows.lanes(), windows.places(), windows.pixels());
    let (before, after, vectors) = (windows.before(), windows.after(), windows.vectors());
    let mut b = Buffer::zeros(vectors * after * lanes * lanes);
    windows.each_weight(|k, o, i| b[packed(lanes, vectors * lanes, after, k, o / lanes) + o % lanes] = w[i]);
    let most = STRIP.min(places);
    let mut planes = Buffer::new(if windows.compact { shape.inputs * windows.taps() * most } else { 0 });
    let mut xs = Buffer::new(if windows.compact { 0 } else { before * pixels * lanes });
    let (mut rows, mut strip) = (Buffer::new(vectors * most * lanes), Buffer::new(after * most * lanes));
    let mut ys = Buffer::new(after * places * lanes);
    for (x, y) in x.chunks_exact(shape.inputs * pixels).zip(y.chunks_exact_mut(shape.outputs * places)) {
        if !windows.compact {
            // SAFETY: the level was checked when `windows` was made; here and below.
            unsafe { to_blocks(level, x, pixels, &mut xs) };
        }
        for first in (0..places).step_by(STRIP) {
            let count = STRIP.min(places - first);
            let rows = &mut rows[..vectors * count * lanes];
            let strip = &mut strip[..after * count * lanes];
            let planes_here = if windows.compact { shape.inputs * windows.taps() * count } else { 0 };
            windows.rows(x, &xs, first, count, &mut planes[..planes_here], rows);
            // SAFETY: the level was checked.
            unsafe { multiply(level, rows, &b, count, strip) };
            for (ys, strip) in ys.chunks_exact_mut(places * lanes).zip(strip.chunks_exact(count * lanes)) {
                ys[first * lanes..][..count * lanes].copy_from_slice(strip);
            }
        }
        // SAFETY: the level was checked.
        unsafe { from_blocks(level, &ys, places, y) };
    }
}

/// The gradient of x.
pub fn input_gradient(level: Level, shape: &Shape, w: &[f32], g: &[f32], dx: &mut [f32]) {
    let windows = Windows::new(level, shape, false);
    let (lanes, places, pixels) = (windows.lanes(), windows.places(), windows.pixels());
    let (before, after, vectors) = (windows.before(), windows.after(), windows.vectors());
    let mut b = Buffer::zeros(vectors * after * lanes * lanes);
    windows.each_weight(|k, o, i| b[packed(lanes, after * lanes, vectors, o, k / lanes) + k % lanes] = w[i]);
    let most = STRIP.min(places);
    let (mut rows, mut strip) = (Buffer::new(vectors * most * lanes), Buffer::new(after * most * lanes));
    let (mut gs, mut xs) = (Buffer::new(after * places * lanes), Buffer::new(before * pixels * lanes));
    for (g, dx) in g.chunks_exact(shape.outputs * places).zip(dx.chunks_exact_mut(shape.inputs * pixels)) {
        xs.fill(0.0);
        // SAFETY: the level was checked when `windows` was made; here and below.
        unsafe { to_blocks(level, g, places, &mut gs) };
        for first in (0..places).step_by(STRIP) {
            let count = STRIP.min(places - first);
            let rows = &mut rows[..vectors * count * lanes];
            let strip = &mut strip[..after * count * lanes];
            cut(&gs, places, lanes, first, count, strip);
            // SAFETY: the level was checked.
            unsafe {
                multiply(level, strip, &b, count, rows);
                scatter(level, shape, rows, first, &mut xs);
            }
        }
        // SAFETY: the level was checked.
        unsafe { from_blocks(level, &xs, pixels, dx) };
    }
}

/// The gradient of w.
pub fn weight_gradient(level: Level, shape: &Shape, x: &[f32], g: &[f32], dw: &mut [f32]) {
    let windows = Windows::new(level, shape, shape.inputs < level.lanes());
    let (lanes, places, pixels) = (windows.lanes(), windows.places(), windows.pixels());
    let (before, after, vectors) = (windows.before(), windows.after(), windows.vectors());
    let mut sums = Buffer::zeros(vectors * after * lanes * lanes);
    let most = STRIP.min(places);
    let mut planes = Buffer::new(if windows.compact { shape.inputs * windows.taps() * most } else { 0 });
    let mut xs = Buffer::new(if windows.compact { 0 } else { before * pixels * lanes });
    let (mut rows, mut strip) = (Buffer::new(vectors * most * lanes), Buffer::new(after * most * lanes));
    let mut gs = Buffer::new(after * places * lanes);
    for (x, g) in x.chunks_exact(shape.inputs * pixels).zip(g.chunks_exact(shape.outputs * places)) {
        // SAFETY: the level was checked when `windows` was made; here and below.
        unsafe {
            if !windows.compact {
                to_blocks(level, x, pixels, &mut xs);
            }
            to_blocks(level, g, places, &mut gs);
        }
        for first in (0..places).step_by(STRIP) {
            let count = STRIP.min(places - first);
            let rows = &mut rows[..vectors * count * lanes];
            let strip = &mut strip[..after * count * lanes];
            let planes_here = if windows.compact { shape.inputs * windows.taps() * count } else { 0 };
            windows.rows(x, &xs, first, count, &mut planes[..planes_here], rows);
            cut(&gs, places, lanes, first, count, strip);
            // SAFETY: the level was checked.
            unsafe { add_transposed(level, strip, rows, count, &mut sums) };
        }
    }
    windows.each_weight(|k, o, i| dw[i] = sums[o * vectors * lanes + k]);
}
