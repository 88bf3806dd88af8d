use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, D, DType, Device, Layout, Shape, Tensor};

use super::{has_kernels, lock, values, with_values};
use crate::Result;
use kernels::{Level, selected, softmax};

/// The multi-scale soft-max cross-entropy, eq. (13) with any number of scales: one loss per object.
///
/// Object i has the margin δX_i (correct logit minus the largest other one) and the multiplier c_k, where k is the number of
/// thresholds η_j with `margin_factor` · δX_i ≥ η_j; its loss is -log softmax(c_k X_i)_{y_i}. With c_k = R_{k+1}/R(α) these are
/// the paper's losses; no threshold and one multiplier is the single-scale loss, to the bit.
///
/// `logits` are (N, K); `multipliers` (m+1) of f64; `labels` N classes; `thresholds` m, increasing. The result is (N), of the
/// logits' type. Gradients flow into the logits and the multipliers, none through the choice of the scale.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use twoscale::ops::multi_scale_cross_entropy;
/// let x = Tensor::new(&[[1f32, 0.], [0., 1.]], &Device::Cpu)?;
/// let c = Tensor::new(&[1f64, 10.], &Device::Cpu)?;
/// let losses = multi_scale_cross_entropy(&x, &c, &[0, 0], &[0.5], 1.0)?.to_vec1::<f32>()?;
/// // Margin 1 ≥ 0.5: scale 10, log(1 + e^-10); margin -1: scale 1, log(1 + e).
/// assert!((losses[0] - 4.5398e-5).abs() < 1e-7 && (losses[1] - 1.313_262).abs() < 1e-5);
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes do not fit, a label is not below K, or there are fewer than two classes.
pub fn multi_scale_cross_entropy(
    logits: &Tensor,
    multipliers: &Tensor,
    labels: &[u32],
    thresholds: &[f64],
    margin_factor: f64,
) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    let setting = |text: String| Err(crate::Error::Setting(text));
    if labels.len() != n {
        return setting(format!("{n} objects were given {} labels", labels.len()));
    }
    if classes < 2 {
        return setting(format!("a classification needs two classes, these logits have {classes}"));
    }
    if let Some(i) = labels.iter().position(|y| *y as usize >= classes) {
        return setting(format!("label {} of object {i} is not below the number of classes, {classes}", labels[i]));
    }
    if multipliers.dims() != [thresholds.len() + 1] {
        return setting(format!(
            "{} thresholds need {} multipliers, there are {:?}",
            thresholds.len(),
            thresholds.len() + 1,
            multipliers.dims()
        ));
    }
    if has_kernels(logits) && multipliers.device().is_cpu() && multipliers.dtype() == DType::F64 {
        let op = CrossEntropy {
            labels: labels.to_vec(),
            thresholds: thresholds.to_vec(),
            margin_factor,
            keep: logits.track_op() || multipliers.track_op(),
            saved: Mutex::new(Saved::default()),
        };
        return Ok(logits.contiguous()?.apply_op2(&multipliers.contiguous()?, op)?);
    }
    composed(logits, multipliers, labels, thresholds, margin_factor)
}

/// Correct logit minus the largest other one; NaN if any logit is NaN.
fn margin(x: &[f32], label: usize) -> f64 {
    let mut other = f32::NEG_INFINITY;
    for (k, x) in x.iter().enumerate() {
        if k != label && (*x > other || x.is_nan()) {
            other = *x;
        }
    }
    f64::from(x[label]) - f64::from(other)
}

fn side(margin: f64, thresholds: &[f64]) -> usize {
    thresholds.iter().filter(|eta| margin >= **eta).count()
}

/// [`multi_scale_cross_entropy`] composed of candle's operations, in the type of the logits.
fn composed(
    logits: &Tensor,
    multipliers: &Tensor,
    labels: &[u32],
    thresholds: &[f64],
    margin_factor: f64,
) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    let device = logits.device();
    let host: Vec<Vec<f64>> = logits.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?.to_vec2()?;
    let sides: Vec<u32> = host
        .iter()
        .zip(labels)
        .map(|(x, y)| {
            let y = *y as usize;
            let others = x.iter().enumerate().filter(|(k, _)| *k != y).map(|(_, x)| *x);
            let other = others.fold(f64::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a });
            side(margin_factor * (x[y] - other), thresholds) as u32
        })
        .collect();
    let sides = Tensor::from_vec(sides, n, multipliers.device())?;
    let c = multipliers.index_select(&sides, 0)?.to_dtype(logits.dtype())?.to_device(device)?;
    let labels = Tensor::from_vec(labels.to_vec(), (n, 1), device)?;
    // Differences from the largest logit, which is a constant: it cancels in the loss.
    let top = logits.detach().max_keepdim(D::Minus1)?;
    let z = logits.broadcast_sub(&top)?.broadcast_mul(&c.reshape((n, 1))?)?;
    // A negative multiplier reverses the order, so that the largest z is not that of the largest logit.
    let largest = z.detach().max_keepdim(D::Minus1)?;
    let sum = z.broadcast_sub(&largest)?.exp()?.sum_keepdim(D::Minus1)?;
    let log = (sum.log()? + largest)?;
    debug_assert_eq!(z.dims(), [n, classes]);
    Ok((log - z.gather(&labels, 1)?)?.squeeze(1)?)
}

#[derive(Default)]
struct Saved {
    /// c_i (p_ij - [j = y_i]).
    logits: Vec<f32>,
    /// Σ_j p_ij x_ij - x_iy.
    slopes: Vec<f64>,
    /// Index of the scale of every object.
    sides: Vec<usize>,
}

struct CrossEntropy {
    labels: Vec<u32>,
    thresholds: Vec<f64>,
    margin_factor: f64,
    keep: bool,
    saved: Mutex<Saved>,
}

/// Multiplier in f32, finite unless NaN, so that a product with a difference of zero stays zero.
fn single(c: f64) -> f32 {
    if c.is_nan() { f32::NAN } else { c.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32 }
}

fn object(level: Level, x: &[f32], label: usize, c: f32, p: &mut [f32]) -> softmax::Object {
    if c < 0.0 {
        // softmax(c x) = softmax(|c| (-x)): the kernel requires a positive scale.
        let turned: Vec<f32> = x.iter().map(|x| -x).collect();
        let object = softmax::object(level, &turned, label, -c, p);
        p.iter_mut().for_each(|p| *p = -*p);
        return softmax::Object { loss: object.loss, slope: -object.slope };
    }
    softmax::object(level, x, label, c, p)
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "multi-scale-cross-entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        ll: &Layout,
        multipliers: &CpuStorage,
        lm: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(logits, ll)?;
        let (n, classes) = ll.shape().dims2()?;
        let c = &multipliers.as_slice::<f64>()?[lm.start_offset()..][..self.thresholds.len() + 1];
        let level = selected();
        let mut saved = Saved {
            logits: vec![0.0; if self.keep { n * classes } else { classes }],
            slopes: Vec::with_capacity(n),
            sides: Vec::with_capacity(n),
        };
        let mut losses = Vec::with_capacity(n);
        for (i, (x, label)) in x.chunks_exact(classes).zip(&self.labels).enumerate() {
            let label = *label as usize;
            let side = match self.thresholds.len() {
                0 => 0,
                _ => side(self.margin_factor * margin(x, label), &self.thresholds),
            };
            let row = if self.keep { i * classes } else { 0 };
            let object = object(level, x, label, single(c[side]), &mut saved.logits[row..row + classes]);
            losses.push(object.loss as f32);
            saved.slopes.push(object.slope);
            saved.sides.push(side);
        }
        if self.keep {
            *lock(&self.saved) = saved;
        }
        Ok((CpuStorage::F32(losses), n.into()))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        multipliers: &Tensor,
        _losses: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let saved = lock(&self.saved);
        let (_, classes) = logits.dims2()?;
        with_values(g, |g| {
            let dx = if logits.track_op() {
                let mut dx = saved.logits.clone();
                for (row, g) in dx.chunks_exact_mut(classes).zip(g) {
                    row.iter_mut().for_each(|x| *x *= *g);
                }
                Some(Tensor::from_vec(dx, logits.shape(), &Device::Cpu)?)
            } else {
                None
            };
            let dc = if multipliers.track_op() {
                let mut dc = vec![0f64; self.thresholds.len() + 1];
                for ((side, slope), g) in saved.sides.iter().zip(&saved.slopes).zip(g) {
                    dc[*side] += f64::from(*g) * slope;
                }
                Some(Tensor::from_vec(dc, multipliers.shape(), &Device::Cpu)?)
            } else {
                None
            };
            Ok((dx, dc))
        })
    }
}
