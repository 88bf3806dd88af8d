//! How long one training step takes: forward pass, two-scale loss with the gradient through R(α), backward pass, SGD.
//!
//! `cargo run --release -p twoscale --example step -- [mlp|lenet-10|lenet-100] [STEPS]` prints one line of JSON for each model
//! asked for (default: all): median milliseconds of wall time and of the process's CPU time. One thread, batch 128.
use std::time::Instant;

use candle_core::{D, Device, Tensor, Var};
use rand::RngExt;
use twoscale::models::{LastActivation, Model, ModelKind, ModelSpec, build};
use twoscale::ops::{backward, log_norm, multi_scale_cross_entropy, sgd_update};
use twoscale::parameters::{LayerKind, Role};
use twoscale::random::{Purpose, stream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// CPU seconds of this process so far.
#[cfg(target_os = "linux")]
fn cpu_seconds() -> f64 {
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = [0i64; 2];
    // SAFETY: on 64-bit Linux `struct timespec` is two 64-bit integers, seconds and nanoseconds.
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time[0] as f64 + 1e-9 * time[1] as f64
}

/// Wall time where the standard library has nothing better.
#[cfg(not(target_os = "linux"))]
fn cpu_seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

struct Case {
    name: &'static str,
    model: Box<dyn Model>,
    inputs: Tensor,
    labels: Vec<u32>,
    log_scales: Var,
}

impl Case {
    fn new(name: &'static str) -> Result<Self> {
        let (kind, hidden, input, classes) = match name {
            "mlp" => (ModelKind::Mlp, 100, [1, 28, 28], 10),
            "lenet-10" => (ModelKind::LeNet5, 120, [3, 32, 32], 10),
            "lenet-100" => (ModelKind::LeNet5, 120, [3, 32, 32], 100),
            other => return Err(format!("no model `{other}`: take mlp, lenet-10 or lenet-100").into()),
        };
        let spec = ModelSpec {
            kind,
            hidden: vec![hidden],
            channels: [6, 16],
            kernel: 5,
            biases: true,
            last_activation: LastActivation::None,
            initialisation: Default::default(),
            bias_initialisation: Default::default(),
        };
        let model = build(&spec, input, classes, 1, &Device::Cpu)?;
        let mut random = stream(1, Purpose::Other, 0);
        let pixels = BATCH * input.iter().product::<usize>();
        // MNIST is four fifths background.
        let background = if kind == ModelKind::Mlp { 0.81 } else { 0.0 };
        let inputs: Vec<f32> = (0..pixels)
            .map(|_| if random.random::<f32>() < background { 0.0 } else { 2.0 * random.random::<f32>() - 1.0 })
            .collect();
        let inputs = Tensor::from_vec(inputs, (BATCH, input[0], input[1], input[2]), &Device::Cpu)?;
        let labels = (0..BATCH).map(|_| random.random_range(0..classes as u32)).collect();
        let mut case = Self { name, model, inputs, labels, log_scales: Var::new(&[0f64], &Device::Cpu)? };
        let size = case.log_size()?.to_scalar::<f64>()?;
        case.log_scales = Var::new(&[size, size + 10f64.ln()], &Device::Cpu)?;
        Ok(case)
    }

    /// log R(α) over the dense layers, eq. (9).
    fn log_size(&self) -> Result<Tensor> {
        let mut size = Tensor::new(0f64, &Device::Cpu)?;
        for p in self.model.parameters() {
            if p.kind == LayerKind::Dense && p.role == Role::Weight {
                size = (size + log_norm(&p.var)?)?;
            }
        }
        Ok(size)
    }

    fn step(&mut self) -> Result<f64> {
        let logits = self.model.forward(&self.inputs)?;
        let multipliers = self.log_scales.as_tensor().broadcast_sub(&self.log_size()?)?.exp()?;
        let losses = multi_scale_cross_entropy(&logits, &multipliers, &self.labels, &[0.01], 1.0)?;
        let loss = losses.mean(D::Minus1)?;
        let gradients = backward(&loss)?;
        for p in self.model.parameters() {
            if let Some(gradient) = gradients.get(&p.var) {
                sgd_update(&p.var, gradient, None, 0.01, 0.0, 0.0)?;
            }
        }
        if let Some(gradient) = gradients.get(&self.log_scales) {
            sgd_update(&self.log_scales, gradient, None, 0.01, 0.0, 0.0)?;
        }
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<()> {
    // As the harness does: where candle itself calls rayon, it stays on this thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| measure().map_err(|error| error.to_string())).map_err(Into::into)
}

fn measure() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps = arguments.iter().find_map(|a| a.parse::<usize>().ok()).unwrap_or(200).max(1);
    for name in ["mlp", "lenet-10", "lenet-100"] {
        let named = arguments.iter().any(|a| a.parse::<usize>().is_err());
        if named && !arguments.iter().any(|a| a == name) {
            continue;
        }
        let mut case = Case::new(name)?;
        for _ in 0..20 {
            case.step()?;
        }
        let (mut wall, mut cpu) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
        let mut loss = 0.0;
        for _ in 0..steps {
            let (w, c) = (Instant::now(), cpu_seconds());
            loss = case.step()?;
            cpu.push(1e3 * (cpu_seconds() - c));
            wall.push(1e3 * w.elapsed().as_secs_f64());
        }
        let fastest = cpu.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{{\"name\":\"{}\",\"kernels\":\"{}\",\"wall_ms\":{:.4},\"cpu_ms\":{:.4},\"fastest_ms\":{:.4},\"loss\":{loss:.4}}}",
            case.name,
            twoscale::kernels::name(),
            median(&mut wall),
            median(&mut cpu),
            fastest,
        );
    }
    Ok(())
}
