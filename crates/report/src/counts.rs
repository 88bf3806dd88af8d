//! Counts of verdicts, and the page in one line.
use results::claims::{Judgement, Verdict};

use crate::{Figure, Page, State};

/// The claims of all figures under their own assumptions.
pub fn claims(page: &Page) -> Vec<(&Figure, &Judgement)> {
    page.figures.iter().flat_map(|figure| figure.own.document.claims.iter().map(move |claim| (figure, claim))).collect()
}

/// Number of figures that are published for the plans which their files have now.
pub fn published(page: &Page) -> usize {
    page.figures.iter().filter(|figure| figure.own.state == State::Published).count()
}

/// Counts in one line.
pub fn line(page: &Page) -> String {
    let claims = claims(page);
    let published = published(page);
    let of = |verdict| claims.iter().filter(|(_, claim)| claim.verdict == verdict).count();
    let verdicts: Vec<String> = Verdict::ALL.iter().map(|v| format!("{} {}", of(*v), words(*v))).collect();
    format!(
        "{published} of {} figures published for their plans; {} claims: {}",
        page.figures.len(),
        claims.len(),
        verdicts.join(", ")
    )
}

/// A verdict in words.
pub fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::DirectionOnly => "direction only",
        Verdict::NotRun => "not run",
        other => other.name(),
    }
}
