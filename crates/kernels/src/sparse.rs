//! A dense layer on inputs that are mostly zeros, as four fifths of MNIST's pixels are: products with a zero are left out.
use super::convolution::groups;
use super::scratch::Buffer;
use super::simd::Simd;
use super::{Level, dispatch};

/// Share of inputs that are not zero above which a dense product is faster (measured at 784-100, AVX-512 and AVX2).
const DENSEST: f64 = 0.4;

/// Most vectors of outputs that are summed in registers at once.
const MOST: usize = 8;

/// Places of the inputs of a batch that are not zero.
///
/// ```
/// use kernels::{Level, sparse};
/// let mut x = vec![0.0; 8 * 32];
/// x[3] = 2.0; // unit 3 of object 0
/// let pattern = sparse::pattern(Level::Portable, &x, 32).expect("most inputs are zero");
/// let mut y = vec![0.0; 8];
/// sparse::forward(Level::Portable, &x, &[0.5; 32], &pattern, 1, &mut y);
/// assert_eq!(y[0], 1.0);
/// ```
pub struct Pattern {
    /// Input units of an object; every entry of `units` is below it.
    inputs: usize,
    /// Input units of object 0, of object 1, ...
    units: Vec<u32>,
    /// Index in `units` at which each object begins, and the end of the last object.
    begins: Vec<usize>,
}

/// The pattern of `x`, rows of `inputs` values; none if the batch is too dense or too small for a sparse product to be faster.
///
/// # Panics
/// When the processor lacks the level's instructions.
#[must_use]
pub fn pattern(level: Level, x: &[f32], inputs: usize) -> Option<Pattern> {
    level.require();
    let objects = x.len() / inputs.max(1);
    let most = (DENSEST * x.len() as f64) as usize;
    if objects < 8 || inputs < 32 {
        return None;
    }
    let mut pattern =
        Pattern { inputs, units: Vec::with_capacity(most + inputs), begins: Vec::with_capacity(objects + 1) };
    pattern.begins.push(0);
    for row in x.chunks_exact(inputs) {
        let n = pattern.units.len();
        debug_assert!(n + row.len() <= pattern.units.capacity(), "room for every unit of one more object");
        // SAFETY: the capacity is at least `most + inputs`, and n ≤ most here; `find` writes the units that it counts.
        unsafe {
            let added = find(level, row, pattern.units.as_mut_ptr().add(n));
            pattern.units.set_len(n + added);
        }
        if n + inputs > most && pattern.units.len() > most {
            return None;
        }
        pattern.begins.push(pattern.units.len());
    }
    Some(pattern)
}

#[inline(always)]
unsafe fn find_kernel<S: Simd>(x: &[f32], units: *mut u32) -> usize {
    let mut n = 0;
    let whole = x.len() - x.len() % S::LANES;
    // SAFETY: whole vectors lie in the slice; `n` stays at most the number of values seen, for which the caller vouches.
    unsafe {
        let mut i = 0;
        while i < whole {
            debug_assert!(n <= i, "no more units than values seen");
            let mut bits = S::nonzero(S::load(x.as_ptr().add(i)));
            while bits != 0 {
                *units.add(n) = i as u32 + bits.trailing_zeros();
                bits &= bits - 1;
                n += 1;
            }
            i += S::LANES;
        }
        for (i, x) in x.iter().enumerate().skip(whole) {
            *units.add(n) = i as u32;
            n += usize::from(*x != 0.0);
        }
    }
    n
}

dispatch! {
    /// Writes the indices of the values that are not zero and returns their number.
    ///
    /// # Safety
    /// The processor must have the level's instructions; `units` must have room for `x.len()` indices.
    fn find = find_kernel(x: &[f32], units: *mut u32) -> usize
}

/// Floats of a row of outputs filled up to whole vectors.
fn padded(outputs: usize, level: Level) -> usize {
    outputs.next_multiple_of(level.lanes())
}

/// y = x wᵀ for w (outputs, inputs); `y` row-major.
///
/// # Panics
/// When the pattern is that of other sizes, a buffer does not fit, or the processor lacks the level's instructions.
pub fn forward(level: Level, x: &[f32], w: &[f32], pattern: &Pattern, outputs: usize, y: &mut [f32]) {
    level.require();
    let (objects, inputs) = (pattern.begins.len() - 1, pattern.inputs);
    let row = padded(outputs, level);
    assert!(
        x.len() == objects * inputs && w.len() == outputs * inputs && y.len() == objects * outputs && outputs > 0,
        "{} inputs, {} weights and {} outputs do not fit a pattern of {objects} objects with {inputs} units",
        x.len(),
        w.len(),
        y.len()
    );
    let mut turned = Buffer::<f32>::new(inputs * row);
    // SAFETY: the level and the sizes were checked; a pattern's units are below its `inputs`.
    unsafe {
        turn(level, w, outputs, inputs, turned.as_mut_ptr());
        for (object, y) in y.chunks_exact_mut(outputs).enumerate() {
            let units = &pattern.units[pattern.begins[object]..pattern.begins[object + 1]];
            gather(level, &x[object * inputs..][..inputs], units, turned.as_ptr(), y);
        }
    }
}

#[inline(always)]
unsafe fn turn_kernel<S: Simd>(w: &[f32], outputs: usize, inputs: usize, turned: *mut f32) {
    let row = outputs.next_multiple_of(S::LANES);
    let whole = (outputs - outputs % S::LANES, inputs - inputs % S::LANES);
    debug_assert!(w.len() == outputs * inputs, "weights (outputs, inputs)");
    // SAFETY: the squares lie in `w`, and in the `inputs` rows that the caller vouches for.
    unsafe {
        for o in (0..whole.0).step_by(S::LANES) {
            for i in (0..whole.1).step_by(S::LANES) {
                S::transpose(w.as_ptr().add(o * inputs + i), inputs, turned.add(i * row + o), row);
            }
        }
        for o in 0..row {
            let from = if o < whole.0 { whole.1 } else { 0 };
            for i in from..inputs {
                *turned.add(i * row + o) = if o < outputs { w[o * inputs + i] } else { 0.0 };
            }
        }
    }
}

dispatch! {
    /// Transposes w (outputs, inputs) into rows of outputs, filled up with zeros to whole vectors.
    ///
    /// # Safety
    /// The processor must have the level's instructions; `turned` must have room for `inputs` such rows.
    fn turn = turn_kernel(w: &[f32], outputs: usize, inputs: usize, turned: *mut f32)
}

/// V vectors of one object's outputs.
#[inline(always)]
unsafe fn gather_group<S: Simd, const V: usize>(x: &[f32], units: &[u32], turned: *const f32, row: usize) -> [S::V; V] {
    debug_assert!(units.iter().all(|unit| (*unit as usize) < x.len()), "units of this object");
    // SAFETY: the caller vouches for the units and for V vectors of each row.
    unsafe {
        let mut sums = [S::splat(0.0); V];
        for unit in units {
            let unit = *unit as usize;
            let value = S::splat(*x.get_unchecked(unit));
            let weights = turned.add(unit * row);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(value, S::load(weights.add(v * S::LANES)), *sum);
            }
        }
        sums
    }
}

/// Stores as many values of `sums` as `y` takes.
#[inline(always)]
unsafe fn put<S: Simd, const V: usize>(sums: [S::V; V], y: &mut [f32]) {
    for (v, sum) in sums.into_iter().enumerate() {
        let left = y.len() - v * S::LANES;
        debug_assert!(left > 0, "a vector that begins within the outputs");
        // SAFETY: no more than the `left` values behind `at` are written.
        unsafe {
            let at = y.as_mut_ptr().add(v * S::LANES);
            if left >= S::LANES { S::store(at, sum) } else { S::store_part(at, left, sum) }
        }
    }
}

#[inline(always)]
unsafe fn gather_kernel<S: Simd>(x: &[f32], units: &[u32], turned: *const f32, y: &mut [f32]) {
    let row = y.len().next_multiple_of(S::LANES);
    for (first, size) in groups(row / S::LANES, MOST) {
        let y = &mut y[first * S::LANES..];
        let end = y.len().min(size * S::LANES);
        let y = &mut y[..end];
        // SAFETY: the caller vouches for rows of `row` values, of which `size` vectors from `first` on are read.
        unsafe {
            let turned = turned.add(first * S::LANES);
            match size {
                1 => put::<S, 1>(gather_group::<S, 1>(x, units, turned, row), y),
                2 => put::<S, 2>(gather_group::<S, 2>(x, units, turned, row), y),
                3 => put::<S, 3>(gather_group::<S, 3>(x, units, turned, row), y),
                4 => put::<S, 4>(gather_group::<S, 4>(x, units, turned, row), y),
                5 => put::<S, 5>(gather_group::<S, 5>(x, units, turned, row), y),
                6 => put::<S, 6>(gather_group::<S, 6>(x, units, turned, row), y),
                7 => put::<S, 7>(gather_group::<S, 7>(x, units, turned, row), y),
                _ => put::<S, 8>(gather_group::<S, 8>(x, units, turned, row), y),
            }
        }
    }
}

dispatch! {
    /// One object's outputs: the sum of the weights' rows of `units`, each times its input.
    ///
    /// # Safety
    /// The processor must have the level's instructions; units must be below `x.len()`; `turned` as [`turn`] leaves it.
    fn gather = gather_kernel(x: &[f32], units: &[u32], turned: *const f32, y: &mut [f32])
}

/// dw = gᵀ x for g (objects, outputs); `dw` (outputs, inputs).
///
/// # Panics
/// Panics as [`forward`] does.
pub fn weight_gradient(level: Level, x: &[f32], g: &[f32], pattern: &Pattern, outputs: usize, dw: &mut [f32]) {
    level.require();
    let (objects, inputs) = (pattern.begins.len() - 1, pattern.inputs);
    let row = padded(outputs, level);
    assert!(
        x.len() == objects * inputs && dw.len() == outputs * inputs && g.len() == objects * outputs && outputs > 0,
        "{} inputs, {} weights and {} gradients do not fit a pattern of {objects} objects with {inputs} units",
        x.len(),
        dw.len(),
        g.len()
    );
    assert!(u32::try_from(objects * row).is_ok(), "{objects} objects with {outputs} outputs are too many for one call");
    // The pattern by input unit: objects in which the unit is not zero, with its value.
    let mut ends = vec![0u32; inputs + 1];
    for unit in &pattern.units {
        ends[*unit as usize + 1] += 1;
    }
    for i in 0..inputs {
        ends[i + 1] += ends[i];
    }
    let mut next = ends.clone();
    let mut entries = vec![(0u32, 0f32); pattern.units.len()];
    for (object, x) in x.chunks_exact(inputs).enumerate() {
        for unit in &pattern.units[pattern.begins[object]..pattern.begins[object + 1]] {
            let unit = *unit as usize;
            entries[next[unit] as usize] = ((object * row) as u32, x[unit]);
            next[unit] += 1;
        }
    }
    // Gradients in rows of whole vectors.
    let mut rows = Buffer::<f32>::zeros(objects * row);
    for (to, from) in rows.chunks_exact_mut(row).zip(g.chunks_exact(outputs)) {
        to[..outputs].copy_from_slice(from);
    }
    let mut tile = Buffer::<f32>::zeros(level.lanes() * row);
    // SAFETY: the level was checked; `rows` holds `objects` rows, `tile` LANES of them, and `ends` has `inputs + 1` entries.
    unsafe { scatter(level, &entries, &ends, rows.as_ptr(), outputs, tile.as_mut_ptr(), dw) };
}

/// V vectors of one input unit's weight gradients.
#[inline(always)]
unsafe fn scatter_group<S: Simd, const V: usize>(entries: &[(u32, f32)], rows: *const f32, to: *mut f32) {
    // SAFETY: the caller vouches for V vectors at each entry's offset and at `to`.
    unsafe {
        let mut sums = [S::splat(0.0); V];
        for (object, value) in entries {
            let value = S::splat(*value);
            let g = rows.add(*object as usize);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(value, S::load(g.add(v * S::LANES)), *sum);
            }
        }
        for (v, sum) in sums.into_iter().enumerate() {
            S::store(to.add(v * S::LANES), sum);
        }
    }
}

#[inline(always)]
unsafe fn scatter_kernel<S: Simd>(
    entries: &[(u32, f32)],
    ends: &[u32],
    rows: *const f32,
    outputs: usize,
    tile: *mut f32,
    dw: &mut [f32],
) {
    let inputs = ends.len() - 1;
    let row = outputs.next_multiple_of(S::LANES);
    let whole = outputs - outputs % S::LANES;
    for begin in (0..inputs).step_by(S::LANES) {
        let here = S::LANES.min(inputs - begin);
        for i in 0..here {
            let entries = &entries[ends[begin + i] as usize..ends[begin + i + 1] as usize];
            for (first, size) in groups(row / S::LANES, MOST) {
                // SAFETY: the caller vouches for the rows; `tile` holds LANES of them.
                unsafe {
                    let (rows, to) = (rows.add(first * S::LANES), tile.add(i * row + first * S::LANES));
                    match size {
                        1 => scatter_group::<S, 1>(entries, rows, to),
                        2 => scatter_group::<S, 2>(entries, rows, to),
                        3 => scatter_group::<S, 3>(entries, rows, to),
                        4 => scatter_group::<S, 4>(entries, rows, to),
                        5 => scatter_group::<S, 5>(entries, rows, to),
                        6 => scatter_group::<S, 6>(entries, rows, to),
                        7 => scatter_group::<S, 7>(entries, rows, to),
                        _ => scatter_group::<S, 8>(entries, rows, to),
                    }
                }
            }
        }
        let from = if here == S::LANES { whole } else { 0 };
        debug_assert!(dw.len() == outputs * inputs, "weights (outputs, inputs)");
        // SAFETY: a square of LANES rows from `o` on and LANES columns from `begin` on lies in `dw`.
        unsafe {
            for o in (0..from).step_by(S::LANES) {
                S::transpose(tile.add(o), row, dw.as_mut_ptr().add(o * inputs + begin), inputs);
            }
            for o in from..outputs {
                for i in 0..here {
                    dw[o * inputs + begin + i] = *tile.add(i * row + o);
                }
            }
        }
    }
}

dispatch! {
    /// Sums for every input unit the gradients of the objects in which it is not zero, each times its value.
    ///
    /// # Safety
    /// The processor must have the level's instructions. `entries` of unit i are those from `ends[i]` to `ends[i + 1]`: (offset of the object in `rows`, value). `tile` must have
    /// room for LANES rows.
    fn scatter = scatter_kernel(
        entries: &[(u32, f32)], ends: &[u32], rows: *const f32, outputs: usize, tile: *mut f32, dw: &mut [f32],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::{Matrix, multiply};
    use crate::testing::affordable;

    #[test]
    fn every_level_agrees_with_the_dense_product() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for (objects, inputs, outputs) in [(8, 64, 3), (33, 784, 100), (16, 100, 10), (9, 50, 300)] {
                if !affordable(objects * inputs * outputs) {
                    continue;
                }
                let value = |i: usize| (i * 7919 % 1000) as f32 / 500.0 - 1.0;
                let x: Vec<f32> = (0..objects * inputs).map(|i| if i * 31 % 7 < 5 { 0.0 } else { value(i) }).collect();
                let w: Vec<f32> = (0..outputs * inputs).map(|i| value(i + 1)).collect();
                let g: Vec<f32> = (0..objects * outputs).map(|i| value(i + 2)).collect();
                let pattern = pattern(level, &x, inputs).expect("five of seven inputs are zero");
                let (mut y, mut dw) = (vec![0.0; objects * outputs], vec![0.0; w.len()]);
                forward(level, &x, &w, &pattern, outputs, &mut y);
                weight_gradient(level, &x, &g, &pattern, outputs, &mut dw);
                let (mut dense, mut dense_dw) = (y.clone(), dw.clone());
                let x = Matrix::new(&x, objects, inputs);
                multiply(x, Matrix::new(&w, outputs, inputs).t(), &mut dense);
                multiply(Matrix::new(&g, objects, outputs).t(), x, &mut dense_dw);
                for (a, b) in y.iter().zip(&dense).chain(dw.iter().zip(&dense_dw)) {
                    assert!((a - b).abs() < 1e-4, "{level:?}, {objects}x{inputs}x{outputs}: {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn a_dense_batch_has_no_pattern() {
        assert!(pattern(Level::Portable, &[1.0; 100 * 64], 64).is_none());
        assert!(pattern(Level::Portable, &[0.0; 100 * 64], 64).is_some());
    }

    #[test]
    #[should_panic(expected = "do not fit a pattern")]
    fn a_pattern_of_more_units_than_the_weights_have_is_refused() {
        let x = [1.0; 8 * 64].map(|_: f32| 0.0);
        let pattern = pattern(Level::Portable, &x, 64).expect("all zero");
        // The number of values in all is right, but rows have half as many units.
        forward(Level::Portable, &x, &[0.0; 32], &pattern, 1, &mut [0.0; 16]);
    }

    #[test]
    #[should_panic(expected = "do not fit a pattern")]
    fn gradients_of_other_sizes_are_refused() {
        let x = [0.0; 8 * 64];
        let pattern = pattern(Level::Portable, &x, 64).expect("all zero");
        weight_gradient(Level::Portable, &x, &[0.0; 8], &pattern, 1, &mut [0.0; 65]);
    }
}
