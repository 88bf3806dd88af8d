use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Shape, Tensor};

use super::backward::give;
use super::{has_kernels, relu, values, with_values};
use crate::Result;
use kernels::dense::{Matrix, column_sums, finish, multiply, through_relu};
use kernels::{selected, sparse};

/// Activation behind an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// No activation.
    None,
    /// max(·, 0).
    Relu,
}

/// y = act(x wᵀ + b), eq. (1)-(2): x is (N, in), w (out, in), b (out), y (N, out). x gets a gradient only if it depends on a
/// variable.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use twoscale::ops::{Activation, linear};
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let w = Tensor::new(&[[1f32, 1.], [1., -1.]], &Device::Cpu)?;
/// assert_eq!(linear(&x, &w, None, Activation::Relu)?.to_vec2::<f32>()?, [[3., 0.]]);
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes do not fit.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
    let (&[_, inputs], &[outputs, width]) = (x.dims(), w.dims()) else {
        return Err(crate::Error::Setting(format!(
            "a linear layer needs inputs (N, in) and weights (out, in), it was given {:?} and {:?}",
            x.dims(),
            w.dims()
        )));
    };
    if inputs != width || b.is_some_and(|b| b.dims() != [outputs]) {
        return Err(crate::Error::Setting(format!(
            "a linear layer's inputs {:?}, weights {:?} and bias {:?} do not fit",
            x.dims(),
            w.dims(),
            b.map(Tensor::dims)
        )));
    }
    if !(has_kernels(x) && has_kernels(w)) {
        let mut y = x.matmul(&w.t()?)?;
        if let Some(b) = b {
            y = y.broadcast_add(b)?;
        }
        return if activation == Activation::Relu { relu(&y) } else { Ok(y) };
    }
    // Inputs without a gradient are those of a first layer.
    let op = Linear { relu: activation == Activation::Relu, first: !x.track_op(), pattern: OnceLock::new() };
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    Ok(match b {
        Some(b) => x.apply_op3(&w, &b.contiguous()?, op)?,
        None => x.apply_op2(&w, op)?,
    })
}

struct Linear {
    relu: bool,
    /// True for a first layer, whose inputs may be mostly zeros.
    first: bool,
    /// Places of the inputs that are not zero, where these are few.
    pattern: OnceLock<Option<sparse::Pattern>>,
}

impl Linear {
    fn forward(&self, x: Matrix, w: Matrix, b: Option<&[f32]>) -> (CpuStorage, Shape) {
        let mut y = vec![0.0; x.rows() * w.rows()];
        let find = || self.first.then(|| sparse::pattern(selected(), x.values(), x.columns())).flatten();
        match self.pattern.get_or_init(find) {
            Some(pattern) => sparse::forward(selected(), x.values(), w.values(), pattern, w.rows(), &mut y),
            None => multiply(x, w.t(), &mut y),
        }
        finish(&mut y, w.rows(), b, self.relu);
        (CpuStorage::F32(y), (x.rows(), w.rows()).into())
    }

    fn backward(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let ((n, inputs), outputs) = (x.dims2()?, w.dim(0)?);
        let run = |g: &[f32]| {
            let gm = Matrix::new(g, n, outputs);
            let dx = if x.track_op() {
                let mut dx = vec![0.0; n * inputs];
                with_values(w, |w| {
                    multiply(gm, Matrix::new(w, outputs, inputs), &mut dx);
                    Ok(())
                })?;
                give(dx, x)?
            } else {
                None
            };
            let dw = if w.track_op() {
                let mut dw = vec![0.0; outputs * inputs];
                with_values(x, |x| {
                    match self.pattern.get().and_then(Option::as_ref) {
                        Some(pattern) => sparse::weight_gradient(selected(), x, g, pattern, outputs, &mut dw),
                        None => multiply(gm.t(), Matrix::new(x, n, inputs), &mut dw),
                    }
                    Ok(())
                })?;
                give(dw, w)?
            } else {
                None
            };
            let db = b.map(|b| give(column_sums(g, outputs), b)).transpose()?.flatten();
            Ok([dx, dw, db])
        };
        with_values(g, |g| {
            if self.relu {
                let masked = with_values(y, |y| Ok(through_relu(g, y)))?;
                run(&masked)
            } else {
                run(g)
            }
        })
    }
}

fn matrix<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<Matrix<'a>> {
    let (rows, columns) = layout.shape().dims2()?;
    Ok(Matrix::new(values(storage, layout)?, rows, columns))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok(self.forward(matrix(x, lx)?, matrix(w, lw)?, None))
    }
    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, _] = self.backward(x, w, None, y, g)?;
        Ok((dx, dw))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear-bias"
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok(self.forward(matrix(x, lx)?, matrix(w, lw)?, Some(values(b, lb)?)))
    }
    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = self.backward(x, w, Some(b), y, g)?;
        Ok((dx, dw, db))
    }
}
