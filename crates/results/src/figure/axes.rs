//! Axes of a panel: ticks, and the map from data to the picture with clipping.
use super::canvas::Xy;
use experiment::file::{Axis, Panel};

/// Map from a panel's data into a box of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    /// Left upper corner of the box.
    pub corner: Xy,
    /// Width and height of the box.
    pub size: Xy,
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    /// Axes of a panel in a box.
    pub fn new(panel: &Panel, corner: Xy, size: Xy) -> Self {
        let range = |axis: &Axis| (axis.from, if axis.to > axis.from { axis.to } else { axis.from + 1.0 });
        Self { corner, size, x: range(&panel.x), y: range(&panel.y) }
    }

    /// Maps x into the picture.
    pub fn x(&self, x: f64) -> f64 {
        self.corner.0 + (x - self.x.0) / (self.x.1 - self.x.0) * self.size.0
    }

    /// Maps y into the picture.
    pub fn y(&self, y: f64) -> f64 {
        self.corner.1 + (self.y.1 - y) / (self.y.1 - self.y.0) * self.size.1
    }

    /// Maps a point into the picture.
    pub fn point(&self, (x, y): Xy) -> Xy {
        (self.x(x), self.y(y))
    }

    /// Returns whether a point lies inside the axes.
    pub fn contains(&self, (x, y): Xy) -> bool {
        let slack = 1e-9 * (self.x.1 - self.x.0);
        x >= self.x.0 - slack && x <= self.x.1 + slack && y >= self.y.0 && y <= self.y.1
    }

    /// Right lower corner of the box.
    pub fn opposite(&self) -> Xy {
        (self.corner.0 + self.size.0, self.corner.1 + self.size.1)
    }

    /// Maps a line of data to lines in the picture, cut where it leaves the axes.
    pub fn clip(&self, curve: &[Xy]) -> Vec<Vec<Xy>> {
        let mut pieces: Vec<Vec<Xy>> = Vec::new();
        let mut open = false;
        for pair in curve.windows(2) {
            let Some((p, q, whole)) = self.clip_segment(pair[0], pair[1]) else {
                open = false;
                continue;
            };
            match pieces.last_mut() {
                Some(piece) if open => piece.push(self.point(q)),
                _ => pieces.push(vec![self.point(p), self.point(q)]),
            }
            open = whole;
        }
        pieces
    }

    /// Maps a band between two curves, points (x, low, high), to a polygon in the picture, cut at the axes.
    pub fn band(&self, points: &[(f64, f64, f64)]) -> Vec<Xy> {
        let upper = points.iter().map(|p| (p.0, p.2));
        let lower = points.iter().rev().map(|p| (p.0, p.1));
        let whole: Vec<Xy> = upper.chain(lower).collect();
        let cut = half_plane(&whole, |p| p.0 - self.x.0);
        let cut = half_plane(&cut, |p| self.x.1 - p.0);
        let cut = half_plane(&cut, |p| p.1 - self.y.0);
        let cut = half_plane(&cut, |p| self.y.1 - p.1);
        cut.into_iter().map(|p| self.point(p)).collect()
    }

    /// Clips by Liang and Barsky's method: returns the part of a segment inside the axes, and whether it ends at the segment's own end.
    fn clip_segment(&self, p: Xy, q: Xy) -> Option<(Xy, Xy, bool)> {
        let (mut from, mut to) = (0.0f64, 1.0f64);
        let d = (q.0 - p.0, q.1 - p.1);
        let slack = 1e-9 * (self.x.1 - self.x.0);
        let edges = [
            (-d.0, p.0 - self.x.0 + slack),
            (d.0, self.x.1 + slack - p.0),
            (-d.1, p.1 - self.y.0),
            (d.1, self.y.1 - p.1),
        ];
        for (step, room) in edges {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if step < 0.0 {
                from = from.max(room / step);
            } else {
                to = to.min(room / step);
            }
        }
        let at = |t: f64| (p.0 + d.0 * t, p.1 + d.1 * t);
        (from < to).then(|| (at(from), at(to), to >= 1.0))
    }

    /// Ticks of the x axis: value and label.
    pub fn x_ticks(&self, most: usize) -> Vec<(f64, String)> {
        ticks(self.x.0, self.x.1, most)
    }

    /// Ticks of the y axis: value and label.
    pub fn y_ticks(&self, most: usize) -> Vec<(f64, String)> {
        ticks(self.y.0, self.y.1, most)
    }
}

/// Clips by Sutherland and Hodgman's method: returns the part of a polygon where `inside`, a linear function, is not negative.
fn half_plane(polygon: &[Xy], inside: impl Fn(Xy) -> f64) -> Vec<Xy> {
    let mut cut = Vec::with_capacity(polygon.len() + 2);
    let Some(&last) = polygon.last() else { return cut };
    let mut p = last;
    for &q in polygon {
        let (from, to) = (inside(p), inside(q));
        if (from < 0.0) != (to < 0.0) {
            let t = from / (from - to);
            cut.push((p.0 + (q.0 - p.0) * t, p.1 + (q.1 - p.1) * t));
        }
        if to >= 0.0 {
            cut.push(q);
        }
        p = q;
    }
    cut
}

/// Chooses at most `most` round values in [from, to] (steps of 1, 2, 2.5 or 5 times a power of ten), with labels of equal precision. Steps
/// of 0.025 are left out: their labels are as wide as the room beside the axis.
pub fn ticks(from: f64, to: f64, most: usize) -> Vec<(f64, String)> {
    let span = to - from;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let count = |step: f64| ((to / step + 1e-9).floor() - (from / step - 1e-9).ceil()) as usize + 1;
    let power = (span / most.max(1) as f64).log10().floor() as i32;
    let steps = (power..power + 3).flat_map(|p| [(1.0, 0), (2.0, 0), (2.5, 1), (5.0, 0)].map(|(m, more)| (m, more, p)));
    let narrow = steps.filter(|(_, more, p)| more - p <= 2 || *more == 0);
    let fitting = narrow.map(|(m, more, p)| (m * 10f64.powi(p), more - p)).find(|(step, _)| count(*step) <= most);
    let Some((step, decimals)) = fitting else { return Vec::new() };
    let decimals = decimals.max(0) as usize;
    let first = (from / step - 1e-9).ceil();
    (0..count(step))
        .map(|i| {
            let value = (first + i as f64) * step;
            let value = if value.abs() < step / 1e6 { 0.0 } else { value };
            (value, format!("{value:.decimals$}").replace('-', "−"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: f64, to: f64, most: usize) -> Vec<String> {
        ticks(from, to, most).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_and_of_equal_precision() {
        assert_eq!(labels(0.0, 0.05, 7), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(1.0, 128.0, 8), ["20", "40", "60", "80", "100", "120"]);
        assert_eq!(labels(-1.0, 0.0, 6), ["−1.0", "−0.8", "−0.6", "−0.4", "−0.2", "0.0"]);
        assert_eq!(labels(0.4, 0.85, 6), ["0.4", "0.5", "0.6", "0.7", "0.8"]);
        assert_eq!(labels(-0.09, 0.11, 8), ["−0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(labels(0.0, 2.1333, 6), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert!(ticks(1.0, 1.0, 5).is_empty());
    }

    fn axes() -> Axes {
        Axes { corner: (0.0, 0.0), size: (100.0, 100.0), x: (0.0, 10.0), y: (0.0, 1.0) }
    }

    #[test]
    fn lines_are_cut_at_the_axes_and_go_on_where_they_come_back() {
        let pieces = axes().clip(&[(0.0, 0.5), (2.0, 1.5), (4.0, 0.5), (5.0, 0.5)]);
        assert_eq!(pieces, [vec![(0.0, 50.0), (10.0, 0.0)], vec![(30.0, 0.0), (40.0, 50.0), (50.0, 50.0)]]);
    }

    #[test]
    fn a_band_reaches_the_edge_also_where_its_last_point_lies_beyond() {
        // MNIST's step 1000 is epoch 2.13333 on an axis that ends at 2.1333.
        let band = axes().band(&[(5.0, 0.25, 0.5), (15.0, 0.25, 0.5)]);
        assert_eq!(band.iter().map(|p| p.0).fold(0.0, f64::max), 100.0);
        assert!(band.iter().all(|p| p.1 == 50.0 || p.1 == 75.0), "{band:?}");
    }

    #[test]
    fn a_band_below_the_axes_is_not_squeezed_onto_their_edge() {
        let band = axes().band(&[(0.0, -1.0, -0.5), (10.0, 0.5, 1.0)]);
        assert!(band.iter().all(|p| p.0 > 33.3), "{band:?}");
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        assert!(axes().clip(&[(0.0, 2.0), (5.0, 3.0)]).is_empty());
        assert!(!axes().contains((11.0, 0.5)));
    }
}
