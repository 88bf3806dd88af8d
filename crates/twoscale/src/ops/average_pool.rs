use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::backward::give;
use super::{has_kernels, values, with_values};
use crate::{Error, Result};
use kernels::{average_pool, selected};

/// Global average pooling: (N, C, H, W) to the means (N, C) over all pixels.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 3.], [5., 7.]]]], &Device::Cpu)?;
/// assert_eq!(twoscale::ops::average_pool_all(&x)?.to_vec2::<f32>()?, [[4.]]);
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When x has not four dimensions or no pixels.
pub fn average_pool_all(x: &Tensor) -> Result<Tensor> {
    let &[images, channels, height, width] = x.dims() else {
        return Err(Error::Setting(format!(
            "a global average pool needs an input (N, C, H, W), it was given {:?}",
            x.dims()
        )));
    };
    if height * width == 0 {
        return Err(Error::Setting(format!("a global average pool was given images without pixels, {:?}", x.dims())));
    }
    if has_kernels(x) {
        Ok(x.contiguous()?.apply_op1(AveragePool { images, channels, pixels: height * width })?)
    } else {
        Ok(x.mean((2, 3))?)
    }
}

struct AveragePool {
    images: usize,
    channels: usize,
    pixels: usize,
}

impl CustomOp1 for AveragePool {
    fn name(&self) -> &'static str {
        "average-pool-all"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let mut y = vec![0.0; self.images * self.channels];
        average_pool::forward(selected(), values(x, layout)?, self.pixels, &mut y);
        Ok((CpuStorage::F32(y), (self.images, self.channels).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        if !x.track_op() {
            return Ok(None);
        }
        let mut dx = vec![0.0; x.elem_count()];
        with_values(g, |g| {
            average_pool::backward(g, self.pixels, &mut dx);
            Ok(())
        })?;
        give(dx, x)
    }
}
