use candle_core::{D, Tensor};

use crate::Result;

/// 2x2 max-pooling with stride 2 of (N, C, H, W), sizes rounded down as in PyTorch. The first maximum gets the whole
/// gradient (candle's own `max_pool2d` has it too small by the window's area); NaN wins.
///
/// # Errors
/// When x has not four dimensions or is smaller than the window.
pub fn max_pool2(x: &Tensor) -> Result<Tensor> {
    let (n, c, height, width) = x.dims4()?;
    let (ph, pw) = (height / 2, width / 2);
    if ph == 0 || pw == 0 {
        return Err(crate::Error::Setting(format!(
            "a 2x2 max-pool was given an input of {height}x{width}; it needs at least 2x2"
        )));
    }
    let windows = x.narrow(2, 0, 2 * ph)?.narrow(3, 0, 2 * pw)?.contiguous()?.reshape((n, c, ph, 2, pw, 2))?;
    let part = |dy: usize, dx: usize| -> Result<Tensor> {
        Ok(windows.narrow(3, dy, 1)?.narrow(D::Minus1, dx, 1)?.reshape((n, c, ph, pw))?)
    };
    let mut largest = part(0, 0)?;
    for (dy, dx) in [(0, 1), (1, 0), (1, 1)] {
        let next = part(dy, dx)?;
        let better = (next.gt(&largest)? + next.ne(&next)?)?;
        largest = better.where_cond(&next, &largest)?;
    }
    Ok(largest)
}
