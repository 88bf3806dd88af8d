//! Calibration: distance of the largest probability from the share of correct predictions.
use super::Evaluation;

/// Expected calibration error (Guo et al. 2017): objects are sorted into `bins` equal bins of max_i p_i on [0, 1]; the mean over objects
/// of |accuracy - mean max_i p_i| of their bin. NaN without objects or when a probability is NaN.
///
/// ```
/// use twoscale::metrics::{Evaluation, expected_calibration_error};
/// let evaluation = Evaluation {
///     label: vec![0, 1],
///     predicted: vec![0, 0],
///     max_probability: vec![0.75, 0.75],
///     ..Evaluation::default()
/// };
/// assert_eq!(expected_calibration_error(&evaluation, 15), 0.25);
/// ```
#[must_use]
pub fn expected_calibration_error(evaluation: &Evaluation, bins: usize) -> f64 {
    let mut gaps = vec![0.0; bins.max(1)];
    for (object, probability) in evaluation.max_probability.iter().enumerate() {
        let probability = f64::from(*probability);
        let bin = ((probability * gaps.len() as f64) as usize).min(gaps.len() - 1);
        let hit = evaluation.predicted[object] == evaluation.label[object];
        gaps[bin] += f64::from(u8::from(hit)) - probability;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / evaluation.len() as f64
}
