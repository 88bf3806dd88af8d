//! Settings that make no sense are refused with a sentence that says why.
use candle_core::{DType, Device, Tensor};
use twoscale::initialisation::Initialisation;
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::metrics::Evaluation;
use twoscale::models::ModelSpec;
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::{BiasNorm, Layers, LossOptions, NormOptions, Normalisation};
use twoscale::trainer::Trainer;

use crate::support::{Chain, batch, gaussian, loss, sgd, trainer, trainer_of};

#[track_caller]
fn refused(loss: &LossSpec, options: &LossOptions, optimiser: &OptimiserSpec, expected: &str) {
    let model = Chain::random(&[6, 8, 4], 5, DType::F32).boxed();
    match trainer_of(model, loss, options, optimiser) {
        Ok(_) => panic!("accepted: {loss:?}, {options:?}, {optimiser:?}"),
        Err(error) => assert!(error.to_string().contains(expected), "`{error}` does not say `{expected}`"),
    }
}

#[test]
fn losses() {
    let refuse = |kind, thresholds: &[f64], ratio, inner, expected: &str| {
        let loss = LossSpec { kind, thresholds: thresholds.to_vec(), ratio, inner };
        refused(&loss, &LossOptions::default(), &sgd(0.0, 0.0), expected);
    };
    let (two, ce) = (LossKind::TwoScale, Inner::CrossEntropy);
    for eta in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        refuse(two, &[eta], 10.0, ce, "must be greater than 0");
    }
    refuse(two, &[0.1, 0.1], 10.0, ce, "thresholds must grow");
    refuse(two, &[0.1, 0.01], 10.0, ce, "thresholds must grow");
    refuse(two, &[], 10.0, ce, "needs a threshold");
    refuse(LossKind::Single, &[0.1], 10.0, ce, "no threshold");
    for ratio in [0.0, -1.0, 1e300, 1e-300, f64::NAN, f64::INFINITY] {
        refuse(two, &[0.1], ratio, ce, "ratio");
    }
    for k in [-0.1, 0.0, 1.5, f64::NAN] {
        refuse(two, &[0.1], 10.0, Inner::Truncated(k), "loss.inner.truncated: must be greater than 0 and at most 1");
    }
}

#[test]
fn options_and_optimisers() {
    let two = loss(LossKind::TwoScale, &[0.1]);
    let sized = |norm: NormOptions| LossOptions { norm, ..LossOptions::default() };
    let layers = Layers::Named(vec!["conv9".into()]);
    refused(&two, &sized(NormOptions { layers, ..NormOptions::default() }), &sgd(0.0, 0.0), "its layers are fc1, fc2");
    refused(
        &two,
        &sized(NormOptions { layers: Layers::Named(vec![]), ..NormOptions::default() }),
        &sgd(0.0, 0.0),
        "no layer counts",
    );
    refused(
        &two,
        &sized(NormOptions { every: 0, ..NormOptions::default() }),
        &sgd(0.0, 0.0),
        "loss-options.norm.every: must be at least 1",
    );
    refused(
        &two,
        &sized(NormOptions { every: 390, ..NormOptions::default() }),
        &sgd(0.0, 0.0),
        "normalisation: detached",
    );
    refused(&two, &sized(NormOptions { power: f64::NAN, ..NormOptions::default() }), &sgd(0.0, 0.0), "power");
    let options = LossOptions::default();
    refused(&two, &options, &sgd(1.0, 0.0), "momentum");
    refused(&two, &options, &sgd(0.0, -1.0), "weight-decay");
    refused(
        &two,
        &options,
        &OptimiserSpec { learning_rate: 0.0, ..sgd(0.0, 0.0) },
        "optimiser.learning-rate: must be greater than 0, is 0",
    );
}

/// The builder of a network tells the first finding of its specification.
#[test]
fn networks() {
    let refuse = |spec: ModelSpec, input, classes, expected: &str| {
        let first = spec.findings_for(input, classes).0.into_iter().next().expect("a finding");
        let error = spec.build(input, classes, 1, &Device::Cpu).err().expect("refused").to_string();
        assert_eq!(error, format!("model{}{first}", if first.path.0.is_empty() { ": " } else { "." }));
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    };
    let (image, digit) = ([3, 32, 32], [1, 28, 28]);
    refuse(ModelSpec::mlp([100, 0]), digit, 10, "model.hidden[1]: must be at least 1, is 0");
    refuse(ModelSpec::mlp([usize::MAX]), digit, 10, "model.hidden[0]: must be at most 65536");
    refuse(ModelSpec::mlp([65_536, 65_536]), digit, 10, "weights and biases; at most 100000000");
    refuse(ModelSpec::mlp(vec![1; 65]), digit, 10, "at most 64 hidden layers");
    refuse(ModelSpec::mlp([100]), digit, 1, "at least 2 classes");
    refuse(ModelSpec::mlp([100]), [1, 0, 28], 10, "no side");
    refuse(ModelSpec::mlp([100]), [usize::MAX; 3], 10, "weights and biases");
    refuse(ModelSpec::lenet5().with_channels([usize::MAX; 2]), image, 10, "model.channels[0]: must be at most 65536");
    refuse(ModelSpec::lenet5().with_channels([65_536; 2]), image, 10, "weights and biases");
    refuse(ModelSpec::lenet5().with_channels([6, 0]), image, 10, "model.channels[1]: must be at least 1, is 0");
    refuse(ModelSpec::lenet5().with_kernel(0), image, 10, "model.kernel: must be at least 1, is 0");
    refuse(ModelSpec::lenet5().with_kernel(usize::MAX), image, 10, "model.kernel: must be at most 1024");
    refuse(ModelSpec::lenet5().with_kernel(11), image, 10, "model.kernel: images of 32x32 are too small");
    let law = Initialisation::Normal(0.0);
    refuse(
        ModelSpec::mlp([9]).with_initialisation(law),
        digit,
        10,
        "model.initialisation.normal: must be greater than 0",
    );
}

#[test]
fn a_network_of_norm_zero() {
    let weights = [gaussian(&[8, 6], 1, DType::F32), gaussian(&[4, 8], 2, DType::F32).zeros_like().unwrap()];
    let model = Chain::of(&[&weights[0], &weights[1]]).boxed();
    let parameter_norm = NormOptions { biases: BiasNorm::Separate, ..NormOptions::default() };
    let options =
        LossOptions { norm: parameter_norm, normalisation: Normalisation::Detached, ..LossOptions::default() };
    let error = trainer_of(model, &loss(LossKind::Single, &[]), &options, &sgd(0.0, 0.0)).err().unwrap();
    assert!(error.to_string().contains("R(α⁰) = 0"), "{error}");
}

#[test]
fn batches_that_do_not_fit() {
    let mut trainer = trainer(&loss(LossKind::TwoScale, &[0.1]), &LossOptions::default(), &sgd(0.0, 0.0), DType::F32);
    let (inputs, labels) = batch(0, DType::F32);
    let few = labels.narrow(0, 0, 3).unwrap();
    assert!(trainer.step(&inputs, &few, 0.1).unwrap_err().to_string().contains("16 objects with 3 labels"));
    let wrong = Tensor::new(vec![4u32; 16], &Device::Cpu).unwrap();
    assert!(trainer.step(&inputs, &wrong, 0.1).unwrap_err().to_string().contains("label 4"));
    let none = (inputs.narrow(0, 0, 0).unwrap(), labels.narrow(0, 0, 0).unwrap());
    assert!(trainer.step(&none.0, &none.1, 0.1).unwrap_err().to_string().contains("without objects"));
    let labels = labels.to_vec1::<u32>().unwrap();
    let error = trainer.evaluate(&inputs, &labels, Some(&[0, 1]), &mut Evaluation::default()).unwrap_err();
    assert!(error.to_string().contains("2 super-classes for 4 classes"), "{error}");
}

#[test]
fn checkpoints_of_other_runs() {
    let fresh = |thresholds: &[f64], momentum| {
        trainer(&loss(LossKind::TwoScale, thresholds), &LossOptions::default(), &sgd(momentum, 0.0), DType::F32)
    };
    let state = fresh(&[0.1], 0.9).state().unwrap();
    let refuse = |mut trainer: Trainer, state: &[(String, Tensor)], expected: &str| {
        let error = trainer.restore(state).unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    };
    refuse(fresh(&[0.1], 0.0), &state, "holds `velocity.");
    refuse(fresh(&[0.1, 0.2], 0.9), &state, "lacks `R3`");
    refuse(fresh(&[0.1], 0.9), &state[1..], "lacks `fc1.weight`");
    let mut reshaped = state.clone();
    reshaped[0].1 = reshaped[0].1.flatten_all().unwrap();
    refuse(fresh(&[0.1], 0.9), &reshaped, "of shape [48]");
}
