use candle_core::{CpuStorage, CustomOp2, Layout, Shape as TensorShape, Tensor};

use super::backward::give;
use super::{has_kernels, values, with_values};
use crate::{Error, Result};
use kernels::conv2d::{Shape, forward, input_gradient, weight_gradient};
use kernels::selected;

/// Convolution of x (N, C, H, W) with w (O, C, k, k): y(n, o, i, j) = Σ w(o, c, a, b) x(n, c, s i + a - p, s j + b - p) with
/// stride s, padding p and zeros outside the image. y is (N, O, ⌊(H + 2p - k)/s⌋ + 1, ⌊(W + 2p - k)/s⌋ + 1).
///
/// x gets a gradient only if it depends on a variable. Types and devices without kernels use candle's matrix products, so that
/// the gradients are matrix products too, with k² times the memory of x.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::arange(0f32, 9., &Device::Cpu)?.reshape((1, 1, 3, 3))?;
/// let w = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu)?;
/// let y = twoscale::ops::conv2d(&x, &w, 2, 1)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [8., 12., 20., 24.]); // 0 + 1 + 3 + 4, 1 + 2 + 4 + 5, ...
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes do not fit, the stride is zero, or the kernel is larger than the padded image.
pub fn conv2d(x: &Tensor, w: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    let shape = check(x.dims(), w.dims(), stride, padding)?;
    if has_kernels(x) && has_kernels(w) {
        Ok(x.contiguous()?.apply_op2(&w.contiguous()?, Convolution { shape })?)
    } else {
        composed(x, w, &shape)
    }
}

/// Sizes of the convolution; an error where tensors do not fit.
fn check(x: &[usize], w: &[usize], stride: usize, padding: usize) -> Result<Shape> {
    let (&[images, inputs, height, width], &[outputs, channels, side, other]) = (x, w) else {
        return Err(Error::Setting(format!(
            "a convolution needs an input (N, C, H, W) and weights (out, in, k, k), it was given {x:?} and {w:?}"
        )));
    };
    if channels != inputs || side != other {
        return Err(Error::Setting(format!("weights {w:?} do not fit an input {x:?}: (out, in, k, k) is wanted")));
    }
    let shape = Shape { images, inputs, height, width, outputs, side, stride, padding };
    if shape.output().is_none() {
        return Err(Error::Setting(format!(
            "a {side}x{side} kernel with stride {stride} and padding {padding} does not fit an image of {height}x{width}: take a \
             kernel of at least 1x1 and at most {}x{}, and a stride of at least 1",
            height + 2 * padding,
            width + 2 * padding
        )));
    }
    Ok(shape)
}

/// [`conv2d`] composed of candle's operations: windows as the columns of one matrix for the whole batch, then one matrix product, so
/// that candle's gradients are one matrix product each too. Its own `conv2d` has a slow gradient on the CPU, and on a GPU none that
/// uses cuDNN (huggingface/candle#3905).
fn composed(x: &Tensor, w: &Tensor, shape: &Shape) -> Result<Tensor> {
    let Shape { images, inputs, outputs, side, stride, padding, .. } = *shape;
    let (height, width) = shape.output().unwrap_or_default();
    let places = images * height * width;
    // Channels first: a row of the matrix is one tap of one channel, a column one place of one image.
    let x = x.transpose(0, 1)?;
    // stride - 1 more on the far sides, so that every tap's window is a whole number of strides long.
    let x = x.pad_with_zeros(2, padding, padding + stride - 1)?.pad_with_zeros(3, padding, padding + stride - 1)?;
    let mut taps = Vec::with_capacity(side * side);
    for a in 0..side {
        for b in 0..side {
            let tap = x.narrow(2, a, stride * height)?.narrow(3, b, stride * width)?.contiguous()?;
            let tap = tap.reshape((inputs * images, height, stride, width, stride))?;
            taps.push(tap.narrow(2, 0, 1)?.narrow(4, 0, 1)?.reshape((inputs, 1, places))?);
        }
    }
    let columns = Tensor::cat(&taps, 1)?.reshape((inputs * side * side, places))?;
    let y = w.reshape((outputs, inputs * side * side))?.matmul(&columns)?;
    Ok(y.reshape((outputs, images, height, width))?.transpose(0, 1)?.contiguous()?)
}

struct Convolution {
    shape: Shape,
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> candle_core::Result<(CpuStorage, TensorShape)> {
        let (height, width) = self.shape.output().unwrap_or_default();
        let mut y = vec![0.0; self.shape.lengths()[2]];
        forward(selected(), &self.shape, values(x, lx)?, values(w, lw)?, &mut y);
        Ok((CpuStorage::F32(y), (self.shape.images, self.shape.outputs, height, width).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        with_values(g, |g| {
            let dx = if x.track_op() {
                let mut dx = vec![0.0; x.elem_count()];
                with_values(w, |w| {
                    input_gradient(selected(), &self.shape, w, g, &mut dx);
                    Ok(())
                })?;
                give(dx, x)?
            } else {
                None
            };
            let dw = if w.track_op() {
                let mut dw = vec![0.0; w.elem_count()];
                with_values(x, |x| {
                    weight_gradient(selected(), &self.shape, x, g, &mut dw);
                    Ok(())
                })?;
                give(dw, w)?
            } else {
                None
            };
            Ok((dx, dw))
        })
    }
}
