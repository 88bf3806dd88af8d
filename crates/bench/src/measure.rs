//! Taking turns, and medians of what came out.
use std::time::{Duration, Instant};

use super::row::Time;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Turns of each side.
    pub rounds: usize,
    /// How long a turn is to last.
    pub turn: Duration,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 11, turn: Duration::from_millis(200) };
    pub const QUICK: Self = Self { rounds: 5, turn: Duration::from_millis(40) };

    /// Calls in a turn, of calls that take so many milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn calls(self, milliseconds: f64) -> usize {
        (1e3 * self.turn.as_secs_f64() / milliseconds).ceil().clamp(2.0, 100_000.0) as usize
    }
}

/// Milliseconds of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// Of every call.
    pub wall: Vec<f64>,
    /// CPU time of a call, on average over each turn.
    pub cpu: Vec<f64>,
}

impl Samples {
    /// Medians.
    pub fn median(&self) -> Time {
        Time { wall: median(&self.wall).unwrap_or(f64::NAN), cpu: median(&self.cpu) }
    }

    /// The quickest call.
    pub fn quickest(&self) -> f64 {
        self.wall.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Does `calls` calls of ours, each timed.
pub(super) fn turn<E>(calls: usize, into: &mut Samples, call: &mut dyn FnMut() -> Result<(), E>) -> Result<(), E> {
    let before = cpu_seconds();
    for _ in 0..calls {
        let begin = Instant::now();
        call()?;
        into.wall.push(1e3 * begin.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    if let (Some(before), Some(after)) = (before, cpu_seconds()) {
        into.cpu.push(1e3 * (after - before) / calls as f64);
    }
    Ok(())
}

/// The value in the middle; of an even number, the upper of the two.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// CPU seconds of the calling thread so far.
fn cpu_seconds() -> Option<f64> {
    account().map(|account| account.cpu)
}

/// What the scheduler has counted of a thread, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// On a core.
    pub cpu: f64,
    /// Ready, but waiting for a core.
    pub waiting: f64,
}

/// The calling thread's account, where the system shows it to a program without `unsafe` (Linux).
pub(super) fn account() -> Option<Account> {
    // The file says what was counted last. Offering the core to others makes the scheduler count up to now.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut seconds =
        text.split_whitespace().map(|word| word.parse::<f64>().map(|nanoseconds| 1e-9 * nanoseconds).ok());
    let account = Account { cpu: seconds.next()??, waiting: seconds.next()?? };
    // Kernels built without the counting say 0.
    (account.cpu > 0.0).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_times_every_call_and_stops_at_an_error() {
        let mut samples = Samples::default();
        let mut count = 0;
        let mut call = || {
            count += 1;
            if count == 8 { Err("broken") } else { Ok(()) }
        };
        assert_eq!(turn(5, &mut samples, &mut call), Ok(()));
        assert_eq!(samples.wall.len(), 5);
        assert_eq!(turn(5, &mut samples, &mut call), Err("broken"));
        assert_eq!(count, 8);
    }

    #[test]
    fn medians_pass_over_what_an_interruption_adds() {
        assert_eq!(median(&[1.0, 100.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_turn_is_as_many_calls_as_fill_it() {
        assert_eq!(Effort::QUICK.calls(4.0), 10);
        assert_eq!(Effort::QUICK.calls(1e6), 2, "never a single call");
    }
}
