//! The progress of trainings: one line for all runs together on a terminal, now and then a plain line elsewhere.
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use experiment::spec::RunSpec;
use indicatif::{ProgressBar, ProgressStyle};
use runs::scheduler::{Ending, Estimate, Event, Progress, Tally, jobs};
use twoscale::loss::LossKind;

use crate::text::{count, duration, thousands};

/// Time between two changes of the line on a terminal.
const OFTEN: Duration = Duration::from_millis(250);
/// Time between two plain lines at the beginning; later a twentieth of the time that has passed.
const RARELY: Duration = Duration::from_secs(30);
/// Length of the bar in units of work.
const UNITS: u64 = 1000;

/// Shows the progress of a [`runs::scheduler::Scheduler`] on standard error.
pub struct Line {
    shared: Arc<Shared>,
    /// Keeps the line moving while no event comes: in evaluations, and while other processes train.
    ticker: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

struct Shared {
    tally: Tally,
    bar: Option<ProgressBar>,
    begun: Instant,
    last: Mutex<Instant>,
    /// Processes that were already reported as waited for.
    holders: Mutex<Vec<String>>,
}

impl Line {
    /// A line without an estimate of the time left.
    pub fn new() -> Self {
        Self::of(Tally::default())
    }

    /// A line with an estimate of the time left, from the cost of each run when `jobs` (0: one a core) are trained at a time.
    pub fn with_estimate(estimate: &Estimate, asked_jobs: usize) -> Self {
        Self::of(Tally::with_costs(&estimate.costs, jobs(asked_jobs)))
    }

    fn of(tally: Tally) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:20} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(UNITS).with_style(style)
        });
        let now = Instant::now();
        let shared = Arc::new(Shared { tally, bar, begun: now, last: Mutex::new(now), holders: Mutex::default() });
        let (stop, stopped) = channel();
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(OFTEN) == Err(RecvTimeoutError::Timeout) {
                ticking.refresh();
            }
        });
        Self { shared, ticker: Mutex::new(Some((stop, ticker))) }
    }

    /// Removes the line.
    pub fn clear(&self) {
        if let Some((stop, ticker)) = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(stop);
            let _ = ticker.join();
        }
        if let Some(bar) = &self.shared.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Shared {
    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => crate::text::tell!("{text}"),
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
    fn refresh(&self) {
        let every = if self.bar.is_some() { OFTEN / 2 } else { RARELY.max(self.begun.elapsed() / 20) };
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() < every {
                return;
            }
            *last = Instant::now();
        }
        let now = self.tally.snapshot();
        let text = self.text(&now);
        match &self.bar {
            Some(bar) => {
                let share = now.share.unwrap_or_else(|| now.steps_done as f64 / now.steps.max(1) as f64);
                bar.set_position((share * UNITS as f64) as u64);
                bar.set_message(text);
            }
            None => crate::text::tell!("{text}"),
        }
    }

    /// Runs done, accuracy of those in training, time left, speed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and speeds"
    )]
    fn text(&self, now: &runs::scheduler::TallySnapshot) -> String {
        let mut text = format!("{}/{} runs", now.runs_done, now.runs);
        if let Some(accuracy) = now.batch_accuracy {
            let _ = write!(text, " · accuracy {:.1} % train", 100.0 * accuracy);
            if let Some(accuracy) = now.test_accuracy {
                let _ = write!(text, ", {:.1} % test", 100.0 * accuracy);
            }
        }
        let speed = now.steps_here as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        let by_steps = || now.steps.saturating_sub(now.steps_done) as f64 / speed;
        if now.running > 0 && now.steps_here > 0 {
            let _ = write!(text, " · {} left", duration(now.seconds_left.unwrap_or_else(by_steps)));
            let _ = write!(text, " · {} steps/s", thousands(speed.round() as usize));
        }
        if now.waiting > 0 {
            let _ = write!(text, " · waiting for {} of other processes", count(now.waiting, "run"));
        }
        text
    }

    /// Says once for each process that runs of it are waited for; the line counts them.
    fn waiting(&self, spec: &RunSpec, holder: &str) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if !holders.iter().any(|known| known == holder) {
            holders.push(holder.to_owned());
            self.note(&format!(
                "{} is being trained by {holder}: its runs are waited for at the end",
                loss_and_seed(spec)
            ));
        }
    }
}

impl Progress for Line {
    fn event(&self, event: Event<'_>) {
        let shared = &self.shared;
        shared.tally.event(event);
        match event {
            Event::Discarded { key, why } => {
                shared.note(&format!("run {key} begins anew: its checkpoint cannot be used ({why})"));
            }
            Event::Warning { what } => shared.note(&format!("warning: {what}")),
            Event::Waiting { spec, holder, .. } => shared.waiting(spec, holder),
            Event::Ended { key, how: Ending::Failed(why), spec, .. } => {
                let reason = why.lines().next().unwrap_or_default();
                shared.note(&format!("{} failed (run {key}): {reason}", loss_and_seed(spec)));
            }
            Event::Ended { key, how: Ending::Diverged { step }, spec, .. } => {
                shared.note(&format!(
                    "{} diverged at step {step} (run {key}); it is kept and named on the figure",
                    loss_and_seed(spec)
                ));
            }
            Event::Begin { .. } | Event::Started { .. } | Event::Steps { .. } | Event::Ended { .. } => {}
        }
        shared.refresh();
    }
}

/// A run in words: `two-scale η = 0.01, seed 3`.
pub fn loss_and_seed(spec: &RunSpec) -> String {
    let loss = &spec.loss;
    let kind = match loss.kind {
        LossKind::Single => "single scale",
        LossKind::TwoScale => "two-scale",
        LossKind::Fixed => "fixed scales",
        LossKind::Separation => "separation",
    };
    let thresholds: Vec<String> = loss.thresholds.iter().map(f64::to_string).collect();
    let eta = if thresholds.is_empty() { String::new() } else { format!(" η = {}", thresholds.join(", ")) };
    format!("{kind}{eta}, seed {}", spec.seed)
}
