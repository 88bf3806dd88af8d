//! The wide residual network as a whole: sizes, R(α), what is refused, what a checkpoint holds.
use candle_core::{DType, Device, Tensor};
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::models::{Model, ModelSpec, build};
use twoscale::norm::ParameterNorm;
use twoscale::optimiser::{AsamSpec, Operator, OptimiserSpec, SamSpec};
use twoscale::options::{Layers, LossOptions, NormOptions, Normalisation};
use twoscale::parameters::Role;
use twoscale::trainer::Trainer;

use crate::support::{entries, gaussian, loss, sgd, trainer_of};

fn network(spec: &ModelSpec, classes: usize) -> twoscale::Result<Box<dyn Model>> {
    build(spec, [3, 8, 8], classes, 1, &Device::Cpu)
}

fn count(model: &dyn Model) -> usize {
    model.parameters().iter().map(|p| p.var.elem_count()).sum()
}

#[test]
fn both_networks_of_the_figures_have_their_published_sizes() {
    for (depth, classes, expected) in [(16, 10, 10_961_370), (16, 100, 11_007_540), (22, 10, 17_158_106)] {
        let model = network(&ModelSpec::wide_resnet(depth, 8), classes).unwrap();
        assert_eq!(count(&*model), expected, "WRN-{depth}-8");
    }
}

#[test]
fn odd_images_and_every_number_of_classes_pass() {
    for (side, classes) in [(4, 2), (9, 100), (32, 3)] {
        let spec = ModelSpec::wide_resnet(10, 1);
        let model = build(&spec, [1, side, side], classes, 1, &Device::Cpu).unwrap();
        let x = gaussian(&[2, 1, side, side], 1, DType::F32);
        assert_eq!(model.forward(&x).unwrap().dims(), [2, classes]);
        assert!(model.forward(&gaussian(&[2, 1, side, side + 1], 1, DType::F32)).is_err());
    }
}

fn norm(layers: Layers) -> NormOptions {
    NormOptions { layers, ..NormOptions::default() }
}

#[test]
fn only_linear_layers_count_in_the_norm_of_the_parameters() {
    let model = network(&ModelSpec::wide_resnet(10, 1), 5).unwrap();
    let parameters = model.parameters();
    let log = |layers: Layers| {
        let norm = ParameterNorm::new(&norm(layers), parameters).unwrap();
        (norm.layers(), norm.log(parameters).unwrap().to_scalar::<f64>().unwrap())
    };
    let by_hand = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let weights = parameters.iter().filter(|p| p.role == Role::Weight && wanted(&p.layer));
        weights.map(|p| 0.5 * entries(p.var.as_tensor()).iter().map(|w| w * w).sum::<f64>().ln()).sum()
    };
    let (layers, all) = log(Layers::All);
    assert_eq!(layers, 1 + 6 + 2 + 1, "first convolution, two in each unit, two projections, dense");
    assert!((all - by_hand(&|_| true)).abs() < 1e-6);
    assert!((log(Layers::Dense).1 - by_hand(&|layer| layer == "fc")).abs() < 1e-6);
    assert!((log(Layers::Convolutions).1 - by_hand(&|layer| layer != "fc")).abs() < 1e-6);
    // More than single precision holds, as a logarithm.
    let deep = network(&ModelSpec::wide_resnet(28, 10), 10).unwrap();
    let norm = ParameterNorm::new(&norm(Layers::All), deep.parameters()).unwrap();
    let log = norm.log(deep.parameters()).unwrap().to_scalar::<f64>().unwrap();
    assert!(log > 38.6 * 10f64.ln(), "log10 R = {}", log / 10f64.ln());
}

fn made(
    spec: &ModelSpec,
    loss: &LossSpec,
    options: &LossOptions,
    optimiser: &OptimiserSpec,
) -> twoscale::Result<Trainer> {
    trainer_of(network(spec, 5)?, loss, options, optimiser)
}

fn refused(spec: &ModelSpec, options: &LossOptions, optimiser: &OptimiserSpec, expected: &str) {
    let loss = loss(LossKind::TwoScale, &[0.1]);
    let trainer = made(spec, &loss, options, optimiser);
    match trainer {
        Ok(_) => panic!("accepted: {spec:?}, {options:?}, {optimiser:?}"),
        Err(error) => assert!(error.to_string().contains(expected), "`{error}` does not say `{expected}`"),
    }
}

#[test]
fn senseless_settings_are_refused() {
    let (options, plain) = (LossOptions::default(), sgd(0.0, 0.0));
    for depth in [0, 4, 9, 17, 18] {
        refused(&ModelSpec::wide_resnet(depth, 1), &options, &plain, "6n + 4");
    }
    refused(&ModelSpec::wide_resnet(16_000_000_000, 1), &options, &plain, "depth");
    for width in [0, usize::MAX] {
        refused(&ModelSpec::wide_resnet(10, width), &options, &plain, "width");
    }
    refused(&ModelSpec { depth: None, ..ModelSpec::wide_resnet(10, 1) }, &options, &plain, "needs `depth`");
    let zero = ModelSpec { last_layer_begins_at_zero: true, ..ModelSpec::wide_resnet(10, 1) };
    for layers in [Layers::All, Layers::Dense] {
        let options = LossOptions { norm: norm(layers), ..LossOptions::default() };
        refused(&zero, &options, &plain, "layer `fc` begins at zero and counts in R(α)");
    }
    let rescaled = LossOptions { normalisation: Normalisation::RescaledOnce, ..LossOptions::default() };
    refused(&ModelSpec::wide_resnet(10, 1), &rescaled, &plain, "take `direct`");
    let asam = |rho, operator| AsamSpec { rho, operator, statistics: Default::default(), perturb_scales: false };
    let sam = |rho| SamSpec { rho, statistics: Default::default(), perturb_scales: false };
    let small = ModelSpec::wide_resnet(10, 1);
    for rho in [-0.5, f64::NAN, f64::INFINITY] {
        let optimiser = OptimiserSpec { asam: Some(asam(rho, Operator::Magnitude)), ..plain };
        refused(&small, &options, &optimiser, "asam.rho");
        refused(&small, &options, &OptimiserSpec { sam: Some(sam(rho)), ..plain }, "sam.rho");
    }
    let optimiser = OptimiserSpec { asam: Some(asam(0.5, Operator::WeightMagnitude(-1.0))), ..plain };
    refused(&small, &options, &optimiser, "weight-magnitude");
    let both = OptimiserSpec { sam: Some(sam(0.1)), asam: Some(asam(0.5, Operator::Magnitude)), ..plain };
    refused(&small, &options, &both, "exclude each other");
    for epsilon in [-0.1, 1.0, f64::NAN] {
        let loss = LossSpec { inner: Inner::Smoothed(epsilon), ..loss(LossKind::TwoScale, &[0.1]) };
        assert!(loss.findings().0.iter().any(|finding| finding.path.to_string() == "inner.smoothed"));
    }
}

#[test]
fn a_last_layer_of_zeros_is_fine_where_the_convolutions_count() {
    let zero = ModelSpec { last_layer_begins_at_zero: true, ..ModelSpec::wide_resnet(10, 1) };
    let options = LossOptions { norm: norm(Layers::Convolutions), ..LossOptions::default() };
    let loss = loss(LossKind::TwoScale, &[0.1]);
    let mut trainer = made(&zero, &loss, &options, &sgd(0.9, 0.0)).unwrap();
    let (x, y) = (gaussian(&[4, 3, 8, 8], 1, DType::F32), Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu).unwrap());
    let first = trainer.step(&x, &y, 0.1).unwrap();
    assert!((first.loss - 5f64.ln()).abs() < 1e-6, "equal logits");
    assert!(trainer.step(&x, &y, 0.1).unwrap().loss < first.loss);
}

/// Everything that there is to restore: momentum, running statistics, scales, two passes a step.
fn full_trainer(perturb_scales: bool) -> Trainer {
    let loss = LossSpec { inner: Inner::Smoothed(0.1), ..loss(LossKind::TwoScale, &[0.1]) };
    let options = LossOptions { norm: norm(Layers::All), ..LossOptions::default() };
    let asam = AsamSpec { rho: 0.5, operator: Operator::Magnitude, statistics: Default::default(), perturb_scales };
    let optimiser = OptimiserSpec { asam: Some(asam), ..sgd(0.9, 5e-4) };
    made(&ModelSpec::wide_resnet(10, 1), &loss, &options, &optimiser).unwrap()
}

fn train(trainer: &mut Trainer, steps: std::ops::Range<u64>) -> Vec<f64> {
    let labels = Tensor::new(&[0u32, 1, 2, 3, 4, 0], &Device::Cpu).unwrap();
    steps.map(|s| trainer.step(&gaussian(&[6, 3, 8, 8], s, DType::F32), &labels, 0.05).unwrap().loss).collect()
}

fn bits(state: &[(String, Tensor)]) -> Vec<(String, Vec<u64>)> {
    state.iter().map(|(name, x)| (name.clone(), entries(x).iter().map(|x| x.to_bits()).collect())).collect()
}

#[test]
fn a_restored_network_goes_on_to_the_same_bits() {
    let mut whole = full_trainer(false);
    train(&mut whole, 0..3);
    let checkpoint = whole.state().unwrap();
    for name in ["bn.running_var", "group1.unit1.bn1.running_mean", "velocity.bn.weight", "R2", "steps"] {
        assert!(checkpoint.iter().any(|(own, _)| own == name), "{name}");
    }
    assert!(whole.weights().unwrap().iter().any(|(name, _)| name == "bn.running_mean"));
    let losses = train(&mut whole, 3..6);
    let mut resumed = full_trainer(false);
    resumed.restore(&checkpoint).unwrap();
    assert_eq!(train(&mut resumed, 3..6), losses);
    assert_eq!(bits(&whole.state().unwrap()), bits(&resumed.state().unwrap()));
    let without: Vec<_> = checkpoint.into_iter().filter(|(name, _)| name != "bn.running_mean").collect();
    let error = full_trainer(false).restore(&without).unwrap_err().to_string();
    assert!(error.contains("lacks `bn.running_mean`"), "{error}");
}

#[test]
fn scales_are_perturbed_where_asked() {
    let run = |perturb| {
        let mut trainer = full_trainer(perturb);
        train(&mut trainer, 0..2);
        entries(trainer.model().parameters()[0].var.as_tensor())
    };
    assert_ne!(run(false), run(true));
}

/// With the gradient through R(α) the direction of ASAM is the gradient of the whole loss: against central differences along it.
#[test]
fn the_perturbation_uses_the_gradient_through_the_norm() {
    use crate::support::{batch, trainer};
    let spec = |rho| OptimiserSpec {
        sam: Some(SamSpec { rho, statistics: Default::default(), perturb_scales: false }),
        ..sgd(0.0, 0.0)
    };
    let options = LossOptions { norm: norm(Layers::All), ..LossOptions::default() };
    let single = loss(LossKind::Single, &[]);
    let (x, y) = batch(1, DType::F64);
    // Plain descent gives the gradient g at w; SAM's step then is the gradient at w + ρ g/‖g‖, which plain descent from there gives.
    let weights = |t: &Trainer| t.model().parameters().iter().map(|p| entries(&p.var)).collect::<Vec<_>>();
    let mut plain = trainer(&single, &options, &sgd(0.0, 0.0), DType::F64);
    let before = weights(&plain);
    plain.step(&x, &y, 1.0).unwrap();
    let gradient: Vec<Vec<f64>> = before
        .iter()
        .zip(weights(&plain))
        .map(|(w, after)| w.iter().zip(after).map(|(w, a)| w - a).collect())
        .collect();
    let length = gradient.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
    let rho = 0.3;
    let there = trainer(&single, &options, &sgd(0.0, 0.0), DType::F64);
    for (parameter, g) in there.model().parameters().iter().zip(&gradient) {
        let g = Tensor::from_vec(g.clone(), parameter.var.shape(), &Device::Cpu).unwrap();
        parameter.var.set(&(parameter.var.as_detached_tensor() + (g * (rho / length)).unwrap()).unwrap()).unwrap();
    }
    let from = weights(&there);
    let mut there = there;
    there.step(&x, &y, 1.0).unwrap();
    let mut sam = trainer(&single, &options, &spec(rho), DType::F64);
    sam.step(&x, &y, 1.0).unwrap();
    let expected = from.iter().flatten().zip(weights(&there).into_iter().flatten()).map(|(w, a)| w - a);
    let seen = before.iter().flatten().zip(weights(&sam).into_iter().flatten()).map(|(w, a)| w - a);
    for (seen, expected) in seen.zip(expected) {
        assert!((seen - expected).abs() < 1e-9, "{seen}, expected {expected}");
    }
}
