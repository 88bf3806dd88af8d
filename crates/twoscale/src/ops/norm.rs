use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor};

use super::backward::give_scaled;
use super::{has_kernels, values, with_values};
use crate::Result;
use kernels::{elementwise::sum_of_squares, selected};

/// log ‖w‖₂ = ½ ln Σ w², a factor of the size R(α), eq. (9), as an f64 scalar whatever the type of w. Its gradient is w/‖w‖².
///
/// ```
/// use candle_core::{Device, Tensor};
/// let w = Tensor::new(&[3f32, 4.], &Device::Cpu)?;
/// let log = twoscale::ops::log_norm(&w)?.to_scalar::<f64>()?;
/// assert!((log - 5f64.ln()).abs() < 1e-15);
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When the device fails.
pub fn log_norm(w: &Tensor) -> Result<Tensor> {
    if has_kernels(w) {
        return Ok(w.contiguous()?.apply_op1(LogNorm)?);
    }
    Ok((w.to_dtype(DType::F64)?.sqr()?.sum_all()?.log()? * 0.5)?)
}

struct LogNorm;

fn squares(w: &[f32]) -> f64 {
    sum_of_squares(selected(), w)
}

impl CustomOp1 for LogNorm {
    fn name(&self) -> &'static str {
        "log-norm"
    }

    fn cpu_fwd(&self, w: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F64(vec![0.5 * squares(values(w, layout)?).ln()]), ().into()))
    }

    fn bwd(&self, w: &Tensor, log: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        // g / ‖w‖², from the logarithm of the forward pass.
        let factor = (g.to_scalar::<f64>()? * (-2.0 * log.to_scalar::<f64>()?).exp()) as f32;
        with_values(w, |values| give_scaled(factor, values, w))
    }
}
