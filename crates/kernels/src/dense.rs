//! Dense layers: y = act(x wᵀ + b) and its gradients.
use gemm::Parallelism;

/// A matrix inside a slice: `rows` x `columns`, an element at `row * row_step + column * column_step`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Elements from a row to the next.
    pub row_step: usize,
    /// Elements from a column to the next.
    pub column_step: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix does not fit its buffer");
        Self { data, rows, columns, row_step: columns, column_step: 1 }
    }

    /// The transposed view.
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }
}

/// c = a b on the calling thread; `c` row-major.
pub fn multiply(a: Matrix, b: Matrix, c: &mut [f32]) {
    assert!(a.columns == b.rows && c.len() == a.rows * b.columns, "matrix sizes do not fit");
    // SAFETY: the sizes were checked; views never leave their slices.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.data.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.data.as_ptr(),
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

/// Adds the bias to every row and applies max(·, 0) if asked; NaN stays NaN.
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

/// Sum of the rows.
pub fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in x.chunks_exact(width) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += *x;
        }
    }
    sums
}
