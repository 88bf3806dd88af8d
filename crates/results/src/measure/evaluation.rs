//! Measures at the end of training over a whole set, as functions of a threshold, of k or of a bin.
use twoscale::metrics::{self, Evaluation, Histogram};

use experiment::file::Measure;

/// Bins of a histogram, as in the paper's figs 6-8.
pub const BINS: usize = 100;

/// Bins of max p in the expected calibration error.
const CALIBRATION_BINS: usize = 15;

/// Evaluates a measure on a set at the given positions: pairs (x, value).
///
/// Empty for an empty set (a diverged run has no evaluation), for a share of misclassified objects where every object is
/// classified correctly, and for a measure of training.
pub fn measure(set: &Evaluation, measure: Measure, at: &[f64]) -> Vec<(f64, f64)> {
    if set.is_empty() {
        return Vec::new();
    }
    let over = |f: &dyn Fn(f64) -> f64| at.iter().map(|&x| (x, f(x))).collect::<Vec<_>>();
    match measure {
        Measure::CloseEnough => over(&|at| metrics::close_enough(set, at)),
        Measure::SuperclassCloseEnough => over(&|at| metrics::superclass_close_enough(set, at)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "k is a small whole number")]
        Measure::TopK => over(&|k| metrics::top_k(set, k as u32)),
        Measure::AverageAccuracy => vec![(0.0, metrics::average_accuracy(set))],
        Measure::CalibrationError => vec![(0.0, metrics::expected_calibration_error(set, CALIBRATION_BINS))],
        Measure::Reliability => metrics::reliability(set, CALIBRATION_BINS),
        Measure::NegativeLogLikelihood => vec![(0.0, metrics::negative_log_likelihood(set))],
        Measure::MaxProbabilityBelow => over(&|x| metrics::share_below(&set.max_probability, x)),
        Measure::PoorlyClassified => over(&|mu| metrics::masses(set, mu).poor),
        Measure::WellClassified => over(&|mu| metrics::masses(set, mu).well),
        Measure::GapWithin => {
            let gaps = metrics::delta_p(set);
            if gaps.is_empty() {
                return Vec::new();
            }
            let within = |x: f64| gaps.iter().filter(|&&gap| -f64::from(gap) <= x).count();
            over(&|x| within(x) as f64 / gaps.len() as f64)
        }
        Measure::MaxProbability => bars(&metrics::max_probability(set, BINS)),
        Measure::CorrectProbability => bars(&metrics::correct_probability(set, BINS)),
        Measure::Gap => bars(&metrics::delta_p_histogram(set, BINS)),
        Measure::BatchAccuracy
        | Measure::BatchLoss
        | Measure::TestAccuracy
        | Measure::FirstScale
        | Measure::Separation
        | Measure::Norm => Vec::new(),
    }
}

/// Heights at the bins' centres.
fn bars(histogram: &Histogram) -> Vec<(f64, f64)> {
    histogram.centres().into_iter().zip(histogram.density.iter().copied()).collect()
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
    fn accuracy_by_confidence_and_likelihood_are_those_counted_by_hand() {
        let reliability = measure(&four(), Measure::Reliability, &[]);
        // Largest probabilities .75, .5, .625, .5 in bins of 1/15: the 8th holds one hit of two.
        assert_eq!(reliability.iter().map(|bin| bin.1).collect::<Vec<_>>(), [0.5, 0.0, 1.0]);
        let loss = measure(&four(), Measure::NegativeLogLikelihood, &[])[0].1;
        let by_hand = -(0.75f64.ln() + 0.375f64.ln() + 0.125f64.ln() + 0.5f64.ln()) / 4.0;
        assert!((loss - by_hand).abs() < 1e-12);
        assert!((metrics::confidence(&four()) - 0.59375).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_measured_on_an_empty_set_or_without_errors() {
        assert!(measure(&Evaluation::default(), Measure::CloseEnough, &[0.0]).is_empty());
        let right = Evaluation { predicted: four().label, ..four() };
        assert!(measure(&right, Measure::GapWithin, &[0.1]).is_empty());
    }
}
