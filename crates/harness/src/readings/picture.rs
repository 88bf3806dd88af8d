//! The best readings in small: a row a reading, a panel a panel of the figures.
use super::race::Outcome;
use super::score::{ScoredPanel, Standing};
use crate::experiment::Plan;
use crate::figure::{self, Row, Small, SmallCurve};
use crate::measure::parts;

/// Rows at most: more would not be looked at.
const MOST: usize = 12;

/// Small multiples as SVG, best reading first: our mean curves with their band over the paper's dashed ones. Shown are the readings that
/// were trained to the end (before any was: all), at most twelve; `plans` are any reading's, for labels and colours; `notes` are said under the
/// title (stand-in data).
///
/// # Errors
/// When an experiment file names a colour that there is not.
pub fn picture(outcome: &Outcome, plans: &[Plan], notes: &[String]) -> Result<String, figure::Error> {
    let farthest = outcome.standings.iter().map(|s| s.share).fold(0.0, f64::max);
    let survives = |s: &&Standing| s.rms.is_some() && s.share >= farthest;
    let shown: Vec<_> = outcome.standings.iter().filter(survives).take(MOST).collect();
    let rows: Vec<Row> = shown.iter().enumerate().map(|(index, s)| row(index + 1, s, plans)).collect();
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let title = format!("Readings of {}, best first", names.join(", "));
    let count = outcome.standings.len();
    let mut subtitles = vec![format!(
        "{} of {count} readings; score: root mean square distance from the paper's curves; noise: what seeds alone would give",
        rows.len()
    )];
    subtitles.extend(notes.iter().cloned());
    figure::draw_multiples(&title, &subtitles, &rows)
}

fn row(rank: usize, standing: &Standing, plans: &[Plan]) -> Row {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let fits = match standing.fits {
        Some(true) => ", fits",
        _ => "",
    };
    let title = format!(
        "{rank}. {}: score {}, noise {}{fits} ({} {}{})",
        standing.reading.name(),
        number(standing.rms),
        number(standing.noise),
        standing.seeds,
        if standing.seeds == 1 { "seed" } else { "seeds" },
        if standing.share < 1.0 {
            format!(", first {:.0} % of the steps", 100.0 * standing.share)
        } else {
            String::new()
        }
    );
    let figures = standing.figures.iter();
    let panels = figures.flat_map(|figure| {
        let plan = plans.iter().find(|plan| plan.name == figure.figure);
        figure.panels.iter().map(move |panel| small(&figure.figure, panel, plan))
    });
    Row { title, panels: panels.collect() }
}

fn small(figure: &str, panel: &ScoredPanel, plan: Option<&Plan>) -> Small {
    let curve = |series: &crate::experiment::file::PanelSeries| {
        let (slug, loss, _) = parts(series);
        let loss = plan.and_then(|plan| plan.experiment.losses.get(loss));
        SmallCurve {
            label: loss.map_or_else(|| slug.to_owned(), |loss| loss.label.clone()),
            colour: loss.map_or_else(|| "k".to_owned(), |loss| loss.colour.clone()),
            ours: panel.ours.iter().find(|own| own.series == slug).map_or_else(Vec::new, |own| own.points.clone()),
            paper: panel
                .paper
                .iter()
                .find(|paper| paper.series == slug)
                .map_or_else(Vec::new, |paper| paper.points.clone()),
        }
    };
    Small {
        title: format!("{figure}: {}", panel.panel.title),
        panel: panel.panel.clone(),
        curves: panel.panel.series.iter().map(curve).collect(),
    }
}
