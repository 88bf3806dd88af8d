//! [`History`] and [`Evaluation`] as named arrays, and back.
use std::collections::HashMap;

use twoscale::metrics::Evaluation;

use super::arrays::{Array, Arrays};
use crate::record::History;

/// Result of reading: the error is a sentence that says what does not fit.
type Read<T> = Result<T, String>;

/// The arrays of a history, their names beginning with `prefix`.
pub(super) fn history_arrays(history: &History, prefix: &str) -> Arrays {
    let steps = history.steps();
    let scales = Array::from_f64(&history.scales.concat()).reshaped(vec![history.scales.len(), steps]);
    let columns = [
        ("batch_accuracy", Array::from_f32(&history.batch_accuracy)),
        ("batch_loss", Array::from_f32(&history.batch_loss)),
        ("log_norm", Array::from_f64(&history.log_norm)),
        ("scales", scales),
        ("test_step", Array::from_compact(&history.test_step)),
        ("test_accuracy", Array::from_f64(&history.test_accuracy)),
    ];
    columns.map(|(name, array)| (format!("{prefix}{name}"), array)).into()
}

/// The reverse of [`history_arrays`].
pub(super) fn history(arrays: &HashMap<String, Array>, prefix: &str) -> Read<History> {
    let column = |name: &str| find(arrays, &format!("{prefix}{name}"));
    let scales = column("scales")?;
    let (count, steps) = scales.matrix()?;
    let values = scales.to_f64()?;
    let history = History {
        batch_accuracy: column("batch_accuracy")?.to_f32()?,
        batch_loss: column("batch_loss")?.to_f32()?,
        log_norm: column("log_norm")?.to_f64()?,
        scales: (0..count).map(|k| values[k * steps..(k + 1) * steps].to_vec()).collect(),
        test_step: column("test_step")?.to_compact()?,
        test_accuracy: column("test_accuracy")?.to_f64()?,
    };
    let recorded = [history.batch_accuracy.len(), history.batch_loss.len(), history.log_norm.len()];
    let whole = recorded.iter().all(|&length| length == recorded[0]) && (count == 0 || steps == recorded[0]);
    if !whole || history.test_step.len() != history.test_accuracy.len() {
        return Err("the columns of the history have different lengths".to_owned());
    }
    Ok(history)
}

/// The arrays of an evaluation, their names beginning with `prefix`.
pub(super) fn evaluation_arrays(evaluation: &Evaluation, prefix: &str) -> Arrays {
    let mut columns = vec![
        ("label", Array::from_compact(&evaluation.label)),
        ("correct_probability", Array::from_f32(&evaluation.correct_probability)),
        ("max_probability", Array::from_f32(&evaluation.max_probability)),
        ("rank", Array::from_compact(&evaluation.rank)),
        ("predicted", Array::from_compact(&evaluation.predicted)),
        ("normalised_margin", Array::from_f32(&evaluation.normalised_margin)),
    ];
    // Without super-classes this column repeats another one: it is kept only where it differs.
    if evaluation.superclass_probability != evaluation.correct_probability {
        columns.push(("superclass_probability", Array::from_f32(&evaluation.superclass_probability)));
    }
    columns.into_iter().map(|(name, array)| (format!("{prefix}{name}"), array)).collect()
}

/// The reverse of [`evaluation_arrays`].
pub(super) fn evaluation(arrays: &HashMap<String, Array>, prefix: &str) -> Read<Evaluation> {
    let column = |name: &str| find(arrays, &format!("{prefix}{name}"));
    let correct_probability = column("correct_probability")?.to_f32()?;
    let superclass_probability = match column("superclass_probability") {
        Ok(array) => array.to_f32()?,
        Err(_) => correct_probability.clone(),
    };
    let evaluation = Evaluation {
        label: column("label")?.to_compact()?,
        max_probability: column("max_probability")?.to_f32()?,
        rank: column("rank")?.to_compact()?,
        predicted: column("predicted")?.to_compact()?,
        normalised_margin: column("normalised_margin")?.to_f32()?,
        superclass_probability,
        correct_probability,
    };
    let lengths = [
        evaluation.correct_probability.len(),
        evaluation.max_probability.len(),
        evaluation.rank.len(),
        evaluation.predicted.len(),
        evaluation.normalised_margin.len(),
        evaluation.superclass_probability.len(),
    ];
    if lengths.iter().any(|&length| length != evaluation.label.len()) {
        return Err("the columns of the evaluation have different lengths".to_owned());
    }
    Ok(evaluation)
}

/// The array of this name.
pub(super) fn find<'a>(arrays: &'a HashMap<String, Array>, name: &str) -> Read<&'a Array> {
    arrays.get(name).ok_or_else(|| format!("there is no column {name}"))
}
