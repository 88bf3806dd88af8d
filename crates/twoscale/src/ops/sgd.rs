use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Tensor, Var};

use super::composed::asked_for;
use crate::Result;

/// One step of stochastic gradient descent in place, as PyTorch defines it: g ← g + λ w; v ← μ v + g; w ← w - τ v. Without a
/// buffer v the momentum μ is not used.
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// let w = Var::new(&[1f32, 2.], &Device::Cpu)?;
/// let g = Tensor::new(&[2f32, 0.], &Device::Cpu)?;
/// twoscale::ops::sgd_update(&w, &g, None, 0.5, 0.0, 0.5)?;
/// assert_eq!(w.to_vec1::<f32>()?, [-0.25, 1.5]); // 1 - ½ (2 + ½·1), 2 - ½ (0 + ½·2)
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the shapes or types differ.
pub fn sgd_update(
    var: &Var,
    gradient: &Tensor,
    velocity: Option<&Var>,
    step: f64,
    momentum: f64,
    decay: f64,
) -> Result<()> {
    if var.shape() != gradient.shape() || var.dtype() != gradient.dtype() {
        return Err(crate::Error::Setting(format!(
            "a parameter {:?} of {:?} was given a gradient {:?} of {:?}",
            var.shape(),
            var.dtype(),
            gradient.shape(),
            gradient.dtype()
        )));
    }
    let in_place =
        var.device().is_cpu() && matches!(var.dtype(), DType::F32 | DType::F64) && var.is_contiguous() && !asked_for();
    if !in_place {
        let mut g = gradient.detach();
        if decay != 0.0 {
            g = (g + (var.as_detached_tensor() * decay)?)?;
        }
        if let Some(velocity) = velocity {
            g = ((velocity.as_detached_tensor() * momentum)? + g)?;
            velocity.set(&g)?;
        }
        return Ok(var.set(&(var.as_detached_tensor() - (g * step)?)?)?);
    }
    let gradient = gradient.contiguous()?;
    match velocity {
        Some(velocity) => {
            velocity.inplace_op3(&gradient, var, &Velocity { momentum, decay })?;
            var.inplace_op2(velocity, &Descend { step, decay: 0.0 })?;
        }
        None => var.inplace_op2(&gradient, &Descend { step, decay })?,
    }
    Ok(())
}

/// w ← w - τ (g + λ w).
struct Descend {
    step: f64,
    decay: f64,
}

/// v ← μ v + g + λ w.
struct Velocity {
    momentum: f64,
    decay: f64,
}

fn slice<'a, T>(values: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    let Some((begin, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a step of gradient descent was given a tensor that is not contiguous")
    };
    Ok(&values[begin..end])
}

fn slice_mut<'a, T>(values: &'a mut [T], layout: &Layout) -> candle_core::Result<&'a mut [T]> {
    let Some((begin, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a step of gradient descent was given a parameter that is not contiguous")
    };
    Ok(&mut values[begin..end])
}

/// One loop for both types: `$w` mutable, the others read.
macro_rules! descend {
    ($w:expr, $lw:expr, $g:expr, $lg:expr, $step:expr, $decay:expr) => {{
        let (step, decay) = ($step, $decay);
        for (w, g) in slice_mut($w, $lw)?.iter_mut().zip(slice($g, $lg)?) {
            *w -= step * (*g + decay * *w);
        }
    }};
}

impl InplaceOp2 for Descend {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, lw: &Layout, g: &CpuStorage, lg: &Layout) -> candle_core::Result<()> {
        match (w, g) {
            (CpuStorage::F32(w), CpuStorage::F32(g)) => descend!(w, lw, g, lg, self.step as f32, self.decay as f32),
            (CpuStorage::F64(w), CpuStorage::F64(g)) => descend!(w, lw, g, lg, self.step, self.decay),
            _ => candle_core::bail!("gradient descent needs a parameter and a gradient of the same type, f32 or f64"),
        }
        Ok(())
    }
}

macro_rules! accelerate {
    ($v:expr, $lv:expr, $g:expr, $lg:expr, $w:expr, $lw:expr, $momentum:expr, $decay:expr) => {{
        let (momentum, decay) = ($momentum, $decay);
        for ((v, g), w) in slice_mut($v, $lv)?.iter_mut().zip(slice($g, $lg)?).zip(slice($w, $lw)?) {
            *v = momentum * *v + (*g + decay * *w);
        }
    }};
}

impl InplaceOp3 for Velocity {
    fn name(&self) -> &'static str {
        "sgd-velocity"
    }

    fn cpu_fwd(
        &self,
        v: &mut CpuStorage,
        lv: &Layout,
        g: &CpuStorage,
        lg: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> candle_core::Result<()> {
        match (v, g, w) {
            (CpuStorage::F32(v), CpuStorage::F32(g), CpuStorage::F32(w)) => {
                accelerate!(v, lv, g, lg, w, lw, self.momentum as f32, self.decay as f32);
            }
            (CpuStorage::F64(v), CpuStorage::F64(g), CpuStorage::F64(w)) => {
                accelerate!(v, lv, g, lg, w, lw, self.momentum, self.decay);
            }
            _ => candle_core::bail!("momentum needs parameter, gradient and buffer of the same type, f32 or f64"),
        }
        Ok(())
    }
}
