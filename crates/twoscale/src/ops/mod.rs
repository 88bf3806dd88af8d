//! candle operations with hand-written forward and backward passes; on other devices, candle's own operations.
//!
//! Every function takes tensors of any device and of f32 or f64. Tensors of f32 on the CPU go to [`kernels`] on the calling thread;
//! other types and devices use compositions of candle's operations, whose gradients are PyTorch's also where candle's own operation
//! differs (max-pooling, ReLU at exactly zero). [`composed`] takes these compositions for tensors of f32 on the CPU too, so that they can be
//! held against the kernels: they are what a GPU computes, and they were never run on one.
use candle_core::{CpuStorage, DType, Layout, Storage, Tensor};

mod activation;
mod average_pool;
mod backward;
mod batch_norm;
mod composed;
mod conv2d;
mod convolution;
mod cross_entropy;
mod linear;
mod norm;
mod pool;
mod sgd;

pub use activation::relu;
pub use average_pool::average_pool_all;
pub use backward::backward;
pub use batch_norm::{batch_norm, batch_norm_evaluation, batch_norm_relu};
pub use composed::composed;
pub use conv2d::conv2d;
pub use convolution::{conv_relu_pool, conv_relu_pool_twice};
pub use cross_entropy::multi_scale_cross_entropy;
pub use linear::{Activation, linear};
pub use norm::log_norm;
pub use pool::max_pool2;
pub use sgd::sgd_update;

/// True for tensors that the kernels take: f32 on the CPU, outside of [`composed`].
pub(crate) fn has_kernels(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && !composed::asked_for()
}

/// The values of a contiguous f32 argument of a custom operation.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let Some((begin, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a kernel was given a tensor that is not contiguous; call `contiguous` first")
    };
    Ok(&storage.as_slice::<f32>()?[begin..end])
}

/// Calls `f` with the values of an f32 CPU tensor.
fn with_values<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> candle_core::Result<R>) -> candle_core::Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(values(storage, layout)?),
        _ => candle_core::bail!("a CPU kernel was given a tensor of another device"),
    }
}

/// Locks a mutex also after a panic of another holder: guarded values are written whole or not at all.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
