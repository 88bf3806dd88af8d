//! Seeded numbers for the stand-ins, the same on every machine: only exact arithmetic, no library functions.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// One ChaCha stream.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// Returns stream `stream` of `seed`; different streams are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Stream {
        let mut chacha = ChaCha8Rng::seed_from_u64(seed);
        chacha.set_stream(stream);
        Stream(chacha)
    }

    /// Draws a number uniform in [0, 1), a multiple of 2^-24.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Draws a number uniform in [low, high).
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Draws a whole number uniform in 0..n. The bias, below n / 2^32, does not matter for shuffling a few thousand objects.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// Draws a point on the unit circle, uniform in angle.
    pub(crate) fn direction(&mut self) -> (f32, f32) {
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.01 && square <= 1.0 {
                let length = square.sqrt();
                return (x / length, y / length);
            }
        }
    }

    /// Fills `out` with random bytes.
    pub(crate) fn bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// Draws a random order of 0..n (Fisher-Yates).
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}
