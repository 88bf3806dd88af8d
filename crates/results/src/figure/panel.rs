//! Panel of a figure: frame, grid, ticks, then the paper's curves, our bands, our curves, in this order from below.
use plotters::style::RGBColor;

use super::axes::Axes;
use super::canvas::{Align, Canvas, Font, Ink, Marker, Xy};
use super::colour::{colour, mixed};
use super::derived::is_difference;
use super::{BLACK, Error, GREY};
use crate::measure::{BINS, CUMULATED, interpolate, is_histogram, parts};
use crate::series::{PaperSeries, Point, Series};
use experiment::file::{Experiment, Measure, Panel, Set};

const FRAME: Ink = Ink::solid(RGBColor(0x44, 0x44, 0x44));
const GRID: Ink = Ink::solid(RGBColor(0xe4, 0xe4, 0xe4));
/// Line that a panel is read against.
const REFERENCE: Ink = Ink::solid(RGBColor(0x88, 0x88, 0x88));
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Margins around the axes' box: left, top, right, bottom.
const ROOM: (f64, f64, f64, f64) = (84.0, 42.0, 18.0, 74.0);
/// Margin at the right for the labels at the ends of lines.
const LABELS: f64 = 133.0;
/// Half the height of the y axis' label, with a gap.
const LABEL_HALF: f64 = 12.0;
/// Smallest distance between two of these labels.
const LABEL_LINE: f64 = 21.0;
/// Markers on a curve.
const MARKERS: usize = 5;

/// Line widths and the dash of the paper's curves.
pub const OURS_WIDTH: f64 = 2.2;
pub const PAPER_WIDTH: f64 = 2.2;
pub const PAPER_DASH: Xy = (9.0, 6.0);
pub const BAND_OPACITY: f64 = 0.2;

/// Panel with the curves drawn in it.
pub struct Resolved<'a> {
    /// The panel, with its axes.
    pub panel: &'a Panel,
    /// True where the panel shows differences, with a line at 0.
    pub difference: bool,
    /// Curves, in the order of the legend.
    pub curves: Vec<Curve<'a>>,
}

/// Series of a panel: ours, the paper's, or both.
pub struct Curve<'a> {
    /// Name in the legend.
    pub label: String,
    /// Colour of our curve.
    pub colour: RGBColor,
    /// Marker on our curve.
    pub marker: Marker,
    /// Our series; none without runs.
    pub ours: Option<&'a Series>,
    /// The paper's curve; none where it has none.
    pub paper: Option<&'a PaperSeries>,
}

impl Curve<'_> {
    /// Colours as style sheets write them, `#rrggbb`: on white, and lighter on black.
    pub fn on_white_and_black(&self) -> [String; 2] {
        let hex = |RGBColor(r, g, b): RGBColor| format!("#{r:02x}{g:02x}{b:02x}");
        [hex(self.colour), hex(mixed(self.colour, WHITE, 0.4))]
    }

    /// Returns `count` points of `points` that bear the curve's marker, spread over what the axes show. Each marker has places of its
    /// own, so that markers of neighbouring curves do not cover each other.
    pub fn marked(&self, axes: &Axes, points: &[Xy], count: usize) -> Vec<Xy> {
        let visible: Vec<&Xy> = points.iter().filter(|p| axes.contains(**p)).collect();
        let (Some(first), Some(last)) = (visible.first(), visible.last()) else { return Vec::new() };
        let shift = [0.5, 0.2, 0.8, 0.35, 0.65, 0.05][self.marker as usize % 6];
        let place = |number: usize| first.0 + (last.0 - first.0) * (number as f64 + shift) / count as f64;
        let marked = (0..count).map(place).filter_map(|x| Some((x, interpolate(points, x)?)));
        marked.filter(|point| axes.contains(*point)).collect()
    }
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
    // Marker of a curve by its loss and set, the same in all panels.
    let mut seen: Vec<String> = Vec::new();
    let mut of_panel = |panel: &'a Panel| {
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
                Some(Set::Train) => (mixed(own, RGBColor(0, 0, 0), 0.4), format!("{}, train", loss.label)),
                Some(Set::Test) => (mixed(own, WHITE, 0.3), format!("{}, test", loss.label)),
            };
            let number = seen.iter().position(|known| *known == label).unwrap_or_else(|| {
                seen.push(label.clone());
                seen.len() - 1
            });
            Ok(Curve {
                label,
                colour,
                marker: Marker::of(number),
                ours: series
                    .iter()
                    .find(|s| s.panel == panel.panel && s.series == slug)
                    .filter(|s| !s.points.is_empty()),
                paper: paper.iter().find(|s| s.panel == panel.panel && s.series == slug),
            })
        };
        let mut curves: Vec<Curve> = panel.series.iter().map(curve).collect::<Result<_, _>>()?;
        if panel.panel == CUMULATED {
            told_apart(&mut curves);
        }
        Ok(Resolved { panel, difference: is_difference(experiment, panel), curves })
    };
    experiment.panels.iter().map(&mut of_panel).collect()
}

/// Gives curves of one colour, as the bars of separate panels have, colours of their own.
fn told_apart(curves: &mut [Curve]) {
    const OTHERS: [RGBColor; 3] = [RGBColor(0xd5, 0x5e, 0x00), RGBColor(0x00, 0x9e, 0x73), RGBColor(0xcc, 0x79, 0xa7)];
    if curves.iter().any(|curve| curve.colour != curves[0].colour) {
        return;
    }
    for (curve, colour) in curves.iter_mut().skip(1).zip(OTHERS.into_iter().cycle()) {
        curve.colour = colour;
    }
}

/// Returns whether the last value of a panel's curves says anything: bars have none, and cumulated shares all end at 1.
pub fn ends_tell(panel: &Panel) -> bool {
    !is_histogram(panel.measure) && panel.panel != CUMULATED
}

impl Resolved<'_> {
    /// Draws the panel into a cell of the figure.
    pub fn draw(&self, canvas: &mut Canvas, corner: Xy, cell: Xy) -> Result<(), Error> {
        let (left, top, right, bottom) = ROOM;
        let histogram = is_histogram(self.panel.measure);
        let right = if histogram { right } else { right + LABELS };
        let size = (cell.0 - left - right, cell.1 - top - bottom);
        let axes = Axes::new(self.panel, (corner.0 + left, corner.1 + top), size);
        self.grid(canvas, &axes)?;
        if histogram {
            self.bars(canvas, &axes)?;
        } else {
            self.lines(canvas, &axes)?;
            self.labels(canvas, &axes)?;
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

    /// Title with the smoothing of its curves.
    pub fn title(&self) -> String {
        let title = &self.panel.title;
        if self.panel.smooth > 1 { format!("{title}, mean over {} steps", self.panel.smooth) } else { title.clone() }
    }

    /// Line that the panel is read against, in the units of its axes: no difference, or perfect calibration (accuracy equals the largest
    /// probability); empty in other panels.
    pub fn reference(&self) -> Vec<Xy> {
        let axis = &self.panel.x;
        if self.difference {
            vec![(axis.from, 0.0), (axis.to, 0.0)]
        } else if self.panel.measure == Measure::Reliability {
            vec![(axis.from, axis.from), (axis.to, axis.to)]
        } else {
            Vec::new()
        }
    }

    /// Sentences on where curves end: ours, the paper's, or both; none where an end tells nothing (histograms).
    pub fn ends(&self, ours: bool, paper: bool) -> Vec<String> {
        if !ends_tell(self.panel) {
            return Vec::new();
        }
        let sentence = |curve: &Curve| {
            let ours = curve.ours.filter(|_| ours).and_then(|series| series.points.last()).map(|point| point.mean);
            let paper = curve.paper.filter(|_| paper).and_then(|paper| paper.points.last()).map(|point| point.1);
            let label = &curve.label;
            match (ours, paper) {
                (Some(ours), Some(paper)) => Some(format!("{label} ends at {ours:.3}, the paper's at {paper:.3}.")),
                (Some(end), None) | (None, Some(end)) => Some(format!("{label} ends at {end:.3}.")),
                (None, None) => None,
            }
        };
        self.curves.iter().filter_map(sentence).collect()
    }

    /// Draws each curve's label beside its end, moved apart where ends are close.
    fn labels(&self, canvas: &mut Canvas, axes: &Axes) -> Result<(), Error> {
        let end = |curve: &Curve| {
            let ours = curve.ours.map(|s| s.points.iter().map(|p| (p.x, p.mean)).collect::<Vec<_>>());
            let points = ours.or_else(|| curve.paper.map(|p| p.points.clone()))?;
            let last = points.into_iter().rev().find(|p| axes.contains(*p))?;
            Some(axes.y(last.1))
        };
        let mut labels: Vec<(f64, &Curve)> = self.curves.iter().filter_map(|c| Some((end(c)?, c))).collect();
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = apart(&labels.iter().map(|l| l.0).collect::<Vec<_>>(), axes.corner.1 + 8.0, axes.opposite().1 - 8.0);
        let x = axes.opposite().0;
        for ((_, curve), y) in labels.iter().zip(at) {
            canvas.marker(curve.marker, (x + 12.0, y), Ink::solid(curve.colour))?;
            let ink = Ink::solid(mixed(curve.colour, RGBColor(0, 0, 0), 0.35));
            let room = LABELS - 20.0;
            let font = Font::new(17.0, ink).shrunk_to(&curve.label, room);
            canvas.text(&font.cut(&curve.label, room), (x + 23.0, y), &font)?; // the legend has the whole label
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
        let tick = Font::new(19.0, BLACK);
        let below = tick.clone().aligned(Align::Center);
        // Ticks with a sign are wider; ticks of many digits are smaller, so that the axis' label stays clear of them.
        let label_at = corner.0 + if self.difference { 6.0 } else { 14.0 };
        let room = a.0 - 10.0 - (label_at + LABEL_HALF);
        let y_ticks = axes.y_ticks(8);
        let labels = y_ticks.iter().map(|(_, label)| label.as_str());
        let widest = labels.max_by(|a, b| tick.width(a).total_cmp(&tick.width(b))).unwrap_or_default();
        let beside = tick.shrunk_to(widest, room).aligned(Align::Right);
        for (x, label) in axes.x_ticks(8) {
            canvas.line(&[(axes.x(x), b.1), (axes.x(x), b.1 + 5.0)], FRAME, 1.2)?;
            canvas.text(&label, (axes.x(x), b.1 + 18.0), &below)?;
        }
        for (y, label) in y_ticks {
            canvas.line(&[(a.0 - 5.0, axes.y(y)), (a.0, axes.y(y))], FRAME, 1.2)?;
            canvas.text(&label, (a.0 - 10.0, axes.y(y)), &beside)?;
        }
        let label = Font::new(20.0, BLACK).aligned(Align::Center);
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let fitted = |text: &str, room: f64| label.clone().shrunk_to(text, room);
        let (title, x, y) = (&self.title(), &self.panel.x.label, &self.panel.y.label);
        canvas.text(title, (middle.0, a.1 - 18.0), &fitted(title, b.0 - a.0))?;
        canvas.text(x, (middle.0, b.1 + 46.0), &fitted(x, b.0 - a.0))?;
        canvas.text(y, (label_at, middle.1), &fitted(y, b.1 - a.1).upward())
    }

    fn lines(&self, canvas: &mut Canvas, axes: &Axes) -> Result<(), Error> {
        for piece in axes.clip(&self.reference()) {
            canvas.line(&piece, REFERENCE, 1.4)?;
        }
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
                for point in curve.marked(axes, &points, MARKERS) {
                    canvas.marker(curve.marker, axes.point(point), Ink::solid(curve.colour))?;
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
            for polygon in bars(axes, ours) {
                canvas.polygon(&polygon, Ink::solid(curve.colour).opacity(BAR_OPACITY))?;
            }
        }
        for curve in &self.curves {
            let Some(paper) = curve.paper else { continue };
            for piece in steps(axes, paper) {
                canvas.line(&piece, PAPER_OUTLINE, OUTLINE_WIDTH)?;
            }
        }
        Ok(())
    }
}

/// Returns the outlines of a histogram's bars and of their intervals. One polygon holds all bars: single ones leave seams where viewers
/// smooth their edges.
pub fn bars(axes: &Axes, ours: &Series) -> [Vec<Xy>; 2] {
    let of = |low: fn(&Point) -> f64, high: fn(&Point) -> f64| {
        let around = ours.points.iter().flat_map(|p| edges(p.x).map(|x| (x, low(p), high(p))));
        axes.band(&around.collect::<Vec<_>>())
    };
    [of(|_| 0.0, |p| p.mean), of(|p| p.low, |p| p.high)]
}

/// Returns the outline of a histogram of the paper, in pieces.
pub fn steps(axes: &Axes, paper: &PaperSeries) -> Vec<Vec<Xy>> {
    let steps = paper.points.iter().flat_map(|(x, y)| edges(*x).map(|x| (x, *y)));
    axes.clip(&steps.collect::<Vec<_>>())
}

/// Left and right edge of the bar around x.
fn edges(x: f64) -> [f64; 2] {
    let half = 0.5 / BINS as f64;
    [x - half, x + half]
}

/// Moves positions, sorted, at least [`LABEL_LINE`] apart and into [top, bottom].
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut at = wanted.to_vec();
    for i in 0..at.len() {
        let least = if i == 0 { top } else { at[i - 1] + LABEL_LINE };
        at[i] = at[i].max(least);
    }
    for i in (0..at.len()).rev() {
        let most = if i + 1 == at.len() { bottom } else { at[i + 1] - LABEL_LINE };
        at[i] = at[i].min(most);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_are_cut_to_their_room() {
        let font = Font::new(17.0, Ink::solid(RGBColor(0, 0, 0))).shrunk_to("three scales, η = 0.01 and 1", 113.0);
        let cut = font.cut("three scales, η = 0.01 and 1", 113.0);
        assert!(cut.starts_with("three scales") && cut.ends_with('…') && font.width(&cut) <= 113.0, "{cut}");
        assert_eq!(font.cut("single scale", 113.0), "single scale");
    }

    #[test]
    fn labels_do_not_overlap_and_stay_in_the_panel() {
        let at = apart(&[10.0, 11.0, 99.0, 100.0], 0.0, 100.0);
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= LABEL_LINE), "{at:?}");
        assert!(at[0] >= 0.0 && at[3] <= 100.0, "{at:?}");
    }
}
