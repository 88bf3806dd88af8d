//! Values of the curves at a few places, for the data tables.
use results::measure::interpolate;
use results::series::{PaperSeries, Series};
use serde::Serialize;

use crate::{PanelNames, Shown};

/// Places a curve is read at; shorter ones are shown whole.
const PLACES: usize = 5;

/// Row of a data table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Title of the panel.
    pub panel: String,
    /// Label of the series.
    pub series: String,
    /// Place, with the axis' label.
    pub x: String,
    /// Mean over seeds with its 95 % interval.
    pub ours: String,
    /// Value of the paper's curve at the same place.
    pub paper: String,
}

/// Rows of all series, the last value of each among them.
pub fn rows(shown: &Shown) -> Vec<Row> {
    shown.ours.iter().flat_map(|series| of_series(series, shown)).collect()
}

fn of_series(series: &Series, shown: &Shown) -> Vec<Row> {
    let names = shown.panels.iter().find(|names| names.panel == series.panel);
    let label = names.and_then(|names| names.series.iter().find(|(slug, _)| *slug == series.series));
    let label = label.map_or_else(|| series.series.clone(), |(_, label)| label.clone());
    let panel = names.map_or_else(|| series.panel.clone(), |names| names.title.clone());
    let paper = shown.paper.iter().find(|p| p.panel == series.panel && p.series == series.series);
    let places = places(series.points.len());
    places
        .into_iter()
        .filter_map(|at| series.points.get(at))
        .map(|point| Row {
            panel: panel.clone(),
            series: label.clone(),
            x: axis(names, point.x),
            ours: if point.n > 1 {
                format!("{} [{}, {}]", number(point.mean), number(point.low), number(point.high))
            } else {
                number(point.mean)
            },
            paper: paper.and_then(|paper| value_at(paper, point.x)).map_or_else(|| "–".to_owned(), number),
        })
        .collect()
}

fn axis(names: Option<&PanelNames>, x: f64) -> String {
    let label = names.map_or("x", |names| names.x.as_str());
    let digits = if x.abs() >= 100.0 || x.fract() == 0.0 { 0 } else { 3 };
    format!("{label} {x:.digits$}")
}

/// Evenly spaced indices, the last one included.
fn places(n: usize) -> Vec<usize> {
    if n <= PLACES + 1 {
        return (0..n).collect();
    }
    (1..=PLACES).map(|place| place * n / PLACES - 1).collect()
}

/// Value of the paper's curve at `x`, between its two nearest points; the last value just beyond the end, none elsewhere outside.
fn value_at(paper: &PaperSeries, x: f64) -> Option<f64> {
    let (first, last) = (paper.points.first()?, paper.points.last()?);
    let slack = (last.0 - first.0) * 0.02;
    if x < first.0 - slack || x > last.0 + slack {
        return None;
    }
    interpolate(&paper.points, x.clamp(first.0, last.0))
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.1}") } else { format!("{value:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_is_always_shown() {
        assert_eq!(places(0), Vec::<usize>::new());
        assert_eq!(places(1), [0]);
        assert_eq!(places(400), [79, 159, 239, 319, 399]);
    }

    #[test]
    fn the_papers_curve_is_read_between_its_points_and_not_beyond_them() {
        let paper = PaperSeries { panel: "left".into(), series: "single".into(), points: vec![(0.0, 0.0), (2.0, 1.0)] };
        assert_eq!(value_at(&paper, 1.0), Some(0.5));
        assert_eq!(value_at(&paper, 2.03), Some(1.0));
        assert_eq!(value_at(&paper, 3.0), None);
    }
}
