//! Histograms of probabilities, figs 6-8, and shares below a bound.
use super::{Evaluation, share};

/// A histogram of density: bar heights times bin width add up to 1, as with numpy's `density=True`.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Left end of the first bin.
    pub low: f64,
    /// Right end of the last bin.
    pub high: f64,
    /// Height of every bin.
    pub density: Vec<f64>,
    /// Number of values on [low, high].
    pub count: usize,
}

impl Histogram {
    /// Counts `values` in `bins` bins of equal width on [low, high], each closed on the left, the last on both sides. NaN and
    /// values outside are not counted; without any value all heights are 0.
    ///
    /// ```
    /// use twoscale::metrics::Histogram;
    /// let histogram = Histogram::new([0.0, 0.1, 0.6, 1.0], 0.0, 1.0, 2);
    /// assert_eq!(histogram.density, [1.0, 1.0]);
    /// ```
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f32>, low: f64, high: f64, bins: usize) -> Self {
        let mut counts = vec![0usize; bins];
        let width = (high - low) / bins as f64;
        for value in values.into_iter().map(f64::from) {
            if bins > 0 && value >= low && value <= high {
                counts[(((value - low) / width) as usize).min(bins - 1)] += 1;
            }
        }
        let count: usize = counts.iter().sum();
        let height = |n: usize| if count == 0 { 0.0 } else { n as f64 / (count as f64 * width) };
        Self { low, high, density: counts.into_iter().map(height).collect(), count }
    }

    /// Middle of every bin.
    #[must_use]
    pub fn centres(&self) -> Vec<f64> {
        let width = (self.high - self.low) / self.density.len() as f64;
        (0..self.density.len()).map(|bin| self.low + (bin as f64 + 0.5) * width).collect()
    }
}

/// Fig. 6: max_i p_i on [0, 1]; the paper's figures have 100 bins.
#[must_use]
pub fn max_probability(evaluation: &Evaluation, bins: usize) -> Histogram {
    Histogram::new(evaluation.max_probability.iter().copied(), 0.0, 1.0, bins)
}

/// Fig. 7: p_{i(s)} on [0, 1].
#[must_use]
pub fn correct_probability(evaluation: &Evaluation, bins: usize) -> Histogram {
    Histogram::new(evaluation.correct_probability.iter().copied(), 0.0, 1.0, bins)
}

/// δp = p_{i(s)} - max_i p_i, eq. (19), of every misclassified object, in their order.
#[must_use]
pub fn delta_p(evaluation: &Evaluation) -> Vec<f32> {
    let differences =
        evaluation.correct_probability.iter().zip(&evaluation.max_probability).map(|(own, max)| own - max);
    let wrong = evaluation.predicted.iter().zip(&evaluation.label).map(|(p, l)| p != l);
    differences.zip(wrong).filter_map(|(difference, wrong)| wrong.then_some(difference)).collect()
}

/// Fig. 8: [`delta_p`] on [-1, 0].
#[must_use]
pub fn delta_p_histogram(evaluation: &Evaluation, bins: usize) -> Histogram {
    Histogram::new(delta_p(evaluation), -1.0, 0.0, bins)
}

/// Share of values strictly below a bound; NaN without values.
///
/// ```
/// assert_eq!(twoscale::metrics::share_below(&[0.1, 0.2, 0.5, 0.9], 0.5), 0.5);
/// ```
#[must_use]
pub fn share_below(values: &[f32], bound: f64) -> f64 {
    share(values.iter().map(|value| f64::from(*value) < bound), values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_adds_up_to_one_and_ends_are_counted() {
        let histogram = Histogram::new([0.0, 0.004, 0.5, 0.999, 1.0, 1.5, -0.1, f32::NAN], 0.0, 1.0, 100);
        assert_eq!(histogram.count, 5);
        assert!((histogram.density.iter().sum::<f64>() * 0.01 - 1.0).abs() < 1e-12);
        assert_eq!([histogram.density[0], histogram.density[99]].map(|h| (h * 0.05).round()), [2.0, 2.0]);
        assert!((histogram.centres()[99] - 0.995).abs() < 1e-12);
    }

    #[test]
    fn only_misclassified_objects_have_a_delta_p() {
        let evaluation = Evaluation {
            label: vec![0, 1],
            predicted: vec![0, 0],
            correct_probability: vec![0.6, 0.25],
            max_probability: vec![0.6, 0.75],
            ..Evaluation::default()
        };
        assert_eq!(delta_p(&evaluation), [-0.5]);
        assert_eq!(delta_p_histogram(&evaluation, 4).density, [0.0, 0.0, 4.0, 0.0]);
    }
}
