//! Published tables: `figures/data/figN.csv` (ours) and `figures/paper/figN.csv` (the paper's curves).
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, io};
use crate::series::{PaperSeries, Point, Series};
use experiment::file::Paper;

#[derive(Serialize, Deserialize)]
struct Row {
    panel: String,
    series: String,
    x: f64,
    mean: f64,
    low: f64,
    high: f64,
    n: usize,
}

#[derive(Serialize, Deserialize)]
struct PaperRow {
    panel: String,
    series: String,
    x: f64,
    y: f64,
}

/// Writes series as CSV, header `panel,series,x,mean,low,high,n`, numbers with seven significant digits. Series without points have
/// no rows.
///
/// # Errors
/// Returns the writer's error; writing to memory does not fail.
pub fn to_csv(series: &[Series]) -> Result<String, Error> {
    let failed = |e: csv::Error| Error::Table { path: "the table".into(), reason: e.to_string() };
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(["panel", "series", "x", "mean", "low", "high", "n"]).map_err(failed)?;
    for s in series {
        for p in &s.points {
            let row = Row {
                panel: s.panel.clone(),
                series: s.series.clone(),
                x: rounded(p.x),
                mean: rounded(p.mean),
                low: rounded(p.low),
                high: rounded(p.high),
                n: p.n,
            };
            writer.serialize(row).map_err(failed)?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads series from CSV; errors name `path`. Numbers of diverged runs are not part of the table.
///
/// # Errors
/// Fails when a line is not of the form `panel,series,x,mean,low,high,n`.
pub fn from_csv(text: &str, path: &Path) -> Result<Vec<Series>, Error> {
    let mut series: Vec<Series> = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let Row { panel, series: slug, x, mean, low, high, n } = row.map_err(|e| damaged(path, &e))?;
        let point = Point { x, mean, low, high, n };
        match series.iter_mut().find(|s| s.panel == panel && s.series == slug) {
            Some(s) => s.points.push(point),
            None => series.push(Series { panel, series: slug, points: vec![point], diverged: 0 }),
        }
    }
    Ok(series)
}

/// Reads the paper's curves of a figure, on our x axis; none where there is no file (studies that the paper does not have).
///
/// # Errors
/// Fails when the file cannot be read or a line is not `panel,series,x,y`.
pub fn paper_curves(path: &Path, axis: &Paper) -> Result<Vec<PaperSeries>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io("read", path, e)),
    };
    let mut series: Vec<PaperSeries> = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let PaperRow { panel, series: slug, x, y } = row.map_err(|e| damaged(path, &e))?;
        let point = (true_x(x, axis), y);
        match series.iter_mut().find(|s| s.panel == panel && s.series == slug) {
            Some(s) => s.points.push(point),
            None => series.push(PaperSeries { panel, series: slug, points: vec![point] }),
        }
    }
    Ok(series)
}

/// Converts the paper's x to ours. The paper drew [0, to] over [from, to]: the axis of figure 10 runs linspace(1, 51.2), so x is
/// (x − 1) · 51.2/50.2.
fn true_x(x: f64, axis: &Paper) -> f64 {
    if axis.x_to > axis.x_from { (x - axis.x_from) * axis.x_to / (axis.x_to - axis.x_from) } else { x }
}

/// Rounds to seven significant digits, more than a figure shows or the seeds support.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() { value } else { format!("{value:.6e}").parse().unwrap_or(value) }
}

fn damaged(path: &Path, e: &csv::Error) -> Error {
    Error::Table { path: path.display().to_string(), reason: e.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Vec<Series> {
        let point = |x: f64| Point { x, mean: 1.0 / 3.0, low: 0.25, high: -1.5e-9, n: 30 };
        let one = |panel: &str, slug: &str| Series {
            panel: panel.into(),
            series: slug.into(),
            points: vec![point(0.1), point(2.1333)],
            diverged: 0,
        };
        vec![one("left", "single"), one("left", "two-scale-0.01"), one("right", "single")]
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let text = to_csv(&series()).unwrap();
        assert!(
            text.starts_with("panel,series,x,mean,low,high,n\nleft,single,0.1,0.3333333,0.25,-1.5e-9,30\n"),
            "{text}"
        );
        let back = from_csv(&text, Path::new("figures/data/fig13.csv")).unwrap();
        assert_eq!(back.len(), 3);
        assert_eq!(back[2].points[1], Point { x: 2.1333, mean: 0.3333333, low: 0.25, high: -1.5e-9, n: 30 });
        assert_eq!(to_csv(&back).unwrap(), text);
    }

    #[test]
    fn an_empty_table_has_a_header() {
        assert_eq!(to_csv(&[]).unwrap(), "panel,series,x,mean,low,high,n\n");
    }

    #[test]
    fn a_damaged_line_is_named_with_its_file() {
        let e = from_csv("panel,series,x,mean,low,high,n\nleft,single,0,one,0,0,1\n", Path::new("data/fig3.csv"));
        let text = e.unwrap_err().to_string();
        assert!(text.contains("data/fig3.csv") && text.contains("line: 2"), "{text}");
    }

    #[test]
    fn figure_ten_is_brought_to_our_axis() {
        let axis = Paper { x_from: 1.0, x_to: 51.2, ..Paper::default() };
        assert_eq!(true_x(1.0, &axis), 0.0);
        assert!((true_x(51.2, &axis) - 51.2).abs() < 1e-12);
        assert!((true_x(6.02, &axis) - 5.12).abs() < 1e-12);
        assert_eq!(true_x(6.02, &Paper::default()), 6.02);
    }
}
