//! LeNet-5 as a whole: against golden values from PyTorch, against candle's own operations in double precision.
use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use twoscale::models::{LastActivation, Model, ModelSpec, build, build_as};
use twoscale::ops::{multi_scale_cross_entropy, sgd_update};

/// The golden tensors of the LeNet step, as f64 (labels too). `TWOSCALE_GOLDEN` names another folder than `tests/golden`.
fn golden() -> BTreeMap<String, Tensor> {
    let folder = std::env::var_os("TWOSCALE_GOLDEN")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden"), PathBuf::from);
    let bytes = std::fs::read(folder.join("golden.safetensors")).expect("golden.safetensors can be read");
    let file = SafeTensors::deserialize(&bytes).expect("golden.safetensors is whole");
    file.tensors()
        .into_iter()
        .filter(|(name, _)| name.starts_with("lenet."))
        .map(|(name, view)| {
            let eight = view.data().chunks_exact(8).map(|b| b.try_into().expect("eight bytes"));
            let values: Vec<f64> = match view.dtype() {
                safetensors::Dtype::I64 => eight.map(|b| i64::from_le_bytes(b) as f64).collect(),
                _ => eight.map(f64::from_le_bytes).collect(),
            };
            (name, Tensor::from_vec(values, view.shape(), &Device::Cpu).expect("the shape fits"))
        })
        .collect()
}

/// max |a - b| / max |b|.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let a: Vec<f64> = a.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let b: Vec<f64> = b.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(0f64, |m, b| m.max(b.abs()));
    let gap = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0f64, |m, d| if d > m || d.is_nan() { d } else { m });
    gap / size.max(f64::MIN_POSITIVE)
}

fn spec(biases: bool, last_activation: LastActivation) -> ModelSpec {
    ModelSpec::lenet5().with_biases(biases).with_last_activation(last_activation)
}

fn golden_network(golden: &BTreeMap<String, Tensor>, dtype: DType) -> (Box<dyn Model>, Tensor, Vec<u32>) {
    let x = golden["lenet.x"].to_dtype(dtype).unwrap();
    let labels: Vec<f64> = golden["lenet.y"].to_vec1().unwrap();
    let spec = spec(false, LastActivation::None)
        .with_hidden([golden["lenet.fc1"].dims()[0]])
        .with_channels([golden["lenet.conv1"].dims()[0], golden["lenet.conv2"].dims()[0]])
        .with_kernel(golden["lenet.conv1"].dims()[2]);
    let (_, c, h, w) = x.dims4().unwrap();
    let model = build_as(&spec, [c, h, w], golden["lenet.fc2"].dims()[0], 1, dtype, &Device::Cpu).unwrap();
    for parameter in model.parameters() {
        let value = &golden[&format!("lenet.{}", parameter.layer)];
        parameter.var.set(&value.to_dtype(dtype).unwrap()).unwrap();
    }
    (model, x, labels.into_iter().map(|y| y as u32).collect())
}

fn mean_loss(model: &dyn Model, x: &Tensor, labels: &[u32]) -> (Tensor, Tensor) {
    let logits = model.forward(x).unwrap();
    let one = Tensor::new(&[1f64], &Device::Cpu).unwrap();
    let losses = multi_scale_cross_entropy(&logits, &one, labels, &[], 1.0).unwrap();
    (logits, losses.mean_all().unwrap())
}

#[test]
fn golden_lenet_gradients_and_three_steps() {
    let golden = golden();
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-11)] {
        let (model, x, labels) = golden_network(&golden, dtype);
        for step in 0..3 {
            let (logits, loss) = mean_loss(model.as_ref(), &x, &labels);
            let gradients = loss.backward().unwrap();
            if step == 0 {
                assert!(distance(&logits, &golden["lenet.logits"]) < tolerance);
                assert!(distance(&loss, &golden["lenet.loss"]) < tolerance);
            }
            for parameter in model.parameters() {
                let gradient = gradients.get(&parameter.var).expect("every parameter has a gradient");
                if step == 0 {
                    let gap = distance(gradient, &golden[&format!("lenet.grad.{}", parameter.layer)]);
                    assert!(gap < tolerance, "{dtype:?} {}: {gap}", parameter.layer);
                }
                sgd_update(&parameter.var, gradient, None, 0.1, 0.0, 0.0).unwrap();
            }
        }
        for parameter in model.parameters() {
            let gap = distance(parameter.var.as_tensor(), &golden[&format!("lenet.after3.{}", parameter.layer)]);
            assert!(gap < tolerance, "{dtype:?} {} after three steps: {gap}", parameter.layer);
        }
    }
}

/// Images of no special kind: a fixed pseudo-random sequence in [-1, 1].
fn noise(shape: &[usize], seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn every_batch_size_gives_the_same_as_candles_operations_in_double_precision() {
    for batch in [1, 7, 16, 33] {
        let spec = spec(true, LastActivation::Relu);
        let single = build(&spec, [3, 32, 32], 10, 5, &Device::Cpu).unwrap();
        let double = build_as(&spec, [3, 32, 32], 10, 5, DType::F64, &Device::Cpu).unwrap();
        let x = noise(&[batch, 3, 32, 32], batch as u32);
        let labels: Vec<u32> = (0..batch as u32).map(|i| i * 7 % 10).collect();
        let (logits, loss) = mean_loss(single.as_ref(), &x, &labels);
        let (expected, double_loss) = mean_loss(double.as_ref(), &x.to_dtype(DType::F64).unwrap(), &labels);
        assert!(distance(&logits, &expected) < 1e-5, "batch {batch}");
        let (gradients, expected) = (loss.backward().unwrap(), double_loss.backward().unwrap());
        for (a, b) in single.parameters().iter().zip(double.parameters()) {
            let gap = distance(gradients.get(&a.var).unwrap(), expected.get(&b.var).unwrap());
            assert!(gap < 2e-5, "batch {batch}, {}: {gap}", a.name());
        }
    }
}

#[test]
fn an_image_that_is_too_small_is_refused_with_the_smallest_size() {
    let error = build(&spec(true, LastActivation::None), [3, 15, 32], 10, 1, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("15x32") && error.contains("16x16"), "{error}");
}

#[test]
fn a_batch_of_another_shape_is_refused() {
    let model = build(&spec(true, LastActivation::None), [3, 32, 32], 10, 1, &Device::Cpu).unwrap();
    assert!(model.forward(&noise(&[2, 1, 32, 32], 1)).is_err());
    assert!(model.forward(&noise(&[2, 3072], 1)).is_err());
}

#[test]
fn a_network_that_diverged_says_so() {
    let model = build(&spec(true, LastActivation::Relu), [3, 32, 32], 10, 1, &Device::Cpu).unwrap();
    let weight = &model.parameters()[0].var;
    weight.set(&Tensor::full(f32::NAN, weight.shape(), &Device::Cpu).unwrap()).unwrap();
    let (_, loss) = mean_loss(model.as_ref(), &noise(&[3, 3, 32, 32], 2), &[0, 1, 2]);
    assert!(loss.to_scalar::<f32>().unwrap().is_nan());
}
