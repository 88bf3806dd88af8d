//! Curves that lie on each other, in words: one covers the other in the picture.
use super::panel::{Resolved, ends_tell};
use crate::measure::difference_of;
use crate::series::Series;

/// One sentence for each pair of losses that have the same curve in a panel, with the panels' titles.
pub fn sentences(panels: &[Resolved], series: &[Series]) -> Vec<String> {
    let mut pairs: Vec<(String, String, Vec<&str>, bool)> = Vec::new();
    for resolved in panels.iter().filter(|resolved| ends_tell(resolved.panel) && !resolved.difference) {
        for (i, curve) in resolved.curves.iter().enumerate() {
            let Some(ours) = curve.ours else { continue };
            let same = |other: &&super::panel::Curve| other.ours.is_some_and(|other| equal(ours, other));
            // The last curve is drawn above the others: of several equal ones each is named with the last.
            let Some(other) = resolved.curves[i + 1..].iter().rev().find(same) else { continue };
            let title = resolved.panel.title.as_str();
            let exact = [Some(ours), other.ours].into_iter().flatten().all(|curve| not_apart(curve, series));
            match pairs.iter_mut().find(|pair| pair.0 == curve.label && pair.1 == other.label) {
                Some(pair) => {
                    pair.2.push(title);
                    pair.3 |= exact;
                }
                None => pairs.push((curve.label.clone(), other.label.clone(), vec![title], exact)),
            }
        }
    }
    pairs
        .into_iter()
        .map(|(one, other, titles, exact)| {
            let seeds = if exact { ", every seed" } else { "" };
            format!("{one} = {other} at every x{seeds} ({}): one curve covers the other.", titles.join(", "))
        })
        .collect()
}

/// Returns whether two series have the same points: x, mean, interval and number of seeds.
fn equal(a: &Series, b: &Series) -> bool {
    !a.points.is_empty() && a.points == b.points
}

/// Returns whether the table shows that every seed's difference from the single scale is 0 (a mean of 0 with an interval of no width),
/// or the series is the single scale's own.
fn not_apart(ours: &Series, series: &[Series]) -> bool {
    let name = difference_of(&ours.panel);
    let differences: Vec<&Series> = series.iter().filter(|s| s.panel == name).collect();
    let zero = |s: &Series| s.points.iter().all(|p| p.low == 0.0 && p.high == 0.0);
    !differences.is_empty() && differences.iter().filter(|s| s.series == ours.series).all(|s| zero(s))
}
