//! The wide residual network, label smoothing and ASAM against PyTorch's values (tests/golden/wide_resnet.py).
use candle_core::{DType, Device, Tensor};
use twoscale::loss::{Inner, LossSpec};
use twoscale::models::{Model, ModelSpec, Statistics, build_as};
use twoscale::optimiser::{AsamSpec, Operator, OptimiserSpec, StatisticsOf};
use twoscale::options::{LossOptions, Normalisation};

use crate::support::{Golden, assert_close, sgd, trainer_of};

/// Single precision through some 20 layers.
const SINGLE: f64 = 2e-4;
const DOUBLE: f64 = 1e-9;

fn network(golden: &Golden, dtype: DType) -> Box<dyn Model> {
    let (_, colours, height, width) = golden.tensor("wrn.x").dims4().unwrap();
    let classes = golden.tensor("wrn.fc.weight").dims()[0];
    let spec = ModelSpec::wide_resnet(10, 1);
    let model = build_as(&spec, [colours, height, width], classes, 1, dtype, &Device::Cpu).unwrap();
    for parameter in model.parameters() {
        let value = golden.tensor(&format!("wrn.{}", parameter.name())).to_dtype(dtype).unwrap();
        parameter.var.set(&value).unwrap();
    }
    model
}

/// Every 7th entry of a long tensor, as the golden values hold it.
fn thinned(x: &Tensor) -> Tensor {
    if x.elem_count() <= 600 {
        return x.clone();
    }
    let kept: Vec<u32> = (0..x.elem_count() as u32).step_by(7).collect();
    x.flatten_all().unwrap().index_select(&Tensor::new(kept, &Device::Cpu).unwrap(), 0).unwrap()
}

fn forward_and_gradients(dtype: DType, tolerance: f64) {
    let golden = Golden::wide_resnet();
    let model = network(&golden, dtype);
    let x = golden.tensor("wrn.x").to_dtype(dtype).unwrap();
    let labels = golden.labels("wrn.y");
    let logits = model.forward_training(&x, Statistics::Update).unwrap();
    assert_close("logits in training", &logits, golden.tensor("wrn.train.logits"), tolerance);
    let loss = Inner::CrossEntropy.per_object(&logits, &labels).unwrap().mean_all().unwrap();
    assert_close("loss", &loss, golden.tensor("wrn.train.loss"), tolerance);
    let gradients = twoscale::ops::backward(&loss).unwrap();
    for parameter in model.parameters() {
        let name = format!("wrn.grad.{}", parameter.name());
        let gradient = gradients.get(&parameter.var).unwrap_or_else(|| panic!("{name}: no gradient"));
        assert_close(&name, &thinned(gradient), golden.tensor(&name), tolerance);
    }
    for buffer in model.buffers() {
        let name = format!("wrn.after.{}", buffer.name);
        assert_close(&name, &buffer.var, golden.tensor(&name), tolerance);
    }
    let logits = model.forward(&x).unwrap();
    assert_close("logits in evaluation", &logits, golden.tensor("wrn.eval.logits"), tolerance);
}

/// Batch normalisation with ReLU alone: two batches in training, then one in evaluation by the running statistics they leave.
fn batch_normalisation(dtype: DType, tolerance: f64) {
    use candle_core::Var;
    use twoscale::ops::{Activation, backward, batch_norm_evaluation, batch_norm_relu};

    let golden = Golden::wide_resnet();
    let tensor = |name: &str| golden.tensor(name).to_dtype(dtype).unwrap();
    let (gamma, beta) = (Var::from_tensor(&tensor("bn.gamma")).unwrap(), Var::from_tensor(&tensor("bn.beta")).unwrap());
    let mut mean = gamma.zeros_like().unwrap();
    let mut variance = gamma.ones_like().unwrap();
    for batch in 0..2 {
        let name = |what: &str| format!("bn.train{batch}.{what}");
        let x = Var::from_tensor(&tensor(&name("x"))).unwrap();
        let (y, m, v) = batch_norm_relu(&x, &gamma, &beta, 1e-5).unwrap();
        assert_close(&name("y"), &y, golden.tensor(&name("y")), tolerance);
        let gradients = backward(&(&y * tensor(&name("into"))).unwrap().sum_all().unwrap()).unwrap();
        for (what, var) in [("grad.x", &x), ("grad.gamma", &gamma), ("grad.beta", &beta)] {
            assert_close(&name(what), gradients.get(var).unwrap(), golden.tensor(&name(what)), tolerance);
        }
        let values = (x.elem_count() / gamma.elem_count()) as f64;
        let follow = |running: &Tensor, new: Tensor| ((running * 0.9).unwrap() + (new * 0.1).unwrap()).unwrap();
        mean = follow(&mean, m.detach());
        variance = follow(&variance, (v.detach() * (values / (values - 1.0))).unwrap());
        assert_close(&name("running_mean"), &mean, golden.tensor(&name("running_mean")), tolerance);
        assert_close(&name("running_var"), &variance, golden.tensor(&name("running_var")), tolerance);
    }
    let x = tensor("bn.eval.x");
    let y = batch_norm_evaluation(&x, &gamma, &beta, (&mean, &variance), 1e-5, Activation::Relu).unwrap();
    assert_close("in evaluation", &y, golden.tensor("bn.eval.y"), tolerance);
}

#[test]
fn golden_batch_normalisation() {
    batch_normalisation(DType::F64, 1e-12);
    batch_normalisation(DType::F32, 1e-5);
    twoscale::ops::composed(|| batch_normalisation(DType::F32, 1e-5));
}

#[test]
fn golden_wide_resnet_composed_of_candles_operations() {
    twoscale::ops::composed(|| forward_and_gradients(DType::F32, SINGLE));
}

#[test]
fn golden_wide_resnet_in_double_precision() {
    forward_and_gradients(DType::F64, DOUBLE);
}

#[test]
fn golden_wide_resnet_in_single_precision() {
    forward_and_gradients(DType::F32, SINGLE);
}

#[test]
fn a_pass_that_keeps_the_statistics_keeps_them() {
    let golden = Golden::wide_resnet();
    let model = network(&golden, DType::F32);
    let x = golden.tensor("wrn.x").to_dtype(DType::F32).unwrap();
    let before = model.forward(&x).unwrap().to_vec2::<f32>().unwrap();
    model.forward_training(&x, Statistics::Keep).unwrap();
    assert_eq!(model.forward(&x).unwrap().to_vec2::<f32>().unwrap(), before);
    model.forward_training(&x, Statistics::Update).unwrap();
    assert_ne!(model.forward(&x).unwrap().to_vec2::<f32>().unwrap(), before);
}

#[test]
fn golden_label_smoothing() {
    let golden = Golden::wide_resnet();
    let epsilon = golden.tensor("smoothed.epsilon").to_scalar::<f64>().unwrap();
    let logits = candle_core::Var::from_tensor(golden.tensor("smoothed.logits")).unwrap();
    let losses = Inner::Smoothed(epsilon).per_object(&logits, &golden.labels("smoothed.labels")).unwrap();
    assert_close("losses", &losses, golden.tensor("smoothed.per_sample"), 1e-12);
    let gradients = losses.sum_all().unwrap().backward().unwrap();
    assert_close("gradient", gradients.get(&logits).unwrap(), golden.tensor("smoothed.grad"), 1e-12);
}

/// The raw logits are the trainer's where R stays R(α⁰) and the single scale is constant.
fn raw() -> LossOptions {
    LossOptions {
        normalisation: Normalisation::Direct,
        baseline: twoscale::options::Trained::Constant,
        ..LossOptions::default()
    }
}

fn asam(rho: f64, operator: Operator, statistics: StatisticsOf) -> AsamSpec {
    AsamSpec { rho, operator, statistics, perturb_scales: false }
}

fn wide_resnet_steps(statistics: StatisticsOf, name: &str, dtype: DType, tolerance: f64) {
    let golden = Golden::wide_resnet();
    let optimiser =
        OptimiserSpec { learning_rate: 0.05, asam: Some(asam(0.5, Operator::Magnitude, statistics)), ..sgd(0.9, 5e-4) };
    let mut trainer = trainer_of(network(&golden, dtype), &LossSpec::single(), &raw(), &optimiser).unwrap();
    let labels = golden.tensor("wrn.y").to_dtype(DType::U32).unwrap();
    let expected = golden.tensor(&format!("wrn-asam.{name}.losses"));
    let mut losses = Vec::new();
    for step in 0..expected.elem_count() {
        let x = (golden.tensor("wrn.x") * (1.0 + 0.1 * step as f64)).unwrap().to_dtype(dtype).unwrap();
        losses.push(trainer.step(&x, &labels, 0.05).unwrap().loss);
    }
    assert_close("losses", &Tensor::new(losses, &Device::Cpu).unwrap(), expected, tolerance);
    let mut compared = 0;
    let parameters = trainer.model().parameters().iter().map(|p| (p.name(), p.var.clone()));
    let buffers = trainer.model().buffers().iter().map(|b| (b.name.clone(), b.var.clone()));
    for (own, var) in parameters.chain(buffers) {
        let key = format!("wrn-asam.{name}.{own}");
        if let Some(expected) = golden.tensors.get(&key) {
            assert_close(&key, &thinned(&var), expected, tolerance);
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

#[test]
fn golden_asam_of_a_wide_resnet() {
    for (statistics, name) in [(StatisticsOf::BothPasses, "both"), (StatisticsOf::FirstPass, "first")] {
        wide_resnet_steps(statistics, name, DType::F64, DOUBLE);
        wide_resnet_steps(statistics, name, DType::F32, 2e-3);
    }
}

#[test]
fn golden_asam_of_a_dense_network() {
    let golden = Golden::load();
    let number = |key: &str| golden.meta["asam"][key].as_f64().unwrap();
    let operator = Operator::WeightMagnitude(number("eta"));
    let optimiser = OptimiserSpec {
        learning_rate: number("lr"),
        asam: Some(asam(number("rho"), operator, StatisticsOf::BothPasses)),
        ..sgd(number("momentum"), number("weight_decay"))
    };
    for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 1e-4)] {
        let model = crate::support::Chain::with_first_bias(
            &golden.tensor("asam.w1").to_dtype(dtype).unwrap(),
            &golden.tensor("asam.b1").to_dtype(dtype).unwrap(),
            &golden.tensor("asam.w2").to_dtype(dtype).unwrap(),
        );
        let mut trainer = trainer_of(model.boxed(), &LossSpec::single(), &raw(), &optimiser).unwrap();
        let inputs = golden.tensor("asam.xs").to_dtype(dtype).unwrap();
        let labels = golden.tensor("asam.ys").to_dtype(DType::U32).unwrap();
        let mut losses = Vec::new();
        for step in 0..inputs.dims()[0] {
            let (x, y) = (inputs.get(step).unwrap(), labels.get(step).unwrap());
            losses.push(trainer.step(&x, &y, number("lr")).unwrap().loss);
        }
        let losses = Tensor::new(losses, &Device::Cpu).unwrap();
        assert_close("losses", &losses, golden.tensor("asam.losses"), tolerance);
        for (parameter, what) in trainer.model().parameters().iter().zip(["w1", "b1", "w2"]) {
            assert_close(what, &parameter.var, golden.tensor(&format!("asam.after6.{what}")), tolerance);
        }
    }
}
