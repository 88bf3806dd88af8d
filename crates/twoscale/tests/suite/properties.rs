//! Properties that hold for any numbers.
use candle_core::{DType, Device, Tensor};
use twoscale::loss::margin::margins;
use twoscale::loss::{Inner, LossKind, LossSpec, MultiScale};
use twoscale::metrics::{Evaluation, accuracy};
use twoscale::norm::ParameterNorm;
use twoscale::options::{Gate, LossOptions, Normalisation, Reduction};
use twoscale::trainer::{Step, Trainer};

use crate::support::{Chain, INNER, assert_close, batch, entries, gaussian, loss, sgd, trainer};

/// Steps and final weights of a short training.
fn train(trainer: &mut Trainer, steps: u64, dtype: DType) -> (Vec<Step>, Vec<Vec<f64>>) {
    let steps = (0..steps)
        .map(|step| {
            let (inputs, labels) = batch(step, dtype);
            trainer.step(&inputs, &labels, 0.1).unwrap()
        })
        .collect();
    (steps, trainer.model().parameters().iter().map(|p| entries(&p.var)).collect())
}

#[test]
fn a_threshold_that_is_never_reached_is_the_single_scale_loss_bit_for_bit() {
    for (momentum, decay) in [(0.0, 0.0), (0.9, 5e-4)] {
        for reduction in [Reduction::Mean, Reduction::PerScale, Reduction::PerFirstScale] {
            for normalisation in [Normalisation::Through, Normalisation::Detached, Normalisation::Direct] {
                let options = LossOptions { reduction, normalisation, ..LossOptions::default() };
                let run = |loss: &LossSpec| {
                    train(&mut trainer(loss, &options, &sgd(momentum, decay), DType::F32), 60, DType::F32)
                };
                let (single, single_weights) = run(&loss(LossKind::Single, &[]));
                let (double, double_weights) = run(&loss(LossKind::TwoScale, &[100.0]));
                for (single, double) in single.iter().zip(&double) {
                    assert_eq!(single.loss.to_bits(), double.loss.to_bits());
                    assert_eq!(single.correct, double.correct);
                    assert_eq!(single.scales[0].to_bits(), double.scales[0].to_bits());
                }
                assert_eq!(single_weights, double_weights);
            }
        }
    }
}

#[test]
fn a_threshold_that_is_reached_is_another_loss() {
    let run = |loss: &LossSpec| {
        train(&mut trainer(loss, &LossOptions::default(), &sgd(0.0, 0.0), DType::F32), 60, DType::F32).1
    };
    assert_ne!(run(&loss(LossKind::Single, &[])), run(&loss(LossKind::TwoScale, &[0.01])));
}

#[test]
fn the_order_of_the_classes_does_not_matter() {
    let logits = gaussian(&[9, 4], 1, DType::F64);
    let labels = [0u32, 1, 2, 3, 0, 1, 2, 3, 0];
    let order = [2u32, 0, 3, 1]; // new class j was class order[j]
    let permuted = logits.index_select(&Tensor::new(&order, &Device::Cpu).unwrap(), 1).unwrap();
    let relabelled = labels.map(|label| order.iter().position(|old| *old == label).unwrap() as u32);
    let multipliers = Tensor::new(&[1.5, 12.0], &Device::Cpu).unwrap();
    for inner in INNER {
        let loss = MultiScale::new(&[0.1], inner).unwrap();
        let seen = loss.per_object(&permuted, &relabelled, &multipliers, 1.0).unwrap();
        let expected = loss.per_object(&logits, &labels, &multipliers, 1.0).unwrap();
        assert_close(&format!("{inner:?}"), &seen, &expected, 1e-13);
    }
}

#[test]
fn a_constant_added_to_the_logits_does_not_matter() {
    let logits = gaussian(&[9, 4], 2, DType::F64);
    let labels = [3u32, 1, 2, 3, 0, 1, 2, 0, 0];
    let shifted = (&logits + 5.0).unwrap();
    let multipliers = Tensor::new(&[1.5, 12.0], &Device::Cpu).unwrap();
    // LogitNorm divides by the length of the logits, which a constant changes.
    for inner in INNER.into_iter().filter(|inner| !matches!(inner, Inner::LogitNorm(_))) {
        let loss = MultiScale::new(&[0.1], inner).unwrap();
        let seen = loss.per_object(&shifted, &labels, &multipliers, 1.0).unwrap();
        let expected = loss.per_object(&logits, &labels, &multipliers, 1.0).unwrap();
        assert_close(&format!("{inner:?}"), &seen, &expected, 1e-12);
    }
    let (seen, expected) = (margins(&shifted, &labels).unwrap(), margins(&logits, &labels).unwrap());
    assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13));
}

#[test]
fn equal_scales_are_one_scale() {
    let logits = gaussian(&[9, 4], 3, DType::F64);
    let labels = [3u32, 1, 2, 3, 0, 1, 2, 0, 0];
    for inner in INNER {
        let two = MultiScale::new(&[0.1], inner).unwrap();
        let two = two.per_object(&logits, &labels, &Tensor::new(&[2.5, 2.5], &Device::Cpu).unwrap(), 1.0).unwrap();
        let one = inner.per_object(&(&logits * 2.5).unwrap(), &labels).unwrap();
        assert_close(&format!("{inner:?}"), &two, &one, 1e-14);
    }
}

/// (8)-(9): a network without biases is homogeneous in its weights, and the division by R(α) removes the factor.
#[test]
fn the_size_of_the_weights_does_not_matter_to_a_normalised_loss() {
    let weights = [gaussian(&[8, 6], 4, DType::F64), gaussian(&[4, 8], 5, DType::F64)];
    let (inputs, labels) = batch(0, DType::F64);
    let labels = labels.to_vec1::<u32>().unwrap();
    let losses = |factor: f64| {
        let scaled = [(&weights[0] * factor).unwrap(), (&weights[1] * (2.0 * factor)).unwrap()];
        let model = Chain::of(&[&scaled[0], &scaled[1]]).boxed();
        let parameter_norm = ParameterNorm::new(&LossOptions::default().norm, model.parameters()).unwrap();
        let log_norm = parameter_norm.log(model.parameters()).unwrap();
        let normalised = model.forward(&inputs).unwrap().broadcast_mul(&log_norm.neg().unwrap().exp().unwrap());
        let multipliers = Tensor::new(&[20.0, 200.0], &Device::Cpu).unwrap();
        let loss = MultiScale::new(&[0.01], Inner::CrossEntropy).unwrap();
        loss.per_object(&normalised.unwrap(), &labels, &multipliers, 1.0).unwrap()
    };
    assert_close("losses", &losses(7.0), &losses(0.5), 1e-12);
}

#[test]
fn training_learns_and_evaluation_counts_as_training_does() {
    let mut trainer = trainer(&loss(LossKind::TwoScale, &[0.01]), &LossOptions::default(), &sgd(0.0, 0.0), DType::F32);
    let (steps, _) = train(&mut trainer, 300, DType::F32);
    let late: usize = steps[280..].iter().map(|step| step.correct).sum();
    assert!(late as f64 > 0.8 * 20.0 * 16.0, "{late} of 320");
    let (inputs, labels) = batch(7, DType::F32);
    let labels = labels.to_vec1::<u32>().unwrap();
    let mut evaluation = Evaluation::default();
    trainer.evaluate(&inputs, &labels, None, &mut evaluation).unwrap();
    trainer.evaluate(&inputs, &labels, Some(&[0, 0, 1, 1]), &mut evaluation).unwrap();
    assert_eq!(evaluation.len(), 32);
    let correct = trainer.count_correct(&inputs, &labels).unwrap();
    assert_eq!(accuracy(&evaluation), correct as f64 / 16.0);
    assert!((0..16).all(|i| evaluation.superclass_probability[16 + i] >= evaluation.correct_probability[i]));
}

#[test]
fn probabilities_of_an_evaluation_are_those_of_the_scale_r1() {
    // Before the first step R1 = R(α⁰), so that c = 1 and p = softmax(X).
    let trainer = trainer(&loss(LossKind::TwoScale, &[0.01]), &LossOptions::default(), &sgd(0.0, 0.0), DType::F64);
    let (inputs, labels) = batch(1, DType::F64);
    let labels = labels.to_vec1::<u32>().unwrap();
    let mut evaluation = Evaluation::default();
    trainer.evaluate(&inputs, &labels, None, &mut evaluation).unwrap();
    let losses = Inner::CrossEntropy.per_object(&trainer.model().forward(&inputs).unwrap(), &labels).unwrap();
    for (probability, loss) in evaluation.correct_probability.iter().zip(entries(&losses)) {
        assert!((f64::from(*probability) - (-loss).exp()).abs() < 1e-7);
    }
}

/// A margin that equals the threshold is past the threshold, (13).
#[test]
fn the_gate_is_closed_on_the_left() {
    let logits = Tensor::new(&[[0.25f32, 0.0]], &Device::Cpu).unwrap();
    let multipliers = Tensor::new(&[1.0, 100.0], &Device::Cpu).unwrap();
    let loss = |eta: f64| {
        let loss = MultiScale::new(&[eta], Inner::CrossEntropy).unwrap();
        entries(&loss.per_object(&logits, &[0], &multipliers, 1.0).unwrap())[0]
    };
    assert!(loss(0.25) < 1e-6 && loss(0.250_000_1) > 0.5);
}

#[test]
fn a_diverging_network_shows_in_its_loss() {
    for gate in [Gate::Raw, Gate::Normalised, Gate::Scaled] {
        let options = LossOptions { gate, ..LossOptions::default() };
        let mut trainer = trainer(&loss(LossKind::TwoScale, &[0.01]), &options, &sgd(0.0, 0.0), DType::F32);
        let (inputs, labels) = batch(0, DType::F32);
        let mut last = 0.0;
        for _ in 0..40 {
            last = trainer.step(&inputs, &labels, 1e30).unwrap().loss;
        }
        assert!(!last.is_finite(), "{last}");
        let labels = labels.to_vec1::<u32>().unwrap();
        trainer.evaluate(&inputs, &labels, None, &mut Evaluation::default()).unwrap();
    }
}

#[test]
fn a_trainer_can_be_sent_to_a_thread() {
    fn sent<T: Send>() {}
    sent::<Trainer>();
}
