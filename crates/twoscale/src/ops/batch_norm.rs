use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Layout, Shape as TensorShape, Tensor};

use super::backward::give;
use super::{Activation, has_kernels, lock, relu, values, with_values};
use crate::{Error, Result};
use kernels::batch_norm::{Affine, Moments, Saved, Shape, apply, backward, moments};
use kernels::selected;

/// Batch normalisation in training: y = γ (x - μ)/√(σ² + ε) + β channel by channel, with mean μ and biased variance σ² over the
/// batch and all pixels. x is (N, C, H, W), γ and β are (C).
///
/// Returns (y, μ, σ²), the moments (C) without gradients of their own. PyTorch's running variance moves towards the unbiased
/// variance σ² M/(M - 1) with M = N H W.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 3.]]]], &Device::Cpu)?;
/// let (gamma, beta) = (Tensor::new(&[2f32], &Device::Cpu)?, Tensor::new(&[1f32], &Device::Cpu)?);
/// let (y, mean, variance) = twoscale::ops::batch_norm(&x, &gamma, &beta, 0.0)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [-1., 3.]);
/// assert_eq!((mean.to_vec1::<f32>()?[0], variance.to_vec1::<f32>()?[0]), (2., 1.));
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes do not fit, the batch is empty, or ε is negative or not a number.
pub fn batch_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor, Tensor)> {
    train(x, gamma, beta, epsilon, Activation::None)
}

/// max(y, 0) of [`batch_norm`]'s y in one operation, with the gradient 0 where the output is 0. Returns (max(y, 0), μ, σ²).
///
/// # Errors
/// Fails as [`batch_norm`] does.
pub fn batch_norm_relu(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor, Tensor)> {
    train(x, gamma, beta, epsilon, Activation::Relu)
}

/// Batch normalisation with given moments, as in evaluation: act(γ (x - μ)/√(σ² + ε) + β). All but x are (C); the moments get no
/// gradient.
///
/// # Errors
/// Fails as [`batch_norm`] does.
pub fn batch_norm_evaluation(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    (mean, variance): (&Tensor, &Tensor),
    epsilon: f64,
    activation: Activation,
) -> Result<Tensor> {
    let shape = check(x, &[gamma, beta, mean, variance], epsilon)?;
    if has_kernels(x) && has_kernels(gamma) && has_kernels(beta) {
        let exact = |t: &Tensor| t.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>();
        let given = Moments { mean: exact(mean)?, variance: exact(variance)? };
        Ok(fused(x, gamma, beta, shape, epsilon, activation, Some(given))?.0)
    } else {
        normalised(x, gamma, beta, &column(mean)?.detach(), &column(variance)?.detach(), epsilon, activation)
    }
}

fn train(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f64,
    activation: Activation,
) -> Result<(Tensor, Tensor, Tensor)> {
    let shape = check(x, &[gamma, beta], epsilon)?;
    if has_kernels(x) && has_kernels(gamma) && has_kernels(beta) {
        let (y, found) = fused(x, gamma, beta, shape, epsilon, activation, None)?;
        let single = |values: Vec<f64>| {
            Tensor::from_vec(values.into_iter().map(|v| v as f32).collect(), shape.channels, x.device())
        };
        return Ok((y, single(found.mean)?, single(found.variance)?));
    }
    let mean = x.mean_keepdim((0, 2, 3))?;
    let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2, 3))?;
    let y = normalised(x, gamma, beta, &mean, &variance, epsilon, activation)?;
    Ok((y, mean.flatten_all()?.detach(), variance.flatten_all()?.detach()))
}

/// (C) as (1, C, 1, 1).
fn column(t: &Tensor) -> Result<Tensor> {
    Ok(t.reshape((1, t.elem_count(), 1, 1))?)
}

/// Normalisation composed of candle's operations, with moments (1, C, 1, 1).
fn normalised(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    epsilon: f64,
    activation: Activation,
) -> Result<Tensor> {
    let scale = (column(gamma)? / (variance + epsilon)?.sqrt()?)?;
    let y = x.broadcast_sub(mean)?.broadcast_mul(&scale)?.broadcast_add(&column(beta)?)?;
    if activation == Activation::Relu { relu(&y) } else { Ok(y) }
}

/// Sizes of the batch; an error where tensors do not fit.
fn check(x: &Tensor, columns: &[&Tensor], epsilon: f64) -> Result<Shape> {
    let &[images, channels, height, width] = x.dims() else {
        return Err(Error::Setting(format!(
            "a batch normalisation needs an input (N, C, H, W), it was given {:?}",
            x.dims()
        )));
    };
    if x.elem_count() == 0 {
        return Err(Error::Setting(format!(
            "a batch normalisation was given no values, {:?}: an empty batch has no mean",
            x.dims()
        )));
    }
    if let Some(other) = columns.iter().find(|column| column.dims() != [channels]) {
        return Err(Error::Setting(format!(
            "a batch normalisation of {channels} channels was given a scale, shift or moment of shape {:?}: one value a channel \
             is wanted",
            other.dims()
        )));
    }
    if epsilon.is_nan() || epsilon < 0.0 {
        return Err(Error::Setting(format!(
            "a batch normalisation's ε is {epsilon}: take a positive number such as 1e-5"
        )));
    }
    Ok(Shape { images, channels, pixels: height * width })
}

fn fused(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    shape: Shape,
    epsilon: f64,
    activation: Activation,
    given: Option<Moments>,
) -> Result<(Tensor, Moments)> {
    let saved = Arc::new(Mutex::new(None));
    let op = Normalisation { shape, epsilon, relu: activation == Activation::Relu, given, saved: saved.clone() };
    let y = x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)?;
    let found = lock(&saved).as_ref().map(|saved: &Saved| saved.moments.clone());
    let Some(found) = found else { return Err(Error::Setting("a batch normalisation left no moments".into())) };
    Ok((y, found))
}

struct Normalisation {
    shape: Shape,
    epsilon: f64,
    relu: bool,
    /// Moments of evaluation; those of the batch where there are none.
    given: Option<Moments>,
    saved: Arc<Mutex<Option<Saved>>>,
}

impl CustomOp3 for Normalisation {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        gamma: &CpuStorage,
        lg: &Layout,
        beta: &CpuStorage,
        lb: &Layout,
    ) -> candle_core::Result<(CpuStorage, TensorShape)> {
        let x = values(x, lx)?;
        let of_batch = self.given.is_none();
        let moments = self.given.clone().unwrap_or_else(|| moments(selected(), &self.shape, x));
        let affine = Affine::new(&moments, values(gamma, lg)?, values(beta, lb)?, self.epsilon);
        let mut y = vec![0.0; x.len()];
        apply(selected(), &self.shape, &affine, self.relu, x, &mut y);
        *lock(&self.saved) = Some(Saved { moments, affine, epsilon: self.epsilon, relu: self.relu, of_batch });
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let saved = lock(&self.saved);
        let Some(saved) = saved.as_ref() else {
            candle_core::bail!("a batch normalisation kept nothing for its gradient")
        };
        let mut dx = x.track_op().then(|| vec![0.0; x.elem_count()]);
        let gradients = with_values(x, |x| {
            with_values(g, |g| Ok(backward(selected(), &self.shape, saved, x, g, dx.as_deref_mut())))
        })?;
        let dx = dx.map(|dx| give(dx, x)).transpose()?.flatten();
        Ok((dx, give(gradients.gamma, gamma)?, give(gradients.beta, beta)?))
    }
}
