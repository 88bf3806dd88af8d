//! Losses of given logits and their gradients, against PyTorch's in double precision.
use candle_core::{DType, Device, Tensor, Var};
use twoscale::loss::margin::margins;
use twoscale::loss::{LossKind, LossSpec, MultiScale, Scales};
use twoscale::options::LossOptions;

use crate::support::{Golden, assert_close, assert_close_above, entries};

/// Numbers of a case.
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

/// Compares one variant of a case; `tolerance` is relative to the largest entry of each expected tensor. In single precision
/// well-classified objects leave only rounding: there it is relative to what the value is a difference of, if that is larger,
/// 1 for losses and probabilities, the largest logit for gradients in log R and (over R) in the scales.
fn compare(golden: &Golden, case: &Case, variant: &str, kind: LossKind, dtype: DType, tolerance: f64) {
    let name = format!("{}.{variant}", case.name);
    let thresholds = if kind == LossKind::Single { vec![] } else { vec![case.eta] };
    let spec = LossSpec { kind, ..LossSpec::two_scale(thresholds).with_ratio(case.ratio) };
    let scales = Scales::new(&spec, &LossOptions::default(), case.first).unwrap();
    let loss = MultiScale::new(&spec.thresholds, spec.inner).unwrap();
    let logits = Var::from_tensor(&golden.tensor(&format!("{}.logits", case.name)).to_dtype(dtype).unwrap()).unwrap();
    let labels = golden.labels(&format!("{}.labels", case.name));
    let log_norm = Var::new(case.size.ln(), &Device::Cpu).unwrap();

    let multipliers = scales.multipliers(&log_norm).unwrap();
    let losses = loss.per_object(&logits, &labels, &multipliers, 1.0).unwrap();
    assert_eq!(losses.dtype(), dtype);
    let floor = |single: f64| if dtype == DType::F32 { single } else { 1e-6 };
    let largest = entries(&logits).iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    assert_close_above(floor(1.0), &name, &losses, golden.tensor(&format!("{name}.per_sample")), tolerance);

    let gradients = losses.mean_all().unwrap().backward().unwrap();
    let gradient = |var: &Var| gradients.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
    let check = |what: &str, var: &Var, single: f64| {
        let expected = format!("{name}.{what}");
        assert_close_above(floor(single), &expected, &gradient(var), golden.tensor(&expected), tolerance);
    };
    check("grad_logits", &logits, 1.0 / labels.len() as f64);
    check("grad_log_size", &log_norm, largest);
    for parameter in scales.parameters().iter().filter(|p| p.trained) {
        let over = if parameter.name == "Rs" { 1.0 } else { case.size };
        check(&format!("grad_{}", parameter.name.to_lowercase()), &parameter.var, largest / over);
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
