//! Length of the tests with random changes.

/// Returns how many times as many changes are tried: `TWOSCALE_FUZZ`, else 1.
pub fn times() -> usize {
    std::env::var("TWOSCALE_FUZZ").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}
