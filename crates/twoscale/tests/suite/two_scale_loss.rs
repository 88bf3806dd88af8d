//! The loss that stands alone, beside the trainer, golden values, finite differences and a network of candle_nn.
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Module, Optimizer, SGD, VarBuilder, VarMap};
use twoscale::loss::{LossKind, LossSpec, TwoScaleConfig, TwoScaleLoss};
use twoscale::metrics::Evaluation;
use twoscale::models::Model;
use twoscale::options::{
    BiasNorm, Gate, Layers, LossOptions, NormKind, NormOptions, Normalisation, Reduction, ScaleForm, SeparationBase,
};

use crate::finite_differences::check;
use crate::support::{Chain, Golden, assert_close, batch, entries, gaussian, loss, sgd, trainer};

#[path = "../../examples/own_network.rs"]
mod own_network;

const KINDS: [LossKind; 4] = [LossKind::Single, LossKind::TwoScale, LossKind::Fixed, LossKind::Separation];

fn spec(kind: LossKind, eta: f64) -> LossSpec {
    if kind == LossKind::Single { LossSpec::single() } else { loss(kind, &[eta]) }
}

/// Every choice of an option beside the default ones.
fn options() -> Vec<LossOptions> {
    let default = LossOptions::default;
    let normed = |norm: NormOptions| LossOptions { norm, ..default() };
    vec![
        default(),
        LossOptions { normalisation: Normalisation::Detached, ..default() },
        LossOptions {
            normalisation: Normalisation::Detached,
            ..normed(NormOptions { every: 3, ..NormOptions::default() })
        },
        LossOptions { normalisation: Normalisation::Direct, ..default() },
        LossOptions { normalisation: Normalisation::RescaledOnce, ..default() },
        LossOptions { gate: Gate::Normalised, ..default() },
        LossOptions { gate: Gate::Scaled, scale_form: ScaleForm::Logarithm, ..default() },
        LossOptions { reduction: Reduction::PerScale, ..default() },
        LossOptions {
            reduction: Reduction::PerFirstScale,
            separation_base: SeparationBase::Trained,
            ..normed(NormOptions { biases: BiasNorm::Joint, kind: NormKind::Spectral, ..NormOptions::default() })
        },
    ]
}

/// The loss alone, with an optimiser of candle_nn, takes the trainer's steps: losses, weights, scales and evaluations. Double precision;
/// only the order of additions differs.
#[test]
fn it_equals_the_trainers_loss_step_by_step() {
    for options in options() {
        for kind in KINDS {
            let spec = spec(kind, 0.05);
            let mut trainer = trainer(&spec, &options, &sgd(0.0, 0.0), DType::F64);
            let model = Chain::random(&[6, 8, 4], 5, DType::F64);
            let config = TwoScaleConfig::new(spec, options.clone());
            let alone = TwoScaleLoss::with_parameters(config, model.parameters().clone()).unwrap();
            let weights: Vec<Var> = model.parameters().iter().map(|p| p.var.clone()).collect();
            let mut optimiser = SGD::new([weights, alone.vars()].concat(), 0.1).unwrap();
            let what = format!("{kind:?}, {options:?}");
            for step in 0..8 {
                let (inputs, labels) = batch(step, DType::F64);
                let expected = trainer.step(&inputs, &labels, 0.1).unwrap();
                let value = alone.forward(&model.forward(&inputs).unwrap(), &labels).unwrap();
                optimiser.backward_step(&value).unwrap();
                assert!((entries(&value)[0] - expected.loss).abs() < 1e-11 * expected.loss, "{what}");
            }
            for (own, expected) in model.parameters().iter().zip(trainer.model().parameters()) {
                assert_close(&what, &own.var, &expected.var, 1e-10);
            }
            let (own, expected) = (alone.scales().values().unwrap(), trainer.scales().values().unwrap());
            assert!(
                own.iter().zip(&expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-11),
                "{what}: {own:?} {expected:?}"
            );
            let (inputs, labels) = batch(30, DType::F64);
            let seen = alone.evaluate(&model.forward(&inputs).unwrap(), &labels).unwrap();
            let mut expected = Evaluation::default();
            trainer.evaluate(&inputs, &labels.to_vec1::<u32>().unwrap(), None, &mut expected).unwrap();
            assert_eq!((&seen.rank, &seen.predicted), (&expected.rank, &expected.predicted), "{what}");
            for (a, b) in seen.correct_probability.iter().zip(&expected.correct_probability) {
                assert!((a - b).abs() < 1e-6, "{what}: {a} {b}");
            }
        }
    }
}

/// Ten steps of PyTorch's gradient descent, with the weights in a `VarMap` and an optimiser of candle_nn.
#[test]
fn golden_training_with_candles_own_pieces() {
    let golden = Golden::load();
    let variants = [("varying", LossKind::TwoScale), ("fixed", LossKind::Fixed), ("separation", LossKind::Separation)];
    let etas: Vec<String> = golden.tensors.keys().filter_map(|name| eta_of(name)).collect();
    assert!(!etas.is_empty());
    for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 1e-4)] {
        for (variant, kind) in variants {
            for eta in &etas {
                let name = format!("mlp.{variant}.{eta}");
                let varmap = VarMap::new();
                // Inserted out of order: layers are sorted by name.
                for (layer, weight) in [("fc2", "mlp.w2"), ("fc1", "mlp.w1")] {
                    let value = golden.tensor(weight).to_dtype(dtype).unwrap();
                    let var = Var::from_tensor(&value).unwrap();
                    varmap.data().lock().unwrap().insert(format!("{layer}.weight"), var);
                }
                let alone = TwoScaleLoss::new(spec(kind, eta.parse().unwrap()), &varmap).unwrap();
                let mut optimiser = SGD::new([varmap.all_vars(), alone.vars()].concat(), 0.1).unwrap();
                let var = |name: &str| varmap.data().lock().unwrap()[name].clone();
                let (w1, w2) = (var("fc1.weight"), var("fc2.weight"));
                let inputs = golden.tensor("mlp.xs").to_dtype(dtype).unwrap();
                let labels = golden.tensor("mlp.ys");
                let mut losses = Vec::new();
                for step in 0..inputs.dims()[0] {
                    let hidden = inputs.get(step).unwrap().matmul(&w1.t().unwrap()).unwrap().relu().unwrap();
                    let logits = hidden.matmul(&w2.t().unwrap()).unwrap();
                    let value = alone.forward(&logits, &labels.get(step).unwrap()).unwrap();
                    optimiser.backward_step(&value).unwrap();
                    losses.push(entries(&value)[0]);
                }
                let expected = |what: &str| golden.tensor(&format!("{name}.{what}"));
                let losses = Tensor::new(losses, &Device::Cpu).unwrap();
                assert_close(&name, &losses, expected("losses"), tolerance);
                assert_close(&name, &w1, expected("w1"), tolerance);
                assert_close(&name, &w2, expected("w2"), tolerance);
            }
        }
    }
}

fn eta_of(name: &str) -> Option<String> {
    Some(name.strip_prefix("mlp.varying.")?.strip_suffix(".losses")?.to_owned())
}

#[test]
fn its_gradient_is_that_of_finite_differences() {
    let model = Chain::random(&[6, 8, 4], 3, DType::F64);
    let (inputs, labels) = batch(3, DType::F64);
    for options in options().into_iter().filter(|options| options.normalisation == Normalisation::Through) {
        for kind in KINDS {
            let config = TwoScaleConfig::new(spec(kind, 0.05), options.clone());
            let alone = TwoScaleLoss::with_parameters(config, model.parameters().clone()).unwrap();
            let value = || alone.forward(&model.forward(&inputs).unwrap(), &labels).unwrap();
            for parameter in model.parameters() {
                check(&format!("{kind:?}, {options:?}: {}", parameter.name()), &parameter.var, &value);
            }
            for scale in alone.vars() {
                check(&format!("{kind:?}, {options:?}: a scale"), &scale, &value);
            }
        }
    }
}

/// Logits that are no function of the weights show the gradient through R(α) alone.
#[test]
fn a_detached_norm_gives_the_weights_no_gradient() {
    let weight = Var::from_tensor(&gaussian(&[4, 6], 1, DType::F64)).unwrap();
    let logits = gaussian(&[5, 4], 2, DType::F64);
    let labels = Tensor::new(&[0u32, 1, 2, 3, 0], &Device::Cpu).unwrap();
    let gradient = |normalisation| {
        let options = LossOptions { normalisation, ..LossOptions::default() };
        let config = TwoScaleConfig::new(LossSpec::two_scale([0.1]), options);
        let alone = TwoScaleLoss::with_weights(config, std::slice::from_ref(&weight)).unwrap();
        alone.forward(&logits, &labels).unwrap().backward().unwrap().get(&weight).cloned()
    };
    assert!(gradient(Normalisation::Through).is_some());
    for constant in [Normalisation::Detached, Normalisation::Direct, Normalisation::RescaledOnce] {
        assert!(gradient(constant).is_none(), "{constant:?}");
    }
}

fn varmap(names: &[(&str, &[usize])]) -> VarMap {
    let varmap = VarMap::new();
    for (seed, (name, shape)) in names.iter().enumerate() {
        let var = Var::from_tensor(&gaussian(shape, seed as u64, DType::F32)).unwrap();
        varmap.data().lock().unwrap().insert((*name).to_owned(), var);
    }
    varmap
}

#[test]
fn a_var_map_is_read_by_names_and_ranks() {
    let varmap = varmap(&[
        ("head.weight", &[3, 8]),
        ("head.bias", &[3]),
        ("body.conv.weight", &[8, 2, 3, 3]),
        ("body.norm.weight", &[8]),
        ("body.norm.bias", &[8]),
        ("embedding", &[5, 5]),
    ]);
    let layers = |layers: Layers| {
        let norm = NormOptions { layers, ..NormOptions::default() };
        let config = TwoScaleConfig::new(LossSpec::single(), LossOptions { norm, ..LossOptions::default() });
        TwoScaleLoss::new(config, &varmap).unwrap()
    };
    let log = |names: &[&str]| -> f64 {
        let data = varmap.data().lock().unwrap();
        names.iter().map(|name| entries(&data[*name]).iter().map(|x| x * x).sum::<f64>().ln() / 2.0).sum()
    };
    let near = |loss: TwoScaleLoss, expected: f64| {
        let seen = loss.log_norm().unwrap();
        assert!((seen - expected).abs() < 1e-6, "{seen} {expected}");
        assert!((loss.scales().values().unwrap()[0].ln() - expected).abs() < 1e-6);
    };
    let all = layers(Layers::All);
    let names: Vec<String> = all.parameters().iter().map(|p| p.name()).collect();
    assert_eq!(names, ["body.conv.weight", "head.weight", "head.bias"]);
    near(all, log(&["body.conv.weight", "head.weight"]));
    near(TwoScaleLoss::new(LossSpec::single(), &varmap).unwrap(), log(&["body.conv.weight", "head.weight"]));
    near(layers(Layers::Dense), log(&["head.weight"]));
    near(layers(Layers::Named(vec!["body.conv".into()])), log(&["body.conv.weight"]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let says = |error: twoscale::Error, expected: &str| {
        assert!(error.to_string().contains(expected), "`{error}` does not say `{expected}`");
    };
    says(TwoScaleLoss::new(LossSpec::single(), &VarMap::new()).unwrap_err(), "no layer counts");
    let convolution = varmap(&[("conv.weight", &[4, 1, 3, 3])]);
    let mut config = TwoScaleConfig::from(LossSpec::single());
    config.options.norm.kind = NormKind::Toeplitz;
    says(TwoScaleLoss::new(config, &convolution).unwrap_err(), "number of positions");
    let alone = TwoScaleLoss::new(LossSpec::two_scale([0.1]), &convolution).unwrap();
    let logits = gaussian(&[2, 3], 1, DType::F32);
    let labels = |labels: &[i64]| Tensor::new(labels, &Device::Cpu).unwrap();
    assert!(alone.forward(&logits, &labels(&[0, 2])).is_ok());
    says(alone.forward(&logits, &labels(&[0])).unwrap_err(), "2 objects");
    says(alone.forward(&logits, &labels(&[0, 3])).unwrap_err(), "3");
    says(alone.forward(&logits, &labels(&[0, -1])).unwrap_err(), "label");
    says(alone.forward(&logits, &labels(&[0, 1]).unsqueeze(1).unwrap()).unwrap_err(), "shape (N)");
    says(alone.forward(&logits, &Tensor::new(&[0f32, 1.0], &Device::Cpu).unwrap()).unwrap_err(), "integer");
    let empty = (logits.narrow(0, 0, 0).unwrap(), labels(&[0]).narrow(0, 0, 0).unwrap());
    says(alone.forward(&empty.0, &empty.1).unwrap_err(), "without objects");
}

/// p = softmax(R1/R(α) X), also when R1 has moved away from R(α).
#[test]
fn probabilities_are_on_the_scale_r1() {
    let varmap = VarMap::new();
    let vb = VarBuilder::from_varmap(&varmap, DType::F64, &Device::Cpu);
    let network = candle_nn::linear_no_bias(6, 4, vb.pp("fc1")).unwrap();
    let alone = TwoScaleLoss::new(LossSpec::two_scale([0.1]), &varmap).unwrap();
    alone.vars()[0].set(&Tensor::new(7.5, &Device::Cpu).unwrap()).unwrap();
    let (inputs, labels) = batch(4, DType::F64);
    let logits = network.forward(&inputs.flatten_from(1).unwrap()).unwrap();
    let norm = entries(network.weight()).iter().map(|x| x * x).sum::<f64>().sqrt();
    let seen = alone.probabilities(&logits).unwrap();
    let evaluation = alone.evaluate(&logits, &labels).unwrap();
    for (object, label) in labels.to_vec1::<u32>().unwrap().into_iter().enumerate() {
        let weights: Vec<f64> = entries(&logits.get(object).unwrap()).iter().map(|x| (7.5 / norm * x).exp()).collect();
        let own = entries(&seen.get(object).unwrap());
        let expected: Vec<f64> = weights.iter().map(|w| w / weights.iter().sum::<f64>()).collect();
        assert!(own.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{own:?} {expected:?}");
        let correct = f64::from(evaluation.correct_probability[object]);
        assert!((correct - expected[label as usize]).abs() < 1e-7);
    }
}

/// Fails where the network of `examples/own_network.rs` does not learn.
#[test]
fn the_example_learns() {
    own_network::main().unwrap();
}
