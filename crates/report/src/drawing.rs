//! Panels as small drawings inside the page: the paper's curves, ours, and both over each other, on the same axes.
//!
//! A drawing is text of the page, so that it follows the width of the window and shows values under the pointer without a script. Each
//! set of curves is written once; the drawing of both refers to the other two.
use std::fmt::Write as _;

use results::figure::{Axes, Curve, Resolved, Xy, bars, steps};
use results::measure::is_histogram;
use serde::Serialize;

use crate::hover::{self, Strip};

/// Width and height of a drawing, in quarters of a pixel.
pub const SIZE: Xy = (1520.0, 1040.0);
/// Left upper corner of the axes' box.
const CORNER: Xy = (230.0, 110.0);
/// Width and height of the axes' box.
const BOX: Xy = (1220.0, 740.0);
/// Ticks on an axis.
const TICKS: usize = 5;
/// Kinds and headings of the drawings of the paper's curves and of ours.
const PAPER: (&str, &str) = ("paper", "The paper");
const OURS: (&str, &str) = ("ours", "Ours");
/// Markers on a curve, and their radius.
const MARKERS: usize = 4;
const RADIUS: f64 = 20.0;

/// Colours of the outline of the paper's histograms, on white and on black.
const OUTLINE: &str = "light-dark(#202020,#e0e0e0)";

/// Panel with its drawings.
#[derive(Clone, Debug, Serialize)]
pub struct Drawing {
    /// Anchor, beginning of the anchors of its curves.
    pub id: String,
    /// Title of the panel.
    pub title: String,
    /// Label of the x axis.
    pub x: String,
    /// Label of the y axis.
    pub y: String,
    /// Left, top, right and bottom of the axes' box.
    pub frame: [f64; 4],
    /// Ticks of the x axis: place and label.
    pub x_ticks: Vec<(f64, String)>,
    /// Ticks of the y axis: place and label.
    pub y_ticks: Vec<(f64, String)>,
    /// Path of the line that the panel is read against: no difference, perfect calibration; empty in other panels.
    pub reference: String,
    /// The paper's curves.
    pub paper: Vec<Line>,
    /// Our curves.
    pub ours: Vec<Line>,
    /// The drawings: of the paper, ours, both.
    pub views: Vec<View>,
    /// Labels with colours and markers; empty where the title says it all.
    pub keys: Vec<Key>,
}

/// Curve as drawn.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Colour.
    pub colour: String,
    /// Path of the curve.
    pub path: String,
    /// Outline of the interval, or of bars; may be empty.
    pub area: String,
    /// Class of the style sheet: `line`, `bars` or `outline`.
    pub kind: &'static str,
    /// Paths of the markers.
    pub markers: Vec<String>,
}

/// Entry of the legend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Name of the curve.
    pub label: String,
    /// Colour.
    pub colour: String,
    /// Path of the marker; empty for bars.
    pub marker: String,
}

/// One drawing of a panel.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// Kind: `paper`, `ours` or `both`.
    pub kind: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Description for those who do not see it.
    pub label: String,
    /// Values under the pointer.
    pub strips: Vec<Strip>,
}

/// Draws a panel, with values under the pointer where `values` is true; none where it has no curve at all.
pub fn of(panel: &Resolved, id: &str, values: bool) -> Option<Drawing> {
    let axes = Axes::new(panel.panel, CORNER, BOX);
    let histogram = is_histogram(panel.panel.measure);
    let paper: Vec<Line> = panel.curves.iter().filter_map(|curve| papers(&axes, curve, histogram)).collect();
    let ours: Vec<Line> = panel.curves.iter().filter_map(|curve| our(&axes, curve, histogram)).collect();
    let views = match (paper.is_empty(), ours.is_empty()) {
        (true, true) => return None,
        (false, true) => vec![PAPER],
        (true, false) => vec![OURS],
        (false, false) => vec![PAPER, OURS, ("both", "Both")],
    };
    let view = |(kind, title): (&'static str, &'static str)| View {
        kind,
        title,
        label: hover::label(panel, kind),
        strips: if values { hover::strips(panel, &axes, kind) } else { Vec::new() },
    };
    let end = axes.opposite();
    Some(Drawing {
        id: format!("{id}-{}", panel.panel.panel),
        title: panel.title(),
        x: panel.panel.x.label.clone(),
        y: panel.panel.y.label.clone(),
        frame: [axes.corner.0, axes.corner.1, end.0, end.1],
        x_ticks: axes.x_ticks(TICKS).into_iter().map(|(x, label)| (axes.x(x).round(), label)).collect(),
        y_ticks: axes.y_ticks(TICKS).into_iter().map(|(y, label)| (axes.y(y).round(), label)).collect(),
        reference: axes.clip(&panel.reference()).iter().map(|piece| path(piece, false)).collect(),
        paper,
        ours,
        views: views.into_iter().map(view).collect(),
        keys: if histogram { Vec::new() } else { panel.curves.iter().map(key).collect() },
    })
}

/// Colours of a curve as the style sheet writes them.
fn colour(curve: &Curve) -> String {
    format!("light-dark({})", curve.on_white_and_black().join(","))
}

fn key(curve: &Curve) -> Key {
    Key { label: curve.label.clone(), colour: colour(curve), marker: marker(curve, (RADIUS * 1.5, RADIUS * 1.5)) }
}

fn papers(axes: &Axes, curve: &Curve, histogram: bool) -> Option<Line> {
    let paper = curve.paper?;
    let pieces = if histogram { steps(axes, paper) } else { axes.clip(&paper.points) };
    Some(Line {
        colour: if histogram { OUTLINE.to_owned() } else { colour(curve) },
        path: pieces.iter().map(|piece| path(piece, false)).collect(),
        area: String::new(),
        kind: if histogram { "outline" } else { "line" },
        markers: if histogram { Vec::new() } else { markers(axes, curve, &paper.points) },
    })
}

fn our(axes: &Axes, curve: &Curve, histogram: bool) -> Option<Line> {
    let ours = curve.ours?;
    if histogram {
        let area = bars(axes, ours).iter().map(|polygon| path(polygon, true)).collect();
        return Some(Line { colour: colour(curve), path: String::new(), area, kind: "bars", markers: Vec::new() });
    }
    let means: Vec<Xy> = ours.points.iter().map(|p| (p.x, p.mean)).collect();
    let band: Vec<_> = ours.points.iter().map(|p| (p.x, p.low, p.high)).collect();
    Some(Line {
        colour: colour(curve),
        path: axes.clip(&means).iter().map(|piece| path(piece, false)).collect(),
        area: path(&axes.band(&band), true),
        kind: "line",
        markers: markers(axes, curve, &means),
    })
}

/// Writes a path in whole units, each point relative to the one before, which takes least room.
fn path(points: &[Xy], closed: bool) -> String {
    let whole = |p: &Xy| (p.0.round() as i64, p.1.round() as i64);
    let Some(first) = points.first().map(whole) else { return String::new() };
    let mut text = format!("M{} {}l", first.0, first.1);
    let mut at = first;
    for point in points[1..].iter().map(whole) {
        let (x, y) = (point.0 - at.0, point.1 - at.1);
        if (x, y) != (0, 0) {
            let sign = if y < 0 { "" } else { " " };
            let _ = write!(text, "{}{x}{sign}{y}", if x < 0 || text.ends_with('l') { "" } else { " " });
            at = point;
        }
    }
    if closed {
        text.push('z');
    }
    text
}

/// Paths of a curve's markers.
fn markers(axes: &Axes, curve: &Curve, points: &[Xy]) -> Vec<String> {
    curve.marked(axes, points, MARKERS).into_iter().map(|point| marker(curve, axes.point(point))).collect()
}

/// Path of a curve's marker around a point.
fn marker(curve: &Curve, (x, y): Xy) -> String {
    match curve.marker.corners() {
        Some(corners) => path(&corners.iter().map(|c| (x + c.0 * RADIUS, y + c.1 * RADIUS)).collect::<Vec<_>>(), true),
        None => {
            let (r, x, y) = (RADIUS as i64, x.round() as i64, y.round() as i64);
            format!("M{} {y}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 {} 0z", x - r, 2 * r, -2 * r)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_relative_and_leaves_out_what_does_not_move() {
        assert_eq!(path(&[(1.0, 2.0), (1.2, 2.1), (5.0, 1.0), (4.0, 9.0)], false), "M1 2l4-1-1 8");
        assert_eq!(path(&[(0.0, 0.0), (3.0, 3.0), (6.0, 0.0)], true), "M0 0l3 3 3-3z");
        assert_eq!(path(&[], true), "");
    }
}
