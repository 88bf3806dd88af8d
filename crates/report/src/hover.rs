//! Values under the pointer, and the words that stand for a drawing where it is not seen.
use results::figure::{Axes, Curve, Resolved};
use results::measure::interpolate;
use results::series::{Point, Series};
use serde::Serialize;

use crate::curves::{estimate, number, place, value_at};

/// Strips of a drawing.
const STRIPS: usize = 24;

/// Upright strip of a drawing with the values of its curves in the middle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Strip {
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Values, a line for each curve.
    pub text: String,
}

/// Strips of a drawing of this kind (`paper`, `ours`, `both`), around points that its curves have.
pub fn strips(panel: &Resolved, axes: &Axes, kind: &str) -> Vec<Strip> {
    let of_paper = |curve: &Curve| Some(curve.paper?.points.iter().map(|p| p.0).collect::<Vec<_>>());
    let of_ours = |curve: &Curve| Some(curve.ours?.points.iter().map(|p| p.x).collect::<Vec<_>>());
    let points = |curve: &Curve| if kind == "paper" { of_paper(curve) } else { of_ours(curve) };
    let range = (panel.panel.x.from, panel.panel.x.to);
    let mut places = panel.curves.iter().filter_map(points).max_by_key(Vec::len).unwrap_or_default();
    places.retain(|x| *x >= range.0 && *x <= range.1);
    let n = places.len();
    if n > STRIPS {
        places = (0..STRIPS).map(|i| places[(2 * i + 1) * n / (2 * STRIPS)]).collect();
    }
    let middle = |pair: &[f64]| axes.x((pair[0] + pair[1]) / 2.0).round();
    let edges: Vec<f64> =
        std::iter::once(axes.corner.0).chain(places.windows(2).map(middle)).chain([axes.opposite().0]).collect();
    let strip =
        |(x, edges): (&f64, &[f64])| Strip { x: edges[0], width: edges[1] - edges[0], text: text(panel, kind, *x) };
    places.iter().zip(edges.windows(2)).map(strip).collect()
}

/// Values at a place, a line for each curve that has one there.
fn text(panel: &Resolved, kind: &str, x: f64) -> String {
    let mut lines = vec![place(&panel.panel.x.label, x)];
    for curve in &panel.curves {
        let ours = curve.ours.filter(|_| kind != "paper").and_then(|series| interval(series, x));
        let paper = curve.paper.filter(|_| kind != "ours").and_then(|paper| value_at(paper, x)).map(number);
        let values = match (ours, paper) {
            (Some(ours), Some(paper)) => format!("ours {ours}, the paper {paper}"),
            (Some(value), None) | (None, Some(value)) => value,
            (None, None) => continue,
        };
        lines.push(format!("{}: {values}", curve.label));
    }
    lines.join("\n")
}

/// Mean with its interval at a place.
fn interval(series: &Series, x: f64) -> Option<String> {
    let at = |of: fn(&Point) -> f64| interpolate(&series.points.iter().map(|p| (p.x, of(p))).collect::<Vec<_>>(), x);
    let n = series.points.iter().map(|p| p.n).max()?;
    Some(estimate(&Point { x, mean: at(|p| p.mean)?, low: at(|p| p.low)?, high: at(|p| p.high)?, n }))
}

/// Content of a drawing in words: axes, and where each curve ends.
pub fn label(panel: &Resolved, kind: &str) -> String {
    let whose = match kind {
        "paper" => "the paper's curves",
        "ours" => "our curves with their 95 % intervals",
        _ => "our curves over the paper's, which are dashed",
    };
    let mut words = format!("{}, {whose}: {} over {}.", panel.title(), panel.panel.y.label, panel.panel.x.label);
    for sentence in panel.ends(kind != "paper", kind != "ours") {
        words += &format!(" {sentence}");
    }
    words
}
