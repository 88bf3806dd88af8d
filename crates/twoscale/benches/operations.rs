//! Time of each operation of a training step, batch 128: `cargo bench -p twoscale`. `TWOSCALE_KERNELS=avx2` (or `portable`)
//! measures other kernels than the processor's best. Whole steps: `cargo xtask bench`.
use candle_core::{Device, Tensor, Var};
use divan::Bencher;
use twoscale::ops::{
    Activation, backward, batch_norm_relu, conv_relu_pool_twice, conv2d, linear, log_norm, multi_scale_cross_entropy,
    sgd_update,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;

fn main() {
    println!("kernels: {}", kernels::name());
    divan::main();
}

/// A fixed pseudo-random sequence in [-1, 1], of which the share `zeros` is zero.
fn noise(shape: &[usize], zeros: f32) -> Tensor {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            let zero = 0.5 * (next() + 1.0) < zeros;
            if zero { 0.0 } else { next() }
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("the shape fits")
}

fn variable(shape: &[usize]) -> Var {
    Var::from_tensor(&(noise(shape, 0.0) * 0.1).expect("a product")).expect("a variable")
}

#[divan::bench(args = ["forward", "forward and backward"])]
fn lenet_convolutions(bencher: Bencher, part: &str) {
    let x = noise(&[BATCH, 3, 32, 32], 0.0);
    let [w1, b1, w2, b2] = [vec![6, 3, 5, 5], vec![6], vec![16, 6, 5, 5], vec![16]].map(|shape| variable(&shape));
    bencher.bench_local(|| {
        let y = conv_relu_pool_twice(&x, (&w1, Some(&b1)), (&w2, Some(&b2))).expect("features");
        (part != "forward").then(|| backward(&y).expect("gradients"))
    });
}

#[divan::bench(args = [0.0, 0.81])]
fn mlp_first_layer(bencher: Bencher, zeros: f32) {
    let (x, w, b) = (noise(&[BATCH, 784], zeros), variable(&[100, 784]), variable(&[100]));
    bencher.bench_local(|| backward(&linear(&x, &w, Some(&b), Activation::Relu).expect("outputs")).expect("gradients"));
}

#[divan::bench]
fn lenet_first_dense_layer(bencher: Bencher) {
    let (x, w, b) = (variable(&[BATCH, 400]), variable(&[120, 400]), variable(&[120]));
    bencher.bench_local(|| backward(&linear(&x, &w, Some(&b), Activation::Relu).expect("outputs")).expect("gradients"));
}

#[divan::bench(args = [10, 100])]
fn two_scale_loss(bencher: Bencher, classes: usize) {
    let x = variable(&[BATCH, classes]);
    let c = Var::new(&[1f64, 10.], &Device::Cpu).expect("multipliers");
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % classes as u32).collect();
    bencher.bench_local(|| {
        let losses = multi_scale_cross_entropy(&x, &c, &labels, &[0.01], 1.0).expect("losses");
        backward(&losses).expect("gradients")
    });
}

#[divan::bench]
fn log_of_norm(bencher: Bencher) {
    let w = variable(&[120, 400]);
    bencher.bench_local(|| backward(&log_norm(&w).expect("a norm")).expect("gradients"));
}

#[divan::bench]
fn descent(bencher: Bencher) {
    let (w, g) = (variable(&[120, 400]), noise(&[120, 400], 0.0));
    bencher.bench_local(|| sgd_update(&w, &g, None, 1e-6, 0.0, 0.0).expect("a step"));
}

/// Convolutions of WRN-16-1 and of WRN-16-8, each at a batch of 128: (input channels, side, output channels, kernel, stride).
const WIDE_RESNET: [(usize, usize, usize, usize, usize); 11] = [
    (3, 32, 16, 3, 1),
    (16, 32, 16, 3, 1),
    (16, 32, 32, 3, 2),
    (32, 16, 32, 3, 1),
    (64, 8, 64, 3, 1),
    (16, 32, 128, 3, 1),
    (16, 32, 128, 1, 1),
    (128, 32, 128, 3, 1),
    (128, 32, 256, 3, 2),
    (256, 16, 256, 3, 1),
    (512, 8, 512, 3, 1),
];

#[divan::bench(args = WIDE_RESNET, sample_count = 5)]
fn convolution_forward(bencher: Bencher, (inputs, side, outputs, kernel, stride): (usize, usize, usize, usize, usize)) {
    let (x, w) = (noise(&[BATCH, inputs, side, side], 0.0), noise(&[outputs, inputs, kernel, kernel], 0.0));
    bencher.bench_local(|| conv2d(&x, &w, stride, kernel / 2).expect("outputs"));
}

#[divan::bench(args = WIDE_RESNET, sample_count = 5)]
fn convolution_with_gradients(
    bencher: Bencher,
    (inputs, side, outputs, kernel, stride): (usize, usize, usize, usize, usize),
) {
    let (x, w) = (variable(&[BATCH, inputs, side, side]), variable(&[outputs, inputs, kernel, kernel]));
    bencher.bench_local(|| backward(&conv2d(&x, &w, stride, kernel / 2).expect("outputs")).expect("gradients"));
}

#[divan::bench(args = [(16, 32), (128, 32), (512, 8)], sample_count = 5)]
fn batch_norm_with_gradients(bencher: Bencher, (channels, side): (usize, usize)) {
    let (x, gamma, beta) = (variable(&[BATCH, channels, side, side]), variable(&[channels]), variable(&[channels]));
    bencher.bench_local(|| {
        let (y, ..) = batch_norm_relu(&x, &gamma, &beta, 1e-5).expect("outputs");
        backward(&y).expect("gradients")
    });
}
