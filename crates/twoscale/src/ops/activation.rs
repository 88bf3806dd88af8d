use candle_core::Tensor;

use crate::Result;

/// max(x, 0) with PyTorch's gradient: 0 where x = 0 (candle's is 1 there). NaN stays NaN.
///
/// # Errors
/// When the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let dead = x.le(0.0)?;
    Ok(dead.where_cond(&x.zeros_like()?, x)?)
}
