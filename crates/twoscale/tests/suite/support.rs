//! Golden values, a small network of any floating type, and comparisons.
use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor, Var};
use twoscale::Result;
use twoscale::initialisation::{BiasInitialisation, Initialisation};
use twoscale::loss::{Inner, LossKind, LossSpec};
use twoscale::models::Model;
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::LossOptions;
use twoscale::parameters::{LayerKind, Parameter, Parameters, Role};
use twoscale::random::{Purpose, stream};
use twoscale::trainer::Trainer;

/// `golden.safetensors` and `golden.json`, of the folder `TWOSCALE_GOLDEN` where that is set.
pub struct Golden {
    pub tensors: HashMap<String, Tensor>,
    pub meta: serde_json::Value,
}

impl Golden {
    pub fn load() -> Self {
        let committed = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        let folder = std::env::var_os("TWOSCALE_GOLDEN").map_or_else(committed, PathBuf::from);
        let tensors = candle_core::safetensors::load(folder.join("golden.safetensors"), &Device::Cpu)
            .unwrap_or_else(|error| panic!("golden values in {}: {error}", folder.display()));
        let meta = std::fs::read(folder.join("golden.json")).unwrap();
        Self { tensors, meta: serde_json::from_slice(&meta).unwrap() }
    }

    /// `wide_resnet.safetensors` of the same folder; the committed one where `TWOSCALE_GOLDEN` names a folder without it.
    pub fn wide_resnet() -> Self {
        let file = "wide_resnet.safetensors";
        let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
        let other = std::env::var_os("TWOSCALE_GOLDEN").map(|folder| PathBuf::from(folder).join(file));
        let path = other.filter(|path| path.exists()).unwrap_or(committed);
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)
            .unwrap_or_else(|error| panic!("golden values in {}: {error}", path.display()));
        Self { tensors, meta: serde_json::Value::Null }
    }

    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("no golden value `{name}`"))
    }

    pub fn labels(&self, name: &str) -> Vec<u32> {
        self.tensor(name).to_dtype(DType::U32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }
}

/// All entries in double precision.
pub fn entries(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// [`assert_close_above`] with 1e-6, below which a gradient counts as vanished.
#[track_caller]
pub fn assert_close(what: &str, seen: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_close_above(1e-6, what, seen, expected, tolerance);
}

/// Fails unless the largest difference is at most `tolerance` times the largest expected entry, or times `floor` where that is
/// larger: a value that is the small difference of large ones has no relative error.
#[track_caller]
pub fn assert_close_above(floor: f64, what: &str, seen: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(seen.dims(), expected.dims(), "{what}: shapes");
    let (seen, expected) = (entries(seen), entries(expected));
    let size = expected.iter().fold(floor, |largest: f64, x| largest.max(x.abs()));
    for (position, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
        let error = (seen - expected).abs() / size;
        assert!(error <= tolerance, "{what}[{position}]: {seen}, expected {expected} (relative error {error:e})");
    }
}

/// Dense layers `fc1`, `fc2`, ... with ReLU between them and none at the end, on candle's own operations.
pub struct Chain {
    parameters: Parameters,
}

impl Chain {
    /// Without biases, of these weights (out, in).
    pub fn of(weights: &[&Tensor]) -> Self {
        let layer = |(i, weight): (usize, &&Tensor)| parameter(i, Role::Weight, weight);
        Self { parameters: weights.iter().enumerate().map(layer).collect() }
    }

    /// Two layers, the first with a bias.
    pub fn with_first_bias(w1: &Tensor, b1: &Tensor, w2: &Tensor) -> Self {
        let parameters =
            vec![parameter(0, Role::Weight, w1), parameter(0, Role::Bias, b1), parameter(1, Role::Weight, w2)];
        Self { parameters }
    }

    /// With biases, of these widths, from the streams of a seed.
    pub fn random(widths: &[usize], seed: u64, dtype: DType) -> Self {
        let mut parameters = Parameters::new();
        for (i, pair) in widths.windows(2).enumerate() {
            let (fan_in, fan_out) = (pair[0], pair[1]);
            let weight = Initialisation::FanIn.fill(&[fan_out, fan_in], fan_in, fan_out, seed, 2 * i as u64);
            let bias = BiasInitialisation::Pytorch.fill(&[fan_out], fan_in, seed, 2 * i as u64 + 1);
            let tensor = |values: Vec<f32>, shape: &[usize]| {
                Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
            };
            parameters.push(parameter(i, Role::Weight, &tensor(weight, &[fan_out, fan_in])));
            parameters.push(parameter(i, Role::Bias, &tensor(bias, &[fan_out])));
        }
        Self { parameters }
    }

    pub fn boxed(self) -> Box<dyn Model> {
        Box::new(self)
    }
}

fn parameter(layer: usize, role: Role, value: &Tensor) -> Parameter {
    let var = Var::from_tensor(&value.copy().unwrap()).unwrap();
    Parameter { layer: format!("fc{}", layer + 1), kind: LayerKind::Dense, role, var }
}

impl Model for Chain {
    fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        let mut x = if inputs.rank() == 2 { inputs.clone() } else { inputs.flatten_from(1)? };
        for (position, parameter) in self.parameters.iter().enumerate() {
            let tensor = parameter.var.as_tensor();
            x = match parameter.role {
                Role::Weight if position == 0 => x.matmul(&tensor.t()?)?,
                Role::Weight => x.relu()?.matmul(&tensor.t()?)?,
                Role::Bias => x.broadcast_add(tensor)?,
                Role::Scale | Role::Shift => unreachable!("a chain of dense layers"),
            };
        }
        Ok(x)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// The losses on one scale.
pub const INNER: [Inner; 6] = [
    Inner::CrossEntropy,
    Inner::Truncated(0.2),
    Inner::Smoothed(0.1),
    Inner::SquaredError,
    Inner::Focal(2.0),
    Inner::LogitNorm(0.3),
];

/// A loss of the paper's ratio 10.
pub fn loss(kind: LossKind, thresholds: &[f64]) -> LossSpec {
    LossSpec { kind, ..LossSpec::two_scale(thresholds) }
}

pub fn sgd(momentum: f64, weight_decay: f64) -> OptimiserSpec {
    OptimiserSpec::sgd(0.1).with_momentum(momentum).with_weight_decay(weight_decay)
}

/// A trainer of a network.
pub fn trainer_of(
    model: Box<dyn Model>,
    loss: &LossSpec,
    options: &LossOptions,
    optimiser: &OptimiserSpec,
) -> Result<Trainer> {
    Trainer::builder(model).loss(loss.clone()).options(options.clone()).optimiser(*optimiser).build()
}

/// A trainer of a 6-8-4 network with biases.
pub fn trainer(loss: &LossSpec, options: &LossOptions, optimiser: &OptimiserSpec, dtype: DType) -> Trainer {
    trainer_of(Chain::random(&[6, 8, 4], 5, dtype).boxed(), loss, options, optimiser).unwrap()
}

/// Gaussian entries.
pub fn gaussian(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    use rand_distr::Distribution;
    let values: Vec<f64> =
        rand_distr::StandardNormal.sample_iter(stream(seed, Purpose::Other, 0)).take(shape.iter().product()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// Batch number `step` for [`trainer`]: 16 objects of 6 numbers whose class is the sign pattern of the first two.
pub fn batch(step: u64, dtype: DType) -> (Tensor, Tensor) {
    let inputs = gaussian(&[16, 1, 2, 3], 1000 + step, dtype);
    let class = |x: &[f64]| u32::from(x[0] > 0.0) + 2 * u32::from(x[1] > 0.0);
    let labels: Vec<u32> = entries(&inputs).chunks_exact(6).map(class).collect();
    (inputs, Tensor::new(labels, &Device::Cpu).unwrap())
}
