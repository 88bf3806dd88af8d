//! A chain of fused convolutions over a whole batch: blocks of images forward, image by image backward, with everything
//! between two layers staying in the cache.
use super::Level;
use super::convolution::{Order, SIDES, Shape, convolve, pack};
use super::elementwise::{mask_and_add, mask_dead_and_add};
use super::gradient::{Pooled, add_input, add_weights, input_table, pack_input, reach, row_vectors, unpack_weights};
use super::layout::{bytes_to_rows, lanes_to_rows, planes_to_lanes};
use super::scratch::Buffer;

/// One layer and its parameters: weights (out, in, k, k), biases (out).
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    /// Sizes of the layer.
    pub shape: Shape,
    /// Weights (out, in, k, k).
    pub weights: &'a [f32],
    /// Biases (out); zero where there are none.
    pub bias: Option<&'a [f32]>,
}

/// Inputs and argmax of a layer, kept by the forward pass for the backward pass.
struct Kept {
    /// The layer's inputs in *rows*.
    rows: Buffer<f32>,
    /// Index of the largest output under each pool, image after image.
    argmax: Buffer<u8>,
}

/// Values of a chain that [`forward`] keeps for [`backward`].
pub struct Saved {
    level: Level,
    images: usize,
    shapes: Vec<Shape>,
    layers: Vec<Kept>,
}

/// Gradients of one layer.
#[derive(Default)]
pub struct Gradient {
    /// Gradient of the weights (out, in, k, k).
    pub weights: Vec<f32>,
    /// Gradient of the biases (out).
    pub bias: Vec<f32>,
}

/// Refuses a level that the processor lacks, and layers whose shapes, weights or biases do not fit.
fn check(level: Level, layers: &[Layer]) {
    level.require();
    for (i, layer) in layers.iter().enumerate() {
        let Shape { inputs, height, width, outputs, side } = layer.shape;
        assert!(
            SIDES.contains(&side) && inputs > 0 && outputs > 0 && height.min(width) > side,
            "layer {i}: no kernel for {:?}",
            layer.shape
        );
        // Windows and tables are addressed in 32 bits. Products of sides up to 2^16 do not overflow before this comparison.
        assert!(
            [inputs, outputs, height, width].into_iter().all(|side| side <= 1 << 16)
                && u32::try_from(layer.shape.row_image().max(input_table(&layer.shape, level.lanes()))).is_ok(),
            "layer {i}: too large, {:?}",
            layer.shape
        );
        assert!(
            layer.weights.len() == layer.shape.weights() && layer.bias.is_none_or(|bias| bias.len() == outputs),
            "layer {i}: weights or biases do not fit {:?}",
            layer.shape
        );
    }
    for (i, pair) in layers.windows(2).enumerate() {
        let (lower, upper) = (pair[0].shape, pair[1].shape);
        assert!(
            lower.outputs == upper.inputs && lower.pooled() == (upper.height, upper.width),
            "layer {i} does not fit the next: {lower:?}, {upper:?}"
        );
    }
}

/// Runs `images` planes through `layers`. `y` receives for each image the last layer's output in PyTorch's order (C, H, W). With
/// `keep`, the values that [`backward`] needs are returned.
///
/// # Panics
/// When shapes, parameters and buffers do not fit one another, or the processor lacks the level's instructions.
pub fn forward(level: Level, layers: &[Layer], images: usize, x: &[f32], y: &mut [f32], keep: bool) -> Option<Saved> {
    check(level, layers);
    let lanes = level.lanes();
    let blocks = images.div_ceil(lanes);
    let (first, last) = (layers.first()?.shape, layers.last()?.shape);
    let fits = |length: usize, image: usize| images.checked_mul(image) == Some(length);
    assert!(fits(x.len(), first.image()) && fits(y.len(), last.features()), "buffers do not fit the shapes");
    // Lengths of the buffers below, which must not overflow.
    let countable = |image: usize| images.checked_add(lanes).and_then(|images| images.checked_mul(image)).is_some();
    assert!(
        layers.iter().all(|layer| countable(layer.shape.row_image().max(layer.shape.features()))),
        "{images} images are too many"
    );

    let packed: Vec<(Buffer<f32>, Buffer<f32>)> = layers
        .iter()
        .map(|layer| {
            let mut weights = Buffer::new(layer.shape.weights());
            pack(level, &layer.shape, layer.weights, &mut weights);
            let mut bias = Buffer::zeros(layer.shape.outputs);
            if let Some(b) = layer.bias {
                bias.copy_from_slice(b);
            }
            (weights, bias)
        })
        .collect();
    let mut kept: Vec<Kept> = Vec::new();
    if keep {
        kept.extend(layers.iter().map(|layer| Kept {
            rows: Buffer::new(blocks * lanes * layer.shape.row_image()),
            argmax: Buffer::new(blocks * lanes * layer.shape.features()),
        }));
    }
    let mut inputs: Vec<Buffer<f32>> = layers.iter().map(|layer| Buffer::new(layer.shape.image() * lanes)).collect();
    let mut outputs = Buffer::<f32>::new(last.features() * lanes);
    let mut argmax = Buffer::<u8>::new(layers.iter().map(|layer| layer.shape.features() * lanes).max()?);

    for block in 0..blocks {
        let done = block * lanes;
        let here = lanes.min(images - done);
        let x = &x[done * first.image()..][..here * first.image()];
        // A last block that is not full is filled up with zeros.
        let full = (here < lanes).then(|| {
            let mut full = Buffer::zeros(lanes * first.image());
            full[..x.len()].copy_from_slice(x);
            full
        });
        let x = full.as_deref().unwrap_or(x);
        // SAFETY: level and shapes were checked, and all buffers were made for them above.
        unsafe {
            let pixels = first.height * first.width;
            planes_to_lanes(level, x, first.image(), first.inputs, pixels, &mut inputs[0]);
            for (i, layer) in layers.iter().enumerate() {
                let shape = layer.shape;
                let (before, after) = inputs.split_at_mut(i + 1);
                if let Some(kept) = kept.get_mut(i) {
                    let rows = &mut kept.rows[done * shape.row_image()..];
                    lanes_to_rows(level, &before[i], shape.image(), rows, shape.row_image());
                }
                let (order, y) = match after.first_mut() {
                    Some(next) => (Order { position: shape.outputs, channel: 1 }, &mut **next),
                    None => (Order { position: 1, channel: shape.positions() }, &mut *outputs),
                };
                let (weights, bias) = &packed[i];
                convolve(level, &shape, &before[i], weights, bias, order, y, &mut argmax);
                if let Some(kept) = kept.get_mut(i) {
                    let rows = &mut kept.argmax[done * shape.features()..];
                    bytes_to_rows(level, &argmax, shape.features(), rows, shape.features());
                }
            }
            let features = last.features();
            if here == lanes {
                lanes_to_rows(level, &outputs, features, &mut y[done * features..], features);
            } else {
                let mut full = Buffer::<f32>::new(lanes * features);
                lanes_to_rows(level, &outputs, features, &mut full, features);
                y[done * features..].copy_from_slice(&full[..here * features]);
            }
        }
    }
    let shapes = layers.iter().map(|layer| layer.shape).collect();
    keep.then_some(Saved { level, images, shapes, layers: kept })
}

/// Gradients of all layers from that of the output (planes), and of the input planes if `input` is given.
///
/// # Panics
/// When the layers are not of the shapes of the forward pass, or a buffer does not fit them.
pub fn backward(layers: &[Layer], saved: &Saved, gradient: &[f32], mut input: Option<&mut [f32]>) -> Vec<Gradient> {
    // Windows begin anywhere, so nearly every vector of 64 bytes would cross a cache line: vectors of 32 are faster here.
    let level = if saved.level == Level::Avx512 { Level::Avx2 } else { saved.level };
    let lanes = level.lanes();
    let Some(last) = layers.last().map(|layer| layer.shape) else { return Vec::new() };
    let images = saved.images;
    check(level, layers);
    assert!(
        layers.iter().map(|layer| layer.shape).eq(saved.shapes.iter().copied()),
        "the layers are not those of the forward pass: {:?}",
        saved.shapes
    );
    assert!(
        gradient.len() == images * last.features()
            && input.as_ref().is_none_or(|input| input.len() == images * saved.shapes[0].image()),
        "gradients do not fit {images} images of {last:?}"
    );

    let mut sums: Vec<Buffer<f32>> = Vec::new();
    let mut totals: Vec<Buffer<f32>> = Vec::new();
    let mut tables: Vec<Buffer<f32>> = Vec::new();
    let mut flows: Vec<Buffer<f32>> = Vec::new();
    for layer in layers {
        let shape = &layer.shape;
        // Whole vectors are read and written at every window, beyond the last pixel too.
        assert!(reach(shape, lanes) <= shape.row_image(), "the padding of {shape:?} is too short");
        sums.push(Buffer::zeros(shape.outputs * shape.side * row_vectors(shape, lanes) * lanes));
        totals.push(Buffer::zeros(shape.features()));
        let mut table = Buffer::new(input_table(shape, lanes));
        pack_input(shape, lanes, layer.weights, &mut table);
        tables.push(table);
        flows.push(Buffer::new(shape.row_image()));
    }
    let mut list = vec![(0, 0.0); layers.iter().map(|layer| layer.shape.positions()).max().unwrap_or(0)];
    let mut masked: Vec<Buffer<f32>> = layers.iter().map(|layer| Buffer::new(layer.shape.features())).collect();

    for image in 0..images {
        for (i, layer) in layers.iter().enumerate().rev() {
            let shape = &layer.shape;
            let kept = &saved.layers[i];
            let rows = &kept.rows[image * shape.row_image()..][..shape.row_image()];
            let argmax = &kept.argmax[image * shape.features()..][..shape.features()];
            // The last layer's gradients are planes, the others' rows, which the layer above has left.
            let inner = i + 1 < layers.len();
            if !inner {
                let g = &gradient[image * shape.features()..][..shape.features()];
                // SAFETY: the level was checked.
                unsafe { mask_dead_and_add(level, argmax, g, &mut masked[i], &mut totals[i]) };
            }
            let (channel, position) = if inner { (1, shape.outputs) } else { (shape.positions(), 1) };
            let g = Pooled { values: &masked[i], argmax, channel, position };
            // SAFETY: level and shapes were checked, and all buffers were made for them above.
            unsafe {
                add_weights(level, shape, rows, g, &mut list, &mut sums[i]);
                if i > 0 || input.is_some() {
                    flows[i].fill(0.0);
                    add_input(level, shape, &tables[i], g, &mut flows[i]);
                }
                if i > 0 {
                    // The input is the ReLU's output of the layer below: where it is zero, no gradient flows on.
                    let (rows, flow) = (&rows[..shape.image()], &flows[i][..shape.image()]);
                    mask_and_add(level, rows, flow, &mut masked[i - 1], &mut totals[i - 1]);
                }
            }
        }
        if let (Some(input), Some(layer)) = (input.as_deref_mut(), layers.first()) {
            let shape = &layer.shape;
            let (pixels, planes) = (shape.height * shape.width, &mut input[image * shape.image()..][..shape.image()]);
            for (c, plane) in planes.chunks_exact_mut(pixels).enumerate() {
                for (value, flow) in plane.iter_mut().zip(flows[0][c..].iter().step_by(shape.inputs)) {
                    *value = *flow;
                }
            }
        }
    }

    let mut gradients = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let shape = &layer.shape;
        let mut weights = vec![0.0; shape.weights()];
        unpack_weights(shape, lanes, &sums[i], &mut weights);
        // The totals of the last layer are in the order (C, H, W), the others' in (H, W, C).
        let inner = i + 1 < layers.len();
        let bias = (0..shape.outputs)
            .map(|c| {
                if inner {
                    totals[i][c..].iter().step_by(shape.outputs).sum()
                } else {
                    totals[i][c * shape.positions()..][..shape.positions()].iter().sum()
                }
            })
            .collect();
        gradients.push(Gradient { weights, bias });
    }
    gradients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{affordable, noise};

    /// One layer in the plainest f64 loops: outputs, then gradients of weights, bias and input for output gradients g.
    fn plain(layer: &Layer, images: usize, x: &[f32], g: &[f32]) -> [Vec<f64>; 4] {
        let s = layer.shape;
        let (k, (ph, pw)) = (s.side, s.pooled());
        let at = |n: usize, c: usize, y: usize, x: usize| ((n * s.inputs + c) * s.height + y) * s.width + x;
        let tap = |o: usize, c: usize, y: usize, x: usize| ((o * s.inputs + c) * k + y) * k + x;
        let mut out = vec![0.0; images * s.features()];
        let (mut dw, mut db, mut dx) = (vec![0.0; s.weights()], vec![0.0; s.outputs], vec![0.0; x.len()]);
        for n in 0..images {
            for o in 0..s.outputs {
                for p in 0..ph * pw {
                    let (mut best, mut best_at) = (f64::NEG_INFINITY, (0, 0));
                    for q in 0..4 {
                        let (y0, x0) = (2 * (p / pw) + q / 2, 2 * (p % pw) + q % 2);
                        let mut sum = layer.bias.map_or(0.0, |b| f64::from(b[o]));
                        for c in 0..s.inputs {
                            for t in 0..k * k {
                                let w = f64::from(layer.weights[tap(o, c, t / k, t % k)]);
                                sum += w * f64::from(x[at(n, c, y0 + t / k, x0 + t % k)]);
                            }
                        }
                        if sum > best {
                            (best, best_at) = (sum, (y0, x0));
                        }
                    }
                    let index = (n * s.outputs + o) * ph * pw + p;
                    out[index] = best.max(0.0);
                    if best > 0.0 {
                        let g = f64::from(g[index]);
                        db[o] += g;
                        for c in 0..s.inputs {
                            for t in 0..k * k {
                                let i = at(n, c, best_at.0 + t / k, best_at.1 + t % k);
                                dw[tap(o, c, t / k, t % k)] += g * f64::from(x[i]);
                                dx[i] += g * f64::from(layer.weights[tap(o, c, t / k, t % k)]);
                            }
                        }
                    }
                }
            }
        }
        [out, dw, db, dx]
    }

    fn assert_close(a: &[f32], b: &[f64], what: &str) {
        let size = b.iter().fold(1e-3f64, |m, b| m.max(b.abs()));
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((f64::from(*a) - b).abs() < 1e-5 * size, "{what}, entry {i}: {a}, expected {b}");
        }
    }

    #[test]
    fn every_level_agrees_with_plain_loops_for_all_batches_channels_and_kernels() {
        let cases = [
            // images, inputs, outputs, height, width, side
            (1, 1, 1, 6, 6, 5),
            (7, 3, 6, 12, 13, 5),
            (16, 6, 16, 14, 14, 5),
            (33, 5, 5, 9, 8, 3),
            (128, 3, 2, 8, 8, 3),
            (2, 16, 70, 7, 7, 3),
            (17, 16, 3, 8, 9, 5),
        ];
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for (images, inputs, outputs, height, width, side) in cases {
                let shape = Shape { inputs, height, width, outputs, side };
                if !affordable(images * shape.features() * 4 * inputs * side * side) {
                    continue;
                }
                let x = noise(images * shape.image(), 1);
                let (weights, bias) = (noise(shape.weights(), 2), noise(outputs, 3));
                let g = noise(images * shape.features(), 4);
                let layer = Layer { shape, weights: &weights, bias: Some(&bias) };
                let what = format!("{level:?}, {images} images, {shape:?}");
                let [out, dw, db, dx] = plain(&layer, images, &x, &g);
                let mut y = vec![f32::NAN; out.len()];
                assert!(forward(level, &[layer], images, &x, &mut y, false).is_none());
                assert_close(&y, &out, &format!("{what}, output without keeping"));
                let saved = forward(level, &[layer], images, &x, &mut y, true).expect("asked to keep");
                assert_close(&y, &out, &format!("{what}, output"));
                let mut input = vec![f32::NAN; x.len()];
                let gradients = backward(&[layer], &saved, &g, Some(&mut input));
                assert_close(&gradients[0].weights, &dw, &format!("{what}, weights"));
                assert_close(&gradients[0].bias, &db, &format!("{what}, bias"));
                assert_close(&input, &dx, &format!("{what}, input"));
            }
        }
    }

    #[test]
    fn two_layers_at_once_are_two_layers_one_after_the_other() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let first = Shape { inputs: 3, height: 18, width: 17, outputs: 5, side: 3 };
            let (height, width) = first.pooled();
            let second = Shape { inputs: 5, height, width, outputs: 7, side: 3 };
            let images = if cfg!(miri) { 1 } else { 19 };
            let x = noise(images * first.image(), 1);
            let (w1, w2) = (noise(first.weights(), 2), noise(second.weights(), 3));
            let layers =
                [Layer { shape: first, weights: &w1, bias: None }, Layer { shape: second, weights: &w2, bias: None }];
            let g = noise(images * second.features(), 4);
            let mut y = vec![0.0; g.len()];
            let saved = forward(level, &layers, images, &x, &mut y, true).expect("asked to keep");
            let both = backward(&layers, &saved, &g, None);

            let mut middle = vec![0.0; images * first.features()];
            let lower = forward(level, &layers[..1], images, &x, &mut middle, true).expect("asked to keep");
            let mut end = vec![0.0; g.len()];
            let upper = forward(level, &layers[1..], images, &middle, &mut end, true).expect("asked to keep");
            assert_eq!(y, end);
            let mut flow = vec![0.0; middle.len()];
            let last = backward(&layers[1..], &upper, &g, Some(&mut flow));
            let begin = backward(&layers[..1], &lower, &flow, None);
            for (a, b) in [(&both[1], &last[0]), (&both[0], &begin[0])] {
                let expected = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
                assert_close(&a.weights, &expected(&b.weights), "weights");
                assert_close(&a.bias, &expected(&b.bias), "bias");
            }
        }
    }

    #[test]
    fn a_nan_in_any_place_of_a_pool_reaches_the_output() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let shape = Shape { inputs: 1, height: 4, width: 4, outputs: 1, side: 3 };
            for pixel in [0, 3, 12, 15] {
                let mut x = vec![1.0; 16];
                x[pixel] = f32::NAN;
                let mut y = [0.0];
                let layer = Layer { shape, weights: &[1.0; 9], bias: None };
                forward(level, &[layer], 1, &x, &mut y, false);
                assert!(y[0].is_nan(), "{level:?}, pixel {pixel}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "too large")]
    fn a_shape_whose_size_overflows_is_refused() {
        // 2^32 pixels in a row of 2^32 channels: 2^64 values, 0 in the arithmetic of the machine, as are the weights.
        let shape = Shape { inputs: 1 << 32, height: 1 << 16, width: 1 << 16, outputs: 1 << 32, side: 3 };
        let layer = Layer { shape, weights: &[], bias: None };
        forward(Level::Portable, &[layer], 1, &[], &mut [], false);
    }

    #[test]
    #[should_panic(expected = "buffers do not fit")]
    fn a_number_of_images_that_overflows_is_refused() {
        let shape = Shape { inputs: 1, height: 4, width: 4, outputs: 1, side: 3 };
        forward(Level::Portable, &[layer(shape, &[1.0; 9])], 1 << 60, &[], &mut [], false);
    }

    fn layer(shape: Shape, weights: &[f32]) -> Layer<'_> {
        Layer { shape, weights, bias: None }
    }

    #[test]
    #[should_panic(expected = "weights or biases do not fit")]
    fn weights_of_another_shape_are_refused() {
        let shape = Shape { inputs: 1, height: 4, width: 4, outputs: 1, side: 3 };
        forward(Level::Portable, &[layer(shape, &[1.0; 8])], 1, &[1.0; 16], &mut [0.0], false);
    }

    #[test]
    #[should_panic(expected = "does not fit the next")]
    fn layers_that_do_not_follow_one_another_are_refused() {
        let lower = Shape { inputs: 1, height: 12, width: 12, outputs: 2, side: 3 };
        let upper = Shape { inputs: 2, height: 6, width: 5, outputs: 1, side: 3 };
        let layers = [layer(lower, &[1.0; 18]), layer(upper, &[1.0; 18])];
        forward(Level::Portable, &layers, 1, &[1.0; 144], &mut [0.0; 2], false);
    }

    #[test]
    #[should_panic(expected = "no kernel for")]
    fn a_kernel_without_loops_is_refused() {
        let shape = Shape { inputs: 1, height: 6, width: 6, outputs: 1, side: 4 };
        forward(Level::Portable, &[layer(shape, &[1.0; 16])], 1, &[1.0; 36], &mut [0.0], false);
    }

    #[test]
    #[should_panic(expected = "not those of the forward pass")]
    fn a_backward_pass_of_other_layers_is_refused() {
        let shape = Shape { inputs: 1, height: 4, width: 4, outputs: 1, side: 3 };
        let saved = forward(Level::Portable, &[layer(shape, &[1.0; 9])], 1, &[1.0; 16], &mut [0.0], true);
        let larger = Shape { height: 12, width: 12, ..shape };
        backward(&[layer(larger, &[1.0; 9])], &saved.expect("asked to keep"), &[0.0; 25], None);
    }

    #[test]
    fn every_window_of_whole_vectors_lies_in_its_padded_image() {
        for lanes in [8, 16] {
            for side in SIDES {
                for inputs in 1..70 {
                    let shape = Shape { inputs, height: side + 1, width: side + 1, outputs: 1, side };
                    assert!(reach(&shape, lanes) <= shape.row_image(), "{shape:?}, {lanes} lanes");
                    // The check itself notices when there is no padding and it is needed.
                    assert!(side * inputs % lanes == 0 || reach(&shape, lanes) > shape.image(), "{shape:?}");
                }
            }
        }
    }
}
