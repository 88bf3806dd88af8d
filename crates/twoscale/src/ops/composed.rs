use std::cell::Cell;

thread_local! {
    /// Set while [`composed`] runs on this thread.
    static ASKED_FOR: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f` with candle's own operations in place of the kernels for whatever this thread computes in it: the code that tensors on
/// another device go through, here on the CPU. For comparisons; it is several times slower.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use twoscale::ops::{composed, conv2d};
/// let x = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu)?;
/// let fused = conv2d(&x, &x, 1, 1)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!(composed(|| conv2d(&x, &x, 1, 1))?.flatten_all()?.to_vec1::<f32>()?, fused);
/// # Ok::<(), twoscale::Error>(())
/// ```
pub fn composed<R>(f: impl FnOnce() -> R) -> R {
    /// Goes back to the kernels also when `f` panics.
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            ASKED_FOR.set(self.0);
        }
    }
    let _back = Back(ASKED_FOR.replace(true));
    f()
}

pub(super) fn asked_for() -> bool {
    ASKED_FOR.get()
}
