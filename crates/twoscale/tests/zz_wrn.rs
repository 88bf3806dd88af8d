use candle_core::{DType, Device, Tensor, Var};
use twoscale::ops::*;
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn clock() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        * 1e-9
}
fn noise(shape: &[usize], seed: u64, size: f32) -> Tensor {
    let mut state = seed;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            size * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}
#[test]
#[ignore]
fn step() {
    for (depth, width, times) in [(10usize, 1usize, 4), (16, 1, 4), (16, 2, 3), (16, 8, 2)]
        .into_iter()
        .filter(|(d, w, _)| std::env::var("ONLY").is_ok_and(|o| o.split(",").any(|o| o == format!("{d}-{w}"))))
    {
        let mut vars: Vec<Var> = Vec::new();
        let mut add = |t: Tensor| {
            vars.push(Var::from_tensor(&t).unwrap());
            vars.len() - 1
        };
        let mut conv = |o: usize, i: usize, k: usize| add(noise(&[o, i, k, k], 7, (3.0 / (i * k * k) as f32).sqrt()));
        let first = conv(16, 3, 3);
        let mut units = Vec::new();
        let mut c = 16;
        for g in 0..3 {
            for u in 0..(depth - 4) / 6 {
                let o = (16 * width) << g;
                let s = if g > 0 && u == 0 { 2 } else { 1 };
                units.push((c, o, s, conv(o, c, 3), conv(o, o, 3), (c != o || s != 1).then(|| conv(o, c, 1))));
                c = o;
            }
        }
        let one = |n: usize| {
            (
                Var::from_tensor(&Tensor::ones(n, DType::F32, &Device::Cpu).unwrap()).unwrap(),
                Var::from_tensor(&Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap()).unwrap(),
            )
        };
        let x = noise(&[128, 3, 32, 32], 3, 1.0);
        let fc = Var::from_tensor(&noise(&[10, c], 5, 0.1)).unwrap();
        let cm = Tensor::new(&[1f64], &Device::Cpu).unwrap();
        let labels: Vec<u32> = (0..128).map(|i| i % 10).collect();
        for _ in 0..times {
            let t0 = clock();
            let mut h = conv2d(&x, &vars[first], 1, 1).unwrap();
            for (i, o, s, a, b, short) in &units {
                let (g1, b1) = one(*i);
                let (g2, b2) = one(*o);
                let act = batch_norm_relu(&h, &g1, &b1, 1e-5).unwrap().0;
                let inner = conv2d(&act, &vars[*a], *s, 1).unwrap();
                let inner = conv2d(&batch_norm_relu(&inner, &g2, &b2, 1e-5).unwrap().0, &vars[*b], 1, 1).unwrap();
                let short = match short {
                    Some(w) => conv2d(&act, &vars[*w], *s, 0).unwrap(),
                    None => h,
                };
                h = (short + inner).unwrap();
            }
            let (g, b) = one(c);
            let f = average_pool_all(&batch_norm_relu(&h, &g, &b, 1e-5).unwrap().0).unwrap();
            let logits = linear(&f, &fc, None, Activation::None).unwrap();
            let loss = multi_scale_cross_entropy(&logits, &cm, &labels, &[], 1.0).unwrap().mean_all().unwrap();
            let t1 = clock();
            let grads = backward(&loss).unwrap();
            let t2 = clock();
            for v in &vars {
                sgd_update(v, grads.get(v).unwrap(), None, 1e-6, 0.0, 0.0).unwrap();
            }
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
            println!(
                "{depth}-{width}: forward {:.0} backward {:.0} update {:.0} ms {peak}",
                1e3 * (t1 - t0),
                1e3 * (t2 - t1),
                1e3 * (clock() - t2)
            );
        }
    }
}
