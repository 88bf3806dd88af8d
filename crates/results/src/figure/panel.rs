//! Panel of a figure: frame, grid, ticks, then the paper's curves, our bands, our curves, in this order from below.
use plotters::style::RGBColor;

use super::axes::Axes;
use super::canvas::{Align, Canvas, Font, Ink, Xy};
use super::colour::{colour, mixed};
use super::{BLACK, Error, GREY};
use crate::measure::{BINS, interpolate, is_histogram, parts};
use crate::series::{PaperSeries, Series};
use experiment::file::{Experiment, Panel, Set};

const FRAME: Ink = Ink::solid(RGBColor(0x44, 0x44, 0x44));
const GRID: Ink = Ink::solid(RGBColor(0xe4, 0xe4, 0xe4));
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Room around the axes' box: left, top, right, bottom.
const ROOM: (f64, f64, f64, f64) = (84.0, 42.0, 18.0, 74.0);

/// Line widths and the dash of the paper's curves.
pub const OURS_WIDTH: f64 = 2.2;
pub const PAPER_WIDTH: f64 = 2.2;
pub const PAPER_DASH: Xy = (9.0, 6.0);
pub const BAND_OPACITY: f64 = 0.2;

/// Panel with the curves drawn in it.
pub struct Resolved<'a> {
    pub panel: &'a Panel,
    pub curves: Vec<Curve<'a>>,
}

/// Series of a panel: ours, the paper's, or both.
pub struct Curve<'a> {
    pub label: String,
    pub colour: RGBColor,
    pub ours: Option<&'a Series>,
    pub paper: Option<&'a PaperSeries>,
}

/// The paper's shade of a colour.
pub fn papers(colour: RGBColor) -> Ink {
    Ink::solid(mixed(colour, WHITE, 0.45))
}

/// The outline of the paper's histograms, which lies over our bars.
pub const PAPER_OUTLINE: Ink = Ink::solid(RGBColor(0x20, 0x20, 0x20));
/// Width of that outline.
pub const OUTLINE_WIDTH: f64 = 1.4;
/// Opacity of our bars.
pub const BAR_OPACITY: f64 = 0.55;

/// Finds the curves of every panel.
///
/// # Errors
/// Fails when the experiment names an unknown colour or loss.
pub fn resolve<'a>(
    experiment: &'a Experiment,
    series: &'a [Series],
    paper: &'a [PaperSeries],
) -> Result<Vec<Resolved<'a>>, Error> {
    let of_panel = |panel: &'a Panel| {
        let curve = |s| {
            let (slug, loss_slug, set) = parts(s);
            let loss = experiment.losses.get(loss_slug).ok_or_else(|| Error::Loss {
                panel: panel.panel.clone(),
                series: slug.to_owned(),
                loss: loss_slug.to_owned(),
            })?;
            // Training and test set of one loss in one panel: the training set darker.
            let own = colour(&loss.colour)?;
            let (colour, label) = match set.filter(|set| *set != panel.set) {
                None => (own, loss.label.clone()),
                Some(Set::Train) => (mixed(own, RGBColor(0, 0, 0), 0.4), format!("{}, training set", loss.label)),
                Some(Set::Test) => (mixed(own, WHITE, 0.3), format!("{}, test set", loss.label)),
            };
            Ok(Curve {
                label,
                colour,
                ours: series
                    .iter()
                    .find(|s| s.panel == panel.panel && s.series == slug)
                    .filter(|s| !s.points.is_empty()),
                paper: paper.iter().find(|s| s.panel == panel.panel && s.series == slug),
            })
        };
        Ok(Resolved { panel, curves: panel.series.iter().map(curve).collect::<Result<_, _>>()? })
    };
    experiment.panels.iter().map(of_panel).collect()
}

impl Resolved<'_> {
    /// Draws the panel into a cell of the figure.
    pub fn draw(&self, canvas: &mut Canvas, corner: Xy, cell: Xy) -> Result<(), Error> {
        let (left, top, right, bottom) = ROOM;
        let size = (cell.0 - left - right, cell.1 - top - bottom);
        let axes = Axes::new(self.panel, (corner.0 + left, corner.1 + top), size);
        self.grid(canvas, &axes)?;
        if is_histogram(self.panel.measure) {
            self.bars(canvas, &axes)?;
        } else {
            self.lines(canvas, &axes)?;
        }
        self.frame(canvas, &axes, corner)?;
        if self.curves.iter().all(|c| c.ours.is_none()) {
            let font = Font::new(22.0, GREY).aligned(Align::Center);
            let middle = (axes.corner.0 + size.0 / 2.0, axes.corner.1 + size.1 / 2.0);
            let papers = if self.curves.iter().any(|c| c.paper.is_some()) { ": the paper's curves alone" } else { "" };
            let text = format!("no runs yet{papers}");
            let half = (font.width(&text) / 2.0 + 8.0, font.size);
            let backing = Ink::solid(WHITE).opacity(0.85);
            canvas.rectangle(
                (middle.0 - half.0, middle.1 - half.1),
                (middle.0 + half.0, middle.1 + half.1),
                backing,
            )?;
            canvas.text(&text, middle, &font)?;
        }
        Ok(())
    }

    fn grid(&self, canvas: &mut Canvas, axes: &Axes) -> Result<(), Error> {
        let end = axes.opposite();
        for (x, _) in axes.x_ticks(8) {
            canvas.line(&[(axes.x(x), axes.corner.1), (axes.x(x), end.1)], GRID, 1.0)?;
        }
        for (y, _) in axes.y_ticks(8) {
            canvas.line(&[(axes.corner.0, axes.y(y)), (end.0, axes.y(y))], GRID, 1.0)?;
        }
        Ok(())
    }

    fn frame(&self, canvas: &mut Canvas, axes: &Axes, corner: Xy) -> Result<(), Error> {
        let (a, b) = (axes.corner, axes.opposite());
        canvas.line(&[a, (b.0, a.1), b, (a.0, b.1), a, (b.0, a.1)], FRAME, 1.2)?;
        let tick = Font::new(18.0, BLACK);
        let below = tick.clone().aligned(Align::Center);
        let beside = tick.aligned(Align::Right);
        for (x, label) in axes.x_ticks(8) {
            canvas.line(&[(axes.x(x), b.1), (axes.x(x), b.1 + 5.0)], FRAME, 1.2)?;
            canvas.text(&label, (axes.x(x), b.1 + 18.0), &below)?;
        }
        for (y, label) in axes.y_ticks(8) {
            canvas.line(&[(a.0 - 5.0, axes.y(y)), (a.0, axes.y(y))], FRAME, 1.2)?;
            canvas.text(&label, (a.0 - 10.0, axes.y(y)), &beside)?;
        }
        let label = Font::new(20.0, BLACK).aligned(Align::Center);
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let fitted = |text: &str, room: f64| label.clone().shrunk_to(text, room);
        let (title, x, y) = (&self.panel.title, &self.panel.x.label, &self.panel.y.label);
        canvas.text(title, (middle.0, a.1 - 18.0), &fitted(title, b.0 - a.0))?;
        canvas.text(x, (middle.0, b.1 + 46.0), &fitted(x, b.0 - a.0))?;
        canvas.text(y, (corner.0 + 14.0, middle.1), &fitted(y, b.1 - a.1).upward())
    }

    fn lines(&self, canvas: &mut Canvas, axes: &Axes) -> Result<(), Error> {
        for curve in &self.curves {
            if let Some(ours) = curve.ours {
                let band: Vec<_> = ours.points.iter().map(|p| (p.x, p.low, p.high)).collect();
                canvas.polygon(&axes.band(&band), Ink::solid(curve.colour).opacity(BAND_OPACITY))?;
            }
        }
        for curve in &self.curves {
            if let Some(paper) = curve.paper {
                for piece in axes.clip(&paper.points) {
                    canvas.dashed(&piece, papers(curve.colour), PAPER_WIDTH, PAPER_DASH)?;
                }
                self.marks(canvas, axes, &paper.points, papers(curve.colour), false)?;
            }
        }
        for curve in &self.curves {
            if let Some(ours) = curve.ours {
                let points: Vec<_> = ours.points.iter().map(|p| (p.x, p.mean)).collect();
                for piece in axes.clip(&points) {
                    canvas.line(&piece, Ink::solid(curve.colour), OURS_WIDTH)?;
                }
                self.marks(canvas, axes, &points, Ink::solid(curve.colour), true)?;
                if let [only] = points[..] {
                    canvas.circle(axes.point(only), 4.0, Ink::solid(curve.colour), true)?;
                }
            }
        }
        Ok(())
    }

    fn marks(&self, canvas: &mut Canvas, axes: &Axes, points: &[Xy], ink: Ink, filled: bool) -> Result<(), Error> {
        for &x in &self.panel.mark {
            let Some(y) = interpolate(points, x) else { continue };
            if axes.contains((x, y)) {
                canvas.circle(axes.point((x, y)), 4.5, ink, filled)?;
            }
        }
        Ok(())
    }

    fn bars(&self, canvas: &mut Canvas, axes: &Axes) -> Result<(), Error> {
        for curve in &self.curves {
            let Some(ours) = curve.ours else { continue };
            let ink = Ink::solid(curve.colour);
            // One polygon for all bars: single ones leave seams where viewers smooth their edges.
            let bars: Vec<_> = ours.points.iter().flat_map(|p| edges(p.x).map(|x| (x, 0.0, p.mean))).collect();
            let spread: Vec<_> = ours.points.iter().flat_map(|p| edges(p.x).map(|x| (x, p.low, p.high))).collect();
            canvas.polygon(&axes.band(&bars), ink.opacity(BAR_OPACITY))?;
            canvas.polygon(&axes.band(&spread), ink.opacity(BAR_OPACITY))?;
        }
        for curve in &self.curves {
            let Some(paper) = curve.paper else { continue };
            let steps = paper.points.iter().flat_map(|(x, y)| edges(*x).map(|x| (x, *y)));
            for piece in axes.clip(&steps.collect::<Vec<_>>()) {
                canvas.line(&piece, PAPER_OUTLINE, OUTLINE_WIDTH)?;
            }
        }
        Ok(())
    }
}

/// Left and right edge of the bar around x.
fn edges(x: f64) -> [f64; 2] {
    let half = 0.5 / BINS as f64;
    [x - half, x + half]
}
