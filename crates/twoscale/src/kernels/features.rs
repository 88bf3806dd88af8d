//! A chain of fused convolutions over a whole batch: blocks of images forward, image by image backward, with everything
//! between two layers staying in the cache.
use super::Level;
use super::convolution::{Order, Shape, convolve, pack};
use super::elementwise::mask_and_add;
use super::gradient::{Pooled, add_input, add_weights, input_table, mask, pack_input, row_vectors, unpack_weights};
use super::layout::{lanes_to_rows, planes_to_lanes};
use super::scratch::Buffer;

/// One layer and its parameters: weights (out, in, k, k), biases (out).
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub shape: Shape,
    pub weights: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// What the forward pass keeps of a layer for the backward pass.
struct Kept {
    /// The layer's inputs in *rows*.
    rows: Buffer<f32>,
    /// Which output under each pool was the largest, in blocks.
    argmax: Buffer<u8>,
}

/// What the forward pass keeps of a chain.
pub(crate) struct Saved {
    level: Level,
    layers: Vec<Kept>,
}

/// Gradients of one layer.
#[derive(Default)]
pub(crate) struct Gradient {
    /// (out, in, k, k).
    pub weights: Vec<f32>,
    /// (out).
    pub bias: Vec<f32>,
}

/// Runs `images` planes through `layers`; the shapes must fit one another. `y` receives for each image the last layer's
/// output in PyTorch's order (C, H, W). With `keep`, what [`backward`] needs is returned.
pub(crate) fn forward(
    level: Level,
    layers: &[Layer],
    images: usize,
    x: &[f32],
    y: &mut [f32],
    keep: bool,
) -> Option<Saved> {
    let lanes = level.lanes();
    let blocks = images.div_ceil(lanes);
    let (first, last) = (layers.first()?.shape, layers.last()?.shape);
    assert!(x.len() == images * first.image() && y.len() == images * last.features(), "buffers do not fit the shapes");

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
    let mut unused = Buffer::<u8>::new(layers.iter().map(|layer| layer.shape.features() * lanes).max()?);

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
        // SAFETY: all buffers were made for these shapes and this level above.
        unsafe {
            let pixels = first.height * first.width;
            planes_to_lanes(level, x.as_ptr(), first.image(), first.inputs, pixels, inputs[0].as_mut_ptr());
            for (i, layer) in layers.iter().enumerate() {
                let shape = layer.shape;
                let (before, after) = inputs.split_at_mut(i + 1);
                let argmax = match kept.get_mut(i) {
                    Some(kept) => {
                        let rows = kept.rows[done * shape.row_image()..].as_mut_ptr();
                        lanes_to_rows(level, before[i].as_ptr(), shape.image(), rows, shape.row_image());
                        kept.argmax[done * shape.features()..].as_mut_ptr()
                    }
                    None => unused.as_mut_ptr(),
                };
                let (order, y) = match after.first_mut() {
                    Some(next) => (Order { position: shape.outputs, channel: 1 }, next.as_mut_ptr()),
                    None => (Order { position: 1, channel: shape.positions() }, outputs.as_mut_ptr()),
                };
                let (weights, bias) = &packed[i];
                convolve(level, &shape, before[i].as_ptr(), weights.as_ptr(), bias.as_ptr(), order, y, argmax);
            }
            let features = last.features();
            if here == lanes {
                lanes_to_rows(level, outputs.as_ptr(), features, y[done * features..].as_mut_ptr(), features);
            } else {
                let mut full = Buffer::<f32>::new(lanes * features);
                lanes_to_rows(level, outputs.as_ptr(), features, full.as_mut_ptr(), features);
                y[done * features..].copy_from_slice(&full[..here * features]);
            }
        }
    }
    keep.then_some(Saved { level, layers: kept })
}

/// Gradients of all layers from that of the output (planes), and of the input planes if `input` is given.
pub(crate) fn backward(
    layers: &[Layer],
    saved: &Saved,
    gradient: &[f32],
    mut input: Option<&mut [f32]>,
) -> Vec<Gradient> {
    let level = saved.level;
    let lanes = level.lanes();
    let Some(last) = layers.last().map(|layer| layer.shape) else { return Vec::new() };
    let images = gradient.len() / last.features();

    let mut sums: Vec<Buffer<f32>> = Vec::new();
    let mut totals: Vec<Buffer<f32>> = Vec::new();
    let mut tables: Vec<Buffer<f32>> = Vec::new();
    let mut flows: Vec<Buffer<f32>> = Vec::new();
    for layer in layers {
        let shape = &layer.shape;
        sums.push(Buffer::zeros(shape.outputs * shape.side * row_vectors(shape, lanes) * lanes));
        totals.push(Buffer::zeros(shape.features()));
        let mut table = Buffer::new(input_table(shape, lanes));
        pack_input(shape, lanes, layer.weights, &mut table);
        tables.push(table);
        flows.push(Buffer::new(shape.row_image()));
    }
    let mut masked = Buffer::<f32>::new(last.features());

    for image in 0..images {
        let (block, lane) = (image / lanes, image % lanes);
        for (i, layer) in layers.iter().enumerate().rev() {
            let shape = &layer.shape;
            let kept = &saved.layers[i];
            let rows = &kept.rows[image * shape.row_image()..][..shape.row_image()];
            let argmax = &kept.argmax[block * lanes * shape.features() + lane..];
            let (below, above) = flows.split_at_mut(i + 1);
            let (values, channel, position) = match above.first() {
                // Masked already, in rows: the gradient of the next layer's input.
                Some(flow) => (flow.as_ptr(), 1, shape.outputs),
                None => {
                    let g = &gradient[image * shape.features()..][..shape.features()];
                    mask(g, argmax, lanes, &mut masked);
                    for (total, g) in totals[i].iter_mut().zip(masked.iter()) {
                        *total += *g;
                    }
                    (masked.as_ptr(), shape.positions(), 1)
                }
            };
            let g = Pooled { values, argmax: argmax.as_ptr(), channel, position, step: lanes };
            // SAFETY: all buffers were made for these shapes and this level.
            unsafe {
                add_weights(level, shape, rows.as_ptr(), g, sums[i].as_mut_ptr());
                if i > 0 || input.is_some() {
                    let flow = &mut below[i];
                    flow.fill(0.0);
                    add_input(level, shape, tables[i].as_ptr(), g, flow.as_mut_ptr());
                    if i > 0 {
                        // The input is the ReLU's output of the layer below: where it is zero, no gradient flows on.
                        mask_and_add(
                            level,
                            shape.image(),
                            rows.as_ptr(),
                            flow.as_mut_ptr(),
                            totals[i - 1].as_mut_ptr(),
                        );
                    }
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
mod timing {
    use super::*;
    use crate::kernels::*;
    use std::time::Instant;

    fn best(name: &str, mut f: impl FnMut()) {
        let mut t = f64::INFINITY;
        for _ in 0..300 {
            let s = Instant::now();
            f();
            t = t.min(s.elapsed().as_secs_f64());
        }
        println!("{name:28} {:8.1} us", t * 1e6);
    }

    #[test]
    #[ignore]
    fn parts() {
        let n = 128;
        let s1 = Shape { inputs: 3, height: 32, width: 32, outputs: 6, side: 5 };
        let s2 = Shape { inputs: 6, height: 14, width: 14, outputs: 16, side: 5 };
        let rnd = |n: usize, mut s: u32| -> Vec<f32> {
            (0..n)
                .map(|_| {
                    s = s.wrapping_mul(1664525).wrapping_add(1013904223);
                    (s >> 8) as f32 / (1 << 23) as f32 - 1.0
                })
                .collect()
        };
        let x = rnd(n * s1.image(), 1);
        let (w1, w2) = (rnd(s1.weights(), 2), rnd(s2.weights(), 3));
        for level in Level::ALL.into_iter().rev() {
            if !level.is_available() {
                continue;
            }
            let l = level.lanes();
            println!("{level:?}");
            let layers = [Layer { shape: s1, weights: &w1, bias: None }, Layer { shape: s2, weights: &w2, bias: None }];
            let mut y = Buffer::<f32>::zeros(n * 400);
            best("forward all (keep)", || drop(forward(level, &layers, n, &x, &mut y, true)));
            let saved = forward(level, &layers, n, &x, &mut y, true).unwrap();
            let g = rnd(n * 400, 4);
            best("backward all", || drop(backward(&layers, &saved, &g, None)));
            let mut p1 = Buffer::<f32>::zeros(w1.len());
            let mut p2 = Buffer::<f32>::zeros(w2.len());
            convolution::pack(level, &s1, &w1, &mut p1);
            convolution::pack(level, &s2, &w2, &mut p2);
            let mut x1 = Buffer::<f32>::zeros(s1.image() * l);
            let mut x2 = Buffer::<f32>::zeros(s2.image() * l);
            let mut x3 = Buffer::<f32>::zeros(400 * l);
            let mut a1 = Buffer::<u8>::zeros(s1.features() * l);
            let mut a2 = Buffer::<u8>::zeros(s2.features() * l);
            let b = vec![0.0; 16];
            let mut rows = Buffer::<f32>::zeros(s1.row_image() * l);
            let o1 = Order { position: 6, channel: 1 };
            let o2 = Order { position: 1, channel: 25 };
            unsafe {
                best("planes->lanes", || {
                    for k in 0..n / l {
                        planes_to_lanes(level, x.as_ptr().add(k * l * 3072), 3072, 3, 1024, x1.as_mut_ptr())
                    }
                });
                best("lanes->rows 1", || {
                    for _ in 0..n / l {
                        lanes_to_rows(level, x1.as_ptr(), 3072, rows.as_mut_ptr(), s1.row_image())
                    }
                });
                best("conv1", || {
                    for _ in 0..n / l {
                        convolve(level, &s1, x1.as_ptr(), p1.as_ptr(), b.as_ptr(), o1, x2.as_mut_ptr(), a1.as_mut_ptr())
                    }
                });
                best("lanes->rows 2", || {
                    for _ in 0..n / l {
                        lanes_to_rows(level, x2.as_ptr(), 1176, rows.as_mut_ptr(), s2.row_image())
                    }
                });
                best("conv2", || {
                    for _ in 0..n / l {
                        convolve(level, &s2, x2.as_ptr(), p2.as_ptr(), b.as_ptr(), o2, x3.as_mut_ptr(), a2.as_mut_ptr())
                    }
                });
                let mut sums = Buffer::<f32>::zeros(16 * 5 * 32 + 100);
                let r1 = &saved.layers[0].rows;
                let r2 = &saved.layers[1].rows;
                let (m1, m2) = (&saved.layers[0].argmax, &saved.layers[1].argmax);
                let g1 = rnd(n * 1176, 5);
                best("dw1", || {
                    for i in 0..n {
                        let p = Pooled {
                            values: g1.as_ptr().add(i * 1176),
                            argmax: m1.as_ptr().add(i / l * l * 1176 + i % l),
                            channel: 1,
                            position: 6,
                            step: l,
                        };
                        add_weights(level, &s1, r1.as_ptr().add(i * s1.row_image()), p, sums.as_mut_ptr())
                    }
                });
                best("dw2", || {
                    for i in 0..n {
                        let p = Pooled {
                            values: g.as_ptr().add(i * 400),
                            argmax: m2.as_ptr().add(i / l * l * 400 + i % l),
                            channel: 25,
                            position: 1,
                            step: l,
                        };
                        add_weights(level, &s2, r2.as_ptr().add(i * s2.row_image()), p, sums.as_mut_ptr())
                    }
                });
                let mut table = Buffer::<f32>::zeros(input_table(&s2, l));
                pack_input(&s2, l, &w2, &mut table);
                let mut dx = Buffer::<f32>::zeros(s2.row_image());
                best("dx2", || {
                    for i in 0..n {
                        let p = Pooled {
                            values: g.as_ptr().add(i * 400),
                            argmax: m2.as_ptr().add(i / l * l * 400 + i % l),
                            channel: 25,
                            position: 1,
                            step: l,
                        };
                        add_input(level, &s2, table.as_ptr(), p, dx.as_mut_ptr())
                    }
                });
                let mut masked = Buffer::<f32>::zeros(400);
                best("mask2", || {
                    for i in 0..n {
                        mask(&g[i * 400..][..400], &m2[i / l * l * 400 + i % l..], l, &mut masked);
                    }
                });
                let mut total = Buffer::<f32>::zeros(1176);
                best("mask1", || {
                    for i in 0..n {
                        mask_and_add(
                            level,
                            1176,
                            r2.as_ptr().add(i * s2.row_image()),
                            dx.as_mut_ptr(),
                            total.as_mut_ptr(),
                        );
                    }
                });
            }
        }
        use dense::*;
        let a = rnd(128 * 400, 1);
        let w = rnd(120 * 400, 1);
        let h = rnd(128 * 120, 1);
        let wf = rnd(100 * 120, 1);
        let z = rnd(128 * 100, 1);
        let m = |d: &'static str, _: usize| d;
        let _ = m;
        let mut c = Buffer::<f32>::zeros(128 * 400);
        best("fc1 fwd", || multiply(Matrix::new(&a, 128, 400), Matrix::new(&w, 120, 400).t(), &mut c[..128 * 120]));
        best("fc1 dw", || multiply(Matrix::new(&h, 128, 120).t(), Matrix::new(&a, 128, 400), &mut c[..120 * 400]));
        best("fc1 dx", || multiply(Matrix::new(&h, 128, 120), Matrix::new(&w, 120, 400), &mut c[..128 * 400]));
        best("fc2 fwd", || multiply(Matrix::new(&h, 128, 120), Matrix::new(&wf, 100, 120).t(), &mut c[..128 * 100]));
        best("fc2 dw", || multiply(Matrix::new(&z, 128, 100).t(), Matrix::new(&h, 128, 120), &mut c[..120 * 100]));
        best("fc2 dx", || multiply(Matrix::new(&z, 128, 100), Matrix::new(&wf, 100, 120), &mut c[..128 * 120]));
        let mut p = Buffer::<f32>::zeros(128 * 100);
        for level in Level::ALL {
            best("softmax", || unsafe {
                for i in 0..128 {
                    softmax::object(level, &z[i * 100..][..100], 3, 1.0, &mut p[i * 100..][..100]);
                }
            });
            best("log norm", || unsafe {
                elementwise::sum_of_squares(level, &w);
            });
        }
    }
}
