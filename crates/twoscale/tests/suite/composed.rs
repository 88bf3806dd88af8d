//! Operations that a GPU computes, candle's in single precision, on the CPU beside the kernels.
use candle_core::{DType, Device, Tensor, Var};
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::metrics::{Evaluation, confidence};
use twoscale::models::ModelSpec;
use twoscale::ops::{
    Activation, average_pool_all, backward, batch_norm_evaluation, batch_norm_relu, composed, conv_relu_pool, conv2d,
    linear, log_norm, multi_scale_cross_entropy, sgd_update,
};
use twoscale::optimiser::{AsamSpec, Operator, OptimiserSpec, StatisticsOf};
use twoscale::options::{Layers, LossOptions, NormOptions};
use twoscale::trainer::{Step, Trainer};

use crate::support::{assert_close, entries, gaussian, sgd, trainer_of};

fn single(shape: &[usize], seed: u64) -> Tensor {
    gaussian(shape, seed, DType::F32)
}

/// Compares values and the gradients of all inputs, by the kernels and by candle's operations.
#[track_caller]
fn compare(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> twoscale::Result<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let run = || {
        let y = f(&tensors).unwrap();
        // A weighted sum, so that each output has a gradient of its own.
        let weights = gaussian(y.dims(), 99, y.dtype());
        (y.clone(), backward(&(&y * weights).unwrap().sum_all().unwrap()).unwrap())
    };
    let ((y, gradients), (expected, expected_gradients)) = (run(), composed(run));
    assert_close(what, &y, &expected, 1e-5);
    for (position, var) in vars.iter().enumerate() {
        let of = |gradients: &candle_core::backprop::GradStore| gradients.get(var).expect("a gradient").clone();
        let what = format!("{what}, gradient of input {position}");
        assert_close(&what, &of(&gradients), &of(&expected_gradients), 2e-5);
    }
}

#[test]
fn convolutions() {
    for (images, inputs, outputs, size, side, stride) in
        [(3, 3, 16, 9, 3, 1), (2, 16, 32, 8, 3, 2), (2, 16, 32, 9, 1, 2), (2, 32, 16, 8, 1, 1), (1, 4, 5, 7, 5, 3)]
    {
        let x = single(&[images, inputs, size, size + 1], 1);
        let w = single(&[outputs, inputs, side, side], 2);
        let what = format!("{side}x{side} kernel, stride {stride}");
        compare(&what, &[x, w], |t| conv2d(&t[0], &t[1], stride, side / 2));
    }
    let (x, w, b) = (single(&[3, 2, 9, 10], 1), single(&[4, 2, 3, 3], 2), single(&[4], 3));
    compare("convolution with ReLU and pool", &[x, w, b], |t| conv_relu_pool(&t[0], &t[1], Some(&t[2])));
}

#[test]
fn layers_between_convolutions() {
    let x = single(&[4, 6, 5, 3], 1);
    let (gamma, beta) = (single(&[6], 2), single(&[6], 3));
    let (mean, variance) = (single(&[6], 4), single(&[6], 5).sqr().unwrap());
    let inputs = [x.clone(), gamma, beta];
    compare("batch normalisation", &inputs, |t| Ok(batch_norm_relu(&t[0], &t[1], &t[2], 1e-5)?.0));
    compare("batch normalisation in evaluation", &inputs, |t| {
        batch_norm_evaluation(&t[0], &t[1], &t[2], (&mean, &variance), 1e-5, Activation::Relu)
    });
    compare("average pool", &[x], |t| average_pool_all(&t[0]));
    let (x, w, b) = (single(&[7, 20], 6), single(&[5, 20], 7), single(&[5], 8));
    compare("dense layer", &[x, w, b], |t| linear(&t[0], &t[1], Some(&t[2]), Activation::Relu));
    compare("norm", &[single(&[5, 7], 9)], |t| log_norm(&t[0]));
}

#[test]
fn the_loss() {
    let labels: Vec<u32> = (0..32).map(|i| i % 5).collect();
    let multipliers = Tensor::new(&[0.7f64, 4.0], &Device::Cpu).unwrap();
    compare("two-scale loss", &[single(&[32, 5], 1), multipliers], |t| {
        multi_scale_cross_entropy(&t[0], &t[1], &labels, &[0.1], 1.0)
    });
}

#[test]
fn a_step_of_the_optimiser() {
    let (g, start) = (single(&[40], 1), single(&[40], 2));
    let after = || {
        let (w, v) = (Var::from_tensor(&start).unwrap(), Var::from_tensor(&g.sqr().unwrap()).unwrap());
        sgd_update(&w, &g, Some(&v), 0.1, 0.9, 5e-4).unwrap();
        sgd_update(&w, &g, None, 0.1, 0.0, 5e-4).unwrap();
        (w.as_detached_tensor(), v.as_detached_tensor())
    };
    let ((w, v), (expected_w, expected_v)) = (after(), composed(after));
    assert_close("weights", &w, &expected_w, 1e-6);
    assert_close("momentum", &v, &expected_v, 1e-6);
}

/// Trains a wide residual network with ASAM for some steps and evaluates it.
fn train(loss: &LossSpec, steps: usize) -> (Vec<Step>, Evaluation, Vec<(String, Tensor)>) {
    let options =
        LossOptions { norm: NormOptions { layers: Layers::All, ..NormOptions::default() }, ..LossOptions::default() };
    let asam = AsamSpec {
        rho: 0.5,
        operator: Operator::Magnitude,
        statistics: StatisticsOf::BothPasses,
        perturb_scales: false,
    };
    let optimiser = OptimiserSpec { learning_rate: 0.1, asam: Some(asam), ..sgd(0.9, 5e-4) };
    let model = ModelSpec::wide_resnet(10, 1).build([3, 12, 12], 10, 1, &Device::Cpu).unwrap();
    let mut trainer: Trainer = trainer_of(model, loss, &options, &optimiser).unwrap();
    let labels: Vec<u32> = (0..16).map(|i| i % 10).collect();
    let tensor = Tensor::new(&*labels, &Device::Cpu).unwrap();
    let batch = |step: u64| single(&[16, 3, 12, 12], 100 + step);
    let steps = (0..steps as u64).map(|step| trainer.step(&batch(step), &tensor, 0.1).unwrap()).collect();
    let mut evaluation = Evaluation::default();
    trainer.evaluate(&batch(1000), &labels, None, &mut evaluation).unwrap();
    (steps, evaluation, trainer.state().unwrap())
}

#[test]
fn whole_steps_of_a_wide_resnet_with_asam() {
    for inner in [Inner::CrossEntropy, Inner::Smoothed(0.1)] {
        let loss = LossSpec { inner, ..LossSpec::two_scale([0.01]) };
        assert_eq!(loss.kind, LossKind::TwoScale);
        let ((steps, _, state), (expected, _, expected_state)) = (train(&loss, 1), composed(|| train(&loss, 1)));
        for (seen, expected) in steps.iter().zip(&expected) {
            let error = ((seen.loss - expected.loss) / expected.loss).abs();
            assert!(error <= 1e-5, "{inner:?}: loss {}, expected {} ({error:e})", seen.loss, expected.loss);
            assert_eq!(seen.correct, expected.correct);
        }
        assert_eq!(state.len(), expected_state.len());
        for ((name, seen), (other, expected)) in state.iter().zip(&expected_state) {
            assert_eq!(name, other);
            assert_close(name, seen, expected, 1e-3);
        }
        // Differences of rounding grow from step to step; after three the losses still agree to a thousandth.
        let ((steps, evaluation, _), (expected, expected_evaluation, _)) =
            (train(&loss, 3), composed(|| train(&loss, 3)));
        let last = |steps: &[Step]| steps.last().expect("three steps").loss;
        assert!((last(&steps) / last(&expected) - 1.0).abs() < 1e-3, "{} and {}", last(&steps), last(&expected));
        let (seen, expected) = (confidence(&evaluation), confidence(&expected_evaluation));
        assert!((seen - expected).abs() < 1e-2, "mean probability {seen}, expected {expected}");
    }
}

#[test]
fn the_switch_changes_the_operations_and_is_left_as_it_was_found() {
    // The composition of a convolution leaves a graph of many operations, the kernel's is one; their roundings differ.
    let (x, w) = (single(&[8, 16, 16, 16], 1), single(&[16, 16, 3, 3], 2));
    let kernel = || entries(&conv2d(&x, &w, 1, 1).unwrap());
    let before = kernel();
    assert_ne!(composed(kernel), before);
    let failed = std::panic::catch_unwind(|| composed(|| panic!("on purpose")));
    assert!(failed.is_err());
    assert_eq!(kernel(), before);
}
