//! Buffers that a thread keeps from step to step, so that a step neither allocates nor touches fresh pages.
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Buffers a thread keeps at most; more are freed.
const KEPT: usize = 32;

thread_local! {
    static FLOATS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static BYTES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A type of which threads keep buffers.
pub(crate) trait Kept: Copy + Default + 'static {
    fn with<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> Option<R>;
}

impl Kept for f32 {
    fn with<R>(f: impl FnOnce(&mut Vec<Vec<f32>>) -> R) -> Option<R> {
        FLOATS.try_with(|kept| f(&mut kept.borrow_mut())).ok()
    }
}

impl Kept for u8 {
    fn with<R>(f: impl FnOnce(&mut Vec<Vec<u8>>) -> R) -> Option<R> {
        BYTES.try_with(|kept| f(&mut kept.borrow_mut())).ok()
    }
}

/// A buffer that goes back to its thread's store when dropped.
pub(crate) struct Buffer<T: Kept> {
    data: Vec<T>,
    length: usize,
}

impl<T: Kept> Buffer<T> {
    /// A buffer of `length` values; what they are is left over from earlier uses (initialised, but arbitrary).
    pub(crate) fn new(length: usize) -> Self {
        // The smallest that is large enough, so that one large buffer does not serve all small needs in turn.
        let kept = T::with(|kept| {
            let best = kept
                .iter()
                .enumerate()
                .filter(|(_, buffer)| buffer.len() >= length)
                .min_by_key(|(_, buffer)| buffer.len())
                .map(|(i, _)| i)?;
            Some(kept.swap_remove(best))
        });
        let data = kept.flatten().unwrap_or_else(|| vec![T::default(); length]);
        Self { data, length }
    }

    /// A buffer of zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut buffer = Self::new(length);
        buffer.fill(T::default());
        buffer
    }
}

impl<T: Kept> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.data[..self.length]
    }
}

impl<T: Kept> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[..self.length]
    }
}

impl<T: Kept> Drop for Buffer<T> {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // A thread that is ending has no store any more: then the buffer is freed.
        let _ = T::with(|kept| {
            if kept.len() < KEPT {
                kept.push(data);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn a_dropped_buffer_is_used_again_and_zeros_are_zero() {
        let mut first = Buffer::<f32>::new(1000);
        first.fill(3.0);
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::<f32>::zeros(900);
        assert_eq!(second.as_ptr(), address);
        assert!(second.iter().all(|x| *x == 0.0) && second.len() == 900);
    }
}
