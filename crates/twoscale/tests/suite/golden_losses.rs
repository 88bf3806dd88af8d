//! Losses of given logits and their gradients, against PyTorch's in double precision.
use candle_core::{DType, Device, Tensor, Var};
use twoscale::loss::margin::margins;
use twoscale::loss::{Inner, LossKind, LossSpec, MultiScale, Scales};
use twoscale::reading::Reading;

use crate::support::{Golden, assert_close, entries};

/// Numbers of a case and what the library makes of them.
struct Case {
    name: String,
    size: f64,
    first: f64,
    ratio: f64,
    eta: f64,
}

fn cases(golden: &Golden) -> Vec<Case> {
    let cases = golden.meta["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let number = |case: &serde_json::Value, key: &str| case[key].as_f64().unwrap();
    let read = |case: &serde_json::Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        size: number(case, "size"),
        first: number(case, "r1"),
        ratio: number(case, "r2") / number(case, "r1"),
        eta: number(case, "eta"),
    };
    cases.iter().map(read).collect()
}

const VARIANTS: [(&str, LossKind); 4] = [
    ("varying", LossKind::TwoScale),
    ("fixed", LossKind::Fixed),
    ("separation", LossKind::Separation),
    ("single", LossKind::Single),
];

/// Compares one variant of a case; `tolerance` is relative to the largest entry of each expected tensor.
fn compare(golden: &Golden, case: &Case, variant: &str, kind: LossKind, dtype: DType, tolerance: f64) {
    let name = format!("{}.{variant}", case.name);
    let thresholds = if kind == LossKind::Single { vec![] } else { vec![case.eta] };
    let spec = LossSpec { kind, thresholds, ratio: case.ratio, inner: Inner::CrossEntropy };
    let scales = Scales::new(&spec, &Reading::default(), case.first).unwrap();
    let loss = MultiScale::new(&spec.thresholds, spec.inner).unwrap();
    let logits = Var::from_tensor(&golden.tensor(&format!("{}.logits", case.name)).to_dtype(dtype).unwrap()).unwrap();
    let labels = golden.labels(&format!("{}.labels", case.name));
    let log_size = Var::new(case.size.ln(), &Device::Cpu).unwrap();

    let multipliers = scales.multipliers(&log_size).unwrap();
    let losses = loss.per_object(&logits, &labels, &multipliers, 1.0).unwrap();
    assert_eq!(losses.dtype(), dtype);
    assert_close(&name, &losses, golden.tensor(&format!("{name}.per_sample")), tolerance);

    let gradients = losses.mean_all().unwrap().backward().unwrap();
    let gradient = |var: &Var| gradients.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
    let check = |what: &str, var: &Var| {
        let expected = format!("{name}.{what}");
        assert_close(&expected, &gradient(var), golden.tensor(&expected), tolerance);
    };
    check("grad_logits", &logits);
    check("grad_log_size", &log_size);
    for parameter in scales.parameters().iter().filter(|p| p.trained) {
        check(&format!("grad_{}", parameter.name.to_lowercase()), &parameter.var);
    }
}

#[test]
fn golden_losses_and_gradients_in_double_precision() {
    let golden = Golden::load();
    for case in cases(&golden) {
        for (variant, kind) in VARIANTS {
            compare(&golden, &case, variant, kind, DType::F64, 1e-10);
        }
    }
}

/// The path of training. Logits are rounded to single precision, which alone costs 2⁻²⁴ of c·X: with c·X up to some 10³ here
/// and losses of the same order, 1e-5 of the largest entry.
#[test]
fn golden_losses_and_gradients_in_single_precision() {
    let golden = Golden::load();
    for case in cases(&golden) {
        // Rounding may carry an object over the threshold only when it is this close to it.
        let margins = entries(golden.tensor(&format!("{}.margin", case.name)));
        if margins.iter().any(|margin| (margin - case.eta).abs() < 1e-5) {
            continue;
        }
        for (variant, kind) in VARIANTS {
            compare(&golden, &case, variant, kind, DType::F32, 1e-5);
        }
    }
}

#[test]
fn golden_margins() {
    let golden = Golden::load();
    for case in cases(&golden) {
        let labels = golden.labels(&format!("{}.labels", case.name));
        let seen = margins(golden.tensor(&format!("{}.logits", case.name)), &labels).unwrap();
        let expected = golden.tensor(&format!("{}.margin", case.name));
        assert_close(&case.name, &Tensor::new(seen, &Device::Cpu).unwrap(), expected, 1e-14);
    }
}
