//! Buffers that a thread keeps from step to step, so that a step neither allocates nor touches fresh pages. Buffers begin on a
//! cache line, so that a vector of 64 bytes does not cross one.
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Largest number of buffers that a thread keeps; further ones are freed.
const KEPT: usize = 64;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static STORE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A type of which any bytes are a value.
///
/// # Safety
/// Every pattern of bits must be a value, and a cache line a whole number of values.
pub unsafe trait Plain: Copy + Default + 'static {}
// SAFETY: numbers without niches, of 4 bytes and of 1.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// A buffer that goes back to its thread's store when dropped.
pub struct Buffer<T: Plain> {
    lines: Vec<Line>,
    length: usize,
    values: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    /// A buffer of `length` values, initialised but arbitrary: leftovers of earlier uses.
    pub fn new(length: usize) -> Self {
        let needed = (length * size_of::<T>()).div_ceil(size_of::<Line>());
        // The smallest that is large enough, so that one large buffer does not serve all small needs in turn.
        let kept = STORE.try_with(|store| {
            let mut store = store.borrow_mut();
            let fitting = store.iter().enumerate().filter(|(_, lines)| lines.len() >= needed);
            let best = fitting.min_by_key(|(_, lines)| lines.len()).map(|(i, _)| i)?;
            Some(store.swap_remove(best))
        });
        let lines = kept.ok().flatten().unwrap_or_else(|| vec![Line([0; 64]); needed]);
        Self { lines, length, values: PhantomData }
    }

    /// A buffer of zeros.
    pub fn zeros(length: usize) -> Self {
        let mut buffer = Self::new(length);
        buffer.fill(T::default());
        buffer
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the lines are initialised, aligned, and hold at least `length` values; any bits are a value.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that is ending has no store any more: then the buffer is freed.
        let _ = STORE.try_with(|store| {
            let mut store = store.borrow_mut();
            if store.len() < KEPT {
                store.push(lines);
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
        assert_eq!(address as usize % 64, 0);
        assert!(second.iter().all(|x| *x == 0.0) && second.len() == 900);
    }
}
