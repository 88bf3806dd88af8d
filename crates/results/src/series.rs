//! [`Series`]: curves that a figure draws and `figures/data/figN.csv` holds.

/// Point of a curve: mean over seeds with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Position, in the units of `figures/paper/figN.csv`.
    pub x: f64,
    /// Mean over seeds.
    pub mean: f64,
    /// Lower end of the 95 % interval of the mean (Student's t over seeds; equal to the mean when n = 1).
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of seeds.
    pub n: usize,
}

/// Curve or histogram of one panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Slug of the panel: `left`, `right`, ...
    pub panel: String,
    /// Slug of the series: `single`, `two-scale-0.01`, ...
    pub series: String,
    /// Points by increasing x.
    pub points: Vec<Point>,
    /// Number of seeds whose run diverged; the mean leaves these seeds out.
    pub diverged: usize,
}

/// A curve of the paper, digitised (`figures/paper/figN.csv`: `panel,series,x,y`).
#[derive(Clone, Debug, PartialEq)]
pub struct PaperSeries {
    /// Slug of the panel.
    pub panel: String,
    /// Slug of the series.
    pub series: String,
    /// (x, y) by increasing x.
    pub points: Vec<(f64, f64)>,
}
