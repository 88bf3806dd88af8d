//! Dense layers: y = act(x wᵀ + b) and its gradients.
use gemm::Parallelism;

/// A view of a matrix over a slice. Every element of the view lies in the slice.
///
/// ```
/// use kernels::dense::{Matrix, multiply};
/// let a = Matrix::new(&[1.0, 2.0, 3.0, 4.0], 2, 2); // rows (1, 2) and (3, 4)
/// let mut c = [0.0; 4];
/// multiply(a, a.t(), &mut c);
/// assert_eq!(c, [5.0, 11.0, 11.0, 25.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// Elements from a row to the next.
    row_step: usize,
    /// Elements from a column to the next.
    column_step: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix of `rows` x `columns` elements.
    ///
    /// # Panics
    /// When `values` does not have rows · columns elements.
    #[must_use]
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            rows.checked_mul(columns),
            Some(values.len()),
            "a matrix of {rows}x{columns} does not fit its buffer"
        );
        Self { values, rows, columns, row_step: columns, column_step: 1 }
    }

    /// The transposed view.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }

    /// The slice under the view, in its own order.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// True if the last element lies in the slice.
    fn fits(&self) -> bool {
        let last = || (self.rows - 1) * self.row_step + (self.columns - 1) * self.column_step;
        self.rows == 0 || self.columns == 0 || last() < self.values.len()
    }
}

/// c = a b on the calling thread; `c` is row-major.
///
/// # Panics
/// When a has not as many columns as b has rows, or c is not of the product's size.
pub fn multiply(a: Matrix, b: Matrix, c: &mut [f32]) {
    assert!(
        a.columns == b.rows && a.rows.checked_mul(b.columns) == Some(c.len()),
        "a product of {}x{} and {}x{} with {} results does not fit",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        c.len()
    );
    debug_assert!(a.fits() && b.fits(), "views within their slices");
    // SAFETY: `Matrix::new` checks that a view lies in its slice, and the fields are private; c was just checked.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.values.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.values.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            0f32,
            1f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Adds the bias to every row of `width` values and applies max(·, 0) if `relu`; NaN stays NaN.
pub fn finish(y: &mut [f32], width: usize, bias: Option<&[f32]>, relu: bool) {
    for row in y.chunks_exact_mut(width) {
        if let Some(bias) = bias {
            for (y, b) in row.iter_mut().zip(bias) {
                *y += *b;
            }
        }
        if relu {
            for y in row.iter_mut() {
                *y = if *y <= 0.0 { 0.0 } else { *y };
            }
        }
    }
}

/// The gradient through the ReLU whose output is y: zero where y ≤ 0.
pub fn through_relu(gradient: &[f32], y: &[f32]) -> Vec<f32> {
    gradient.iter().zip(y).map(|(g, y)| if *y <= 0.0 { 0.0 } else { *g }).collect()
}

/// Sums of the columns of rows of `width` values.
pub fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in x.chunks_exact(width) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += *x;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::{Matrix, multiply};

    #[test]
    #[should_panic(expected = "does not fit its buffer")]
    fn a_matrix_larger_than_its_buffer_is_refused() {
        let _ = Matrix::new(&[0.0; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "does not fit its buffer")]
    fn a_matrix_whose_size_overflows_is_refused() {
        // 2^64 elements, 0 in the arithmetic of the machine.
        let _ = Matrix::new(&[], 1 << 32, 1 << 32);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_product_whose_size_overflows_is_refused() {
        multiply(Matrix::new(&[], 1 << 32, 0), Matrix::new(&[], 0, 1 << 32), &mut []);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn factors_that_do_not_fit_are_refused() {
        multiply(Matrix::new(&[0.0; 6], 2, 3), Matrix::new(&[0.0; 4], 2, 2), &mut [0.0; 4]);
    }
}
