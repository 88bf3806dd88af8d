//! Operations of the wide residual network on every level of the kernels, against their compositions in double precision. One test:
//! the level is that of the whole process.
mod values;

use candle_core::{DType, Tensor, Var};
use kernels::{Level, force};
use twoscale::ops::{average_pool_all, backward, batch_norm, batch_norm_relu, conv2d};
use values::{noise, numbers};

/// A chain of all operations, so that every gradient passes all of them: its output and the gradients of its inputs.
fn chain(dtype: DType, inputs: &[Tensor]) -> Vec<Vec<f64>> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()).collect();
    let [x, first, second, shortcut, gamma, beta] = &vars[..] else { panic!("six inputs") };
    let active = batch_norm_relu(&conv2d(x, first, 1, 1).unwrap(), gamma, beta, 1e-5).unwrap().0;
    let inner = batch_norm(&conv2d(&active, second, 2, 1).unwrap(), gamma, beta, 1e-5).unwrap().0;
    let y = average_pool_all(&(inner + conv2d(&active, shortcut, 2, 0).unwrap()).unwrap()).unwrap();
    let sum = (&y * noise(y.dims(), 9).to_dtype(dtype).unwrap()).unwrap().sum_all().unwrap();
    let gradients = backward(&sum).unwrap();
    let of_inputs = vars.iter().map(|var| numbers(gradients.get(var).expect("a gradient")));
    std::iter::once(numbers(&y)).chain(of_inputs).collect()
}

#[test]
fn every_level_agrees_with_the_compositions_in_double_precision() {
    // Lengths that are no multiple of any level's lanes, and some that are.
    for (images, colours, channels, side) in [(3, 3, 10, 9), (2, 16, 16, 8), (5, 9, 33, 7)] {
        let inputs = [
            noise(&[images, colours, side, side], 1),
            noise(&[channels, colours, 3, 3], 2),
            noise(&[channels, channels, 3, 3], 3),
            noise(&[channels, channels, 1, 1], 4),
            (noise(&[channels], 5) + 1.5).unwrap(),
            noise(&[channels], 6),
        ];
        let expected = chain(DType::F64, &inputs);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            force(level).unwrap();
            for (i, (found, expected)) in chain(DType::F32, &inputs).iter().zip(&expected).enumerate() {
                let size = expected.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
                for (a, b) in found.iter().zip(expected) {
                    assert!(
                        (a - b).abs() < 1e-4 * size,
                        "{level:?}, {channels} channels, result {i}: {a}, expected {b}"
                    );
                }
            }
        }
    }
}
