//! Ten steps of gradient descent on an MLP without biases, in every variant of the loss, against PyTorch's.
use candle_core::{DType, Device, Tensor};
use twoscale::loss::LossKind;
use twoscale::options::LossOptions;

use crate::support::{Chain, Golden, assert_close, loss, sgd, trainer_of};

fn kind(variant: &str) -> LossKind {
    match variant {
        "varying" => LossKind::TwoScale,
        "fixed" => LossKind::Fixed,
        "separation" => LossKind::Separation,
        "single" => LossKind::Single,
        other => panic!("golden values of an unknown variant `{other}`"),
    }
}

fn compare(golden: &Golden, variant: &str, eta: &str, dtype: DType, tolerance: f64) {
    let name = format!("mlp.{variant}.{eta}");
    let kind = kind(variant);
    let thresholds: &[f64] = if kind == LossKind::Single { &[] } else { &[eta.parse().unwrap()] };
    let weights = ["mlp.w1", "mlp.w2"].map(|weight| golden.tensor(weight).to_dtype(dtype).unwrap());
    let model = Chain::of(&[&weights[0], &weights[1]]).boxed();
    let mut trainer = trainer_of(model, &loss(kind, thresholds), &LossOptions::default(), &sgd(0.0, 0.0)).unwrap();
    let inputs = golden.tensor("mlp.xs").to_dtype(dtype).unwrap();
    let labels = golden.tensor("mlp.ys").to_dtype(DType::U32).unwrap();
    let mut losses = Vec::new();
    for step in 0..inputs.dims()[0] {
        losses.push(trainer.step(&inputs.get(step).unwrap(), &labels.get(step).unwrap(), 0.1).unwrap().loss);
    }
    let expected = |what: &str| golden.tensor(&format!("{name}.{what}"));
    assert_close(&format!("{name}.losses"), &Tensor::new(losses, &Device::Cpu).unwrap(), expected("losses"), tolerance);
    for (parameter, what) in trainer.model().parameters().iter().zip(["w1", "w2"]) {
        assert_close(&format!("{name}.{what}"), &parameter.var, expected(what), tolerance);
    }
    // R1, R2, Rs, as far as the variant has them.
    for parameter in trainer.scales().parameters() {
        let position = match parameter.name.as_str() {
            "R1" | "R" => 0,
            "R2" => 1,
            _ => 2,
        };
        let name = format!("{name}.{}", parameter.name);
        assert_close(&name, &parameter.var, &expected("r").get(position).unwrap(), tolerance);
    }
}

/// Every (variant, η) that the golden values hold.
fn runs(golden: &Golden) -> Vec<(String, String)> {
    let parse = |name: &String| {
        let (variant, eta) = name.strip_prefix("mlp.")?.strip_suffix(".losses")?.split_once('.')?;
        Some((variant.to_owned(), eta.to_owned()))
    };
    let runs: Vec<_> = golden.tensors.keys().filter_map(parse).collect();
    assert!(!runs.is_empty());
    runs
}

#[test]
fn golden_training_in_double_precision() {
    let golden = Golden::load();
    for (variant, eta) in runs(&golden) {
        compare(&golden, &variant, &eta, DType::F64, 1e-10);
    }
}

/// The path of training: ten steps add up the rounding of single precision to at most 1e-4 of the largest entry.
#[test]
fn golden_training_in_single_precision() {
    let golden = Golden::load();
    for (variant, eta) in runs(&golden) {
        compare(&golden, &variant, &eta, DType::F32, 1e-4);
    }
}
