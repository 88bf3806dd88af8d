//! Small multiples of the best candidates: one row for each candidate, one column for each panel of the figures.
use super::halving::Outcome;
use super::score::{Ranking, ScoredPanel};
use experiment::Plan;
use results::figure::{self, Row, Small, SmallCurve};
use results::measure::parts;

/// Largest number of rows.
const MOST: usize = 12;

/// Draws small multiples as SVG, best candidate first: our mean curves with their bands over the paper's dashed ones.
///
/// Shows the candidates with whole trainings (all candidates where none has), at most twelve. `plans` of any candidate give labels
/// and colours; `notes` stand under the title (stand-in data).
///
/// # Errors
/// Fails when an experiment file names an unknown colour.
pub fn picture(outcome: &Outcome, plans: &[Plan], notes: &[String]) -> Result<String, figure::Error> {
    let farthest = outcome.rankings.iter().map(|s| s.share).fold(0.0, f64::max);
    let complete = |s: &&Ranking| s.rms.is_some() && s.share >= farthest;
    let shown: Vec<_> = outcome.rankings.iter().filter(complete).take(MOST).collect();
    let rows: Vec<Row> = shown.iter().enumerate().map(|(index, s)| row(index + 1, s, plans)).collect();
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let title = format!("Candidates of {}, best first", names.join(", "));
    let count = outcome.rankings.len();
    let mut subtitles = vec![format!(
        "{} of {count} assignments; score: root mean square distance from the paper's curves; noise: distance expected from seeds alone",
        rows.len()
    )];
    subtitles.extend(notes.iter().cloned());
    figure::draw_multiples(&title, &subtitles, &rows)
}

fn row(rank: usize, ranking: &Ranking, plans: &[Plan]) -> Row {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let fits = match ranking.fits {
        Some(true) => ", fits",
        _ => "",
    };
    let title = format!(
        "{rank}. {}: score {}, noise {}{fits} ({} {}{})",
        ranking.assignment.name(),
        number(ranking.rms),
        number(ranking.noise),
        ranking.seeds,
        if ranking.seeds == 1 { "seed" } else { "seeds" },
        if ranking.share < 1.0 {
            format!(", first {:.0} % of the steps", 100.0 * ranking.share)
        } else {
            String::new()
        }
    );
    let figures = ranking.figures.iter();
    let panels = figures.flat_map(|figure| {
        let plan = plans.iter().find(|plan| plan.name == figure.figure);
        figure.panels.iter().map(move |panel| small(&figure.figure, panel, plan))
    });
    Row { title, panels: panels.collect() }
}

fn small(figure: &str, panel: &ScoredPanel, plan: Option<&Plan>) -> Small {
    let curve = |series: &experiment::file::PanelSeries| {
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
