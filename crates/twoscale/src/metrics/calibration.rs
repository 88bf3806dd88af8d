//! Calibration: distance of the largest probability from the share of correct predictions, and the likelihood.
use super::Evaluation;

/// Position among `bins` equal bins of [0, 1].
fn bin_of(probability: f64, bins: usize) -> usize {
    ((probability * bins as f64) as usize).min(bins - 1)
}

/// 1 where an object is predicted correctly, else 0.
fn hit(evaluation: &Evaluation, object: usize) -> f64 {
    f64::from(u8::from(evaluation.predicted[object] == evaluation.label[object]))
}

/// Mean over objects of the largest probability max_i p_i; NaN without objects.
///
/// ```
/// use twoscale::metrics::{Evaluation, confidence};
/// let evaluation = Evaluation { label: vec![0, 1], max_probability: vec![0.75, 0.5], ..Evaluation::default() };
/// assert_eq!(confidence(&evaluation), 0.625);
/// ```
#[must_use]
pub fn confidence(evaluation: &Evaluation) -> f64 {
    evaluation.max_probability.iter().map(|&p| f64::from(p)).sum::<f64>() / evaluation.len() as f64
}

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
        let bin = bin_of(probability, gaps.len());
        gaps[bin] += hit(evaluation, object) - probability;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / evaluation.len() as f64
}

/// Reliability diagram (Guo et al. 2017): objects are sorted into `bins` equal bins of max_i p_i on [0, 1]. A pair for each bin that has objects,
/// by increasing confidence: the bin's centre, and the share of its objects that is predicted correctly.
///
/// ```
/// use twoscale::metrics::{Evaluation, reliability};
/// let evaluation = Evaluation {
///     label: vec![0, 1, 0],
///     predicted: vec![0, 0, 0],
///     max_probability: vec![0.75, 0.75, 0.3],
///     ..Evaluation::default()
/// };
/// assert_eq!(reliability(&evaluation, 4), [(0.375, 1.0), (0.875, 0.5)]);
/// ```
#[must_use]
pub fn reliability(evaluation: &Evaluation, bins: usize) -> Vec<(f64, f64)> {
    let mut counts = vec![(0.0, 0.0); bins.max(1)];
    for (object, probability) in evaluation.max_probability.iter().enumerate() {
        let bin = bin_of(f64::from(*probability), counts.len());
        let (hits, objects) = &mut counts[bin];
        *hits += hit(evaluation, object);
        *objects += 1.0;
    }
    let bins = counts.len() as f64;
    let centred = counts.into_iter().enumerate().filter(|(_, (_, objects))| *objects > 0.0);
    centred.map(|(bin, (hits, objects))| ((bin as f64 + 0.5) / bins, hits / objects)).collect()
}

/// Mean over objects of -log p of the correct class, in nats. A probability that is 0 in single precision counts as the smallest normal number.
/// NaN without objects.
///
/// ```
/// use twoscale::metrics::{Evaluation, negative_log_likelihood};
/// let evaluation = Evaluation { label: vec![0, 1], correct_probability: vec![1.0, 0.25], ..Evaluation::default() };
/// assert!((negative_log_likelihood(&evaluation) - 2f64.ln()).abs() < 1e-12);
/// ```
#[must_use]
pub fn negative_log_likelihood(evaluation: &Evaluation) -> f64 {
    let losses = evaluation.correct_probability.iter().map(|p| -f64::from(p.max(f32::MIN_POSITIVE)).ln());
    losses.sum::<f64>() / evaluation.len() as f64
}
