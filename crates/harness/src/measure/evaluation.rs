//! Measures taken at the end of training over a whole set, each as a function of a threshold, of k or of a bin.
use twoscale::metrics::Evaluation;

use crate::experiment::file::Measure;

/// Bins of a histogram, as in the paper's figs 6-8.
pub const BINS: usize = 100;

/// A measure of a set at the given positions. Empty when the set is (a diverged run has no evaluation), or when the measure
/// is one of training.
pub fn measure(set: &Evaluation, measure: Measure, at: &[f64]) -> Vec<(f64, f64)> {
    let n = set.label.len();
    if n == 0 {
        return Vec::new();
    }
    let share = |holds: &dyn Fn(usize) -> bool| (0..n).filter(|&s| holds(s)).count() as f64 / n as f64;
    let over = |f: &dyn Fn(f64) -> f64| at.iter().map(|&x| (x, f(x))).collect::<Vec<_>>();
    let max = |s: usize| f64::from(set.max_probability[s]);
    let correct = |s: usize| f64::from(set.correct_probability[s]);
    let wrong = |s: &usize| set.predicted[*s] != set.label[*s];
    match measure {
        // acc_at of §3.1 as printed, p_{i(s)} ≥ max p − at: at = 0 counts ties as correct.
        Measure::CloseEnough => over(&|x| share(&|s| correct(s) >= max(s) - x)),
        Measure::SuperclassCloseEnough => over(&|x| share(&|s| f64::from(set.superclass_probability[s]) >= max(s) - x)),
        Measure::TopK => over(&|k| share(&|s| f64::from(set.rank[s]) < k)),
        Measure::AverageAccuracy => vec![(0.0, average_accuracy(set))],
        Measure::CalibrationError => vec![(0.0, calibration_error(set))],
        Measure::MaxProbabilityBelow => over(&|x| share(&|s| max(s) < x)),
        Measure::PoorlyClassified => over(&|x| share(&|s| f64::from(set.normalised_margin[s]) < -x)),
        Measure::WellClassified => over(&|x| share(&|s| f64::from(set.normalised_margin[s]) > x)),
        Measure::GapWithin => {
            let gaps: Vec<f64> = (0..n).filter(wrong).map(|s| max(s) - correct(s)).collect();
            if gaps.is_empty() {
                return Vec::new();
            }
            over(&|x| gaps.iter().filter(|&&g| g <= x).count() as f64 / gaps.len() as f64)
        }
        Measure::MaxProbability => histogram((0..n).map(max), 0.0),
        Measure::CorrectProbability => histogram((0..n).map(correct), 0.0),
        Measure::Gap => histogram((0..n).filter(wrong).map(|s| correct(s) - max(s)), -1.0),
        Measure::BatchAccuracy
        | Measure::BatchLoss
        | Measure::TestAccuracy
        | Measure::FirstScale
        | Measure::Separation
        | Measure::Size => Vec::new(),
    }
}

/// Density over [from, from + 1] in [`BINS`] bins, at the bins' centres; its sum times the bin width is 1. The last bin holds its
/// right edge.
fn histogram(values: impl Iterator<Item = f64>, from: f64) -> Vec<(f64, f64)> {
    let mut counts = [0usize; BINS];
    for v in values {
        let bin = ((v - from) * BINS as f64).floor().clamp(0.0, (BINS - 1) as f64);
        counts[bin as usize] += 1;
    }
    let all = counts.iter().sum::<usize>().max(1) as f64;
    let centre = |b: usize| from + (b as f64 + 0.5) / BINS as f64;
    counts.iter().enumerate().map(|(b, &c)| (centre(b), c as f64 * BINS as f64 / all)).collect()
}

/// Mean over the classes that occur of the accuracy on the class.
fn average_accuracy(set: &Evaluation) -> f64 {
    let classes = set.label.iter().max().map_or(0, |&c| c as usize + 1);
    let mut counts = vec![(0usize, 0usize); classes];
    for (label, predicted) in set.label.iter().zip(&set.predicted) {
        let c = &mut counts[*label as usize];
        c.0 += 1;
        c.1 += usize::from(label == predicted);
    }
    let of_class: Vec<f64> = counts.iter().filter(|c| c.0 > 0).map(|c| c.1 as f64 / c.0 as f64).collect();
    of_class.iter().sum::<f64>() / of_class.len() as f64
}

/// Expected calibration error: objects in 15 equal bins of max p; the mean over objects of |accuracy − mean max p| of their bin.
fn calibration_error(set: &Evaluation) -> f64 {
    let mut bins = [(0usize, 0.0f64); 15];
    for (s, &p) in set.max_probability.iter().enumerate() {
        let p = f64::from(p);
        let bin = &mut bins[((p * 15.0) as usize).min(14)];
        bin.0 += 1;
        bin.1 += f64::from(u8::from(set.predicted[s] == set.label[s])) - p;
    }
    bins.iter().map(|b| b.1.abs()).sum::<f64>() / set.label.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four objects of three classes: right, wrong by .1, wrong by .5, right.
    fn four() -> Evaluation {
        Evaluation {
            label: vec![0, 1, 1, 2],
            predicted: vec![0, 0, 2, 2],
            rank: vec![0, 1, 2, 0],
            correct_probability: vec![0.75, 0.375, 0.125, 0.5],
            max_probability: vec![0.75, 0.5, 0.625, 0.5],
            superclass_probability: vec![0.75, 0.5, 0.125, 0.5],
            normalised_margin: vec![0.5, -0.1, -0.6, 0.2],
        }
    }

    fn at(m: Measure, x: f64) -> f64 {
        measure(&four(), m, &[x])[0].1
    }

    #[test]
    fn shares_are_those_counted_by_hand() {
        assert_eq!(at(Measure::CloseEnough, 0.0), 0.5);
        assert_eq!(at(Measure::CloseEnough, 0.125), 0.75);
        assert_eq!(at(Measure::SuperclassCloseEnough, 0.0), 0.75);
        assert_eq!([1.0, 2.0, 3.0].map(|k| at(Measure::TopK, k)), [0.5, 0.75, 1.0]);
        assert_eq!(at(Measure::AverageAccuracy, 0.0), 2.0 / 3.0);
        assert_eq!(at(Measure::MaxProbabilityBelow, 0.5), 0.0);
        assert_eq!(at(Measure::MaxProbabilityBelow, 0.6), 0.5);
        assert_eq!(at(Measure::GapWithin, 0.125), 0.5);
        assert_eq!(at(Measure::PoorlyClassified, 0.2), 0.25);
        assert_eq!(at(Measure::WellClassified, 0.3), 0.25);
    }

    #[test]
    fn histograms_are_densities_at_bin_centres() {
        let h = measure(&four(), Measure::MaxProbability, &[]);
        assert_eq!(h.len(), 100);
        assert_eq!(h[50], (0.505, 50.0));
        assert!((h.iter().map(|b| b.1).sum::<f64>() * 0.01 - 1.0).abs() < 1e-12);
        let g = measure(&four(), Measure::Gap, &[]);
        assert!((g[50].0 + 0.495).abs() < 1e-12);
        assert_eq!((g[50].1, g[87].1), (50.0, 50.0));
    }

    #[test]
    fn a_probability_of_one_falls_into_the_last_bin() {
        let mut set = four();
        set.max_probability[0] = 1.0;
        assert_eq!(measure(&set, Measure::MaxProbability, &[])[99].1, 25.0);
    }

    #[test]
    fn calibration_of_one_confident_and_right_bin() {
        let set = Evaluation { predicted: vec![0, 1, 1, 2], max_probability: vec![0.9; 4], ..four() };
        assert!((measure(&set, Measure::CalibrationError, &[])[0].1 - 0.1).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_measured_on_an_empty_set_or_without_errors() {
        assert!(measure(&Evaluation::default(), Measure::CloseEnough, &[0.0]).is_empty());
        let right = Evaluation { predicted: four().label, ..four() };
        assert!(measure(&right, Measure::GapWithin, &[0.1]).is_empty());
    }
}
