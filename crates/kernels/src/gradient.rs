//! Gradients of the fused convolution + bias + ReLU + max-pool, image by image.
//!
//! Under a 2x2 pool one of four convolution outputs carries a gradient, so a pooled gradient g at argmax (dy, dx) adds
//! g · (input under the kernel) to the weights' gradient and g · (kernel) to the input's: a quarter of the dense work.
use super::convolution::{DEAD, Shape};
use super::dispatch;
use super::simd::Simd;

/// Pooled gradients of one image. Entry (channel c, position p) is at `c * channel + p * position` of `values`, and its
/// argmax at the same index of `argmax`.
#[derive(Clone, Copy)]
pub struct Pooled<'a> {
    /// Gradients, zero where the ReLU is dead.
    pub values: &'a [f32],
    /// Argmax 0..4 (4 where dead).
    pub argmax: &'a [u8],
    /// Distance of two channels.
    pub channel: usize,
    /// Distance of two positions.
    pub position: usize,
}

impl Pooled<'_> {
    /// True if there is an entry for every channel and position.
    fn covers(&self, shape: &Shape) -> bool {
        let last = (shape.outputs - 1) * self.channel + (shape.positions() - 1) * self.position;
        last < self.values.len().min(self.argmax.len())
    }
}

/// Vectors that cover one kernel row of `inputs · side` values.
pub fn row_vectors(shape: &Shape, lanes: usize) -> usize {
    (shape.side * shape.inputs).div_ceil(lanes)
}

/// Values from the beginning of an image to the end of the last vector that a window reads or writes.
pub fn reach(shape: &Shape, lanes: usize) -> usize {
    let (height, width) = shape.pooled();
    // The last window begins at the lower right output of the last pool, its last row `side - 1` lines below.
    let row = 2 * (height - 1) + 1 + shape.side - 1;
    let column = 2 * (width - 1) + 1;
    (row * shape.width + column) * shape.inputs + row_vectors(shape, lanes) * lanes
}

/// Place in the image at which the inputs of a convolution output begin, and its gradient, which is not dead.
pub type Living = (u32, f32);

/// Adds g · (inputs) of all of `list` to V vectors of one channel's kernel rows.
#[inline(always)]
unsafe fn add_windows<S: Simd, const K: usize, const V: usize>(
    list: &[Living],
    x: *const f32,
    line: usize,
    sums: *mut f32,
    row: usize,
) {
    // SAFETY: the caller vouches for K rows of `sums` and for K lines below each window of `list`.
    unsafe {
        let mut total = [[S::splat(0.0); V]; K];
        for (r, total) in total.iter_mut().enumerate() {
            for (i, total) in total.iter_mut().enumerate() {
                *total = S::load(sums.add(r * row + i * S::LANES));
            }
        }
        for (offset, g) in list {
            let g = S::splat(*g);
            let window = x.add(*offset as usize);
            debug_assert!(row >= V * S::LANES, "a kernel row of whole vectors");
            for (r, total) in total.iter_mut().enumerate() {
                for (i, total) in total.iter_mut().enumerate() {
                    *total = S::fma(g, S::load(window.add(r * line + i * S::LANES)), *total);
                }
            }
        }
        for (r, total) in total.iter().enumerate() {
            for (i, total) in total.iter().enumerate() {
                S::store(sums.add(r * row + i * S::LANES), *total);
            }
        }
    }
}

#[inline(always)]
unsafe fn weights_image<S: Simd, const K: usize>(
    shape: &Shape,
    x: &[f32],
    g: Pooled,
    list: &mut [Living],
    sums: &mut [f32],
) {
    let (height, width) = shape.pooled();
    assert!(list.len() >= height * width, "the list is shorter than the layer has positions");
    let line = shape.width * shape.inputs;
    let vectors = row_vectors(shape, S::LANES);
    let row = vectors * S::LANES;
    debug_assert!(reach(shape, S::LANES) <= x.len(), "an image with its padding");
    debug_assert!(g.covers(shape), "a gradient for every channel and position");
    debug_assert!(shape.outputs * K * row <= sums.len(), "K kernel rows for every output channel");
    // Offset of the four outputs under the pool; that of a dead one is not used.
    let offsets = [0, shape.inputs, line, line + shape.inputs, 0, 0, 0, 0].map(|offset| offset as u32);
    for c in 0..shape.outputs {
        let mut living = 0;
        for py in 0..height {
            for px in 0..width {
                let at = (py * width + px) * g.position + c * g.channel;
                let begin = (2 * py * line + 2 * px * shape.inputs) as u32;
                // Without a branch, whose outcome the processor could not predict.
                debug_assert!(living < list.len(), "no more gradients than positions");
                debug_assert!(at < g.values.len().min(g.argmax.len()), "a gradient for every channel and position");
                // SAFETY: `living` stays below the positions seen; the caller vouches for one gradient a position.
                unsafe {
                    let argmax = *g.argmax.get_unchecked(at);
                    let value = *g.values.get_unchecked(at);
                    *list.get_unchecked_mut(living) = (begin + offsets[usize::from(argmax & 7)], value);
                    living += usize::from(argmax < DEAD);
                }
            }
        }
        let mut v = 0;
        while v < vectors {
            debug_assert!(living <= list.len(), "no more gradients than positions");
            let ends_within = |(begin, _): &Living| *begin as usize + (K - 1) * line + row <= x.len();
            debug_assert!(list[..living].iter().all(ends_within), "windows of whole vectors within the padded image");
            // SAFETY: `living` entries were written; the caller vouches for the image with its padding and for the sums.
            unsafe {
                let list = list.get_unchecked(..living);
                let (x, sums) = (x.as_ptr().add(v * S::LANES), sums.as_mut_ptr().add(c * K * row + v * S::LANES));
                if vectors - v >= 2 {
                    add_windows::<S, K, 2>(list, x, line, sums, row);
                    v += 2;
                } else {
                    add_windows::<S, K, 1>(list, x, line, sums, row);
                    v += 1;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn weights_kernel<S: Simd>(shape: &Shape, x: &[f32], g: Pooled, list: &mut [Living], sums: &mut [f32]) {
    debug_assert!(shape.side == 3 || shape.side == 5, "a side with loops of its own");
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        if shape.side == 3 {
            weights_image::<S, 3>(shape, x, g, list, sums);
        } else {
            weights_image::<S, 5>(shape, x, g, list, sums);
        }
    }
}

dispatch! {
    /// Adds one image's gradient of the weights to `sums`: (out, kernel row, [`row_vectors`] · LANES), a row's values in
    /// the order (kernel column, input channel). `list` is scratch for as many entries as the layer has positions.
    ///
    /// # Safety
    /// The processor must have the level's instructions, and `shape.side` must be 3 or 5; `x` must hold [`reach`] values from the
    /// image in *rows* on, `g` an entry for every channel and position, and `sums` as many values as described.
    pub fn add_weights = weights_kernel(shape: &Shape, x: &[f32], g: Pooled, list: &mut [Living], sums: &mut [f32])
}

/// Brings the sums of [`add_weights`] into the order (out, in, k, k).
pub fn unpack_weights(shape: &Shape, lanes: usize, sums: &[f32], gradient: &mut [f32]) {
    let (k, row) = (shape.side, row_vectors(shape, lanes) * lanes);
    for o in 0..shape.outputs {
        for i in 0..shape.inputs {
            for y in 0..k {
                for x in 0..k {
                    gradient[((o * shape.inputs + i) * k + y) * k + x] = sums[(o * k + y) * row + x * shape.inputs + i];
                }
            }
        }
    }
}

/// Floats of the table that [`pack_input`] makes.
pub fn input_table(shape: &Shape, lanes: usize) -> usize {
    shape.outputs * (shape.side + 2) * row_vectors(shape, lanes) * lanes
}

/// Weights (out, in, k, k) as [`add_input`] reads them: for each output channel a zero row, the k kernel rows (kernel column,
/// input channel) filled up with zeros to whole vectors, a zero row. The zero rows let one loop over k + 1 rows serve both
/// rows of the pool.
pub fn pack_input(shape: &Shape, lanes: usize, weights: &[f32], table: &mut [f32]) {
    let (k, row) = (shape.side, row_vectors(shape, lanes) * lanes);
    table.fill(0.0);
    for o in 0..shape.outputs {
        for i in 0..shape.inputs {
            for y in 0..k {
                for x in 0..k {
                    table[(o * (k + 2) + y + 1) * row + x * shape.inputs + i] =
                        weights[((o * shape.inputs + i) * k + y) * k + x];
                }
            }
        }
    }
}

/// Most output channels for which [`add_input`] keeps a list on the stack; more are taken in turns.
const LISTED: usize = 64;

/// Adds V vectors from vector v on of the kernels in `list` (g, offset into the table) to R rows of the input's gradient.
#[inline(always)]
unsafe fn input_window<S: Simd, const R: usize, const V: usize>(
    list: &[(f32, u32)],
    table: *const f32,
    row: usize,
    dx: *mut f32,
    line: usize,
) {
    // SAFETY: the caller vouches for R rows of each kernel in the table and R lines from `dx` on.
    unsafe {
        let mut total = [[S::splat(0.0); V]; R];
        for (g, offset) in list {
            let g = S::splat(*g);
            let kernel = table.add(*offset as usize);
            for (r, total) in total.iter_mut().enumerate() {
                for (i, total) in total.iter_mut().enumerate() {
                    *total = S::fma(g, S::load(kernel.add(r * row + i * S::LANES)), *total);
                }
            }
        }
        for (r, total) in total.iter().enumerate() {
            for (i, total) in total.iter().enumerate() {
                let at = dx.add(r * line + i * S::LANES);
                S::store(at, S::add(S::load(at), *total));
            }
        }
    }
}

#[inline(always)]
unsafe fn input_image<S: Simd, const R: usize>(shape: &Shape, table: &[f32], g: Pooled, dx: &mut [f32]) {
    let (height, width) = shape.pooled();
    let line = shape.width * shape.inputs;
    let vectors = row_vectors(shape, S::LANES);
    let row = vectors * S::LANES;
    let kernel = (shape.side + 2) * row;
    debug_assert!(R == shape.side + 1, "the rows of the kernels of both rows of the pool");
    debug_assert!(input_table(shape, S::LANES) <= table.len(), "a kernel for every output channel");
    debug_assert!(reach(shape, S::LANES) <= dx.len(), "an image with its padding");
    debug_assert!(g.covers(shape), "a gradient for every channel and position");
    // The living gradients of a window, those of its left and of its right column apart.
    let mut lists = [[(0f32, 0u32); LISTED]; 2];
    for c0 in (0..shape.outputs).step_by(LISTED) {
        let c1 = shape.outputs.min(c0 + LISTED);
        for py in 0..height {
            for px in 0..width {
                let mut lengths = [0usize; 2];
                for c in c0..c1 {
                    let at = (py * width + px) * g.position + c * g.channel;
                    debug_assert!(at < g.values.len().min(g.argmax.len()), "a gradient for every channel and position");
                    // SAFETY: the caller vouches for one gradient a position and channel.
                    let (value, argmax) = unsafe { (*g.values.get_unchecked(at), *g.argmax.get_unchecked(at)) };
                    // Row 1 of the table is the kernel's first: it meets window row 0 if the argmax is in the upper row.
                    let offset = c * kernel + if argmax & 2 == 0 { row } else { 0 };
                    let column = usize::from(argmax & 1);
                    lists[column][lengths[column]] = (value, offset as u32);
                    lengths[column] += usize::from(argmax < DEAD);
                }
                let window = 2 * py * line + 2 * px * shape.inputs;
                for column in 0..2 {
                    let list = &lists[column][..lengths[column]];
                    let begin = window + column * shape.inputs;
                    debug_assert!(begin + (R - 1) * line + row <= dx.len(), "a window within the padded image");
                    debug_assert!(
                        list.iter().all(|(_, at)| *at as usize + R * row <= table.len()),
                        "kernels in the table"
                    );
                    let mut v = 0;
                    while v < vectors {
                        // SAFETY: vectors below `vectors` lie in the table's rows, and in `dx` with its padding.
                        unsafe {
                            let table = table.as_ptr().add(v * S::LANES);
                            let at = dx.as_mut_ptr().add(begin + v * S::LANES);
                            if vectors - v >= 2 {
                                input_window::<S, R, 2>(list, table, row, at, line);
                                v += 2;
                            } else {
                                input_window::<S, R, 1>(list, table, row, at, line);
                                v += 1;
                            }
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn input_kernel<S: Simd>(shape: &Shape, table: &[f32], g: Pooled, dx: &mut [f32]) {
    debug_assert!(shape.side == 3 || shape.side == 5, "a side with loops of its own");
    // SAFETY: the caller vouches for what the function asks for.
    unsafe {
        if shape.side == 3 {
            input_image::<S, 4>(shape, table, g, dx);
        } else {
            input_image::<S, 6>(shape, table, g, dx);
        }
    }
}

dispatch! {
    /// Adds one image's gradient with respect to the layer's input to `dx`, in *rows* with padding.
    ///
    /// # Safety
    /// The processor must have the level's instructions, and `shape.side` must be 3 or 5; `table` must come from [`pack_input`] for the
    /// same level, `g` have an entry for every channel and position, and `dx` hold [`reach`] values.
    pub fn add_input = input_kernel(shape: &Shape, table: &[f32], g: Pooled, dx: &mut [f32])
}
