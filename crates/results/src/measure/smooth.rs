//! Smoothing and binning of curves that have a value at every step, as in the paper's own curves.

/// Centred moving average over `window` values, the ends reflected (c b a | a b c ... x y z | z y x). An even window reaches
/// one value further back than ahead. Windows of 0 and 1 leave the values alone.
///
/// ```
/// assert_eq!(results::measure::smooth(&[0.0, 3.0, 6.0], 3), [1.0, 3.0, 5.0]);
/// ```
pub fn smooth(values: &[f64], window: usize) -> Vec<f64> {
    if window <= 1 || values.is_empty() {
        return values.to_vec();
    }
    let back = window / 2;
    // sums[i] is the sum of the first i values of the reflected sequence, which begins `back` values before the first.
    let mut sums = Vec::with_capacity(values.len() + window);
    let mut sum = 0.0;
    sums.push(sum);
    for i in 0..values.len() + window - 1 {
        sum += values[reflected(i as isize - back as isize, values.len())];
        sums.push(sum);
    }
    (0..values.len()).map(|i| (sums[i + window] - sums[i]) / window as f64).collect()
}

/// Index of position `i` when a sequence of `n` is continued by reflection at both ends, each end value appearing twice.
fn reflected(i: isize, n: usize) -> usize {
    let n = n as isize;
    let i = i.rem_euclid(2 * n);
    (if i < n { i } else { 2 * n - 1 - i }) as usize
}

/// Averages the polyline through `curve` (ordered by x) over `points` equal bins of x; returns the means at the bins' centres.
///
/// The paper's dense curves were brought to 400 points in this way. Curves with at most `points` points, and `points` = 0, are
/// returned unchanged.
pub fn bin(curve: &[(f64, f64)], points: usize) -> Vec<(f64, f64)> {
    if points == 0 || curve.len() <= points || curve.len() < 2 {
        return curve.to_vec();
    }
    let (from, to) = (curve[0].0, curve[curve.len() - 1].0);
    let width = (to - from) / points as f64;
    let mut segment = 0;
    (0..points)
        .map(|b| {
            let start = from + width * b as f64;
            let end = if b + 1 == points { to } else { from + width * (b + 1) as f64 };
            let (mut area, mut left) = (0.0, start);
            loop {
                let (p, q) = (curve[segment], curve[segment + 1]);
                let right = q.0.min(end);
                area += (right - left) * (at(p, q, left) + at(p, q, right)) / 2.0;
                left = right;
                if q.0 >= end || segment + 2 == curve.len() {
                    break;
                }
                segment += 1;
            }
            ((start + end) / 2.0, area / (end - start))
        })
        .collect()
}

fn at(p: (f64, f64), q: (f64, f64), x: f64) -> f64 {
    if q.0 == p.0 { q.1 } else { p.1 + (q.1 - p.1) * (x - p.0) / (q.0 - p.0) }
}

/// Value at x of the polyline through `curve` (ordered by x); `None` outside, with a tolerance of rounding.
pub fn interpolate(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let (first, last) = (curve.first()?, curve.last()?);
    let slack = 1e-6 * (1.0 + x.abs());
    if x < first.0 - slack || x > last.0 + slack {
        return None;
    }
    let x = x.clamp(first.0, last.0);
    let i = curve.partition_point(|p| p.0 < x);
    if i == 0 {
        return Some(first.1);
    }
    Some(at(curve[i - 1], curve[i], x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_reflected_with_the_end_value_twice() {
        // 4-window: two back, one ahead. First: (b a | a b) = (2 + 1 + 1 + 2)/4.
        assert_eq!(smooth(&[1.0, 2.0, 5.0, 8.0], 4), [1.5, 2.25, 4.0, 5.75]);
    }

    #[test]
    fn a_window_longer_than_the_curve_is_allowed() {
        let s = smooth(&[1.0, 2.0], 7);
        // Reflected without end: 2 2 1 | 1 2 | 2 1 1 2 ...; first: 2 2 1 1 2 2 1.
        assert!((s[0] - 11.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn a_straight_line_keeps_its_values_in_bins_however_they_fall() {
        let line: Vec<_> = (1..=1000).map(|i| (i as f64 * 0.0021333, 3.0 * i as f64)).collect();
        for (x, y) in bin(&line, 400) {
            assert!((y - 3.0 * x / 0.0021333).abs() < 1e-6);
        }
        assert_eq!(bin(&line, 400).len(), 400);
    }

    #[test]
    fn short_curves_are_not_thinned() {
        let c = [(0.0, 1.0), (1.0, 2.0)];
        assert_eq!(bin(&c, 400), c);
    }

    #[test]
    fn interpolation_stays_inside() {
        let c = [(1.0, 1.0), (2.0, 3.0)];
        assert_eq!(interpolate(&c, 1.5), Some(2.0));
        assert_eq!(interpolate(&c, 2.0000001), Some(3.0));
        assert_eq!(interpolate(&c, 2.1), None);
        assert_eq!(interpolate(&[], 1.0), None);
    }
}
