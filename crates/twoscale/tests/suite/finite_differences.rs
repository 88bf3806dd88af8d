//! Every differentiable piece against central differences in double precision.
use candle_core::{DType, Device, Tensor, Var};
use twoscale::loss::{LossKind, LossSpec, MultiScale, Scales};
use twoscale::models::Model;
use twoscale::norm::ParameterNorm;
use twoscale::options::{BiasNorm, Layers, LossOptions, NormKind, NormOptions, SeparationBase};
use twoscale::parameters::{LayerKind, Parameter, Role};

use crate::support::{Chain, INNER, assert_close, batch, entries, gaussian};

/// Compares the gradient of a scalar f with central differences in every entry of `var`. Step 1e-6: the error of the difference is
/// about 1e-10, far below the tolerance of 1e-7 of the largest entry.
#[track_caller]
pub fn check(what: &str, var: &Var, f: &dyn Fn() -> Tensor) {
    let gradients = f().backward().unwrap();
    let gradient = gradients.get(var).map_or_else(|| vec![0.0; var.elem_count()], entries);
    let begin = entries(var);
    let value_at = |position: usize, step: f64| {
        let mut moved = begin.clone();
        moved[position] += step;
        var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
        f().to_scalar::<f64>().unwrap()
    };
    let step = 1e-6;
    let differences: Vec<f64> =
        (0..begin.len()).map(|i| (value_at(i, step) - value_at(i, -step)) / (2.0 * step)).collect();
    var.set(&Tensor::from_vec(begin, var.shape(), &Device::Cpu).unwrap()).unwrap();
    let size = differences.iter().fold(1e-3, |largest: f64, x| largest.max(x.abs()));
    for (position, (seen, expected)) in gradient.iter().zip(&differences).enumerate() {
        assert!((seen - expected).abs() <= 1e-7 * size, "{what}[{position}]: gradient {seen}, difference {expected}");
    }
}

fn variable(shape: &[usize], seed: u64) -> Var {
    Var::from_tensor(&gaussian(shape, seed, DType::F64)).unwrap()
}

const LABELS: [u32; 6] = [0, 1, 2, 3, 0, 1];

#[test]
fn inner_losses() {
    let logits = variable(&[6, 4], 11);
    for inner in INNER {
        check(&format!("{inner:?}"), &logits, &|| inner.per_object(&logits, &LABELS).unwrap().mean_all().unwrap());
    }
}

#[test]
fn multi_scale_losses_in_logits_and_multipliers() {
    let logits = variable(&[6, 4], 12);
    let multipliers = Var::new(&[0.7, 2.0, 5.0], &Device::Cpu).unwrap();
    for inner in INNER {
        let loss = MultiScale::new(&[0.1, 0.8], inner).unwrap();
        let mean = || loss.per_object(&logits, &LABELS, &multipliers, 1.0).unwrap().mean_all().unwrap();
        check(&format!("{inner:?} in the logits"), &logits, &mean);
        check(&format!("{inner:?} in the multipliers"), &multipliers, &mean);
    }
}

#[test]
fn scales_in_their_parameters_and_in_the_norm() {
    let options = LossOptions { separation_base: SeparationBase::Trained, ..LossOptions::default() };
    for kind in [LossKind::TwoScale, LossKind::Separation] {
        let spec = LossSpec { kind, ..LossSpec::two_scale([0.1, 1.0]).with_ratio(3.0) };
        let scales = Scales::new(&spec, &options, 2.0).unwrap();
        let log_norm = Var::new(0.3, &Device::Cpu).unwrap();
        let weights = Tensor::new(&[1.0, -0.5, 0.25], &Device::Cpu).unwrap();
        let value = || (scales.multipliers(&log_norm).unwrap() * &weights).unwrap().sum_all().unwrap();
        check(&format!("{kind:?} in log R(α)"), &log_norm, &value);
        for parameter in scales.parameters() {
            check(&format!("{kind:?} in {}", parameter.name), &parameter.var, &value);
        }
    }
}

/// A convolution and two dense layers, all with biases.
fn parameters() -> Vec<Parameter> {
    let layers: [(&str, LayerKind, &[usize]); 3] = [
        ("conv1", LayerKind::Convolution { positions: 9 }, &[2, 3, 2, 2]),
        ("fc1", LayerKind::Dense, &[5, 4]),
        ("fc2", LayerKind::Dense, &[3, 5]),
    ];
    let mut parameters = Vec::new();
    for (seed, (layer, kind, shape)) in layers.into_iter().enumerate() {
        for (role, shape) in [(Role::Weight, shape), (Role::Bias, &shape[..1])] {
            let var = variable(shape, 20 + 2 * seed as u64 + u64::from(role == Role::Bias));
            parameters.push(Parameter { layer: layer.to_owned(), kind, role, var });
        }
    }
    parameters
}

#[test]
fn norms_in_every_parameter() {
    let parameters = parameters();
    for kind in [NormKind::Frobenius, NormKind::Toeplitz, NormKind::Spectral, NormKind::Whole] {
        for biases in [BiasNorm::Excluded, BiasNorm::Joint, BiasNorm::Separate] {
            for layers in [Layers::Dense, Layers::All, Layers::Named(vec!["conv1".into(), "fc2".into()])] {
                for power in [1.0, 2.0] {
                    let what = format!("{kind:?}, biases {biases:?}, {layers:?}, power {power}");
                    let norm = NormOptions { layers: layers.clone(), kind, biases, power, every: 1 };
                    let norm = ParameterNorm::new(&norm, &parameters).unwrap();
                    check_radial(&what, &norm, &parameters);
                    for parameter in &parameters {
                        let what = format!("{what}: {}", parameter.name());
                        check(&what, &parameter.var, &|| norm.log(&parameters).unwrap());
                    }
                }
            }
        }
    }
}

/// The gradient along the weights is that of the graph.
fn check_radial(what: &str, norm: &ParameterNorm, parameters: &[Parameter]) {
    let log = norm.log(parameters).unwrap();
    let gradients = log.backward().unwrap();
    let Some(gradient) = norm.log_with_slopes(parameters).unwrap() else { return };
    assert!((gradient.log - entries(&log)[0]).abs() < 1e-13, "{what}");
    for (parameter, slope) in parameters.iter().zip(&gradient.slopes) {
        let along = (parameter.var.as_detached_tensor() * *slope).unwrap();
        let gradient = gradients.get(&parameter.var).cloned().unwrap_or_else(|| along.zeros_like().unwrap());
        assert_close(&format!("{what}: {} along itself", parameter.name()), &along, &gradient, 1e-12);
    }
}

/// The whole of a step: network, R(α), scales, gate and loss, in every weight.
#[test]
fn the_loss_of_a_network_in_its_weights() {
    let model = Chain::random(&[6, 8, 4], 3, DType::F64);
    let (inputs, labels) = batch(3, DType::F64);
    let labels = labels.to_vec1::<u32>().unwrap();
    let norm = ParameterNorm::new(&NormOptions::default(), model.parameters()).unwrap();
    let spec = LossSpec::two_scale([0.05]);
    let scales = Scales::new(&spec, &LossOptions::default(), 5.0).unwrap();
    let loss = MultiScale::new(&spec.thresholds, spec.inner).unwrap();
    let value = || {
        let multipliers = scales.multipliers(&norm.log(model.parameters()).unwrap()).unwrap();
        let logits = model.forward(&inputs).unwrap();
        loss.per_object(&logits, &labels, &multipliers, 1.0).unwrap().mean_all().unwrap()
    };
    for parameter in model.parameters() {
        check(&parameter.name(), &parameter.var, &value);
    }
}
