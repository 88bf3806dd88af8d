//! The fused operations against candle's own in double precision, finite differences, and properties.
mod values;

use candle_core::{DType, Device, Tensor, Var};
use twoscale::ops::{
    Activation, average_pool_all, backward, batch_norm, batch_norm_evaluation, batch_norm_relu, conv_relu_pool, conv2d,
    linear, log_norm, max_pool2, multi_scale_cross_entropy, sgd_update,
};
use values::{noise, numbers};

fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let (a, b) = (numbers(a), numbers(b));
    let size = b.iter().fold(1e-3f64, |m, b| m.max(b.abs()));
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a}, expected {b}");
    }
}

/// Values and gradients of `f` in f32 (fused) and f64 (composed) agree; `f` maps the variables to a tensor.
fn compare(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    let run = |dtype: DType| {
        let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let y = f(&tensors);
        // A weighted sum, so that every output has a gradient of its own.
        let weights = noise(y.dims(), 99).to_dtype(y.dtype()).unwrap();
        let sum = (&y * weights).unwrap().sum_all().unwrap();
        let plain = sum.backward().unwrap();
        let gathered = backward(&sum).unwrap();
        let gradients: Vec<Tensor> = vars.iter().map(|v| gathered.get(v).expect("a gradient").clone()).collect();
        for (v, gradient) in vars.iter().zip(&gradients) {
            assert_close(plain.get(v).expect("a gradient"), gradient, 1e-6, what);
        }
        (y, gradients)
    };
    let ((y, gradients), (expected, expected_gradients)) = (run(DType::F32), run(DType::F64));
    assert_close(&y, &expected, 1e-5, what);
    for (a, b) in gradients.iter().zip(&expected_gradients) {
        assert_close(a, b, 2e-5, what);
    }
}

#[test]
fn convolution_agrees_with_candles_composition() {
    for (n, inputs, outputs, size, k) in [(3, 2, 4, 9, 3), (17, 3, 6, 12, 5), (2, 4, 3, 8, 4), (1, 1, 1, 4, 1)] {
        let x = noise(&[n, inputs, size, size + 1], 1);
        let (w, b) = (noise(&[outputs, inputs, k, k], 2), noise(&[outputs], 3));
        compare("with bias", &[x.clone(), w.clone(), b], |t| conv_relu_pool(&t[0], &t[1], Some(&t[2])).unwrap());
        compare("without bias", &[x, w], |t| conv_relu_pool(&t[0], &t[1], None).unwrap());
    }
}

#[test]
fn linear_agrees_with_candles_composition() {
    for activation in [Activation::None, Activation::Relu] {
        for (n, inputs, outputs) in [(1, 1, 1), (7, 33, 5), (64, 120, 100)] {
            let (x, w, b) = (noise(&[n, inputs], 1), noise(&[outputs, inputs], 2), noise(&[outputs], 3));
            compare("with bias", &[x.clone(), w.clone(), b], |t| {
                linear(&t[0], &t[1], Some(&t[2]), activation).unwrap()
            });
            compare("without bias", &[x, w], |t| linear(&t[0], &t[1], None, activation).unwrap());
        }
    }
}

#[test]
fn linear_on_mostly_zero_inputs_agrees_with_candles_composition() {
    let x = noise(&[40, 100], 1);
    let x = (x.ge(0.6).unwrap().to_dtype(DType::F32).unwrap() * x).unwrap();
    let (w, b) = (noise(&[30, 100], 2), noise(&[30], 3));
    compare("sparse", &[w, b], |t| {
        linear(&x.to_dtype(t[0].dtype()).unwrap(), &t[0], Some(&t[1]), Activation::Relu).unwrap()
    });
}

#[test]
fn cross_entropy_agrees_with_candles_composition_on_every_scale() {
    for (n, classes, size) in [(5, 2, 1.0), (16, 10, 3.0), (9, 100, 40.0), (33, 17, 1.0)] {
        let x = (noise(&[n, classes], 1) * size).unwrap();
        let labels: Vec<u32> = (0..n as u32).map(|i| i * 7 % classes as u32).collect();
        for multipliers in [[0.3f64, 1.0, 20.0], [1.0, 1e-6, 1e6], [-1.0, 2.0, 0.0]] {
            // The multipliers are f64 for both: cast inside, so that they are variables of the graph.
            let c = Tensor::new(&multipliers, &Device::Cpu).unwrap();
            let what = format!("{n}x{classes}, {multipliers:?}");
            compare(&what, &[x.clone(), c.to_dtype(DType::F32).unwrap()], |t| {
                let c = t[1].to_dtype(DType::F64).unwrap();
                multi_scale_cross_entropy(&t[0], &c, &labels, &[-0.2, 0.4], 1.5).unwrap()
            });
        }
    }
}

#[test]
fn cross_entropy_with_unreachable_thresholds_is_single_scale_to_the_bit() {
    let x = Var::from_tensor(&noise(&[64, 10], 5)).unwrap();
    let labels: Vec<u32> = (0..64).map(|i| i % 10).collect();
    let run = |multipliers: &[f64], thresholds: &[f64]| {
        let c = Var::new(multipliers, &Device::Cpu).unwrap();
        let losses = multi_scale_cross_entropy(&x, &c, &labels, thresholds, 1.0).unwrap();
        let gradients = backward(&losses.mean_all().unwrap()).unwrap();
        let bits = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits);
        let dc = gradients.get(&c).unwrap().to_vec1::<f64>().unwrap()[0].to_bits();
        (bits(&losses).collect::<Vec<_>>(), bits(gradients.get(&x).unwrap()).collect::<Vec<_>>(), dc)
    };
    assert_eq!(run(&[1.7], &[]), run(&[1.7, 17.0], &[100.0]));
}

#[test]
fn cross_entropy_refuses_what_makes_no_sense() {
    let x = noise(&[2, 3], 1);
    let c = Tensor::new(&[1f64], &Device::Cpu).unwrap();
    let error = |labels: &[u32], thresholds: &[f64]| {
        multi_scale_cross_entropy(&x, &c, labels, thresholds, 1.0).err().unwrap().to_string()
    };
    assert!(error(&[0, 3], &[]).contains("label 3 of object 1"));
    assert!(error(&[0], &[]).contains("2 objects were given 1 labels"));
    assert!(error(&[0, 1], &[0.5]).contains("need 2 multipliers"));
}

#[test]
fn cross_entropy_of_a_nan_is_nan() {
    let x = Tensor::new(&[[0f32, f32::NAN, 1.]], &Device::Cpu).unwrap();
    let c = Tensor::new(&[1f64], &Device::Cpu).unwrap();
    for label in 0..3 {
        let loss = multi_scale_cross_entropy(&x, &c, &[label], &[], 1.0).unwrap().to_vec1::<f32>().unwrap();
        assert!(loss[0].is_nan());
    }
}

#[test]
fn log_norm_has_the_gradient_of_finite_differences() {
    let w = noise(&[7, 9], 3);
    let var = Var::from_tensor(&w).unwrap();
    let gradient = numbers(backward(&log_norm(&var).unwrap()).unwrap().get(&var).unwrap());
    let double = w.to_dtype(DType::F64).unwrap();
    for i in [0, 20, 62] {
        let shifted = |h: f64| {
            let mut values = numbers(&double);
            values[i] += h;
            log_norm(&Tensor::from_vec(values, (7, 9), &Device::Cpu).unwrap()).unwrap().to_scalar::<f64>().unwrap()
        };
        let slope = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
        assert!((gradient[i] - slope).abs() < 1e-7);
    }
}

#[test]
fn gradients_of_candles_own_operations_are_added_to_gathered_ones() {
    // w takes part in operations whose gradients `backward` gathers, before and after one of candle's own.
    let w = Var::from_tensor(&noise(&[3, 4], 1)).unwrap();
    let x = noise(&[5, 4], 2);
    let through_linear = linear(&x, &w, None, Activation::None).unwrap().sum_all().unwrap();
    let through_norm = log_norm(&w).unwrap().to_dtype(DType::F32).unwrap();
    let through_candle = w.sqr().unwrap().sum_all().unwrap();
    let sum = ((through_candle + through_linear).unwrap() + through_norm).unwrap();
    let gradient = numbers(backward(&sum).unwrap().get(&w).unwrap());
    let (values, inputs) = (numbers(&w), x.to_vec2::<f32>().unwrap());
    let square: f64 = values.iter().map(|w| w * w).sum();
    for (i, (g, w)) in gradient.iter().zip(&values).enumerate() {
        let column: f64 = inputs.iter().map(|row| f64::from(row[i % 4])).sum();
        let expected = 2.0 * w + column + w / square;
        assert!((g - expected).abs() < 1e-5, "entry {i}: {g}, expected {expected}");
    }
}

#[test]
fn max_pool_gives_the_whole_gradient_to_the_first_maximum() {
    let x = Var::new(&[[[[1f64, 5., 2.], [5., 3., 9.], [7., 7., 7.]]]], &Device::Cpu).unwrap();
    let y = max_pool2(&x).unwrap();
    assert_eq!(numbers(&y), [5.0]);
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(numbers(gradients.get(&x).unwrap()), [0., 1., 0., 0., 0., 0., 0., 0., 0.]);
}

#[test]
fn momentum_and_weight_decay_are_pytorchs_in_both_types() {
    for dtype in [DType::F32, DType::F64] {
        let var = Var::from_tensor(&Tensor::new(&[1f64, -2.], &Device::Cpu).unwrap().to_dtype(dtype).unwrap()).unwrap();
        let velocity = Var::zeros(2, dtype, &Device::Cpu).unwrap();
        let (mut w, mut v) = ([1f64, -2.], [0f64; 2]);
        for step in 0..5 {
            let g = [0.3 * f64::from(step), 1.0];
            let gradient = Tensor::new(&g, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            sgd_update(&var, &gradient, Some(&velocity), 0.1, 0.9, 0.01).unwrap();
            for i in 0..2 {
                v[i] = 0.9 * v[i] + g[i] + 0.01 * w[i];
                w[i] -= 0.1 * v[i];
            }
        }
        assert_close(&var, &Tensor::new(&w, &Device::Cpu).unwrap(), 1e-6, "weights");
        assert_close(&velocity, &Tensor::new(&v, &Device::Cpu).unwrap(), 1e-6, "velocities");
    }
}

/// Central differences of Σ weights · f in f64 against the composition's gradients, at some entries of each input.
fn finite_differences(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(&x.to_dtype(DType::F64).unwrap()).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let sum = |tensors: &[Tensor]| {
        let y = f(tensors);
        (&y * noise(y.dims(), 99).to_dtype(DType::F64).unwrap()).unwrap().sum_all().unwrap()
    };
    let gradients = sum(&tensors).backward().unwrap();
    for (k, var) in vars.iter().enumerate() {
        let gradient = numbers(gradients.get(var).unwrap());
        let count = gradient.len();
        for i in [0, count / 3, count / 2, count - 1] {
            let shifted = |h: f64| {
                let mut values = numbers(&tensors[k]);
                values[i] += h;
                let mut moved = tensors.clone();
                moved[k] = Tensor::from_vec(values, tensors[k].shape(), &Device::Cpu).unwrap();
                sum(&moved).to_scalar::<f64>().unwrap()
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            let gap = (gradient[i] - slope).abs();
            assert!(gap < 1e-6 * slope.abs().max(1.0), "{what}, input {k}, entry {i}: {} and {slope}", gradient[i]);
        }
    }
}

#[test]
fn conv2d_agrees_with_its_composition_and_with_finite_differences() {
    for (n, inputs, outputs, size, k, stride, padding) in [
        (3, 3, 4, 8, 3, 1, 1),
        (2, 4, 6, 8, 3, 2, 1),
        (17, 5, 3, 7, 1, 2, 0),
        (16, 16, 16, 8, 3, 1, 1),
        (2, 2, 3, 6, 5, 1, 0),
        (2, 4, 3, 6, 1, 1, 0),
    ] {
        let (x, w) = (noise(&[n, inputs, size, size + 1], 1), noise(&[outputs, inputs, k, k], 2));
        let what = format!("{n}x{inputs}x{size}, {outputs} outputs, {k}x{k}, stride {stride}");
        compare(&what, &[x.clone(), w.clone()], |t| conv2d(&t[0], &t[1], stride, padding).unwrap());
        finite_differences(&what, &[x, w], |t| conv2d(&t[0], &t[1], stride, padding).unwrap());
    }
}

#[test]
fn conv2d_is_candles_convolution() {
    for (stride, padding) in [(1, 1), (2, 1), (2, 0), (3, 2)] {
        let (x, w) = (noise(&[2, 3, 9, 8], 1), noise(&[4, 3, 3, 3], 2));
        let (x, w) = (x.to_dtype(DType::F64).unwrap(), w.to_dtype(DType::F64).unwrap());
        let expected = x.conv2d(&w, padding, stride, 1, 1).unwrap();
        assert_close(&conv2d(&x, &w, stride, padding).unwrap(), &expected, 1e-14, "candle");
    }
}

#[test]
fn conv2d_refuses_what_does_not_fit() {
    let error =
        |x: &[usize], w: &[usize], stride| conv2d(&noise(x, 1), &noise(w, 1), stride, 1).err().unwrap().to_string();
    assert!(error(&[2, 3, 8, 8], &[4, 2, 3, 3], 1).contains("do not fit an input"));
    assert!(error(&[2, 3, 8, 8], &[4, 3, 3, 3], 0).contains("a stride of at least 1"));
    assert!(error(&[2, 3, 2, 2], &[4, 3, 5, 5], 1).contains("at most 4x4"));
    assert!(error(&[2, 3, 8], &[4, 3, 3, 3], 1).contains("(N, C, H, W)"));
}

#[test]
fn batch_norm_agrees_with_its_composition_and_with_finite_differences() {
    for (n, c, height, width) in [(3, 2, 5, 5), (16, 4, 8, 8), (1, 3, 1, 7), (2, 33, 4, 4)] {
        // A mean far from zero, as a channel may have one.
        let x = (noise(&[n, c, height, width], 1) + 3.0).unwrap();
        let (gamma, beta) = (noise(&[c], 2), noise(&[c], 3));
        let inputs = [x, gamma, beta];
        let what = format!("{n}x{c}x{height}x{width}");
        compare(&what, &inputs, |t| batch_norm(&t[0], &t[1], &t[2], 1e-5).unwrap().0);
        compare(&what, &inputs, |t| batch_norm_relu(&t[0], &t[1], &t[2], 1e-5).unwrap().0);
        finite_differences(&what, &inputs, |t| batch_norm(&t[0], &t[1], &t[2], 1e-5).unwrap().0);
        let (mean, variance) = (noise(&[c], 4), (noise(&[c], 5) + 1.5).unwrap());
        for activation in [Activation::None, Activation::Relu] {
            compare(&what, &inputs, |t| {
                let as_x = |m: &Tensor| m.to_dtype(t[0].dtype()).unwrap();
                let moments = (&as_x(&mean), &as_x(&variance));
                batch_norm_evaluation(&t[0], &t[1], &t[2], moments, 1e-3, activation).unwrap()
            });
        }
    }
}

#[test]
fn batch_norm_returns_the_moments_of_the_batch() {
    let x = (noise(&[5, 3, 4, 6], 1) * 10.0).unwrap().broadcast_add(&noise(&[1, 3, 1, 1], 2)).unwrap();
    let (gamma, beta) = (noise(&[3], 3), noise(&[3], 4));
    let (_, mean, variance) = batch_norm(&x, &gamma, &beta, 1e-5).unwrap();
    let double = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
    let (_, m, v) = batch_norm(&double(&x), &double(&gamma), &double(&beta), 1e-5).unwrap();
    assert_close(&mean, &m, 1e-6, "mean");
    assert_close(&variance, &v, 1e-6, "variance");
    let values = numbers(&x);
    let of_first: Vec<f64> = values.chunks_exact(24).step_by(3).flatten().copied().collect();
    let plain = of_first.iter().sum::<f64>() / of_first.len() as f64;
    assert!((numbers(&mean)[0] - plain).abs() < 1e-6);
}

#[test]
fn batch_norm_of_a_nan_is_nan_and_an_empty_batch_is_refused() {
    let (gamma, beta) = (noise(&[1], 1), noise(&[1], 2));
    let x = Tensor::new(&[[[[1f32, f32::NAN, 2.]]]], &Device::Cpu).unwrap();
    let (y, _, variance) = batch_norm_relu(&x, &gamma, &beta, 1e-5).unwrap();
    assert!(numbers(&y).iter().chain(&numbers(&variance)).all(|y| y.is_nan()));
    let empty = Tensor::zeros((0, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    assert!(batch_norm(&empty, &gamma, &beta, 1e-5).err().unwrap().to_string().contains("empty batch"));
    let wrong = batch_norm(&x, &noise(&[2], 1), &beta, 1e-5).err().unwrap().to_string();
    assert!(wrong.contains("one value a channel"), "{wrong}");
}

#[test]
fn average_pool_agrees_with_its_composition_and_with_finite_differences() {
    for shape in [[2, 3, 4, 4], [1, 1, 1, 1], [3, 5, 8, 8], [2, 2, 3, 7]] {
        compare("average pool", &[noise(&shape, 1)], |t| average_pool_all(&t[0]).unwrap());
        finite_differences("average pool", &[noise(&shape, 1)], |t| average_pool_all(&t[0]).unwrap());
    }
}
