//! Alternating measurements and their medians.
use std::time::{Duration, Instant};

use super::row::Time;

/// Length of a measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Number of turns of each side.
    pub rounds: usize,
    /// Duration of a turn.
    pub turn: Duration,
    /// Smallest number of calls in a turn.
    pub fewest: usize,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 11, turn: Duration::from_millis(200), fewest: 2 };
    pub const QUICK: Self = Self { rounds: 5, turn: Duration::from_millis(40), fewest: 2 };

    /// Three turns of one call each, for calls of seconds.
    pub const LONG: Self = Self { rounds: 3, turn: Duration::ZERO, fewest: 1 };

    /// Number of calls in a turn, for calls of this many milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn calls(self, milliseconds: f64) -> usize {
        ((1e3 * self.turn.as_secs_f64() / milliseconds).ceil().min(100_000.0) as usize).max(self.fewest)
    }

    /// Number of calls for a first impression of their duration.
    pub fn first_calls(self) -> usize {
        2 * self.fewest - 1
    }
}

/// Times of calls in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// Wall-clock time of every call.
    pub wall: Vec<f64>,
    /// Mean CPU time of a call, by turn.
    pub cpu: Vec<f64>,
}

impl Samples {
    /// Medians of both times.
    pub fn median(&self) -> Time {
        Time { wall: median(&self.wall).unwrap_or(f64::NAN), cpu: median(&self.cpu) }
    }

    /// Shortest wall-clock time.
    pub fn quickest(&self) -> f64 {
        self.wall.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Performs and times `calls` calls of our side.
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

/// Median; of an even number of values, the upper of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// CPU seconds used by the calling thread.
fn cpu_seconds() -> Option<f64> {
    account().map(|account| account.cpu)
}

/// Scheduler's account of a thread, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// Time on a core.
    pub cpu: f64,
    /// Time ready to run, without a core.
    pub waiting: f64,
}

/// Account of the calling thread, where the system offers it without `unsafe` (Linux).
pub(super) fn account() -> Option<Account> {
    // The file holds the last count; yielding makes the scheduler count up to now.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut seconds =
        text.split_whitespace().map(|word| word.parse::<f64>().map(|nanoseconds| 1e-9 * nanoseconds).ok());
    let account = Account { cpu: seconds.next()??, waiting: seconds.next()?? };
    // Linux built without this accounting reports 0.
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
    fn medians_ignore_interruptions() {
        assert_eq!(median(&[1.0, 100.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_turn_is_as_many_calls_as_fill_it() {
        assert_eq!(Effort::QUICK.calls(4.0), 10);
        assert_eq!(Effort::QUICK.calls(1e6), 2, "never a single call");
        assert_eq!(Effort::LONG.calls(1e4), 1, "except of seconds");
    }
}
