use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Device, Layout as Strides, Shape as TensorShape, Tensor};

use super::backward::give;
use super::{has_kernels, lock, max_pool2, relu, values, with_values};
use crate::Result;
use kernels::convolution::{SIDES, Shape};
use kernels::features::{Gradient, Layer, Saved, backward, forward};
use kernels::selected;

/// maxpool2x2(relu(x * w + b)): a convolution (valid, stride 1), bias, ReLU and 2x2 max-pooling in one operation.
///
/// x is (N, C, H, W), w (O, C, k, k), b (O); the result is (N, O, ⌊(H-k+1)/2⌋, ⌊(W-k+1)/2⌋). Of equal outputs under the pool
/// the first gets the gradient, as in PyTorch; NaN wins. x gets a gradient only if it depends on a variable.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::arange(0f32, 16., &Device::Cpu)?.reshape((1, 1, 4, 4))?;
/// let w = Tensor::ones((1, 1, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
/// let y = twoscale::ops::conv_relu_pool(&x, &w, None)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [90.0]); // 5 + 6 + 7 + 9 + 10 + 11 + 13 + 14 + 15
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes do not fit, or the image is too small for the kernel and the pool.
pub fn conv_relu_pool(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let shape = check(x.dims(), w, b)?;
    if !(has_kernels(x) && has_kernels(w) && SIDES.contains(&shape.side)) {
        return composed(x, w, b);
    }
    let b = bias(b, shape.outputs)?;
    let keep = x.track_op() || w.track_op() || b.track_op();
    let op = Single { shape, keep, saved: Mutex::new(None) };
    Ok(x.contiguous()?.apply_op3(&w.contiguous()?, &b.contiguous()?, op)?)
}

/// Two [`conv_relu_pool`] in a row, the result flattened to (N, features) in PyTorch's order (C, H, W).
///
/// Values and gradients are those of two calls; values between the layers stay in the cache. Where x depends on a
/// variable, the function makes two calls.
///
/// # Errors
/// Fails as [`conv_relu_pool`] does.
pub fn conv_relu_pool_twice(
    x: &Tensor,
    (w1, b1): (&Tensor, Option<&Tensor>),
    (w2, b2): (&Tensor, Option<&Tensor>),
) -> Result<Tensor> {
    let first = check(x.dims(), w1, b1)?;
    let (height, width) = first.pooled();
    let second = check(&[x.dim(0)?, first.outputs, height, width], w2, b2)?;
    let kernels = has_kernels(x) && has_kernels(w1) && has_kernels(w2);
    if !kernels || x.track_op() || !SIDES.contains(&first.side) || !SIDES.contains(&second.side) {
        return Ok(conv_relu_pool(&conv_relu_pool(x, w1, b1)?, w2, b2)?.flatten_from(1)?);
    }
    let (b1, b2) = (bias(b1, first.outputs)?.contiguous()?, bias(b2, second.outputs)?.contiguous()?);
    let (x, w1, w2) = (x.contiguous()?, w1.contiguous()?, w2.contiguous()?);
    let keep = [&w1, &b1, &w2, &b2].iter().any(|t| t.track_op());
    let left = Arc::new(Mutex::new(None));
    let inputs = [x.detach(), w1.detach(), b1.detach()];
    let token = x.apply_op3(&w1, &b1, Lower { left: left.clone() })?;
    let op = Upper { shapes: [first, second], inputs, keep, saved: Mutex::new(None), left };
    Ok(token.apply_op3(&w2, &b2, op)?)
}

/// Sizes of a layer; an error where tensors do not fit.
fn check(x: &[usize], w: &Tensor, b: Option<&Tensor>) -> Result<Shape> {
    let setting = |text: String| Err(crate::Error::Setting(text));
    let [_, inputs, height, width] = *x else {
        return setting(format!("a convolution needs an input (N, C, H, W), it was given {x:?}"));
    };
    let [outputs, channels, side, other] = *w.dims() else {
        return setting(format!("a convolution needs weights (out, in, k, k), it was given {:?}", w.dims()));
    };
    if channels != inputs || side != other || side == 0 {
        return setting(format!("weights {:?} do not fit an input {x:?}: (out, in, k, k) is wanted", w.dims()));
    }
    if height < side + 1 || width < side + 1 {
        return setting(format!(
            "an image of {height}x{width} is too small for a {side}x{side} convolution and a 2x2 pool: take at least {0}x{0}",
            side + 1
        ));
    }
    if let Some(b) = b
        && b.dims() != [outputs]
    {
        return setting(format!("a bias {:?} does not fit {outputs} output channels", b.dims()));
    }
    Ok(Shape { inputs, height, width, outputs, side })
}

/// The bias, or a constant zero.
fn bias(b: Option<&Tensor>, outputs: usize) -> Result<Tensor> {
    Ok(match b {
        Some(b) => b.clone(),
        None => Tensor::zeros(outputs, candle_core::DType::F32, &Device::Cpu)?,
    })
}

/// [`conv_relu_pool`] composed of candle's operations.
fn composed(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let mut y = super::conv2d(x, w, 1, 0)?;
    if let Some(b) = b {
        y = y.broadcast_add(&b.reshape((1, b.elem_count(), 1, 1))?)?;
    }
    max_pool2(&relu(&y)?)
}

/// One layer from images (N, C, H, W) to images.
struct Single {
    shape: Shape,
    keep: bool,
    saved: Mutex<Option<Saved>>,
}

impl CustomOp3 for Single {
    fn name(&self) -> &'static str {
        "conv-relu-pool"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Strides,
        w: &CpuStorage,
        lw: &Strides,
        b: &CpuStorage,
        lb: &Strides,
    ) -> candle_core::Result<(CpuStorage, TensorShape)> {
        let images = lx.dims()[0];
        let layer = Layer { shape: self.shape, weights: values(w, lw)?, bias: Some(values(b, lb)?) };
        let mut y = vec![0.0; images * self.shape.features()];
        *lock(&self.saved) = forward(selected(), &[layer], images, values(x, lx)?, &mut y, self.keep);
        let (height, width) = self.shape.pooled();
        Ok((CpuStorage::F32(y), (images, self.shape.outputs, height, width).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let saved = lock(&self.saved);
        let Some(saved) = saved.as_ref() else { candle_core::bail!("a convolution kept nothing for its gradient") };
        let mut dx = x.track_op().then(|| vec![0.0; x.elem_count()]);
        let mut gradients = with_values(w, |weights| {
            let layer = Layer { shape: self.shape, weights, bias: None };
            with_values(g, |g| Ok(backward(&[layer], saved, g, dx.as_deref_mut())))
        })?;
        let Gradient { weights, bias } = gradients.pop().unwrap_or_default();
        let dx = dx.map(|dx| give(dx, x)).transpose()?.flatten();
        Ok((dx, give(weights, w)?, give(bias, b)?))
    }
}

/// Gradients of the lower layer of a pair (weights, bias), computed by [`Upper`] and fetched by [`Lower`].
type Left = Arc<Mutex<Option<(Vec<f32>, Vec<f32>)>>>;

/// Node of the graph for the lower layer of a pair. The result is a token of one number: [`Upper`] computes both layers, forward and
/// backward, so that there is no tensor between the layers.
struct Lower {
    left: Left,
}

impl CustomOp3 for Lower {
    fn name(&self) -> &'static str {
        "conv-relu-pool-lower"
    }

    fn cpu_fwd(
        &self,
        _x: &CpuStorage,
        _lx: &Strides,
        _w: &CpuStorage,
        _lw: &Strides,
        _b: &CpuStorage,
        _lb: &Strides,
    ) -> candle_core::Result<(CpuStorage, TensorShape)> {
        Ok((CpuStorage::F32(vec![0.0]), 1.into()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _token: &Tensor,
        _g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some((weights, bias)) = lock(&self.left).take() else {
            candle_core::bail!("the lower convolution's gradient was asked for before the upper one's")
        };
        Ok((None, give(weights, w)?, give(bias, b)?))
    }
}

/// Node of the graph for the upper layer of a pair, which computes both layers.
struct Upper {
    shapes: [Shape; 2],
    /// Images, weights and bias of the lower layer.
    inputs: [Tensor; 3],
    keep: bool,
    saved: Mutex<Option<Saved>>,
    left: Left,
}

impl CustomOp3 for Upper {
    fn name(&self) -> &'static str {
        "conv-relu-pool-twice"
    }

    fn cpu_fwd(
        &self,
        _token: &CpuStorage,
        _lt: &Strides,
        w: &CpuStorage,
        lw: &Strides,
        b: &CpuStorage,
        lb: &Strides,
    ) -> candle_core::Result<(CpuStorage, TensorShape)> {
        let [x, w1, b1] = &self.inputs;
        let [first, second] = self.shapes;
        let images = x.dims()[0];
        let mut y = vec![0.0; images * second.features()];
        let upper = Layer { shape: second, weights: values(w, lw)?, bias: Some(values(b, lb)?) };
        with_values(x, |x| {
            with_values(w1, |weights| {
                with_values(b1, |bias| {
                    let lower = Layer { shape: first, weights, bias: Some(bias) };
                    *lock(&self.saved) = forward(selected(), &[lower, upper], images, x, &mut y, self.keep);
                    Ok(())
                })
            })
        })?;
        Ok((CpuStorage::F32(y), (images, second.features()).into()))
    }

    fn bwd(
        &self,
        token: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let saved = lock(&self.saved);
        let Some(saved) = saved.as_ref() else { candle_core::bail!("a convolution kept nothing for its gradient") };
        let [first, second] = self.shapes;
        let mut gradients = with_values(&self.inputs[1], |lower| {
            with_values(w, |upper| {
                let lower = Layer { shape: first, weights: lower, bias: None };
                let upper = Layer { shape: second, weights: upper, bias: None };
                with_values(g, |g| Ok(backward(&[lower, upper], saved, g, None)))
            })
        })?;
        let upper = gradients.pop().unwrap_or_default();
        let lower = gradients.pop().unwrap_or_default();
        *lock(&self.left) = Some((lower.weights, lower.bias));
        Ok((token.track_op().then(|| token.zeros_like()).transpose()?, give(upper.weights, w)?, give(upper.bias, b)?))
    }
}
