//! Measures of performance against PyTorch's.
use candle_core::{Device, Tensor};
use twoscale::metrics::{
    Evaluation, accuracy, close_enough, delta_p, superclass_accuracy, superclass_close_enough, top_k,
};

use crate::support::{Golden, assert_close, entries};

fn evaluation(golden: &Golden) -> (Evaluation, Vec<u32>) {
    let superclass = golden.labels("metric.superclass");
    let labels = golden.labels("metric.labels");
    let logits = golden.tensor("metric.logits");
    let mut evaluation = Evaluation::default();
    for (row, label) in entries(logits).chunks_exact(logits.dims()[1]).zip(labels) {
        evaluation.push(row, label, Some(&superclass), 1.0, 1.0);
    }
    (evaluation, superclass)
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

#[test]
fn golden_probabilities() {
    let golden = Golden::load();
    let (seen, _) = evaluation(&golden);
    // Stored in single precision.
    assert_close("max", &tensor(&seen.max_probability), golden.tensor("metric.max_prob"), 1e-7);
    assert_close("correct", &tensor(&seen.correct_probability), golden.tensor("metric.correct_prob"), 1e-7);
    let wrong = |(i, difference): (usize, f64)| (seen.predicted[i] != seen.label[i]).then_some(difference);
    let expected: Vec<f64> =
        entries(golden.tensor("metric.delta_p")).into_iter().enumerate().filter_map(wrong).collect();
    let expected = Tensor::new(expected, &Device::Cpu).unwrap();
    assert_close("delta p", &tensor(&delta_p(&seen)), &expected, 2e-7);
    assert_eq!(delta_p(&seen).len() as u64, golden.meta["metrics"]["misclassified"].as_u64().unwrap());
}

#[test]
fn golden_shares_of_objects() {
    let golden = Golden::load();
    let (seen, superclass) = evaluation(&golden);
    let metrics = &golden.meta["metrics"];
    // Shares are counts over the number of objects: equal up to the last division.
    let equal = |what: &str, seen: f64, expected: &serde_json::Value| {
        assert!((seen - expected.as_f64().unwrap()).abs() < 1e-12, "{what}: {seen}, expected {expected}");
    };
    equal("accuracy", accuracy(&seen), &metrics["accuracy"]);
    equal("super-classes", superclass_accuracy(&seen, &superclass), &metrics["superclass_accuracy"]);
    let table = |name: &str, measure: &dyn Fn(&str) -> f64| {
        let rows = metrics[name].as_object().unwrap();
        assert!(!rows.is_empty());
        rows.iter().for_each(|(key, expected)| equal(&format!("{name} {key}"), measure(key), expected));
    };
    table("top_k", &|k| top_k(&seen, k.parse().unwrap()));
    table("close_enough", &|at| close_enough(&seen, at.parse().unwrap()));
    table("superclass_close_enough", &|at| superclass_close_enough(&seen, at.parse().unwrap()));
}
