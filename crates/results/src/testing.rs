//! Synthetic experiments and records for the tests of measures, claims and figures.
use std::sync::Arc;

use serde_json::{Value, json};
use twoscale::metrics::Evaluation;

use crate::measure::Runs;
use experiment::file::Experiment;
use experiment::spec::RunSpec;
use runs::record::{History, Outcome, Record, Run};

/// An experiment of two losses on MNIST with 10 steps of batch 6 on 60 objects: a step is a tenth of an epoch.
pub fn experiment(panels: Value, claims: Value) -> Experiment {
    serde_json::from_value(json!({
        "figure": "fig13", "title": "Accuracy on MNIST", "shows": "accuracy in training",
        "data": {"set": "mnist"},
        "model": {"kind": "mlp", "hidden": [100]},
        "optimiser": {"learning-rate": 0.1},
        "schedule": {"steps": 10, "batch": 6, "test-every": 5},
        "seeds": 3,
        "losses": {
            "single": {"kind": "single", "label": "single scale", "colour": "r"},
            "two-scale-0.01": {"kind": "two-scale", "eta": 0.01, "label": "two-scale, η = 0.01", "colour": "b"},
            "two-scale-0.1": {"kind": "two-scale", "eta": 0.1, "label": "two-scale, η = 0.1", "colour": "g"},
            "two-scale-1": {"kind": "two-scale", "eta": 1.0, "label": "two-scale, η = 1", "colour": "y"},
        },
        "panels": panels, "claims": claims,
    }))
    .expect("a valid experiment")
}

/// Panel of accuracies.
pub fn panel(slug: &str, measure: &str, series: &[&str]) -> Value {
    json!({
        "panel": slug, "title": "Training set", "measure": measure, "series": series,
        "x": {"label": "Epochs", "from": 0.0, "to": 1.0}, "y": {"label": "accuracy", "from": 0.0, "to": 1.0},
    })
}

/// Description of a run of this seed.
pub fn run(seed: u64) -> Run {
    let spec: RunSpec = serde_json::from_value(json!({
        "data": {"set": "mnist"},
        "model": {"kind": "mlp", "hidden": [100]},
        "loss": {"kind": "single"},
        "loss-options": {},
        "optimiser": {"learning-rate": 0.1},
        "schedule": {"steps": 10, "batch": 6, "test-every": 5},
        "seed": seed,
    }))
    .expect("a valid specification");
    Run {
        key: format!("key-{seed}"),
        spec,
        data: vec![datasets::Digest { file: "mnist/train-images-idx3-ubyte.gz".into(), sha256: "ab".repeat(32) }],
        stand_in: None,
        version: env!("CARGO_PKG_VERSION").into(),
        device: "avx2".into(),
        host: "somewhere".into(),
        wall_seconds: 1.0,
        outcome: Outcome::Finished,
        train_objects: 60,
    }
}

/// Record whose batch accuracy is `from`, `from` + .05, ... and whose test accuracy equals the batch accuracy at steps 5 and 10.
pub fn record(seed: u64, from: f32) -> Record {
    let batch_accuracy: Vec<f32> = (0..10u8).map(|i| from + 0.05 * f32::from(i)).collect();
    let set = Evaluation {
        label: vec![0, 1, 1, 2],
        predicted: vec![0, 0, 2, 2],
        rank: vec![0, 1, 2, 0],
        correct_probability: vec![0.75, 0.375, 0.125, 0.5],
        max_probability: vec![0.75, 0.5, 0.625, 0.5],
        superclass_probability: vec![0.75, 0.5, 0.125, 0.5],
        normalised_margin: vec![0.5, -0.1, -0.6, 0.2],
    };
    Record {
        run: run(seed),
        history: History {
            batch_loss: batch_accuracy.iter().map(|a| 1.0 - a).collect(),
            log_norm: (0..10).map(|i| 2.0 + 0.1 * f64::from(i)).collect(),
            scales: vec![vec![4.0; 10], (0..10).map(|i| 40.0 + f64::from(i)).collect()],
            test_step: vec![5, 10],
            test_accuracy: vec![f64::from(batch_accuracy[4]), f64::from(batch_accuracy[9])],
            batch_accuracy,
        },
        train: set.clone(),
        test: set,
    }
}

/// Record of a run that diverged at step 4.
pub fn diverged(seed: u64) -> Record {
    let mut record = Record { train: Evaluation::default(), test: Evaluation::default(), ..record(seed, 0.1) };
    record.run.outcome = Outcome::Diverged { step: 4 };
    record
}

/// Runs of `single` beginning at .1, .2, .3 and of `two-scale-0.01` at .2, .4, .6 (seeds 1, 2, 3).
pub fn runs() -> Runs {
    let mut runs = Runs::new();
    for (seed, from) in [(1, 0.1), (2, 0.2), (3, 0.3)] {
        runs.insert("single", Arc::new(record(seed, from)));
        runs.insert("two-scale-0.01", Arc::new(record(seed, 2.0 * from)));
    }
    runs
}
