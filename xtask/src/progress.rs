//! One line for all runs together on a terminal; now and then a plain line elsewhere.
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use runs::scheduler::{Ending, Event, Progress, Tally};

use crate::text::{duration, thousands};

/// Time between two plain lines.
const NOW_AND_THEN: Duration = Duration::from_secs(30);
/// Time between two changes of the line on a terminal.
const OFTEN: Duration = Duration::from_millis(200);

/// Draws the progress of a [`runs::scheduler::Scheduler`].
pub struct Line {
    tally: Tally,
    bar: Option<ProgressBar>,
    begun: Instant,
    last: Mutex<Instant>,
}

impl Line {
    /// A line on standard error.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        let now = Instant::now();
        Self { tally: Tally::default(), bar, begun: now, last: Mutex::new(now) }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => crate::text::tell!("{text}"),
        }
    }

    fn refresh(&self, now: bool) {
        let every = if self.bar.is_some() { OFTEN } else { NOW_AND_THEN };
        {
            let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !now && last.elapsed() < every {
                return;
            }
            *last = Instant::now();
        }
        let text = self.text();
        match &self.bar {
            Some(bar) => {
                let tally = self.tally.snapshot();
                bar.set_length(tally.steps as u64);
                bar.set_position(tally.steps_done as u64);
                bar.set_message(text);
            }
            None => crate::text::tell!("{text}"),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and speeds"
    )]
    fn text(&self) -> String {
        let tally = self.tally.snapshot();
        let speed = tally.steps_here as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        let mut text = format!("{}/{} runs", tally.runs_done, tally.runs);
        if tally.steps_here > 0 {
            let left = tally.steps.saturating_sub(tally.steps_done) as f64 / speed;
            text += &format!(" · {} steps/s · {} left", thousands(speed.round() as usize), duration(left));
        }
        text
    }
}

impl Progress for Line {
    fn event(&self, event: Event<'_>) {
        self.tally.event(event);
        match event {
            Event::Discarded { key, why } => {
                self.note(&format!("run {key} begins anew: its checkpoint cannot be used ({why})"))
            }
            Event::Waiting { key, holder } => {
                self.note(&format!("run {key} is being trained by {holder}; waiting for it"))
            }
            Event::Ended { key, how: Ending::Failed(why), .. } => {
                self.note(&format!("run {key} failed: {}", why.lines().next().unwrap_or_default()))
            }
            Event::Ended { key, how: Ending::Diverged { step }, spec, .. } => {
                self.note(&format!(
                    "run {key} (seed {}) diverged at step {step}; it is kept and named on the figure",
                    spec.seed
                ));
            }
            Event::Begin { .. } | Event::Started { .. } | Event::Steps(_) | Event::Ended { .. } => {}
        }
        self.refresh(matches!(event, Event::Ended { .. }) && self.bar.is_some());
    }
}
