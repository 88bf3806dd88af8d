//! The classification confidence δX, §2.2, predicted classes and correct ones. Nothing here has a gradient: the
//! gate of (13) is not differentiated, so plain numbers are enough.
use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// Logits of a batch, copied to the host, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    values: Values,
    classes: usize,
}

/// Logits of single precision are kept as they are: converting a batch costs more than reading it.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Logits {
    /// Copies logits (N, K) of any floating type.
    ///
    /// # Errors
    /// Fails when the tensor is no matrix of at least one class.
    pub fn new(logits: &Tensor) -> Result<Self> {
        let (_, classes) = logits.dims2()?;
        if classes == 0 {
            return Err(Error::Setting("logits of no class: a network needs at least one output".into()));
        }
        let flat = logits.detach().flatten_all()?;
        let values = match flat.dtype() {
            DType::F64 => Values::Double(flat.to_vec1()?),
            DType::F32 => Values::Single(flat.to_vec1()?),
            _ => Values::Single(flat.to_dtype(DType::F32)?.to_vec1()?),
        };
        Ok(Self { values, classes })
    }

    /// Number of classes K.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Calls `row` with the K logits of every object, in order.
    pub fn for_each_row(&self, mut row: impl FnMut(usize, &[f64])) {
        match &self.values {
            Values::Double(values) => values.chunks_exact(self.classes).enumerate().for_each(|(i, x)| row(i, x)),
            Values::Single(values) => {
                let mut wide = vec![0.0; self.classes];
                for (i, narrow) in values.chunks_exact(self.classes).enumerate() {
                    wide.iter_mut().zip(narrow).for_each(|(w, &x)| *w = f64::from(x));
                    row(i, &wide);
                }
            }
        }
    }
}

/// δX of one object: the correct logit minus the largest other one. Infinite for one class; NaN when any logit is.
///
/// ```
/// assert_eq!(twoscale::loss::margin::margin(&[3.0, 1.0, 2.5], 0), 0.5);
/// assert_eq!(twoscale::loss::margin::margin(&[3.0, 1.0, 2.5], 1), -2.0);
/// ```
#[must_use]
pub fn margin(logits: &[f64], label: u32) -> f64 {
    let correct = label as usize;
    let mut other = f64::NEG_INFINITY;
    for (class, &x) in logits.iter().enumerate() {
        // `max` would drop a NaN.
        if class != correct && (x > other || x.is_nan()) {
            other = x;
            if x.is_nan() {
                break;
            }
        }
    }
    logits[correct] - other
}

/// The predicted class: the largest logit, the first of equals. A NaN counts as largest, as in PyTorch.
///
/// ```
/// assert_eq!(twoscale::loss::margin::predicted(&[0.0, 2.0, 2.0]), 1);
/// ```
#[must_use]
pub fn predicted(logits: &[f64]) -> u32 {
    let mut best = 0;
    for (class, x) in logits.iter().enumerate() {
        if logits[best].is_nan() {
            break;
        }
        if *x > logits[best] || x.is_nan() {
            best = class;
        }
    }
    best as u32
}

/// δX of every object of a batch: logits (N, K), labels (N).
///
/// # Errors
/// Fails when the shapes do not fit or a label is no class.
pub fn margins(logits: &Tensor, labels: &[u32]) -> Result<Vec<f64>> {
    let logits = check(logits, labels)?;
    let mut margins = Vec::with_capacity(labels.len());
    logits.for_each_row(|i, x| margins.push(margin(x, labels[i])));
    Ok(margins)
}

/// Number of objects whose [`predicted`] class is their label.
///
/// # Errors
/// Fails when the shapes do not fit or a label is no class.
pub fn count_correct(logits: &Tensor, labels: &[u32]) -> Result<usize> {
    let logits = check(logits, labels)?;
    let mut correct = 0;
    logits.for_each_row(|i, x| correct += usize::from(predicted(x) == labels[i]));
    Ok(correct)
}

/// Copies the logits after checking that there is one label below K for each row.
///
/// # Errors
/// Fails when there are not as many labels as rows, or a label is no class.
pub fn check(logits: &Tensor, labels: &[u32]) -> Result<Logits> {
    let (objects, classes) = logits.dims2()?;
    if objects != labels.len() {
        return Err(Error::Setting(format!(
            "{objects} objects with {} labels: give one label per object",
            labels.len()
        )));
    }
    if let Some((object, label)) = labels.iter().enumerate().find(|(_, label)| **label as usize >= classes) {
        return Err(Error::Setting(format!(
            "object {object} has label {label}, but the network has {classes} classes: labels count from 0"
        )));
    }
    Logits::new(logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_nan_is_never_lost() {
        assert!(margin(&[1.0, f64::NAN, 0.0], 0).is_nan());
        assert!(margin(&[f64::NAN, 1.0], 0).is_nan());
        assert_eq!(predicted(&[1.0, f64::NAN, 2.0]), 1);
        assert_eq!(predicted(&[f64::NAN, f64::NAN]), 0);
    }

    #[test]
    fn one_class_is_always_right() {
        assert_eq!(margin(&[0.3], 0), f64::INFINITY);
        assert_eq!(predicted(&[0.3]), 0);
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(margins(&logits, &[0]).unwrap_err().to_string().contains("2 objects with 1 labels"));
        assert!(margins(&logits, &[0, 3]).unwrap_err().to_string().contains("label 3"));
        assert_eq!(count_correct(&logits, &[0, 1]).unwrap(), 1);
    }
}
