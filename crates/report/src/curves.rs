//! Values of the curves at a few places, for the data tables.
use results::figure::{Curve, Resolved};
use results::measure::interpolate;
use results::series::{PaperSeries, Point};
use serde::Serialize;

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

/// Rows of all curves of a panel, the last value of each among them; the paper's own where there are none of ours.
pub fn rows(panel: &Resolved) -> Vec<Row> {
    panel.curves.iter().flat_map(|curve| of_curve(panel, curve)).collect()
}

fn of_curve(panel: &Resolved, curve: &Curve) -> Vec<Row> {
    let row = |x: f64, ours: String| Row {
        panel: panel.title(),
        series: curve.label.clone(),
        x: place(&panel.panel.x.label, x),
        ours,
        paper: curve.paper.and_then(|paper| value_at(paper, x)).map_or_else(|| NONE.to_owned(), number),
    };
    let Some(ours) = curve.ours else {
        let points = curve.paper.map(|paper| paper.points.as_slice()).unwrap_or_default();
        return places(points.len()).into_iter().map(|at| row(points[at].0, NONE.to_owned())).collect();
    };
    places(ours.points.len())
        .into_iter()
        .map(|at| &ours.points[at])
        .map(|point| row(point.x, estimate(point)))
        .collect()
}

/// Formats a mean with its interval, without one where there is a single seed.
pub fn estimate(point: &Point) -> String {
    if point.n > 1 {
        format!("{} [{}, {}]", number(point.mean), number(point.low), number(point.high))
    } else {
        number(point.mean)
    }
}

/// Cell without a value.
const NONE: &str = "–";

/// Place on an axis with the axis' label: `Epochs 12`.
pub fn place(label: &str, x: f64) -> String {
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
pub fn value_at(paper: &PaperSeries, x: f64) -> Option<f64> {
    let (first, last) = (paper.points.first()?, paper.points.last()?);
    let slack = (last.0 - first.0) * 0.02;
    if x < first.0 - slack || x > last.0 + slack {
        return None;
    }
    interpolate(&paper.points, x.clamp(first.0, last.0))
}

/// Formats a value of a curve.
pub fn number(value: f64) -> String {
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
