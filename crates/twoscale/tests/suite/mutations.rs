//! Mistakes planted in the library that no other test noticed: each of these tests fails for one such mistake.
use candle_core::{DType, Device, Tensor, Var};
use twoscale::initialisation::{BiasInitialisation, Initialisation};
use twoscale::loss::{LossKind, LossSpec, Scales, TwoScaleConfig, TwoScaleLoss};
use twoscale::metrics::{Evaluation, expected_calibration_error};
use twoscale::models::{LastActivation, ModelSpec, build_as};
use twoscale::norm::ParameterNorm;
use twoscale::optimiser::{OptimiserSpec, Sgd};
use twoscale::options::{Gate, Layers, LossOptions, NormKind, NormOptions, Normalisation, Reduction};

use crate::support::{Chain, assert_close, batch, entries, gaussian, loss, sgd, trainer_of};

/// A loss with R(α) = 2, R1 = 6, R2 = 20 and η = 1: multipliers 3 and 10.
fn two_scales(options: LossOptions) -> TwoScaleLoss {
    let weight = Var::new(&[[2.0, 0.0], [0.0, 0.0]], &Device::Cpu).unwrap();
    let config = TwoScaleConfig::new(LossSpec::two_scale([1.0]), options);
    let loss = TwoScaleLoss::with_weights(config, &[weight]).unwrap();
    for (var, value) in loss.vars().iter().zip([6.0, 20.0]) {
        var.set(&Tensor::new(value, &Device::Cpu).unwrap()).unwrap();
    }
    loss
}

/// Objects of two classes with these margins.
fn objects(margins: &[f64]) -> (Tensor, Tensor) {
    let rows: Vec<f64> = margins.iter().flat_map(|margin| [*margin, 0.0]).collect();
    let labels = Tensor::new(vec![0u32; margins.len()], &Device::Cpu).unwrap();
    (Tensor::from_vec(rows, (margins.len(), 2), &Device::Cpu).unwrap(), labels)
}

fn cross_entropy(multiplier: f64, margin: f64) -> f64 {
    (-multiplier * margin).exp().ln_1p()
}

/// δX, δX/R(α) = δX/2 or R1 δX/R(α) = 3 δX against η = 1.
#[test]
fn a_gate_compares_its_own_margin() {
    let margins = [0.3, 0.4, 0.9, 1.1, 1.9, 2.1];
    let (logits, labels) = objects(&margins);
    for (gate, factor) in [(Gate::Raw, 1.0), (Gate::Normalised, 0.5), (Gate::Scaled, 3.0)] {
        let losses = two_scales(LossOptions { gate, ..LossOptions::default() }).per_object(&logits, &labels).unwrap();
        for (loss, margin) in entries(&losses).iter().zip(margins) {
            let multiplier = if factor * margin >= 1.0 { 10.0 } else { 3.0 };
            assert!((loss - cross_entropy(multiplier, margin)).abs() < 1e-12, "{gate:?}, margin {margin}");
        }
    }
}

#[test]
fn a_reduction_divides_by_its_own_number_of_objects() {
    let value = |reduction, margins: &[f64]| {
        let (logits, labels) = objects(margins);
        entries(&two_scales(LossOptions { reduction, ..LossOptions::default() }).forward(&logits, &labels).unwrap())[0]
    };
    // Three objects on R1, two on R2.
    let margins = [0.5, -0.5, 0.1, 1.5, 2.0];
    let sum = |multiplier, of: &[f64]| of.iter().map(|margin| cross_entropy(multiplier, *margin)).sum::<f64>();
    let (first, second) = (sum(3.0, &margins[..3]), sum(10.0, &margins[3..]));
    for (reduction, expected) in [
        (Reduction::Mean, (first + second) / 5.0),
        (Reduction::PerScale, first / 3.0 + second / 2.0),
        (Reduction::PerFirstScale, (first + second) / 3.0),
    ] {
        assert!((value(reduction, &margins) - expected).abs() < 1e-12, "{reduction:?}");
    }
    // No object on R1.
    let second = sum(10.0, &margins[3..]);
    assert!((value(Reduction::PerFirstScale, &margins[3..]) - second).abs() < 1e-12);
    assert!((value(Reduction::PerScale, &margins[3..]) - second / 2.0).abs() < 1e-12);
}

fn scales(kind: LossKind) -> Scales {
    Scales::new(&loss(kind, &[0.1]), &LossOptions::default(), 3.0).unwrap()
}

/// An optimiser leaves a constant scale alone even where it is given a gradient, and no gradient is computed for one.
#[test]
fn an_untrained_scale_stays() {
    let fixed = scales(LossKind::Fixed);
    let gradients = fixed.tensor().unwrap().sum_all().unwrap().backward();
    let has_gradient = |var: &Var| gradients.as_ref().is_ok_and(|gradients| gradients.get(var).is_some());
    assert!(fixed.parameters().iter().all(|p| !has_gradient(&p.var)));
    let given = fixed.parameters()[0].var.sqr().unwrap().backward().unwrap();
    assert!(given.get(&fixed.parameters()[0].var).is_some());
    Sgd::new(&sgd(0.9, 0.0), &[], &fixed).unwrap().step(&[], &fixed, &given, &[], 0.1).unwrap();
    assert_eq!(fixed.values().unwrap(), [3.0, 30.0]);
}

#[test]
fn weight_decay_does_not_act_on_scales() {
    let trained = scales(LossKind::TwoScale);
    let gradients = Var::new(1.0, &Device::Cpu).unwrap().sqr().unwrap().backward().unwrap();
    let spec = OptimiserSpec::sgd(0.1).with_weight_decay(0.5);
    Sgd::new(&spec, &[], &trained).unwrap().step(&[], &trained, &gradients, &[], 0.1).unwrap();
    assert_eq!(trained.values().unwrap(), [3.0, 30.0]);
}

#[test]
fn the_last_activation_is_applied() {
    let images = gaussian(&[5, 3, 16, 16], 1, DType::F64);
    for spec in [ModelSpec::mlp([7]), ModelSpec::lenet5()] {
        for dtype in [DType::F32, DType::F64] {
            let logits = |last| {
                let spec = spec.clone().with_last_activation(last);
                let model = build_as(&spec, [3, 16, 16], 10, 1, dtype, &Device::Cpu).unwrap();
                entries(&model.forward(&images.to_dtype(dtype).unwrap()).unwrap())
            };
            let plain = logits(LastActivation::None);
            assert!(plain.iter().any(|x| *x < 0.0) && plain.iter().any(|x| *x > 0.0));
            assert_eq!(logits(LastActivation::Relu), plain.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
            assert_eq!(logits(LastActivation::Abs), plain.iter().map(|x| x.abs()).collect::<Vec<_>>());
        }
    }
}

/// fan_in = in · k · k; weights and biases have streams of their own, numbered by the position of the parameter.
#[test]
fn every_parameter_of_a_lenet_begins_as_its_law_says() {
    let fans = [(75, 150), (150, 400), (400, 120), (120, 10)];
    for law in [Initialisation::Pytorch, Initialisation::FanIn, Initialisation::Kaiming, Initialisation::Xavier] {
        let spec = ModelSpec::lenet5().with_initialisation(law);
        let model = spec.build([3, 32, 32], 10, 4, &Device::Cpu).unwrap();
        for (layer, (pair, (fan_in, fan_out))) in model.parameters().chunks(2).zip(fans).enumerate() {
            let index = 2 * layer as u64;
            let [weight, bias] = pair else { panic!("a weight and a bias") };
            let shape = weight.var.dims();
            assert_eq!(values(&weight.var), law.fill(shape, fan_in, fan_out, 4, index), "{law:?}, {}", weight.name());
            let expected = BiasInitialisation::Pytorch.fill(&shape[..1], fan_in, 4, index + 1);
            assert_eq!(values(&bias.var), expected, "{}", bias.name());
            assert_ne!(values(&bias.var), values(&weight.var)[..shape[0]], "{}", bias.name());
        }
    }
    // The bound itself: 1/√75 for the first convolution.
    let model = ModelSpec::lenet5().build([3, 32, 32], 10, 4, &Device::Cpu).unwrap();
    let largest = values(&model.parameters()[0].var).iter().fold(0.0, |largest: f32, w| largest.max(w.abs()));
    assert!((0.95..=1.0).contains(&(f64::from(largest) * 75f64.sqrt())), "{largest}");
}

fn values(var: &Var) -> Vec<f32> {
    var.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn dense_counts_the_fully_connected_layers_and_toeplitz_every_convolution() {
    let model = ModelSpec::lenet5().build([3, 32, 32], 10, 1, &Device::Cpu).unwrap();
    let log = |layers: Layers, kind| {
        let norm = ParameterNorm::new(&NormOptions { layers, kind, ..NormOptions::default() }, model.parameters());
        entries(&norm.unwrap().log(model.parameters()).unwrap())[0]
    };
    let sum = |names: &[&str]| -> f64 {
        let counted = model.parameters().iter().filter(|p| names.contains(&p.name().as_str()));
        counted.map(|p| entries(&p.var).iter().map(|x| x * x).sum::<f64>().ln() / 2.0).sum()
    };
    let (dense, convolutions) = (sum(&["fc1.weight", "fc2.weight"]), sum(&["conv1.weight", "conv2.weight"]));
    let near = |seen: f64, expected: f64| assert!((seen - expected).abs() < 1e-5, "{seen} {expected}");
    near(log(Layers::Dense, NormKind::Frobenius), dense);
    near(log(Layers::All, NormKind::Frobenius), dense + convolutions);
    // Kernels of 5x5 meet images of 32x32 and of 14x14.
    let repetitions = 28f64.ln() + 10f64.ln();
    near(log(Layers::All, NormKind::Toeplitz), dense + convolutions + repetitions);
    near(log(Layers::Dense, NormKind::Toeplitz), dense);
    near(log(Layers::Named(vec!["conv1".into()]), NormKind::Toeplitz), sum(&["conv1.weight"]) + 28f64.ln());
}

/// Gaps of different signs add up, in bins of their own: 0.2 (sure and wrong: 0.8 of 1) and 0.4 (unsure and right: 0.6 of 1).
#[test]
fn calibration_errors_neither_cancel_nor_share_a_bin() {
    let evaluation = |max_probability: &[f32], right: &[bool]| Evaluation {
        label: vec![0; right.len()],
        predicted: right.iter().map(|right| u32::from(!right)).collect(),
        max_probability: max_probability.to_vec(),
        ..Evaluation::default()
    };
    let near = |seen: f64, expected: f64| assert!((seen - expected).abs() < 1e-7, "{seen} {expected}");
    // Bin of .4: right, gap +.6. Bin of .8: wrong, gap -.8. Two objects: (.6 + .8)/2.
    let two = evaluation(&[0.4, 0.8], &[true, false]);
    near(expected_calibration_error(&two, 10), 0.7);
    // One bin for all: |1 - 1.2|/2.
    near(expected_calibration_error(&two, 1), 0.1);
    // Inside a bin the gaps do cancel: |1 - 1.5|/2.
    near(expected_calibration_error(&evaluation(&[0.75, 0.75], &[true, false]), 10), 0.25);
}

/// A trainer that began with another network goes on as the one that the checkpoint is of: log R(α⁰) is part of it.
#[test]
fn a_checkpoint_brings_its_initial_norm() {
    for normalisation in [Normalisation::Through, Normalisation::Direct, Normalisation::RescaledOnce] {
        let options = LossOptions { normalisation, ..LossOptions::default() };
        let fresh = |seed| {
            let model = Chain::random(&[6, 8, 4], seed, DType::F64).boxed();
            trainer_of(model, &loss(LossKind::TwoScale, &[0.05]), &options, &sgd(0.9, 0.0)).unwrap()
        };
        let (mut first, mut second) = (fresh(5), fresh(6));
        let (inputs, labels) = batch(0, DType::F64);
        first.step(&inputs, &labels, 0.1).unwrap();
        second.restore(&first.state().unwrap()).unwrap();
        for ((name, own), (_, expected)) in second.state().unwrap().iter().zip(&first.state().unwrap()) {
            assert_close(&format!("{normalisation:?}, {name}"), own, expected, 0.0);
        }
        let (inputs, labels) = batch(1, DType::F64);
        assert_eq!(first.step(&inputs, &labels, 0.1).unwrap(), second.step(&inputs, &labels, 0.1).unwrap());
    }
}
