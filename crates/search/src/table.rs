//! Rankings as a table for the terminal and as CSV.
use std::fmt::Write as _;

use super::halving::Outcome;
use super::score::{Ranking, ScoredPanel};
use results::claims::wrap_words;
use results::measure::interpolate;
use results::publish;

/// Number of candidates whose curves' ends the terminal shows.
const WITH_ENDS: usize = 5;
/// Width of the terminal's lines of ends.
const WIDTH: usize = 116;

/// Table with one line for each candidate, best first: distance, expected noise, fit, rung, distance by figure; below it, for the best
/// ones, the ends of their curves beside the paper's.
pub fn table(outcome: &Outcome) -> String {
    let mut out = String::new();
    let figures = figures(&outcome.rankings);
    let _ = write!(
        out,
        "{:>4}  {:>7} {:>7}  {:<4}  {:>4} {:>5} {:>5}",
        "rank", "score", "noise", "fits", "rung", "seeds", "steps"
    );
    for figure in &figures {
        let _ = write!(out, "  {figure:>7}");
    }
    let _ = writeln!(out, "  assignment");
    for (index, s) in outcome.rankings.iter().enumerate() {
        let seeds = if s.rung > 0 { s.seeds.to_string() } else { "-".to_owned() };
        let rung = if s.rung > 0 { s.rung.to_string() } else { "-".to_owned() };
        let _ = write!(
            out,
            "{:>4}  {:>7} {:>7}  {:<4}  {rung:>4} {seeds:>5} {:>5}",
            index + 1,
            number(s.rms),
            number(s.noise),
            fits(s),
            share(s)
        );
        for figure in &figures {
            let _ = write!(out, "  {:>7}", number(figure_score(s, figure).0));
        }
        let diverged = if s.diverged > 0 { format!(" ({} diverged)", s.diverged) } else { String::new() };
        let failed = s.failure.as_ref().map_or_else(String::new, |why| format!(" (failed: {why})"));
        let _ = writeln!(out, "  {}{diverged}{failed}", s.assignment.name());
    }
    let best = outcome.rankings.iter().take(WITH_ENDS).enumerate().filter(|(_, s)| s.rms.is_some());
    for (index, s) in best {
        let all: Vec<String> =
            ends(s).iter().map(|end| format!("{} {:.3}/{:.3},", end.slug(), end.ours, end.paper)).collect();
        let text = format!("ends, ours/paper, of {}: {}", index + 1, all.join(" "));
        for line in wrap_words(text.trim_end_matches(','), WIDTH) {
            let _ = writeln!(out, "      {line}");
        }
    }
    out
}

/// CSV with one row for each candidate: rank, rung, share of the training, seeds, distance, noise, fit, diverged runs, a column for each
/// varied key, distance and noise of every figure, end and distance of every curve; the last row holds the ends of the paper's curves.
///
/// # Errors
/// Returns the writer's error; writing to memory does not fail.
pub fn csv(outcome: &Outcome, keys: &[String]) -> Result<String, publish::Error> {
    let failed = |reason: String| publish::Error::Table { path: "the table".into(), reason };
    let figures = figures(&outcome.rankings);
    // The candidate with the most curves has all of them.
    let curves: Vec<End> = outcome.rankings.iter().map(ends).max_by_key(Vec::len).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut header = words(&["rank", "rung", "share", "seeds", "score", "noise", "fits", "diverged"]);
    header.extend(keys.iter().cloned());
    header.extend(figures.iter().flat_map(|figure| [figure.clone(), format!("{figure} noise")]));
    header.extend(curves.iter().map(End::slug));
    header.extend(curves.iter().map(|curve| format!("{} distance", curve.slug())));
    writer.write_record(&header).map_err(|error| failed(error.to_string()))?;
    for (index, s) in outcome.rankings.iter().enumerate() {
        let mut row = vec![
            (index + 1).to_string(),
            s.rung.to_string(),
            s.share.to_string(),
            s.seeds.to_string(),
            plain(s.rms),
            plain(s.noise),
            fits(s).to_owned(),
            s.diverged.to_string(),
        ];
        row.extend(keys.iter().map(|key| s.assignment.value(key).unwrap_or("as the file says").to_owned()));
        for figure in &figures {
            let (rms, noise) = figure_score(s, figure);
            row.extend([plain(rms), plain(noise)]);
        }
        let own = ends(s);
        row.extend(
            curves.iter().map(|curve| plain(own.iter().find(|end| end.slug() == curve.slug()).map(|end| end.ours))),
        );
        row.extend(curves.iter().map(|curve| plain(distance(s, curve))));
        writer.write_record(&row).map_err(|error| failed(error.to_string()))?;
    }
    let mut paper = words(&["paper"]);
    paper.resize(header.len() - 2 * curves.len(), String::new());
    paper.extend(curves.iter().map(|curve| plain(Some(curve.paper))));
    paper.resize(header.len(), String::new());
    writer.write_record(&paper).map_err(|error| failed(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Root mean square distance of one curve from the paper's.
fn distance(ranking: &Ranking, curve: &End) -> Option<f64> {
    let figure = ranking.figures.iter().find(|figure| figure.figure == curve.figure)?;
    let mut series = figure.score.series.iter();
    series.find(|series| series.panel == curve.panel && series.series == curve.series).map(|series| series.rms)
}

/// Last point of a curve that the paper's curve covers.
struct End {
    figure: String,
    panel: String,
    series: String,
    ours: f64,
    paper: f64,
}

impl End {
    fn slug(&self) -> String {
        format!("{}/{}/{}", self.figure, self.panel, self.series)
    }
}

fn ends(ranking: &Ranking) -> Vec<End> {
    let panels =
        ranking.figures.iter().flat_map(|figure| figure.panels.iter().map(move |panel| (&figure.figure, panel)));
    panels.flat_map(|(figure, panel)| ends_of(figure, panel)).collect()
}

fn ends_of(figure: &str, panel: &ScoredPanel) -> Vec<End> {
    let of_series = |ours: &results::series::Series| {
        let paper = panel.paper.iter().find(|paper| paper.series == ours.series)?;
        let common = |point: &results::series::Point| Some((point.mean, interpolate(&paper.points, point.x)?));
        let (mean, theirs) = ours.points.iter().rev().find_map(common)?;
        Some(End {
            figure: figure.to_owned(),
            panel: panel.panel.panel.clone(),
            series: ours.series.clone(),
            ours: mean,
            paper: theirs,
        })
    };
    panel.ours.iter().filter_map(of_series).collect()
}

/// Names of the figures of the search.
fn figures(rankings: &[Ranking]) -> Vec<String> {
    let longest = rankings.iter().max_by_key(|s| s.figures.len());
    longest.map_or_else(Vec::new, |s| s.figures.iter().map(|figure| figure.figure.clone()).collect())
}

fn figure_score(ranking: &Ranking, figure: &str) -> (Option<f64>, Option<f64>) {
    let score = ranking.figures.iter().find(|own| own.figure == figure).map(|own| &own.score);
    (score.and_then(|score| score.rms), score.and_then(|score| score.noise))
}

fn fits(ranking: &Ranking) -> &'static str {
    ranking.fits.map_or("-", |fits| if fits { "yes" } else { "no" })
}

fn share(ranking: &Ranking) -> String {
    match ranking.rung {
        0 => "-".to_owned(),
        _ if ranking.share >= 1.0 => "all".to_owned(),
        _ => format!("{:.0} %", 100.0 * ranking.share),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.6}"))
}
