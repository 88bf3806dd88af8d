//! Options of the loss, each by its effect on a training.
use candle_core::DType;
use twoscale::loss::LossKind;
use twoscale::models::build_as;
use twoscale::norm::{ParameterNorm, log_spectral};
use twoscale::ops::log_norm;
use twoscale::options::{
    Gate, Layers, LossOptions, NormKind, NormOptions, Normalisation, Reduction, SeparationBase, Trained,
};
use twoscale::trainer::{Step, Trainer};

use crate::support::{Chain, batch, entries, gaussian, loss, sgd, trainer, trainer_of};

fn run(trainer: &mut Trainer, steps: u64) -> Vec<Step> {
    let step = |step| {
        let (inputs, labels) = batch(step, DType::F64);
        trainer.step(&inputs, &labels, 0.1).unwrap()
    };
    (0..steps).map(step).collect()
}

fn under(kind: LossKind, options: &LossOptions, steps: u64) -> (Vec<Step>, Trainer) {
    let thresholds: &[f64] = if kind == LossKind::Single { &[] } else { &[0.05] };
    let mut trainer = trainer(&loss(kind, thresholds), options, &sgd(0.0, 0.0), DType::F64);
    (run(&mut trainer, steps), trainer)
}

#[test]
fn normalisations_begin_alike_and_part_ways() {
    let first =
        |normalisation| under(LossKind::TwoScale, &LossOptions { normalisation, ..LossOptions::default() }, 2).0;
    let through = first(Normalisation::Through);
    for other in [Normalisation::Detached, Normalisation::Direct] {
        let other = first(other);
        assert_eq!(through[0].loss, other[0].loss);
        assert_ne!(through[1].loss, other[1].loss);
    }
}

#[test]
fn direct_and_rescaled_once_keep_their_norm() {
    let norms = |normalisation| -> Vec<f64> {
        let steps = under(LossKind::TwoScale, &LossOptions { normalisation, ..LossOptions::default() }, 5).0;
        steps.iter().map(|step| step.log_norm).collect()
    };
    let direct = norms(Normalisation::Direct);
    assert!(direct.iter().all(|norm| *norm == direct[0]));
    assert_eq!(direct[0], norms(Normalisation::Through)[0]);
    assert_eq!(norms(Normalisation::RescaledOnce), [0.0; 5]);
}

/// Without biases X(α/R^(1/(M-1))) = X(α)/R, so that the loss begins as that of the direct options.
#[test]
fn rescaling_once_keeps_the_first_loss_and_brings_the_norm_to_one() {
    let weights = [gaussian(&[8, 6], 4, DType::F64), gaussian(&[4, 8], 5, DType::F64)];
    let first = |normalisation| {
        let options = LossOptions { normalisation, gate: Gate::Scaled, ..LossOptions::default() };
        let model = Chain::of(&[&weights[0], &weights[1]]).boxed();
        let mut trainer = trainer_of(model, &loss(LossKind::TwoScale, &[0.05]), &options, &sgd(0.0, 0.0)).unwrap();
        let parameter_norm = ParameterNorm::new(&options.norm, trainer.model().parameters()).unwrap();
        let log_norm = entries(&parameter_norm.log(trainer.model().parameters()).unwrap())[0];
        (run(&mut trainer, 1)[0].clone(), log_norm)
    };
    let (rescaled, log_norm) = first(Normalisation::RescaledOnce);
    let (direct, _) = first(Normalisation::Direct);
    assert!((rescaled.loss / direct.loss - 1.0).abs() < 1e-12);
    assert!(log_norm.abs() < 1e-12, "{log_norm}");
    assert_eq!(rescaled.scales, direct.scales);
}

#[test]
fn the_norm_is_computed_every_so_many_steps() {
    let parameter_norm = NormOptions { every: 3, ..NormOptions::default() };
    let options =
        LossOptions { normalisation: Normalisation::Detached, norm: parameter_norm, ..LossOptions::default() };
    let (steps, _) = under(LossKind::TwoScale, &options, 7);
    let norms: Vec<f64> = steps.iter().map(|step| step.log_norm).collect();
    assert!(norms[..3].iter().all(|norm| *norm == norms[0]) && norms[3..6].iter().all(|norm| *norm == norms[3]));
    assert!(norms[0] != norms[3] && norms[3] != norms[6]);
}

#[test]
fn gates_compare_different_margins() {
    // R1 leaves R(α), where it began, within 300 steps: then margins near 1 lie between the raw and the scaled gate.
    let last = |gate| {
        let options = LossOptions { gate, ..LossOptions::default() };
        let loss = loss(LossKind::TwoScale, &[1.0]);
        run(&mut trainer(&loss, &options, &sgd(0.0, 0.0), DType::F64), 300)[299].loss
    };
    assert_ne!(last(Gate::Raw), last(Gate::Normalised));
    assert_ne!(last(Gate::Raw), last(Gate::Scaled));
}

#[test]
fn constant_scales_stay_and_trained_ones_move() {
    let moved = |kind, options: &LossOptions| -> Vec<bool> {
        let (steps, trainer) = under(kind, options, 20);
        let end = trainer.scales().values().unwrap();
        steps[0].scales.iter().zip(end).map(|(begin, end)| *begin != end).collect()
    };
    let default = LossOptions::default();
    let other =
        LossOptions { baseline: Trained::Constant, separation_base: SeparationBase::Trained, ..LossOptions::default() };
    assert_eq!(moved(LossKind::Single, &default), [true]);
    assert_eq!(moved(LossKind::Single, &other), [false]);
    assert_eq!(moved(LossKind::TwoScale, &default), [true, true]);
    assert_eq!(moved(LossKind::Fixed, &default), [false, false]);
    assert_eq!(moved(LossKind::Separation, &default), [false, true]);
    assert_eq!(moved(LossKind::Separation, &other), [true, true]);
}

/// (15): the gradient in R2 is negative for every well-classified object, so R2 grows.
#[test]
fn the_second_scale_only_grows() {
    let (steps, _) = under(LossKind::TwoScale, &LossOptions::default(), 100);
    assert!(steps.windows(2).all(|pair| pair[1].scales[1] >= pair[0].scales[1]));
    assert!(steps[99].scales[1] > steps[0].scales[1]);
}

#[test]
fn each_side_may_have_a_mean_of_its_own() {
    let first =
        |reduction| under(LossKind::TwoScale, &LossOptions { reduction, ..LossOptions::default() }, 1).0[0].loss;
    let (batch, sides) = (first(Reduction::Mean), first(Reduction::PerScale));
    // Σ of two means of n1 + n2 = 16 non-negative losses is never below their overall mean.
    assert!(sides > batch, "{sides} {batch}");
}

/// (1/n₁) Σ Lᵢ is N/n₁ times the mean over the batch, N = 16, and n₁ is a number of objects.
#[test]
fn a_batch_may_be_averaged_by_its_objects_on_the_first_scale() {
    let first =
        |reduction| under(LossKind::TwoScale, &LossOptions { reduction, ..LossOptions::default() }, 1).0[0].loss;
    let n1 = 16.0 * first(Reduction::Mean) / first(Reduction::PerFirstScale);
    assert!((n1 - n1.round()).abs() < 1e-9 && (1.0..16.0).contains(&n1.round()), "{n1}");
}

#[test]
fn norms_of_a_diagonal_matrix() {
    let matrix = candle_core::Tensor::new(&[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], &candle_core::Device::Cpu).unwrap();
    assert!((entries(&log_norm(&matrix).unwrap())[0] - 5f64.ln()).abs() < 1e-14);
    assert!((entries(&log_spectral(&matrix).unwrap())[0] - 4f64.ln()).abs() < 1e-12);
    assert!((entries(&log_spectral(&matrix.t().unwrap()).unwrap())[0] - 4f64.ln()).abs() < 1e-12);
}

#[test]
fn the_norm_of_everything_is_no_product() {
    let model = Chain::of(&[&gaussian(&[8, 6], 4, DType::F64), &gaussian(&[4, 8], 5, DType::F64)]).boxed();
    let log = |norm| {
        let parameter_norm =
            ParameterNorm::new(&NormOptions { kind: norm, ..NormOptions::default() }, model.parameters()).unwrap();
        entries(&parameter_norm.log(model.parameters()).unwrap())[0]
    };
    let squares: f64 = model.parameters().iter().flat_map(|p| entries(&p.var)).map(|x| x * x).sum();
    assert!((log(NormKind::Whole) - 0.5 * squares.ln()).abs() < 1e-13);
    let product: f64 = model.parameters().iter().map(|p| entries(&log_norm(&p.var).unwrap())[0]).sum();
    assert!((log(NormKind::Frobenius) - product).abs() < 1e-13);
    assert!(log(NormKind::Spectral) < log(NormKind::Frobenius));
}

#[test]
fn a_toeplitz_norm_is_that_of_the_convolution_as_a_matrix() {
    let (side, cpu) = (16, candle_core::Device::Cpu);
    let spec = serde_json::from_str(r#"{"kind": "lenet-5", "hidden": [7]}"#).unwrap();
    let model = build_as(&spec, [3, side, side], 10, 1, DType::F64, &cpu).unwrap();
    let log = |norm| {
        let parameter_norm = ParameterNorm::new(
            &NormOptions { kind: norm, layers: Layers::All, ..NormOptions::default() },
            model.parameters(),
        )
        .unwrap();
        let log = entries(&parameter_norm.log(model.parameters()).unwrap())[0];
        assert!((parameter_norm.log_with_slopes(model.parameters()).unwrap().unwrap().log - log).abs() < 1e-12);
        log
    };
    // Column j of the matrix is the convolution of the j-th unit image.
    let matrix = |name: &str, image: [usize; 3]| {
        let weight = model.parameters().iter().find(|p| p.name() == format!("{name}.weight")).unwrap();
        let [channels, height, width] = image;
        let units = candle_core::Tensor::eye(channels * height * width, DType::F64, &cpu).unwrap();
        let units = units.reshape(((), channels, height, width)).unwrap();
        let columns = units.conv2d(weight.var.as_tensor(), 0, 1, 1, 1).unwrap();
        entries(&log_norm(&columns).unwrap())[0] - entries(&log_norm(&weight.var).unwrap())[0]
    };
    let repetitions = matrix("conv1", [3, side, side]) + matrix("conv2", [6, 6, 6]);
    assert!((log(NormKind::Toeplitz) - log(NormKind::Frobenius) - repetitions).abs() < 1e-10);
}
